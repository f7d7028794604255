/* httpclient.h - the C API: a non-blocking client of HTTP/1.1 (RFC 9110, RFC 9112), and of HTTP/2
 * (RFC 9113) where that was built in, over TCP, Unix sockets, TLS or any byte stream.
 *
 * The idea. A client is one connection and the request that is on it; with HTTP/2 several clients
 * can stand on one connection (hc_client_join). Nothing happens behind your back: every step is
 * taken inside a call of yours, in hc_client_poll, in a read, or in a wait. What can only be waited
 * for is done on threads: looking host names up, and loading the system's authorities.
 *
 *     hc_client *c = hc_client_new();
 *     hc_client_connect(c, host, port, HC_CONNECT_TLS, NULL, &why);  then poll until CONNECTED
 *     hc_client_request(c, &request, &why);                          then poll until BODY
 *     hc_client_body_peek(c, &view), hc_client_body_consume(c, n);   until it is CONNECTED again
 *     hc_client_delete(c);
 *
 * Headers. This one is complete in itself and needs nothing but the C library, in C11 and in C++11
 * and later. Beside it stand poller.h (thousands of clients in one thread), tls.h (verification,
 * certificates, keys) and stream.h (TCP and TLS connections by themselves, and byte streams of your
 * own). docs/embedding.md is the guide.
 *
 * Threads. A client, its streams and its TLS options belong to one thread at a time. Different
 * clients can be used in different threads at the same time, as long as they share no stream and no
 * options.
 *
 * Errors. A function that can fail returns hc_error. Where it takes `why`, it also writes a
 * sentence there; `why` may be NULL. No allocation is needed for that, so it works when memory is
 * out.
 *
 * Calls from inside. While a call runs code of yours (a function that gives a body, a writer, a
 * stream), that client is at work. You can ask it things from in there. Whatever would change it
 * does nothing, and returns HC_ERR_BUSY where it returns an hc_error. Other clients can be used as
 * always.
 *
 * ABI. What you compiled against one version works with every later one that has the same HC_ABI:
 *   - No function disappears or changes its meaning. No enumerator changes its number; new ones are
 *     added at the end.
 *   - hc_slice, hc_failure, hc_interest, hc_body_source and hc_allocator never change.
 *   - The structs that you fill in and pass (hc_client_request_spec, hc_proxy_settings,
 *     hc_tls_settings, hc_stream_functions) may grow at their end. An inline function passes their
 *     size along, so the library knows which version of them you have, and takes what is missing as
 *     zero. Zero always means what it meant before. Set them to zero before you fill them in.
 *   - hc_peer_certificate, which the library makes and frees, may grow at its end.
 *   - Everything else is opaque: you have pointers, and functions to ask.
 * HC_ABI goes up when one of these promises has to be broken. */
#ifndef HTTPCLIENT_H
#define HTTPCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Marks the public functions. A static library needs nothing. For a shared library define HC_SHARED
 * when you build it, and on Windows HC_USE_SHARED when you use it. HC_PRIVATE hides the functions
 * in whatever the library is linked into. */
#if defined(HC_SHARED) && defined(_WIN32)
#define HC_API __declspec(dllexport)
#elif defined(HC_USE_SHARED) && defined(_WIN32)
#define HC_API __declspec(dllimport)
#elif defined(HC_SHARED) && defined(__GNUC__)
#define HC_API __attribute__((visibility("default")))
#elif defined(HC_PRIVATE) && defined(__GNUC__) && !defined(_WIN32)
#define HC_API __attribute__((visibility("hidden")))
#else
#define HC_API
#endif

#if defined(__MINGW32__)
#include <stdio.h> /* which of its two families of printf is in use */
#define HC_PRINTF(format_index, first_argument)                                                    \
  __attribute__((format(__MINGW_PRINTF_FORMAT, format_index, first_argument)))
#elif defined(__GNUC__)
#define HC_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define HC_PRINTF(format_index, first_argument)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- version */

#define HC_VERSION "0.1.0"        /* of this header; semver.org */
#define HC_VERSION_NUMBER 0x000100 /* major * 65536 + minor * 256 + patch: to compare with */
#define HC_ABI 1                  /* see "ABI" above */

/* The same of the library that is linked in. */
HC_API const char *hc_version(void);
HC_API int hc_version_number(void);
HC_API int hc_abi(void);
/* Can code that was compiled with this header use the library that is there? Ask once, where the
 * library is shared. */
