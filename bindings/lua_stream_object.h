/* lua_stream_object.h - what the two files of StreamPeerTCP and StreamPeerTLS share:
 * lua_stream_peer.c moves the bytes, lua_stream_peer_class.c connects and registers. */
#ifndef HCL_STREAM_OBJECT_H
#define HCL_STREAM_OBJECT_H

#include "../core/base/internal.h"
#include "lua_binding.h"

HC_INTERNAL_BEGIN

/* Slots of a StreamPeerTLS' anchor. */
#define HCL_STREAM_SLOT 1  /* the object that it runs over */
#define HCL_HOLDER_SLOT 2  /* what keeps a script's object at the bottom alive */

typedef struct hcl_stream {
  hc_stream_peer *peer;
  hc_buffer out;       /* taken by put_data, not yet by the stream */
  hc_failure failure;  /* the first one of this connection */
  bool ended;          /* poll has found the end and closed: reads say ERR_FILE_EOF */
  bool busy;           /* a method is at work in the core, which may call scripts' streams */
} hcl_stream;

/* The numbers are those of the reference's StreamPeerTCP. */
typedef enum hcl_standing { HCL_CLOSED, HCL_UNDER_WAY, HCL_USABLE, HCL_BROKEN } hcl_standing;
hcl_standing hcl_stream_standing(const hcl_stream *self);

hcl_stream *hcl_to_stream(lua_State *L, int index);  /* NULL: neither class */
/* The object as `self`; `full_name` NULL: of either class. Raises when it is called out of a method
 * of a script's stream below it. */
hcl_stream *hcl_check_stream(lua_State *L, int arg, const char *full_name);
/* Gets on as poll does, and tells where that led: 3.x has no poll, its scripts ask for the status.
 * A stream that somebody else uses, too, is left to them. */
hcl_standing hcl_stream_look(hcl_stream *self);
/* Its stream; a new one when __close took the old one away. */
hc_stream_peer *hcl_stream_need_peer(lua_State *L, int index, hcl_stream *self);
/* Forgets what belonged to the last connection. */
void hcl_stream_reset(hcl_stream *self);
/* Sends what put_data left. False: the stream broke. */
bool hcl_stream_flush(hcl_stream *self);

/* The methods of both classes. */
int hcl_stream_put_data(lua_State *L);
int hcl_stream_put_partial_data(lua_State *L);
int hcl_stream_get_data(lua_State *L);
int hcl_stream_get_partial_data(lua_State *L);
int hcl_stream_get_available_bytes(lua_State *L);
int hcl_stream_poll(lua_State *L);
int hcl_stream_disconnect(lua_State *L);
int hcl_stream_gc(lua_State *L);
int hcl_stream_go_out_of_scope(lua_State *L);

HC_INTERNAL_END

#endif
