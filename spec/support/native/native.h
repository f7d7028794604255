/* native.h - what the files of spec_native share: real sockets, TLS and processes for the specs.
 * Every blocking call has a time limit, so that a broken client can't hang a run. Out of memory
 * ends the process: these are tests. */
#ifndef SPEC_NATIVE_H
#define SPEC_NATIVE_H

#include <lauxlib.h>
#include <lua.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Stands in for "never": a busy machine is no fault. */
#define SN_DEFAULT_SECONDS 60.0

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* there SO_NOSIGPIPE does it */
#endif

/* --- bytes, clock (net.c) */

void *sn_allocate(size_t size);  /* zeroed, never NULL */
void *sn_resize(void *block, size_t size);
char *sn_copy(const char *text, size_t size);  /* NUL-terminated */

typedef struct sn_bytes {
  char *data;
  size_t size, capacity;
} sn_bytes;
void sn_bytes_add(sn_bytes *b, const void *data, size_t size);
void sn_bytes_drop(sn_bytes *b, size_t size);
void sn_bytes_free(sn_bytes *b);
/* The position behind the first `text`; 0 when it is not there. */
size_t sn_bytes_find_end(const sn_bytes *b, const char *text, size_t size);

double sn_now(void);
void sn_sleep(double seconds);

/* --- sockets (net.c) */

typedef enum sn_result {
  SN_OK,
  SN_WANT_READ,
  SN_WANT_WRITE,
  SN_EOF,
  SN_TIMEOUT,
  SN_STOPPED,
  SN_ERROR
} sn_result;

/* How long a call may take, and the descriptor that ends it early when it becomes readable (-1:
 * none). */
typedef struct sn_limit {
  double deadline;
  int stop_fd;
} sn_limit;
sn_limit sn_limit_of(double seconds);

#define SN_WHY 256

/* Waits for POLLIN or POLLOUT. OK, TIMEOUT, STOPPED. */
sn_result sn_wait(int fd, short events, sn_limit limit);
void sn_prepare_fd(int fd);  /* non-blocking, close-on-exec, no SIGPIPE */
int sn_pipe(int ends[2]);    /* close-on-exec; 0 or -1 */
/* The descriptor, or -1 with the reason. `port` 0 picks a free one. */
int sn_listen(const char *host, int port, int backlog, char why[SN_WHY]);
int sn_port_of(int fd);
/* Where the other side connects from, without port; "" for a Unix socket. */
void sn_peer_of(int fd, char text[SN_WHY]);
sn_result sn_accept(int listener, sn_limit limit, int *out, char why[SN_WHY]);
sn_result sn_connect(const char *host, int port, sn_limit limit, int *out, char why[SN_WHY]);

/* --- TLS contexts (tls.c) */

typedef struct sn_context {
  SSL_CTX *ssl;
  sn_bytes ocsp, alpn; /* the response to staple; the protocol list in wire form */
  bool is_client;
  atomic_int references;
} sn_context;
void sn_context_release(sn_context *context);
/* A TLSContext object, or a table of options: in each case a reference that the caller owns. Raises
 * on wrong options. */
sn_context *sn_check_context(lua_State *L, int index);
int sn_context_new_lua(lua_State *L);

typedef struct sn_tls_info {
  char sni[256], version[16], cipher[64], alpn[64], peer[256];
  bool done, reused;
} sn_tls_info;
void sn_tls_info_take(SSL *ssl, bool is_client, sn_tls_info *info);
void sn_tls_info_push(lua_State *L, const sn_tls_info *info);
/* The newest entry of OpenSSL's error queue, which is emptied. */
void sn_tls_reason(char why[SN_WHY], const char *fallback);

/* --- connections (conn.c) */

typedef struct sn_conn {
  int fd; /* -1: closed */
  SSL *ssl;
  sn_context *context;
  sn_bytes in; /* received, not yet handed out */
  sn_tls_info info;
  char why[SN_WHY];
} sn_conn;

void sn_conn_close(sn_conn *c); /* frees what it holds; without close_notify */
void sn_conn_reset(sn_conn *c); /* the peer sees a RST */
sn_result sn_conn_read(sn_conn *c, void *out, size_t room, size_t *got);
sn_result sn_conn_write(sn_conn *c, const void *data, size_t size, size_t *sent);
/* The next bytes into c->in. */
sn_result sn_conn_fill(sn_conn *c, sn_limit limit);
sn_result sn_conn_send(sn_conn *c, const void *data, size_t size, sn_limit limit, size_t *sent);
/* below TLS */
sn_result sn_conn_send_raw(sn_conn *c, const void *data, size_t size, sn_limit limit);
/* Puts TLS on the connection; the reference to `context` becomes the connection's. `server_name` is
 * for clients. */
bool sn_conn_start_tls(sn_conn *c, sn_context *context, const char *server_name);
sn_result sn_conn_handshake_step(sn_conn *c);
sn_result sn_conn_handshake(sn_conn *c, sn_limit limit);
sn_result sn_conn_close_notify(sn_conn *c, sn_limit limit);
/* Waits for what the step wanted, within the limit. OK: try again. */
sn_result sn_conn_wait(const sn_conn *c, sn_result wanted, sn_limit limit);

/* --- Lua (native.c) */

#if LUA_VERSION_NUM < 502
#define sn_length(L, index) lua_objlen(L, index)
#else
#define sn_length(L, index) lua_rawlen(L, index)
#endif

#define SN_LISTENER "spec_native.Listener"
#define SN_CONN "spec_native.Conn"
#define SN_CONTEXT "spec_native.TLSContext"
#define SN_SCRIPT "spec_native.Script"
#define SN_PROCESS "spec_native.Process"

/* Keeps this module to the end of the process, which Lua unloads before: for what OpenSSL calls
 * then, and what only this module knows of. */
bool sn_stay_loaded(void);
/* Comes before OpenSSL makes a key or a context, with which all begins here, and behind
 * crypto_allocations. */
void sn_crypto_begin(void);
void sn_set_functions(lua_State *L, const luaL_Reg *functions);
void sn_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc);
void *sn_object(lua_State *L, const char *name, size_t size); /* zeroed */
void *sn_test_object(lua_State *L, int index, const char *name); /* NULL: another thing */
/* nil and the message. */
int sn_fail(lua_State *L, const char *message);
double sn_opt_seconds(lua_State *L, int arg);
/* Fields of the table at `index`. A text lives as long as the table holds it. */
const char *sn_field_text(lua_State *L, int index, const char *name, size_t *size);
double sn_field_number(lua_State *L, int index, const char *name, double fallback);
bool sn_field_true(lua_State *L, int index, const char *name);

void sn_open_sockets(lua_State *L);
void sn_open_tls(lua_State *L);
void sn_open_script(lua_State *L);
void sn_open_process(lua_State *L);
void sn_open_system(lua_State *L);
void sn_open_certificates(lua_State *L);
void sn_open_starve(lua_State *L);
void sn_open_crypto(lua_State *L);
void sn_open_udp(lua_State *L);
void sn_open_trust(lua_State *L); /* of Windows alone */

#endif
