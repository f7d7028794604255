/* lua_http_client_exchange.c - HTTPClient: the request, and the response in strings.
 *
 * On the way out, a script's table of headers becomes lines, and its string, function or file a
 * body source. All that can raise is done before the core takes anything over, since a Lua error
 * would jump over what has to be let go of.
 *
 * On the way in, this is where bytes become a Lua string: one copy of the core's view. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/platform/file.h"
#include "../core/http/fields.h"
#include "lua_client_object.h"

#define FEW_LINES 16
/* Up to this, a copy on the stack costs less than the protected call that it spares. */
#define SMALL_CHUNK 2048u

/* --- the caller's headers */

/* In a line the first colon ends the name: one in a map's key would move bytes of the name into the
 * value. */
static hc_error check_map_name(hc_slice name, hc_failure *why) {
  if (name.size == 0 || !memchr(name.data, ':', name.size)) return HC_OK;
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                        "header '%.64s': its name holds a byte that is no token character",
                        name.data);
}

/* The core checks names and values of all lines (RFC 9110 section 5.1 and 5.5); what makes no line
 * at all is refused here.
 *
 * "Name: value" of a map's entry: key at -2, value at -1. Both stay; the line is pushed. */
static hc_error push_map_line(lua_State *L, int arg, hc_failure *why) {
  if (lua_type(L, -2) == LUA_TNUMBER) hcl_argument_error(L, arg, "the array of headers has a gap");
  if (lua_type(L, -2) != LUA_TSTRING)
    hcl_argument_error(L, arg, "a header's name must be a string");
  const char *name = lua_tostring(L, -2);
  hc_error code = check_map_name(hcl_to_slice(L, -2), why);
  int64_t number;
  if (lua_type(L, -1) == LUA_TSTRING) {
    lua_pushvalue(L, -2);
    lua_pushliteral(L, ": ");
    lua_pushvalue(L, -3);
    lua_concat(L, 3);
  } else if (hcl_to_integer(L, -1, &number)) {
    char text[32];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);
    lua_pushvalue(L, -2);
    lua_pushliteral(L, ": ");
    lua_pushlstring(L, text, (size_t)size);
    lua_concat(L, 3);
  } else {
    hcl_argument_error(
        L, arg,
        lua_pushfstring(L, "the value of header '%s' must be a string or an integer, got %s", name,
                        hcl_type_name(L, -1)));
  }
  return code;
}

/* By bytes, whatever the locale says: the same table gives the same request everywhere. */
static int compare_lines(const void *a, const void *b) {
  const hc_slice *left = (const hc_slice *)a, *right = (const hc_slice *)b;
  size_t common = left->size < right->size ? left->size : right->size;
  int order = memcmp(left->data, right->data, common);
  if (order) return order;
  return left->size < right->size ? -1 : left->size > right->size;
}

/* Counted first: the lines go into one userdata, whose size has to be known when it is made. */
static size_t count_entries(lua_State *L, int table) {
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    count++;
  }
  return count;
}

/* Pushes line `i` of an array. It stays on the stack, or where the caller puts it: the slice is a
 * view of it. */
static hc_slice push_line(lua_State *L, int arg, size_t i) {
  lua_rawgeti(L, arg, (int)(i + 1));
  if (lua_type(L, -1) != LUA_TSTRING)
    hcl_argument_error(L, arg,
                       lua_pushfstring(L, "header %d must be a string, got %s", (int)(i + 1),
                                       hcl_type_name(L, -1)));
  return hcl_to_slice(L, -1);
}

/* An array of lines, a map, or both: the array first, then the map's lines, sorted since a table
 * has no order. Leaves values on the stack that keep the lines alive; `few` has room for FEW_LINES,
 * the usual case that allocates nothing. */