static inline bool hc_abi_fits(void) {
  return hc_abi() == HC_ABI && hc_version_number() >= HC_VERSION_NUMBER;
}

/* --- results */

/* The numbers are those of the engine's global Error enum, which is why most of them have no use
 * here. */
typedef enum hc_error {
  HC_OK = 0,
  HC_FAILED = 1,
  HC_ERR_UNAVAILABLE = 2,
  HC_ERR_UNCONFIGURED = 3,
  HC_ERR_UNAUTHORIZED = 4,
  HC_ERR_PARAMETER_RANGE = 5,
  HC_ERR_OUT_OF_MEMORY = 6,
  HC_ERR_FILE_NOT_FOUND = 7,
  HC_ERR_FILE_BAD_DRIVE = 8,
  HC_ERR_FILE_BAD_PATH = 9,
  HC_ERR_FILE_NO_PERMISSION = 10,
  HC_ERR_FILE_ALREADY_IN_USE = 11,
  HC_ERR_FILE_CANT_OPEN = 12,
  HC_ERR_FILE_CANT_WRITE = 13,
  HC_ERR_FILE_CANT_READ = 14,
  HC_ERR_FILE_UNRECOGNIZED = 15,
  HC_ERR_FILE_CORRUPT = 16,
  HC_ERR_FILE_MISSING_DEPENDENCIES = 17,
  HC_ERR_FILE_EOF = 18,
  HC_ERR_CANT_OPEN = 19,
  HC_ERR_CANT_CREATE = 20,
  HC_ERR_QUERY_FAILED = 21,
  HC_ERR_ALREADY_IN_USE = 22,
  HC_ERR_LOCKED = 23,
  HC_ERR_TIMEOUT = 24,
  HC_ERR_CANT_CONNECT = 25,
  HC_ERR_CANT_RESOLVE = 26,
  HC_ERR_CONNECTION_ERROR = 27,
  HC_ERR_CANT_ACQUIRE_RESOURCE = 28,
  HC_ERR_CANT_FORK = 29,
  HC_ERR_INVALID_DATA = 30,
  HC_ERR_INVALID_PARAMETER = 31,
  HC_ERR_ALREADY_EXISTS = 32,
  HC_ERR_DOES_NOT_EXIST = 33,
  HC_ERR_DATABASE_CANT_READ = 34,
  HC_ERR_DATABASE_CANT_WRITE = 35,
  HC_ERR_COMPILATION_FAILED = 36,
  HC_ERR_METHOD_NOT_FOUND = 37,
  HC_ERR_LINK_FAILED = 38,
  HC_ERR_SCRIPT_FAILED = 39,
  HC_ERR_CYCLIC_LINK = 40,
  HC_ERR_INVALID_DECLARATION = 41,
  HC_ERR_DUPLICATE_SYMBOL = 42,
  HC_ERR_PARSE_ERROR = 43,
  HC_ERR_BUSY = 44,
  HC_ERR_SKIP = 45,
  HC_ERR_HELP = 46,
  HC_ERR_BUG = 47,
  HC_ERR_PRINTER_ON_FIRE = 48,
  HC_ERROR_COUNT = 49
} hc_error;

/* "ERR_TIMEOUT" for HC_ERR_TIMEOUT ("OK" and "FAILED" have no prefix); NULL for a number outside
 * the enum. Static text. */
HC_API const char *hc_error_name(int code);
/* A short sentence for people; "unknown error" for a number outside the enum. Static text. */
HC_API const char *hc_error_string(int code);

#define HC_FAILURE_TEXT 240

/* The first error of an object or a call: a code and a sentence, which ends with a NUL. All zero:
 * no failure. */
typedef struct hc_failure {
  hc_error code;
  char text[HC_FAILURE_TEXT];
} hc_failure;

/* For functions of yours that the library calls: records code and text, unless a failure is
 * recorded already (the first one tells the cause, later ones are its echo). Control bytes become
 * '?', since the text may quote a server; a text that is too long is cut. `failure` may be NULL.
 * Returns `code`, so that `return hc_failure_set(...)` reads well. */
HC_API hc_error hc_failure_set(hc_failure *failure, hc_error code, const char *format, ...)
    HC_PRINTF(3, 4);
