/* lua_client_object.h - what the files of the class HTTPClient share. At the bottom is
 * lua_client_object.c, the userdata. On it stand lua_file_methods.c (what a script gives as a file)
 * and lua_proxy.c; then those named lua_http_client_*.c: exchange (request and response), content
 * (codings), file (bodies into files), facts (headers, certificate), reach (addresses), wait. At
 * the top is lua_http_client.c, the class with its properties and the connection, which puts the
 * methods of all of them together. Pollers and Signals wait like a client and use some of it. */
#ifndef HCL_CLIENT_OBJECT_H
#define HCL_CLIENT_OBJECT_H

#include <stdio.h>

#include "../core/base/internal.h"
#include "../core/platform/stdio_file.h"
#include "lua_binding.h"

HC_INTERNAL_BEGIN

/* Slots of the anchor, which keeps alive what the client may still use. */
enum {
  /* the request's body: string, function, file, or a table of file and bytes */
  HCL_CLIENT_BODY = 1,
  HCL_CLIENT_PIECE,       /* the last string that a body function gave */
  HCL_CLIENT_CONNECTION,  /* the StreamPeer object handed out or set */
  HCL_CLIENT_HOLDER,      /* what keeps a script's own stream alive, see hcl_stream_push_holder */
  HCL_CLIENT_PATH,        /* the file that the body is being written to */
  HCL_CLIENT_SINK,        /* the script's file for it, while its methods are called */
  HCL_CLIENT_ALLOW        /* the function allow_address */
};

/* One for each Lua state: the thread that is in a call now, which calls back into Lua go to. */
typedef struct hcl_runtime {
  lua_State *current;
  lua_State *calls; /* hcl_calls_thread, once it is needed */
} hcl_runtime;

typedef struct hcl_client {
  uintptr_t mark;      /* a quick way to know a live object, see hcl_check_client */
  hc_client *client;
  hcl_runtime *runtime;
  uint16_t anchored;   /* a bit for each slot of the anchor that may be set */
  uint16_t reserved;   /* and for each that can be set without memory */
  bool is_shown; /* pollfd() has given shown_fd to a loop since the client was last at work */
  hc_handle shown_fd;
  /* in a call that must not be disturbed by a call back into Lua, see hcl_check_free_client */
  bool busy;
  bool sink_is_open;
  hc_file sink; /* read_response_body_to_file with a path: the open file */
} hcl_client;

/* Pushes a new one. */
hcl_client *hcl_client_push_new(lua_State *L);
/* The object, even one whose client is gone: `client` may be NULL. Raises if the argument is
 * none. */
hcl_client *hcl_client_as_it_is(lua_State *L, int arg);
/* The object, for reading only. Raises if the argument is none. */
hcl_client *hcl_check_client(lua_State *L, int arg);
/* The object, for changing it. Every entry point that changes something begins with this. Raises if
 * the script is inside another call of the same object: in its body function, a method of its
 * stream, or a finalizer. An allocation can run finalizers, so what was looked up before one has to
 * be looked up again. */
hcl_client *hcl_check_free_client(lua_State *L, int arg);
/* The core's client. If a finalizer has deleted it, a new one. */
hc_client *hcl_client_need(lua_State *L, hcl_client *self);
/* hcl_anchor_put and hcl_anchor_get for a client's slots. Most exchanges need none, and `anchored`
 * says so without a look at the table. */
void hcl_client_anchor_put(lua_State *L, hcl_client *self, int object, int slot);
void hcl_client_anchor_get(lua_State *L, hcl_client *self, int object, int slot);
/* hcl_anchor_reserve, which is asked for with each body and needed once. */
void hcl_client_anchor_reserve(lua_State *L, hcl_client *self, int object, int slot);
/* Makes cqueues forget the descriptor that pollfd() returned, before the core may close it. cqueues
 * remembers descriptors, and would fail when the next one has the same number. Does nothing if
 * cqueues is not loaded. */
void hcl_client_withdraw(lua_State *L, hcl_client *self);
void hcl_withdraw_descriptor(lua_State *L, hc_handle fd);
/* These two stand around every call into the core that may call back. They note the calling thread
 * and mark the client as busy; the call between them can't throw. leave takes what enter returned.
 * enter may itself run a script's code, and makes sure that there is a client afterwards. */
static inline lua_State *hcl_client_enter(lua_State *L, hcl_client *self) {
  if (self->is_shown) hcl_client_withdraw(L, self);
  if (!self->client) (void)hcl_client_need(L, self);
  lua_State *previous = self->runtime->current;
  self->runtime->current = L;
  self->busy = true;
  return previous;
}
static inline void hcl_client_leave(hcl_client *self, lua_State *previous) {
  self->runtime->current = previous;
  self->busy = false;
}
/* The core's poll, between those two. */
hc_error hcl_client_poll_once(lua_State *L, hcl_client *self);
/* For after a call that polled the client. In blocking mode the core returns every now and then;
 * this calls it until it is done, with hcl_run_hooks in between. `code` is the first call's result,
 * and the last one's is returned. */
hc_error hcl_client_go_on_polling(lua_State *L, int object, hc_error code);

/* lua_http_client_wait.c: how long a wait may last; negative if the argument is missing. Raises for
 * anything but a time. */