static hc_error check_headers(lua_State *L, int arg, hc_slice *few, hc_client_request_spec *spec,
                              hc_failure *why) {
  if (lua_isnoneornil(L, arg)) return HC_OK;
  if (!lua_istable(L, arg)) hcl_type_error(L, arg, "table");
  size_t total = count_entries(L, arg);
  size_t listed = lua_rawlen(L, arg);
  if (total == 0) return HC_OK;
  if (listed > total) listed = total;
  if (listed == total && total <= FEW_LINES) {
    luaL_checkstack(L, FEW_LINES + LUA_MINSTACK, "headers");
    for (size_t i = 0; i < listed; i++) few[i] = push_line(L, arg, i);
    spec->lines = few;
    spec->line_count = listed;
    return HC_OK;
  }
  hc_slice *lines = (hc_slice *)lua_newuserdata(L, total * sizeof *lines);
  lua_newtable(L);
  int made = lua_gettop(L);
  for (size_t i = 0; i < listed; i++) {
    lines[i] = push_line(L, arg, i);
    lua_rawseti(L, made, (int)(i + 1));
  }
  size_t filled = listed;
  hc_error code = HC_OK;
  lua_pushnil(L);
  while (filled < total && lua_next(L, arg)) {
    int64_t index;
    if (!hcl_to_integer(L, -2, &index) || index < 1 || index > (int64_t)listed) {
      if (push_map_line(L, arg, why) != HC_OK) code = HC_ERR_INVALID_PARAMETER;
      lines[filled] = hcl_to_slice(L, -1);
      lua_rawseti(L, made, (int)(++filled));
    }
    lua_pop(L, 1);
  }
  lua_settop(L, made);
  if (filled > listed) qsort(lines + listed, filled - listed, sizeof *lines, compare_lines);
  spec->lines = lines;
  spec->line_count = filled;
  return code;
}

/* --- the body */

/* What the protected call is given, and gives back: it has one pointer for both. */
typedef struct pull_call {
  hcl_client *self;
  hc_pull_result result;
  hc_slice piece;
} pull_call;

/* Runs protected. The piece goes into a slot of its own: the core sends from it after this call,
 * and the string has nobody else who holds it. */
static int call_body_function(lua_State *L) {
  pull_call *call = (pull_call *)lua_touserdata(L, 1);
  hcl_client_push_self(L, call->self);
  hcl_client_anchor_get(L, call->self, 2, HCL_CLIENT_BODY);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    call->result = HC_PULL_END;
    return 0;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L, "the body function must return a string or nil, it returned a %s",
                      hcl_type_name(L, -1));
  call->piece = hcl_to_slice(L, -1);
  hcl_client_anchor_put(L, call->self, 2, HCL_CLIENT_PIECE);
  call->result = HC_PULL_DATA;
  return 0;
}

/* From within the core's poll. The text of an error becomes the request's failure, so that the
 * script sees its own words. */
static hc_pull_result pull_from_lua(void *context, hc_slice *piece, hc_failure *why) {
  pull_call call = {(hcl_client *)context, HC_PULL_FAILED, {NULL, 0}};
  lua_State *L = call.self->runtime->current;
  int status = hcl_call_protected(L, call_body_function, &call);
  if (status == 0) {
    *piece = call.piece;
    return call.result;
  }
  const char *text = status > 0 && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                                  : "error in the body function";
  hc_failure_set(why, HC_ERR_CONNECTION_ERROR, "%s", text);
  if (status > 0) lua_pop(L, 1);
  return HC_PULL_FAILED;
}

/* request_raw takes an array of bytes too; it becomes a string in the argument's place. Byte by
 * byte with a check of each: 256 would be sent as 0, and the server would not notice. */
