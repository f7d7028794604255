/* lua_binding.h - what the files of the Lua binding share: classes, argument checks, result shapes,
 * and each file's door.
 *
 * Objects are userdata that are allocated closed (zeroed), get their metatable, and only then
 * acquire what they hold, so that an error thrown at any point leaks nothing. */
#ifndef HCL_BINDING_H
#define HCL_BINDING_H

#include "../core/base/internal.h"
#include "../core/client/client.h"
#include "../core/http/uri.h"
#include "lua_compat.h"

HC_INTERNAL_BEGIN

/* --- classes (lua_binding.c) */

/* Registry names of the metatables. What people see (__name) is the part behind the dot. */
#define HCL_HTTP_CLIENT "httpclient.HTTPClient"
#define HCL_POLLER "httpclient.Poller"
#define HCL_SIGNAL "httpclient.Signal"
#define HCL_OWN_FILE "httpclient.OwnFile"
#define HCL_FILE_REPLACEMENT "httpclient.FileReplacement"
#define HCL_DIGEST_CHALLENGE "httpclient.DigestChallenge"
#define HCL_INFLATER "httpclient.Inflater"
#define HCL_TLS_OPTIONS "httpclient.TLSOptions"
#define HCL_X509_CERTIFICATE "httpclient.X509Certificate"
#define HCL_CRYPTO_KEY "httpclient.CryptoKey"
#define HCL_STREAM_PEER_TCP "httpclient.StreamPeerTCP"
#define HCL_STREAM_PEER_TLS "httpclient.StreamPeerTLS"

typedef struct hcl_class {
  const char *full_name; /* one of the above */
  const char *function_mark; /* how messages write what is called with a dot: "HTTPClient." */
  const char *method_mark; /* and what is called on an object: "client:" */
  const luaL_Reg *functions, *methods;
  const luaL_Reg *meta;
} hcl_class;

/* Registers the class and pushes its class table, which holds functions and methods and is the
 * metatable's __index. `meta` may name its own __index, __newindex, __tostring ...; those functions
 * get the class table as upvalue 1. __gc also becomes __close where `meta` has none of its own. The
 * metatable itself stays out of the scripts' reach. When the class is registered already (luaopen
 * ran before in this state), pushes the class table of then. */
void hcl_class_new(lua_State *L, const hcl_class *class);
/* The same of what no script sees, and which is only to be collected. */
void hcl_hidden_class_new(lua_State *L, const char *full_name, lua_CFunction gc);
/* the class table; nil before hcl_class_new */
void hcl_class_push(lua_State *L, const char *full_name);

/* Pushes the table of that registry name, made at first use, which is weak by its mode: "v" keeps
 * no value alive, "kv" no key either. */
void hcl_push_weak_table(lua_State *L, const char *name, const char *mode);

/* Pushes the metatable of that registry name, which is made at first use and has one function. One
 * that an error left without it is mended. */
void hcl_push_metatable(lua_State *L, const char *name, const char *field, lua_CFunction function);

/* Pushes a zeroed object of that class, without anchor. */
void *hcl_object_new(lua_State *L, const char *full_name, size_t size);
void *hcl_check_object(lua_State *L, int arg, const char *full_name);
/* For an object that makes what it has lost anew. A finalizer can use one that has had its own:
 * from Lua 5.3 on that comes once more then. (The others call none twice, and the new part
 * stays.) */
void hcl_object_revive(lua_State *L, int arg);
/* Pushes "HTTPClient: 0x...", with " (detail)" behind it unless `detail` is NULL. Returns 1. */
int hcl_push_object_text(lua_State *L, int object, const char *detail);

/* Slots of the object's anchor, which is made at the first put. put pops the value; get pushes it,
 * or nil. */
void hcl_anchor_put(lua_State *L, int object, int slot);
/* Takes the memory that the next put into this slot needs, so that it can not throw. An empty slot
 * holds false then. */
void hcl_anchor_reserve(lua_State *L, int object, int slot);
void hcl_anchor_get(lua_State *L, int object, int slot);