double hcl_opt_seconds(lua_State *L, int arg);
/* lua_http_client_wait.c: a wait in parts, with hcl_run_hooks in between. */
typedef struct hcl_wait {
  uint64_t end; /* HC_NEVER */
  double part; /* how long the next sleep may be, in seconds */
} hcl_wait;
hcl_wait hcl_wait_begin(double seconds); /* negative: no end */
/* True: it is not over yet. The hooks have run, so what is not on the Lua stack has to be looked up
 * again. */
bool hcl_wait_goes_on(lua_State *L, hcl_wait *wait);

/* Calls a lua_CFunction that makes strings of what the client holds, with the client as argument 1.
 * Making a string can run finalizers, and one of them might close this very client; so the client
 * is marked as busy meanwhile. */
int hcl_client_guarded(lua_State *L, lua_CFunction function);
void hcl_client_close_sink(hcl_client *self);
/* lua_file_methods.c. The FILE of an open Lua file, which still belongs to Lua; NULL for any
 * other value. Raises for a closed file. */
FILE *hcl_to_open_file(lua_State *L, int index);
FILE *hcl_file_if_open(lua_State *L, int index); /* NULL for a closed one, too */
bool hcl_flush_stdio(FILE *file);
/* lua_file_methods.c. Replaces an open file at `arg`, whose FILE must not be touched, by a body
 * function that reads it. *length: its size in bytes, 0 if not known. */
void hcl_file_to_reader(lua_State *L, int arg, uint64_t *length);
/* The response's body into the file in HCL_CLIENT_SINK. */
hc_error hcl_move_by_methods(hcl_client *self, uint64_t *moved, hc_failure *why);
/* --- functions of the core's table that the Lua half uses */

/* response_fields(client) -> dictionary, values of one name joined with ", " */
int hcl_response_fields(lua_State *L);
/* announced_length(client) -> what Content-Length says, or -1 */
int hcl_announced_length(lua_State *L);
/* begin_transcript(client): the heads that pass are noted from now on, until
 * end_transcript(client). take_transcript(client) -> those since the last call, see
 * core/http/transcript.h; with the credentials in them */
int hcl_begin_transcript(lua_State *L);
int hcl_take_transcript(lua_State *L);
int hcl_end_transcript(lua_State *L);
/* retry_of(client) -> "elsewhere": the server has not acted on the request that failed; "http1": it
 * wants it by HTTP/1.1; nil: nothing is known */
int hcl_retry_of(lua_State *L);
/* sharing_of(client) -> nil, "settling", "open" or "ending", see hc_sharing */
int hcl_sharing_of(lua_State *L);
/* wake_poller(poller): makes its descriptor ready, so that whoever watches it calls wait, which
 * tells of the clients that others' calls have moved */
int hcl_wake_poller(lua_State *L);
/* poller_round(poller, seconds [, most]) -> as wait, the number of this wait. most: seconds, for a
 * wait that does not sleep, see hc_poller_wait_within */
int hcl_poller_round(lua_State *L);
/* decode_body(client), see lua_http_client_content.c */
int hcl_decode_body(lua_State *L);
/* --- lua_memory.c */

/* For the Lua half. (client, pointer, offset, room) -> how much content went there; nil: there is
 * some, and no room. (pointer, offset, size) -> string */
int hcl_read_body_into(lua_State *L);
int hcl_memory_string(lua_State *L);
int hcl_open_body_file(lua_State *L);
/* Pushes the userdata of a client; nil while it is being collected. */
void hcl_client_push_self(lua_State *L, hcl_client *self);

/* lua_http_client_wait.c: the questions of event loops, for clients and Pollers. Each pushes its
 * answer and returns the number of values, 0 for "none". */
int hcl_interest_get_fd(lua_State *L, hc_interest interest);
int hcl_interest_pollfd(lua_State *L, hc_interest interest);
int hcl_interest_events(lua_State *L, hc_interest interest);
int hcl_interest_timeout(lua_State *L, hc_interest interest);
int hcl_interest_dirty(lua_State *L, hc_interest interest);

/* lua_http_client_reach.c: the properties that are not settings with a number. */
typedef enum hcl_own { HCL_OWN_LOCAL_ADDRESS, HCL_OWN_CONNECT_TO, HCL_OWN_ALLOW_ADDRESS } hcl_own;
int hcl_client_get_own(lua_State *L, hcl_own which);
/* NULL if the argument has the right type, else the name of that type. */
const char *hcl_client_own_type(lua_State *L, hcl_own which, int arg);
hc_error hcl_client_set_own(lua_State *L, hcl_own which, int arg, hc_failure *why);

/* Empties a slot. Throws nothing. */
void hcl_client_drop_anchor(lua_State *L, hcl_client *self, int slot);
/* Lets go of everything that only the connection, now given up, needed. */
void hcl_client_drop_anchors(lua_State *L, hcl_client *self);

extern const luaL_Reg hcl_client_reach_methods[];
extern const luaL_Reg hcl_client_exchange_methods[];
extern const luaL_Reg hcl_client_file_methods[];
extern const luaL_Reg hcl_client_fact_methods[];
extern const luaL_Reg hcl_client_wait_functions[];
extern const luaL_Reg hcl_client_wait_methods[];

HC_INTERNAL_END

#endif