static void bytes_to_string(lua_State *L, int arg) {
  size_t count;
  if (!hcl_is_sequence(L, arg, &count))
    hcl_argument_error(L, arg, "a body's table must be an array of integers from 0 to 255");
  hc_buffer *buffer = hcl_buffer_new(L);
  for (size_t i = 0; i < count; i++) {
    int64_t value;
    lua_rawgeti(L, arg, (int)(i + 1));
    if (!hcl_to_integer(L, -1, &value) || value < 0 || value > 255)
      hcl_argument_error(
          L, arg, lua_pushfstring(L, "element %d is no integer from 0 to 255", (int)(i + 1)));
    char byte = (char)value;
    if (hc_buffer_append(buffer, (hc_slice){&byte, 1}, HCL_TEXT_LIMIT) != HC_OK)
      hcl_raise_memory(L);
    lua_pop(L, 1);
  }
  hcl_buffer_push(L, buffer);
  lua_replace(L, arg);
}

/* A pipe, a terminal and their like, of which bytes may wait in the C library where no read of the
 * descriptor finds them. These go out first: in the argument's place stands a table then, of the
 * file and room for them. */
static void make_room_for_buffered(lua_State *L, int arg) {
  FILE *file = hcl_to_open_file(L, arg);
  hc_slice waiting;
  if (!file || hc_file_has_positions(hc_stdio_file(file))) return;
  if (!hc_stdio_buffered(file, &waiting) || waiting.size == 0) return;
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, arg);
  lua_rawseti(L, -2, 1);
  (void)lua_newuserdata(L, waiting.size);
  lua_rawseti(L, -2, 2);
  lua_replace(L, arg);
}

/* Of a body that is no string. Raises, and so stands in front of everything that has to be let go
 * of again. */
static void prepare_source(lua_State *L, int arg, hc_client_request_spec *spec) {
  if (!lua_isfunction(L, arg) && !hcl_to_open_file(L, arg))
    hcl_type_error(L, arg, "string, function or file");
  hcl_file_to_reader(L, arg, &spec->body.file_length);
  make_room_for_buffered(L, arg);
}

/* What is at `arg`, or in its table. NULL: no open file. */
static FILE *find_file(lua_State *L, int arg, char **room, size_t *size) {
  *room = NULL;
  *size = 0;
  if (!lua_istable(L, arg)) return hcl_file_if_open(L, arg);
  lua_rawgeti(L, arg, 1);
  lua_rawgeti(L, arg, 2);
  FILE *file = hcl_file_if_open(L, -2);
  *room = (char *)lua_touserdata(L, -1);
  *size = lua_rawlen(L, -1);
  lua_pop(L, 2);
  return file;
}

/* A pipe has no positions. What the C library has read of it already is taken along, or those bytes
 * would come after all that the descriptor still gives. */
static hc_error share_stream(FILE *file, char *room, size_t size, hc_body_source *body,
                             hc_failure *why) {
  hc_slice waiting;
  if (!hc_stdio_buffered(file, &waiting))
    return hc_failure_set(
        why, HC_ERR_UNAVAILABLE,
        "body file: what was read of a pipe before can't be known on this system");
  if (waiting.size > size)
    return hc_failure_set(why, HC_ERR_BUSY, "body file: it has been read meanwhile");
  if (waiting.size > 0) memcpy(room, waiting.data, waiting.size);
  body->bytes = (hc_slice){room, waiting.size};
  body->kind = HC_BODY_STREAM;
  body->file_offset = HC_FILE_NO_OFFSET;
  return hc_file_share(hc_stdio_file(file), 0, &body->file, &body->file_length, why);
}

/* The core gets a descriptor of its own, so that the script may close its file while the body is on
 * its way. What the script has written leaves its FILE first, since the core reads the descriptor.
 */
static hc_error share_file(lua_State *L, int arg, hc_body_source *body, hc_failure *why) {
  char *room;
  size_t size;
  FILE *file = find_file(L, arg, &room, &size);
  if (!file)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "body file: it has been closed meanwhile");
  if (!hc_file_has_positions(hc_stdio_file(file))) return share_stream(file, room, size, body, why);
  (void)hcl_flush_stdio(file);
  if (!hc_stdio_position(file, &body->file_offset))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "body file: its position can't be known");
  hc_error code =
      hc_file_share(hc_stdio_file(file), body->file_offset, &body->file, &body->file_length, why);
  body->kind = body->file_length == HC_FILE_NO_LENGTH ? HC_BODY_STREAM : HC_BODY_FILE;
  return code;
}