HC_API void hc_failure_clear(hc_failure *failure);

/* --- bytes */

/* A view of bytes that somebody else owns; no NUL need follow. An argument has to live until the
 * call returns, or longer where it says so. */
typedef struct hc_slice {
  const char *data;
  size_t size;
} hc_slice;

static inline hc_slice hc_slice_make(const char *data, size_t size) {
  hc_slice slice;
  slice.data = data;
  slice.size = size;
  return slice;
}

/* The view of a text that ends with a NUL. */
HC_API hc_slice hc_slice_of(const char *text);

/* --- addresses */

/* Does the text name an IP address of the public Internet? False for what belongs to this machine,
 * to a private network or to nobody (RFC 6890 and its like), also where an IPv6 address stands for
 * such an IPv4 address; with a zone; and for what is no address at all. */
HC_API bool hc_is_public_address(hc_slice text);

#define HC_ADDRESS_SPACE 64 /* for the text of an address, with a zone and the NUL */

typedef enum hc_verdict {
  HC_VERDICT_REFUSED, /* it is not connected to */
  HC_VERDICT_ALLOWED,
  HC_VERDICT_FAILED /* nothing is connected to; `why` may say what is wrong */
} hc_verdict;

/* May this address be connected to? As text, "127.0.0.1" or "::1", maybe with a zone behind a
 * '%'. It runs inside hc_client_poll, once for each address, between the lookup and the first
 * attempt. */
typedef hc_verdict (*hc_address_filter)(void *context, const char *address, unsigned port,
                                        hc_failure *why);

/* --- the system's names */

/* What a loop can watch, and an open file: descriptors; on Windows a SOCKET and a HANDLE, which are
 * as wide as a pointer. */
#if defined(_WIN32)
typedef intptr_t hc_handle;
typedef intptr_t hc_file;
#else
typedef int hc_handle;
typedef int hc_file;
#endif
#define HC_NO_HANDLE (-1)
#define HC_NO_FILE (-1)

/* --- memory */

/* Where memory comes from. `user` is passed as it is. Each function does what its namesake in the C
 * library does: `allocate` and `resize` return NULL when memory is out, and blocks are aligned for
 * any type; `resize` and `release` get blocks that came from the same allocator, and `resize` may
 * get NULL. `size` is never 0. They run on every thread that uses the library and on its own
 * threads (lookups, loading of certificates), also at the same time: they have to be thread-safe,
 * must not call the library, and must not unwind (longjmp, exceptions). */
typedef struct hc_allocator {
  void *(*allocate)(void *user, size_t size);
  void *(*resize)(void *user, void *block, size_t size);
  void (*release)(void *user, void *block);
  void *user;
} hc_allocator;

/* Takes a copy; NULL brings the C library's allocator back. All memory of this library comes from
 * there, and zlib's with it. OpenSSL's does not: it has a hook of its own,
 * CRYPTO_set_mem_functions, to be called before anything uses OpenSSL. Nor does what the C library
 * itself takes (getaddrinfo, threads).
 *
 * Call it first of all, from one thread, with no other call of the library at the same time.
 * HC_ERR_BUSY: the library has allocated already, and nothing changes. An allocator of yours can be
 * replaced once all its blocks are released: delete what you made, and call
 * hc_tls_forget_authorities (tls.h) if you used TLS. HC_ERR_INVALID_PARAMETER: a function is
 * missing. */
HC_API hc_error hc_set_allocator(const hc_allocator *allocator);

/* --- client */

typedef struct hc_client hc_client;
typedef struct hc_stream_peer hc_stream_peer; /* a byte stream: stream.h */
typedef struct hc_tls_options hc_tls_options; /* how TLS is to be made: tls.h */

typedef enum hc_status {
  HC_STATUS_DISCONNECTED = 0,
  HC_STATUS_RESOLVING = 1, /* the host's name is being looked up */
  HC_STATUS_CANT_RESOLVE = 2,
  HC_STATUS_CONNECTING = 3, /* TCP, proxy tunnel or TLS handshake under way */
  HC_STATUS_CANT_CONNECT = 4,
  HC_STATUS_CONNECTED = 5, /* ready for a request */
  HC_STATUS_REQUESTING = 6, /* the request goes out, or the head of its answer is awaited */
  HC_STATUS_BODY = 7, /* the head is in; the content can be read */
  HC_STATUS_CONNECTION_ERROR = 8,
  HC_STATUS_TLS_HANDSHAKE_ERROR = 9
} hc_status;