/* --- lua_names.c */

/* Sets the functions as fields of the table on the top. Messages know them by the mark and the
 * name: "client:poll" is a method, "HTTPClient.wait_any" and "uri_encode" are none. */
void hcl_set_functions(lua_State *L, const char *mark, const luaL_Reg *functions);
/* Remembers that name of the value on the top, a function; or a class table's. */
void hcl_name_value(lua_State *L, const char *mark, const char *name);
/* Raises as luaL_argerror does, but always with the name of the function that is running, or that
 * has called the running one as its helper. Of a method the object itself is not counted; where
 * that is wrong, a dot was written for a colon. */
int hcl_argument_error(lua_State *L, int arg, const char *problem);

/* --- arguments: strict, nothing is converted; a wrong one raises as hcl_argument_error does */

/* __name of objects, else the type; "no value" */
const char *hcl_type_name(lua_State *L, int index);
int hcl_type_error(lua_State *L, int arg, const char *expected);
hc_slice hcl_to_slice(lua_State *L, int index); /* of a value that is a string */
hc_slice hcl_check_string(lua_State *L, int arg); /* lives as long as the argument */
/* A file's path; raises for one with a NUL byte, behind which the system would not look. */
const char *hcl_check_path(lua_State *L, int arg);
/* Why a string can't be a path; NULL: it can. */
const char *hcl_path_objection(hc_slice path);
int64_t hcl_check_integer(lua_State *L, int arg); /* numbers with an integer value */
double hcl_check_number(lua_State *L, int arg); /* any number but NaN */
bool hcl_check_boolean(lua_State *L, int arg);
/* nil or none: the fallback. */
hc_slice hcl_opt_string(lua_State *L, int arg, hc_slice fallback);
int64_t hcl_opt_integer(lua_State *L, int arg, int64_t fallback);
double hcl_opt_number(lua_State *L, int arg, double fallback);
bool hcl_opt_true(lua_State *L, int arg); /* a boolean; true when it is left out */
bool hcl_opt_false(lua_State *L, int arg); /* ... false */
bool hcl_is_null(lua_State *L, int index); /* httpclient.null */
/* Is the table at `index` (no metamethods) made of the keys 1..*count alone? An empty one is, with
 * *count 0. */
bool hcl_is_sequence(lua_State *L, int index, size_t *count);

/* --- results */

/* Pushes the code, and behind one that is not HC_OK a message: that of `why` (may be NULL), else
 * the code's own. Returns how many values that are. */
int hcl_push_result(lua_State *L, hc_error code, const hc_failure *why);
/* Pushes nil, the message that hcl_push_result would, and the code, of a call that has a value
 * otherwise. Returns 3. */
int hcl_push_refusal(lua_State *L, hc_error code, const hc_failure *why);
/* Pushes just that message. */
void hcl_push_message(lua_State *L, hc_error code, const hc_failure *why);
/* What the system knows a socket or its like by, for loops of the host's: a number, -1 for
 * HC_NO_HANDLE; and back. */
void hcl_push_handle(lua_State *L, hc_handle handle);
hc_handle hcl_handle_of(int64_t number);
static inline void hcl_push_slice(lua_State *L, hc_slice s) {
  lua_pushlstring(L, s.size ? s.data : "", s.size);
}
int hcl_raise_memory(lua_State *L);
/* Calls function(L), whose arguments and results are the caller's, with *busy true meanwhile: every
 * allocation of Lua's can run finalizers, and with them whatever a script does. */
int hcl_call_busy(lua_State *L, bool *busy, lua_CFunction function);

/* The most that a text built here may hold: what every Lua's strings can. */
#define HCL_TEXT_LIMIT ((size_t)0x7fffff00)
/* Pushes a userdata that owns the buffer: an error thrown while it is filled leaks nothing. */
hc_buffer *hcl_buffer_new(lua_State *L);
hc_buffer *hcl_buffer_at(lua_State *L, int index); /* NULL: there is none */
/* pushes the held bytes as a string and frees them */
void hcl_buffer_push(lua_State *L, hc_buffer *buffer);