/* The request has them now. */
static void skip_buffered(lua_State *L, int arg, const hcl_client *self,
                          const hc_body_source *body) {
  char *room;
  size_t size;
  if (body->kind != HC_BODY_STREAM || body->bytes.size == 0 || !hc_client_sends_body(self->client))
    return;
  FILE *file = find_file(L, arg, &room, &size);
  if (file) hc_stdio_skip_buffered(file, body->bytes.size);
}

/* Of the types that check_body_type lets by; throws nothing. */
static hc_error check_body(lua_State *L, int arg, hcl_client *self, hc_body_source *body,
                           hc_failure *why) {
  uint64_t length = body->file_length; /* see hcl_file_to_reader */
  memset(body, 0, sizeof *body);
  if (lua_isnoneornil(L, arg)) return HC_OK;
  if (lua_type(L, arg) == LUA_TSTRING) {
    body->kind = HC_BODY_BYTES;
    body->bytes = hcl_to_slice(L, arg);
    return HC_OK;
  }
  if (lua_isfunction(L, arg)) {
    body->kind = HC_BODY_PULL;
    body->pull = pull_from_lua;
    body->context = self;
    body->file_length = length;
    return HC_OK;
  }
  return share_file(L, arg, body, why);
}

/* Bytes that a script put into the connection and that still wait must not be overtaken. */
static bool connection_has_unsent(lua_State *L, hcl_client *self) {
  if (!(self->anchored & 1u << HCL_CLIENT_CONNECTION)) return false;
  hcl_client_anchor_get(L, self, 1, HCL_CLIENT_CONNECTION);
  bool unsent = !lua_isnil(L, -1) && hcl_stream_peer_has_unsent(L, lua_gettop(L));
  lua_pop(L, 1);
  return unsent;
}

/* Argument 5 takes the old body's place, unless the core has read all of it, as it has of a short
 * string. The slot has been reserved: nothing is thrown. */
static void anchor_body(lua_State *L, hcl_client *self) {
  if (!hc_client_sends_body(self->client)) {
    hcl_client_drop_anchor(L, self, HCL_CLIENT_BODY);
    return;
  }
  lua_pushvalue(L, 5);
  hcl_client_anchor_put(L, self, 1, HCL_CLIENT_BODY);
}

/* From here to the end nothing can be thrown: what check_body acquires is not lost, and the body of
 * a request that is still on its way is let go only when this one takes its place. */
static hc_error start_request(lua_State *L, hcl_client *self, hc_client_request_spec *spec,
                              hc_failure *why) {
  lua_State *previous = hcl_client_enter(L, self);
  hc_error code = check_body(L, 5, self, &spec->body, why);
  if (code == HC_OK) code = hc_client_request(self->client, spec, why);
  hcl_client_leave(self, previous);
  if (code != HC_OK) return code;
  skip_buffered(L, 5, self, &spec->body);
  hcl_client_close_sink(self);
  anchor_body(L, self);
  return HC_OK;
}

/* A number is the engine's Method. One that is none of them is passed on as MAX, which the core
 * refuses in its own words. */
static void take_method_exchange(lua_State *L, int arg, hc_client_request_spec *spec) {
  int type = lua_type(L, arg);
  if (type == LUA_TSTRING) {
    spec->method = HC_METHOD_OTHER;
    spec->method_token = hcl_to_slice(L, arg);
  } else if (type == LUA_TNUMBER) {
    int64_t method = hcl_check_integer(L, arg);
    spec->method = method < 0 || method > HC_METHOD_MAX ? HC_METHOD_MAX : (int)method;
  } else {
    hcl_type_error(L, arg, "number or string");
  }
}