/* "CONNECTED" and so on; "?" for a number outside the enum. Static text. */
HC_API const char *hc_status_name(hc_status status);

/* A closed client, yours to delete; NULL when memory is out. */
HC_API hc_client *hc_client_new(void);
/* Closes and frees it, in any state. A stream that somebody else holds stays open. NULL is fine. A
 * client that is at work stays as it is: delete it after that call. */
HC_API void hc_client_delete(hc_client *c);
/* Is a call of this client running now? See "Calls from inside" above. */
HC_API bool hc_client_is_at_work(const hc_client *c);

HC_API hc_status hc_client_get_status(const hc_client *c);
/* The failure behind an error state; code HC_OK and text "" in every other state. Lives as long as
 * the client, and changes with its state. Where memory is out the text may be that of the code. */
HC_API const hc_failure *hc_client_last_error(const hc_client *c);

/* --- settings */

/* Which version of HTTP is spoken. HTTP/2 needs a library that was built with libnghttp2. */
typedef enum hc_version_wish {
  HC_VERSION_1, /* HTTP/1.1, and ALPN offers nothing else */
  HC_VERSION_AUTO, /* HTTP/2 where TLS agrees on it by ALPN (RFC 7301); in clear HTTP/1.1 */
  HC_VERSION_2 /* HTTP/2, or no connection; in clear by prior knowledge (RFC 9113 section 3.3) */
} hc_version_wish;

/* They may change at any time, and count from the next step on. */
typedef enum hc_setting {
  /* 1: poll waits for the head, and reads wait for data; default 0 */
  HC_SETTING_BLOCKING = 0,
  /* 1: calls that block come back now and then, see hc_client_is_unfinished; default 0 */
  HC_SETTING_IN_SLICES = 1,
  /* the most bytes that one view of content has: 256 to 16777216, default 65536 */
  HC_SETTING_READ_CHUNK_SIZE = 2,
  /* the most bytes of a response's head: 1 to 16777216, default 65536 */
  HC_SETTING_MAX_HEADER_SIZE = 3,
  /* seconds from connect to CONNECTED; 0, the default: no end, also of the next two */
  HC_SETTING_CONNECT_TIMEOUT = 4,
  /* seconds from the last byte of the request to the end of the response's head */
  HC_SETTING_RESPONSE_TIMEOUT = 5,
  /* seconds without a byte either way while a request or its answer moves */
  HC_SETTING_IDLE_TIMEOUT = 6,
  HC_SETTING_HTTP_VERSION =
      7, /* an hc_version_wish, for the next connection; default HC_VERSION_1 */
  /* 4 or 6: the next connections go to addresses of that family alone; default 0: any */
  HC_SETTING_ADDRESS_FAMILY = 8
} hc_setting;

/* HC_ERR_INVALID_PARAMETER: no such setting (in this version of the library), or a value that it
 * can't have; the old value stays. */
HC_API hc_error hc_client_set(hc_client *c, hc_setting setting, double value);
/* -1 where there is no such setting. */
HC_API double hc_client_get(const hc_client *c, hc_setting setting);

typedef enum hc_proxy_kind {
  /* for plain requests; an HTTP proxy gets them in absolute form (RFC 9112 section 3.2.2) */
  HC_PROXY_HTTP,
  /* for TLS; an HTTP proxy is asked for a tunnel by CONNECT (RFC 9110 section 9.3.6) */
  HC_PROXY_HTTPS
} hc_proxy_kind;

/* Counts from the next connect on. `host` empty or `port` -1: no proxy. With a `user` or a
 * `password` it gets Basic credentials (RFC 7617). All texts are copied. HC_ERR_INVALID_PARAMETER
 * and HC_ERR_OUT_OF_MEMORY leave the old proxy. */
HC_API hc_error hc_client_set_proxy(hc_client *c, hc_proxy_kind kind, hc_slice host, long long port,
                                    hc_slice user, hc_slice password, hc_failure *why);

/* Which addresses are connected to: counts from the next connect on. With a proxy it is the
 * proxy's addresses that this is about, and with socks5:// the host's too. All are asked for in
 * advance, literals too. When all are refused the client ends in CANT_CONNECT with
 * HC_ERR_UNAUTHORIZED. `context` has to live until the client is deleted. NULL: all are allowed.
 * HC_ERR_OUT_OF_MEMORY. */
