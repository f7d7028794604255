/* lua_stream_adapter.h - what the three files of a stream around a script's own object share. They
 * stand on each other in this order:
 *
 *   lua_stream_holder.c     who keeps the object alive, and how it is found
 *   lua_stream_methods.c    its methods, called and checked
 *   lua_stream_peer_lua.c   the stream: a table of functions, which call those */
#ifndef HCL_STREAM_ADAPTER_H
#define HCL_STREAM_ADAPTER_H

#include "../core/base/internal.h"
#include "lua_binding.h"

HC_INTERNAL_BEGIN

typedef struct hcl_adapter {
  hc_stream_peer base;
  lua_State *L; /* the thread for calls; lives as long as the Lua state */
  /* reference in the registry: the object while a finalizer lends it, else false */
  int lent;
  bool in_call; /* the object's method is running: it must not come back to this stream */
  bool usable; /* advance has said so */
  bool ended; /* the object has said ERR_FILE_EOF */
  bool has_counted; /* it has told of bytes to read since the last receive */
  /* it did, and gave none: that goes for nothing until it gives some, or counts none */
  bool is_doubted;
  unsigned fruitless; /* see note_fruit */
  uint64_t fruitless_at;
  bool closed;
  hc_buffer host; /* what endpoint shows */
} hcl_adapter;

/* One call into the object: all that goes into the protected function, and comes out of it. */
typedef struct hcl_adapter_call {
  hcl_adapter *self;
  hc_slice data; /* in: to send */
  char *into; /* in: room for data */
  size_t room;
  hc_io io; /* out */
  size_t moved;
  hc_failure *why;
  hc_interest *interest;
  unsigned port;
} hcl_adapter_call;

static inline hcl_adapter *hcl_adapter_of(hc_stream_peer *peer) { return (hcl_adapter *)peer; }

/* --- lua_stream_holder.c */

/* Pushes the script's object; nil when nobody has kept it. */
void hcl_adapter_push_object(lua_State *L, const hcl_adapter *self);

/* --- lua_stream_methods.c. Each runs in a protected call, with an hcl_adapter_call as its
 * argument, and leaves there what the object's method came to. */

int hcl_object_send(lua_State *L);
int hcl_object_recv(lua_State *L);
int hcl_object_advance(lua_State *L);
int hcl_object_available(lua_State *L);
int hcl_object_interest(lua_State *L);
int hcl_object_endpoint(lua_State *L);
int hcl_object_close(lua_State *L);

/* --- lua_stream_peer_lua.c */

extern const hc_stream_peer_ops hcl_adapter_ops;

HC_INTERNAL_END

#endif