/* Raw: a body may be a table of bytes, as in the engine. */
typedef enum request_kind { REQUEST_OF_TEXT, REQUEST_RAW } request_kind;

/* First everything that can raise, in the order of the arguments; then the slot for the body; and
 * behind that only start_request, in which nothing can. What is wrong with a header or the URL is
 * the core's to say, by its code. */
static int send_request_exchange(lua_State *L, request_kind kind) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_client_request_spec spec;
  hc_slice few[FEW_LINES];
  memset(&spec, 0, sizeof spec);
  take_method_exchange(L, 2, &spec);
  spec.url = hcl_check_string(L, 3);
  spec.raw = kind == REQUEST_RAW;
  lua_settop(L, 5);
  hc_failure why;
  hc_failure_clear(&why);
  hc_error code = check_headers(L, 4, few, &spec, &why);
  if (spec.raw && lua_istable(L, 5)) bytes_to_string(L, 5);
  if (code != HC_OK) return hcl_push_result(L, code, &why);
  if (connection_has_unsent(L, self)) {
    hc_failure_set(&why, HC_ERR_BUSY, "bytes put into the connection have not left yet");
    return hcl_push_result(L, HC_ERR_BUSY, &why);
  }
  if (!lua_isnil(L, 5)) {
    if (lua_type(L, 5) != LUA_TSTRING) prepare_source(L, 5, &spec);
    hcl_client_anchor_reserve(L, self, 1, HCL_CLIENT_BODY);
  }
  code = start_request(L, self, &spec, &why);
  return hcl_push_result(L, code, &why);
}

/* Two functions and not a flag, so that an error names what was called. */
static int client_request(lua_State *L) { return send_request_exchange(L, REQUEST_OF_TEXT); }
static int client_request_raw(lua_State *L) { return send_request_exchange(L, REQUEST_RAW); }

/* A read-only look at the object: it may be called while the client is at work, and is made for it.
 */
static int client_resume_body(lua_State *L) {
  hc_client_resume_body(hcl_check_client(L, 1)->client);
  return 0;
}

/* --- the response */

/* The questions from here on read what the core knows, and change nothing; they may be asked in a
 * callback, too. */
static int client_has_response(lua_State *L) {
  lua_pushboolean(L, hc_client_has_response(hcl_check_client(L, 1)->client));
  return 1;
}

static int client_has_response_begun(lua_State *L) {
  lua_pushboolean(L, hc_client_has_response_begun(hcl_check_client(L, 1)->client));
  return 1;
}

static int client_is_response_complete(lua_State *L) {
  lua_pushboolean(L, hc_client_response_is_complete(hcl_check_client(L, 1)->client));
  return 1;
}

static int client_is_response_chunked(lua_State *L) {
  lua_pushboolean(L, hc_client_response_is_chunked(hcl_check_client(L, 1)->client));
  return 1;
}

/* 0 where there is no response. */
static int client_get_response_code(lua_State *L) {
  lua_pushinteger(L, hc_client_response_code(hcl_check_client(L, 1)->client));
  return 1;
}

/* Guarded, for the string is made of the head's own memory. */
static int make_reason(lua_State *L) {
  hcl_push_slice(L, hc_client_response_reason(hcl_check_client(L, 1)->client));
  return 1;
}

static int client_get_response_reason(lua_State *L) { return hcl_client_guarded(L, make_reason); }

/* -1 where it is not known beforehand, as of a chunked body. */
static int client_get_response_body_length(lua_State *L) {
  hcl_push_integer(L, hc_client_response_body_length(hcl_check_client(L, 1)->client));
  return 1;
}

/* Handed to the stream, which is not to say that the server has them. */
static int client_get_request_body_sent(lua_State *L) {
  hcl_push_integer(L, (int64_t)hc_client_body_sent(hcl_check_client(L, 1)->client));
  return 1;
}