HC_API hc_error hc_client_set_address_filter(hc_client *c, hc_address_filter filter, void *context);
/* Connections come from this address, and go to those of its family alone. Empty: the system
 * chooses. HC_ERR_INVALID_PARAMETER: it is none; the old one stays. */
HC_API hc_error hc_client_set_local_address(hc_client *c, hc_slice address, hc_failure *why);
/* Connections go to "host:port" in place of the one that hc_client_connect is given, whom Host, SNI
 * and the certificate are still about. "host", ":port": one of the two. Empty: none. */
HC_API hc_error hc_client_set_connect_to(hc_client *c, hc_slice endpoint, hc_failure *why);

/* How an HTTP proxy may be told user and password. */
typedef enum hc_proxy_schemes {
  HC_PROXY_ANY_SCHEME, /* Basic at once; Digest (RFC 7616) from when the proxy asks for it */
  HC_PROXY_DIGEST_ONLY /* never Basic */
} hc_proxy_schemes;

/* All zero: the defaults. */
typedef struct hc_proxy_settings {
  /* for TLS with an https:// proxy, retained; NULL: its certificate and name are verified. What
   * hc_client_connect gets counts for the server alone */
  hc_tls_options *tls_options;
  hc_proxy_schemes schemes;
} hc_proxy_settings;

/* For other languages: `size` is how many bytes of the struct above there are. */
HC_API hc_error hc_client_set_proxy_url_sized(hc_client *c, hc_slice url,
                                              const hc_proxy_settings *settings, size_t size,
                                              hc_failure *why);

/* One proxy for plain requests and for TLS, from the next connect on, in place of those of
 * hc_client_set_proxy: "http://user:password@host:port", "https://" (TLS with the proxy),
 * "socks5://" (the host's name is looked up here) or "socks5h://" (the proxy looks it up). User and
 * password are percent-encoded. An empty URL: none. `settings` may be NULL.
 * HC_ERR_INVALID_PARAMETER and HC_ERR_OUT_OF_MEMORY leave the old one; no message has the
 * credentials in it. */
static inline hc_error hc_client_set_proxy_url(hc_client *c, hc_slice url,
                                               const hc_proxy_settings *settings, hc_failure *why) {
  return hc_client_set_proxy_url_sized(c, url, settings, sizeof *settings, why);
}
/* The proxy of the present connection without credentials ("socks5h://host:1080"); empty: none. A
 * view that lives as long as the connection. */
HC_API hc_slice hc_client_proxy(const hc_client *c);

/* --- connection */

typedef enum hc_connect_security {
  HC_CONNECT_PLAIN, /* no TLS, unless `host` starts with https:// */
  HC_CONNECT_TLS /* TLS; a `host` that starts with http:// is refused, since that contradicts */
} hc_connect_security;

/* Closes what is open and starts to connect. `host` is a name or an address, copied; an IPv6
 * address may have brackets. `port` -1: 80, or 443 with TLS. `options` say how TLS is made and are
 * retained; NULL: the certificate and its name are verified against the system's authorities (RFC
 * 9525). HC_ERR_INVALID_PARAMETER for a bad host or port, HC_ERR_UNAVAILABLE for TLS in a build
 * without, HC_ERR_OUT_OF_MEMORY; the client is closed then. What the network has to say comes with
 * hc_client_poll. */
HC_API hc_error hc_client_connect(hc_client *c, hc_slice host, long long port,
                                  hc_connect_security security, hc_tls_options *options,
                                  hc_failure *why);
/* The same over the Unix socket at `path`, never by way of a proxy; no name is looked up. A leading
 * '@', or NUL, makes it an abstract name (Linux). `host` is for the Host field, and with TLS for
 * SNI and the certificate, "name" or "name:port"; empty: "localhost". HC_ERR_INVALID_PARAMETER also
 * for a path that is too long for the system; HC_ERR_UNAVAILABLE where it has no such sockets. */
HC_API hc_error hc_client_connect_unix(hc_client *c, hc_slice path, hc_slice host,
                                       hc_connect_security security, hc_tls_options *options,
                                       hc_failure *why);