/* --- lua_enums.c */

typedef enum hcl_enum {
  HCL_ENUM_METHOD,
  HCL_ENUM_STATUS,
  HCL_ENUM_RESPONSE_CODE,
  HCL_ENUM_ERROR,
  HCL_ENUM_COUNT
} hcl_enum;

/* Pushes the read-only table. Plain 5.1 can not walk a table with pairs and catch writes to its
 * fields too: there a write to an existing field goes through, and the next push of the enum undoes
 * it. So push it anew at each access. */
void hcl_push_enum(lua_State *L, hcl_enum which);
/* "Method", "Status", "ResponseCode": pushes the table. False, nothing pushed, for any other
 * name. */
bool hcl_push_class_enum(lua_State *L, const char *name);
/* Sets the flat constants of methods, statuses and response codes as fields of a table. */
void hcl_set_constants(lua_State *L, int table);
/* OK, FAILED, ERR_...: the same of the errors. */
void hcl_set_error_constants(lua_State *L, int table);
/* True where the tables are walked raw, and a write to an existing field can not be caught. */
bool hcl_enums_are_raw(lua_State *L);

/* --- lua_query_string.c: lua_CFunctions */

/* the fields are argument 1, or 2 behind an object or HTTPClient itself */
int hcl_query_string_from_dict(lua_State *L);
int hcl_uri_encode(lua_State *L);
int hcl_uri_decode(lua_State *L);

/* --- lua_x509.c */

hc_certificates *hcl_to_certificates(lua_State *L, int index); /* NULL: no X509Certificate */
hc_key *hcl_to_key(lua_State *L, int index); /* NULL: no CryptoKey */
/* As the core's, for a text that a script gives: where it is no PEM text at all, *why says what
 * reads files. */
hc_error hcl_load_certificate_text(hc_certificates *certificates, hc_slice text, hc_failure *why);
hc_error hcl_load_key_text(hc_key *key, hc_slice text, hc_key_half half, hc_failure *why);
/* "": none */
hc_error hcl_load_private_key_text(hc_key *key, hc_slice text, hc_slice passphrase,
                                   hc_failure *why);
bool hcl_holds_pem(hc_slice text);
/* Makes of a passphrase, a string or a function that gives one, a string; calls the function, so it
 * comes before anything that must not change is looked at. Nil stays. Raises for everything else,
 * "WHAT: ..." and never with the text. */
void hcl_resolve_passphrase(lua_State *L, int index, int arg, const char *what);
/* Push a new object, empty. */
void hcl_push_new_certificate(lua_State *L);
void hcl_push_new_key(lua_State *L);
void hcl_x509_register(lua_State *L); /* each register function pushes the class table */
void hcl_crypto_key_register(lua_State *L);
/* (path [, passphrase]) -> certificate, key, chain or nil; nil, message, Error */
int hcl_load_pkcs12(lua_State *L);

/* --- lua_tls_options.c */

/* NULL: no TLSOptions; not retained */
hc_tls_options *hcl_to_tls_options(lua_State *L, int index);
hc_tls_options *hcl_check_tls_options(lua_State *L, int arg);
/* Those of this Lua state for calls that name none, made at first use: one that verifies, one that
 * does not. */
hc_tls_options *hcl_default_tls_options(lua_State *L, hc_tls_verify verify);
void hcl_tls_options_register(lua_State *L);

/* --- lua_stream_peer.c */

/* The stream behind a StreamPeerTCP, a StreamPeerTLS, or any object with put_partial_data and
 * get_partial_data. Not retained: it pushes one value, and the stream lives at least as long as
 * that is on the stack. NULL, nothing pushed, for everything else. */
hc_stream_peer *hcl_to_stream_peer(lua_State *L, int index);
/* The stream behind the value that it pushed, once more: finalizers may have run since. Nothing is
 * called or allocated. NULL: they have let it go. */