static int client_get_response_body_received(lua_State *L) {
  hcl_push_integer(L, (int64_t)hc_client_body_received(hcl_check_client(L, 1)->client));
  return 1;
}

/* In blocking mode this sleeps until there is content, or the slice is over. */
static hc_slice peek_body(lua_State *L, hcl_client *self) {
  hc_slice view;
  lua_State *previous = hcl_client_enter(L, self);
  hc_client_body_peek(self->client, &view);
  hcl_client_leave(self, previous);
  return view;
}

/* Runs protected, for push_chunk. The one copy of a byte's way from the socket to a Lua string. */
static int make_chunk(lua_State *L) {
  hcl_push_slice(L, *(const hc_slice *)lua_touserdata(L, 1));
  return 1;
}

/* Making a string can run finalizers, and one that closes this very client would take the bytes
 * away: so it is busy meanwhile, and until they are consumed. The function is pushed first, since
 * that can run them, too. */
static void push_chunk(lua_State *L, hcl_client *self) {
  hc_slice view;
  lua_pushcfunction(L, make_chunk);
  lua_pushlightuserdata(L, &view);
  lua_State *previous = hcl_client_enter(L, self);
  hc_client_body_peek(self->client, &view);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == 0) hc_client_body_consume(self->client, view.size);
  hcl_client_leave(self, previous);
  if (status != 0) lua_error(L); /* the bytes are still the client's */
}

/* The same of a copy. False, and nothing pushed, when these bytes are not the next ones any more: a
 * finalizer has read them, or closed the client, which stays an object all the same. The protected
 * call that this spares is 4% of all instructions of a small GET. */
static bool push_small_chunk(lua_State *L, hcl_client *self, hc_slice view) {
  char copy[SMALL_CHUNK];
  hc_slice copied = {copy, view.size};
  uint64_t taken = hc_client_body_taken(self->client);
  memcpy(copy, view.data, view.size);
  lua_pushlstring(L, copy, copied.size);
  /* To enter may run a loop's code, too: nothing else comes between the question and the answer. */
  lua_State *previous = hcl_client_enter(L, self);
  bool is_next = hc_client_body_is_next(self->client, copied, taken);
  if (is_next) hc_client_body_consume(self->client, copied.size);
  hcl_client_leave(self, previous);
  if (!is_next) lua_pop(L, 1);
  return is_next;
}

/* In blocking mode the core comes back every now and then. */
static hc_slice await_body(lua_State *L, hcl_client *self) {
  hc_slice view = peek_body(L, self);
  while (view.size == 0 && hc_client_is_unfinished(self->client)) {
    hcl_run_hooks(L);
    view = peek_body(L, hcl_check_free_client(L, 1));
  }
  return view;
}

/* "" where there is nothing now: the status says whether more will come. */
static int client_read_response_body_chunk(lua_State *L) {
  hcl_client *self = hcl_check_free_client(L, 1);
  hc_slice view = await_body(L, self);
  if (view.size == 0) lua_pushliteral(L, "");
  else if (view.size > SMALL_CHUNK || !push_small_chunk(L, self, view))
    push_chunk(L, hcl_check_free_client(L, 1));
  return 1;
}

const luaL_Reg hcl_client_exchange_methods[] = {
    {"request", client_request},
    {"request_raw", client_request_raw},
    {"resume_body", client_resume_body},
    {"has_response", client_has_response},
    {"has_response_begun", client_has_response_begun},
    {"is_response_complete", client_is_response_complete},
    {"is_response_chunked", client_is_response_chunked},
    {"get_response_code", client_get_response_code},
    {"get_response_reason", client_get_response_reason},
    {"get_response_body_length", client_get_response_body_length},
    {"get_request_body_sent", client_get_request_body_sent},
    {"get_response_body_received", client_get_response_body_received},
    {"read_response_body_chunk", client_read_response_body_chunk},
    {NULL, NULL},
};