/* The address that the connection goes to, the proxy's where there is one. False: there is no
 * connection that stands, or it is not over the Internet. `port` may be NULL. */
HC_API bool hc_client_remote_address(const hc_client *c, char text[HC_ADDRESS_SPACE],
                                     unsigned *port);
/* Ends the connection in any state, and forgets the response and the failure. */
HC_API void hc_client_close(hc_client *c);
/* Closes the present connection and goes on over `peer`, which it retains; the client is CONNECTED.
 * NULL: only closes. HC_ERR_BUSY. */
HC_API hc_error hc_client_set_stream(hc_client *c, hc_stream_peer *peer);
/* The stream in use, still the client's own (retain it to keep it); NULL when there is none. After
 * a 101 or a CONNECT the bytes that came behind the head are the first that it gives. */
HC_API hc_stream_peer *hc_client_get_stream(const hc_client *c);

/* The client leaves the connection that it has, and goes on beside `other` on the connection of
 * that one: with HTTP/2 its requests are streams of their own there (RFC 9113 section 5). Closing
 * one of the two ends its own stream; the connection ends with the last client on it.
 * HC_ERR_INVALID_PARAMETER: there is no connection that takes requests; HC_ERR_ALREADY_IN_USE: the
 * two are in different pollers; HC_ERR_BUSY. */
HC_API hc_error hc_client_join(hc_client *c, const hc_client *other, hc_failure *why);
/* What is spoken on the connection, major * 10 + minor: 11, or 20 for HTTP/2; 0 without one that
 * stands. */
HC_API int hc_client_spoken_version(const hc_client *c);
/* How many more requests the connection takes now: with HTTP/1.1 one, or none while one is under
 * way. */
HC_API size_t hc_client_free_streams(const hc_client *c);

/* Goes on as far as it can without waiting; with HC_SETTING_BLOCKING, in REQUESTING, until the head
 * is in. HC_OK; HC_ERR_UNCONFIGURED when it is disconnected; HC_ERR_CANT_RESOLVE,
 * HC_ERR_CANT_CONNECT or HC_ERR_CONNECTION_ERROR in an error state; HC_ERR_TIMEOUT once, by the
 * call that finds that a time has run out; HC_ERR_BUSY. */
HC_API hc_error hc_client_poll(hc_client *c);

/* --- request */

typedef enum hc_method {
  HC_METHOD_GET,
  HC_METHOD_HEAD,
  HC_METHOD_POST,
  HC_METHOD_PUT,
  HC_METHOD_DELETE,
  HC_METHOD_OPTIONS,
  HC_METHOD_TRACE,
  HC_METHOD_CONNECT,
  HC_METHOD_PATCH,
  HC_METHOD_MAX, /* no method, but how many have a number */
  HC_METHOD_OTHER /* any other token (RFC 9110 section 9.1), which is given beside it */
} hc_method;

/* "GET" and so on; NULL for all but those nine. Static text. */
HC_API const char *hc_method_name(int method);

typedef enum hc_pull_result {
  /* *piece holds bytes that live until the next pull or the end of the request. None: there is
   * nothing now, ask again later (see hc_client_resume_body) */
  HC_PULL_DATA,
  HC_PULL_END, /* that was all of the content */
  HC_PULL_FAILED /* `why` may say what is wrong; the client ends in CONNECTION_ERROR */
} hc_pull_result;

/* Gives the next piece of a body. It runs inside hc_client_poll, and only when the connection can
 * take more. */
typedef hc_pull_result (*hc_pull)(void *context, hc_slice *piece, hc_failure *why);

typedef enum hc_body_kind {
  HC_BODY_NONE,
  HC_BODY_BYTES,
  HC_BODY_FILE,
  HC_BODY_STREAM,
  HC_BODY_PULL
} hc_body_kind;

/* Where the content of a request comes from. All zero: there is none. */
typedef struct hc_body_source {
  hc_body_kind kind;
  /* HC_BODY_BYTES: the content. It is not copied: it has to live until the next request,
   * connect, close or delete. HC_BODY_STREAM: what goes out before the bytes of the file; lives
   * as long */
  hc_slice bytes;
  /* HC_BODY_FILE: a descriptor of a regular file. HC_BODY_STREAM: of anything that can be read
   * to its end. The client closes it in either case, also when it refuses the request */
  hc_file file;
  /* HC_BODY_FILE, HC_BODY_STREAM: where to begin. UINT64_MAX for a pipe, which has no positions */
  uint64_t file_offset;
  /* HC_BODY_FILE: how many bytes; HC_BODY_PULL: the same, where it is known beforehand, or 0 */
  uint64_t file_length;
  hc_pull pull; /* HC_BODY_PULL */
  void *context; /* for `pull` */
} hc_body_source;