hc_stream_peer *hcl_stream_peer_again(lua_State *L, int index);
/* Does what put_data took still wait in the object at `index`? Tries to send it first. Somebody
 * else's bytes would overtake it. */
bool hcl_stream_peer_has_unsent(lua_State *L, int index);
/* Pushes the object for a stream, the same one as long as it lives; nil for NULL. Whoever hands it
 * out again and again keeps it (see hcl_anchor_put), because bytes that put_data could not send yet
 * live in it. */
void hcl_push_stream_peer(lua_State *L, hc_stream_peer *peer);
void hcl_stream_peer_tcp_register(lua_State *L);
void hcl_stream_peer_tls_register(lua_State *L);

/* --- lua_stream_holder.c */

/* The thread for calls into Lua whose caller may be any coroutine: it is never resumed, and lives
 * as long as the Lua state. */
lua_State *hcl_calls_thread(lua_State *L);
/* As hcl_to_stream_peer, for objects of the script's own. */
hc_stream_peer *hcl_stream_adapter_of(lua_State *L, int index);
hc_stream_peer *hcl_stream_adapter_again(lua_State *L, int index); /* see hcl_stream_peer_again */
/* Pushes the script's object; false, nothing pushed, when the stream is no adapter. */
bool hcl_stream_adapter_push_object(lua_State *L, hc_stream_peer *peer);
/* Pushes what keeps the script's object at the bottom of the stream alive, for the anchor of
 * whoever uses the stream; nil when there is no such object. */
void hcl_stream_push_holder(lua_State *L, hc_stream_peer *peer);
/* For finalizers: when an object and all that it keeps are collected together, nothing finds the
 * script's object any more but the holder in the anchor of `owner`. Between these two calls the
 * stream finds it. Neither can throw. take_back takes what lend gave. */
hc_stream_peer *hcl_stream_lend(lua_State *L, int owner, int slot, hc_stream_peer *peer);
void hcl_stream_take_back(lua_State *L, hc_stream_peer *lent);

/* --- lua_encoding.c, lua_features.c */

extern const luaL_Reg hcl_encoding_functions[];
int hcl_features(lua_State *L);
/* --- lua_proxy.c */

int hcl_client_set_proxy(lua_State *L);
/* For the Lua half. (url [, options]) or (host, port [, user, password]) -> proxy, its URL without
 * credentials; nil, message, Error */
int hcl_new_proxy(lua_State *L);
int hcl_new_proxy_of_parts(lua_State *L);
/* (client [, proxy]) for all connections from the next on; nil: none */
int hcl_use_proxy(lua_State *L);
/* (client) -> see hc_client_can_satisfy_proxy */
int hcl_can_satisfy_proxy(lua_State *L);
/* (client) -> see hc_client_is_untried */
int hcl_is_untried(lua_State *L);

/* --- lua_http_client.c, lua_poller.c */

void hcl_http_client_register(lua_State *L);
void hcl_poller_register(lua_State *L);

/* --- lua_host_names.c */

int hcl_idn_to_ascii(lua_State *L);
/* is_public_suffix(domain) -> boolean: can everybody have a name below it? */
int hcl_is_public_suffix(lua_State *L);

/* --- lua_digest.c, for the Lua half */

/* (value of WWW-Authenticate) -> array of { scheme (in lower case), params (by name in lower case),
 * token68, is_broken }, up to the first mistake */
int hcl_read_challenges(lua_State *L);
void hcl_digest_challenge_register(lua_State *L);

/* --- lua_signal.c, lua_own_file.c, lua_file_replacement.c, lua_join.c, lua_inflater.c */

void hcl_signal_register(lua_State *L);
void hcl_own_file_register(lua_State *L);
void hcl_file_replacement_register(lua_State *L);
int hcl_join_parts(lua_State *L);
int hcl_gather_parts(lua_State *L);
void hcl_inflater_register(lua_State *L);

HC_INTERNAL_END

/* The module's door, the one function of it that is seen from outside. */
HCL_EXPORT int luaopen_httpclient_core(lua_State *L);

#endif