/* What is to be sent. Set it to zero first: `memset`, or `= {}` in C++. */
typedef struct hc_client_request_spec {
  int method; /* hc_method; 0 is GET */
  /* with HC_METHOD_OTHER: "PROPFIND". The name of one of the nine stands for its number */
  hc_slice method_token;
  /* "/path?query", or an absolute URL, "*", "host:port": RFC 9112 section 3.2 */
  hc_slice url;
  const hc_slice *lines; /* the header fields, "Name: value" each */
  size_t line_count;
  hc_body_source body;
  bool raw; /* send the body whatever the method is; else that of a GET is left out */
} hc_client_request_spec;

/* For other languages, which have no sizeof of the struct above: `size` is how many bytes of it
 * there are. */
HC_API hc_error hc_client_request_sized(hc_client *c, const hc_client_request_spec *spec,
                                        size_t size, hc_failure *why);

/* Valid in CONNECTED: writes the head, queues all of it and returns at once; hc_client_poll sends.
 * The texts of `spec` are copied, the body's bytes are not. HC_ERR_INVALID_PARAMETER with the
 * faulty part in `why`: nothing is sent, and the last response is kept. HC_ERR_OUT_OF_MEMORY,
 * HC_ERR_BUSY. */
static inline hc_error hc_client_request(hc_client *c, const hc_client_request_spec *spec,
                                         hc_failure *why) {
  return hc_client_request_sized(c, spec, sizeof *spec, why);
}

/* The body function has something again, after it gave none: the next poll asks it. Otherwise it is
 * asked again after a millisecond, and then at longer and longer intervals, up to 50. May be called
 * from within any function of yours. */
HC_API void hc_client_resume_body(hc_client *c);
/* Is there content of the present request that has not been read to its end? */
HC_API bool hc_client_sends_body(const hc_client *c);
/* Bytes of content of the present request that have been handed to the stream. */
HC_API uint64_t hc_client_body_sent(const hc_client *c);

/* --- response */

/* The response is there from BODY on (a response without content goes straight on to CONNECTED or
 * DISCONNECTED) and stays until the next request, connect, close or delete, also after the
 * connection has ended. Views of it live as long. */

HC_API bool hc_client_has_response(const hc_client *c);
/* Has any byte of the answer come? If not, and the connection had served a request before, the
 * server may never have seen this one (RFC 9110 section 9.2.2). */
HC_API bool hc_client_has_response_begun(const hc_client *c);
/* Has the response been read to its end? Stays true when the connection fails afterwards. */
HC_API bool hc_client_response_is_complete(const hc_client *c);

/* 200 (RFC 9110 section 15); 0 without a response */
HC_API int hc_client_response_code(const hc_client *c);
HC_API hc_slice hc_client_response_reason(const hc_client *c); /* the reason phrase, may be empty */
/* What the response came by, major * 10 + minor: 11 for HTTP/1.1 and 20 for HTTP/2; 0 without a
 * response. */
HC_API int hc_client_response_version(const hc_client *c);
/* Bytes of content to come: -1 where that is not known beforehand, 0 where there can be none (RFC
 * 9112 section 6.3). */
HC_API int64_t hc_client_response_body_length(const hc_client *c);
/* What Content-Length says, also in answer to HEAD; -1 without, or where it says nothing that could
 * be meant. */
HC_API int64_t hc_client_announced_length(const hc_client *c);
HC_API bool hc_client_response_is_chunked(const hc_client *c);
/* bytes of content that have been handed out */
HC_API uint64_t hc_client_body_received(const hc_client *c);

/* The header fields, and the trailer fields that can follow content in chunks (RFC 9110 section
 * 6.5). */
typedef enum hc_section { HC_SECTION_HEADERS, HC_SECTION_TRAILERS } hc_section;

/* How many fields the section has: 0 without a response, and for trailers until the content has
 * been read to its end. */
HC_API size_t hc_client_response_field_count(const hc_client *c, hc_section section);
/* Field number `index`, from 0 on, in the order in which they came. The name is as the server wrote
 * it; the value has no white space at its ends. `name` and `value` may be NULL. False: there is no
 * such field. */
HC_API bool hc_client_response_field(const hc_client *c, hc_section section, size_t index,
                                     hc_slice *name, hc_slice *value);
/* The first field of that name, in any letter case, from number *index on: its number goes to
 * *index and its value to *value. To go through all of a name: start with *index 0 and add 1 after
 * each. False: there is none. */
HC_API bool hc_client_response_find(const hc_client *c, hc_section section, hc_slice name,
                                    size_t *index, hc_slice *value);

/* Content, where it lies: *view gets up to HC_SETTING_READ_CHUNK_SIZE bytes, or none when nothing
 * is there (or the status is not BODY). They stay until hc_client_body_consume says how many of
 * them were used; another peek before that gives the same ones. The end, or an error, shows in the
 * status after the consume that takes the last byte, or after a peek that finds none. */
HC_API void hc_client_body_peek(hc_client *c, hc_slice *view);
/* More than a view could have: all of that. */
HC_API void hc_client_body_consume(hc_client *c, size_t size);

/* Takes bytes of content and returns how many. Fewer than it got ends the transfer, with what it
 * put into `why`, else HC_ERR_FILE_CANT_WRITE; the connection and the bytes that were not taken
 * stay. */
typedef size_t (*hc_body_writer)(void *context, hc_slice bytes, hc_failure *why);

/* Hands the content that is there to a writer; with HC_SETTING_BLOCKING all of it, to the end.
 * *moved counts bytes, also on failure. HC_OK; HC_ERR_INVALID_PARAMETER when the status is not
 * BODY; the writer's error or the connection's; HC_ERR_BUSY. */
HC_API hc_error hc_client_body_to_writer(hc_client *c, hc_body_writer write, void *context,
                                         uint64_t *moved, hc_failure *why);
/* The same into a file descriptor, which stays yours; inside the kernel where the platform can do
 * that. */
HC_API hc_error hc_client_body_to_file(hc_client *c, hc_file file, uint64_t *moved,
                                       hc_failure *why);

/* With HC_SETTING_IN_SLICES: did the last call that blocks come back before it was done, since it
 * had taken a quarter of a second? It goes on when you make it again. Nothing is lost: a head and a
 * view keep what has come of them, and what a writer or file got is in *moved. So a host can look
 * after other things in between. */
HC_API bool hc_client_is_unfinished(const hc_client *c);

/* --- waiting */

/* What can happen to a handle that is watched. */
#define HC_EVENT_READ 1u
#define HC_EVENT_WRITE 2u

/* Deadlines are times of this clock, in nanoseconds; it only runs forward. */
HC_API uint64_t hc_clock_now(void);
#define HC_NEVER UINT64_MAX

/* What a client waits for when it can't go on now. */
typedef struct hc_interest {
  hc_handle fd; /* to be watched and otherwise left alone; HC_NO_HANDLE: there is none */
  unsigned events; /* HC_EVENT_...; 0 with `ready` false: only the deadline counts */
  bool ready; /* do not wait: there is something to do already */
  uint64_t deadline; /* go on then at the latest; HC_NEVER */
} hc_interest;

/* What poll (in BODY: a read) waits for now, for a loop of your own. From then on you may watch the
 * descriptor alone: as long as this connection lasts, reads of a plain body take no more off it
 * than they hand out. With TLS, and with content in chunks, more may lie in the client, and then
 * `ready` says so. */
HC_API void hc_client_interest(hc_client *c, hc_interest *out);
/* Sleeps until poll can do something or `seconds` are over (negative: no end), then polls, and
 * returns what poll did. *ready is false when the time ran out. */
HC_API hc_error hc_client_wait(hc_client *c, double seconds, bool *ready);
/* One sleep for several clients. Those that can do something are polled, and their ready[i] is
 * true. HC_OK; HC_ERR_OUT_OF_MEMORY; HC_ERR_BUSY when one of them is at work. For more than a few
 * use a poller: poller.h. */
HC_API hc_error hc_client_wait_any(hc_client *const *clients, size_t count, double seconds,
                                   bool *ready);

#ifdef __cplusplus
}
#endif

#endif
