/* conn_lua.c - the classes Listener and Conn.
 *
 * Blocking methods take a time limit in seconds as last argument (10 when it is left out) and
 * return nil and "timeout" when it is over, nil and the reason when the connection broke. */
#include "native.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Listener */

#define FILLERS 8

typedef struct listener {
  int fd, port;
  int fillers[FILLERS]; /* of a black hole: connections that keep the queue full */
  int filler_count;
  char host[64];
} listener;

static sn_conn *push_conn(lua_State *L, int fd) {
  sn_conn *c = sn_object(L, SN_CONN, sizeof *c);
  c->fd = fd;
  return c;
}

static listener *check_listener(lua_State *L) { return luaL_checkudata(L, 1, SN_LISTENER); }

static int listener_close(lua_State *L) {
  listener *l = check_listener(L);
  if (l->fd >= 0) close(l->fd);
  for (int i = 0; i < l->filler_count; i++) close(l->fillers[i]);
  l->fd = -1;
  l->filler_count = 0;
  return 0;
}

static listener *new_listener(lua_State *L, const char *host, int port, int backlog,
                              char why[SN_WHY]) {
  listener *l = sn_object(L, SN_LISTENER, sizeof *l);
  l->fd = sn_listen(host, port, backlog, why);
  if (l->fd < 0) return NULL;
  l->port = sn_port_of(l->fd);
  strncpy(l->host, host, sizeof l->host - 1);
  return l;
}

/* native.listen{host="127.0.0.1", port=0, backlog=128} */
static int native_listen(lua_State *L) {
  if (lua_isnoneornil(L, 1)) lua_newtable(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *host = sn_field_text(L, 1, "host", NULL);
  char why[SN_WHY] = "";
  if (!new_listener(L, host ? host : "127.0.0.1", (int)sn_field_number(L, 1, "port", 0),
                    (int)sn_field_number(L, 1, "backlog", 128), why))
    return sn_fail(L, why);
  return 1;
}

/* native.blackhole([host]): a listener whose queue is full, so that further connects hang; nil
 * where the system has no such queue. */
static int native_blackhole(lua_State *L) {
  const char *host = luaL_optstring(L, 1, "127.0.0.1");
  char why[SN_WHY] = "";
  listener *l = new_listener(L, host, 0, 0, why);
  if (!l) return sn_fail(L, why);
  while (l->filler_count < FILLERS) {
    int fd;
    sn_result result = sn_connect(host, l->port, sn_limit_of(0.1), &fd, why);
    if (result == SN_TIMEOUT) return 1;
    if (result != SN_OK) return sn_fail(L, why);
    l->fillers[l->filler_count++] = fd;
  }
  return sn_fail(L, "the queue takes every connection");
}

static int listener_accept(lua_State *L) {
  const listener *l = check_listener(L);
  char why[SN_WHY] = "closed";
  int fd = -1;
  sn_result result =
      l->fd < 0 ? SN_ERROR : sn_accept(l->fd, sn_limit_of(sn_opt_seconds(L, 2)), &fd, why);
  if (result != SN_OK) return sn_fail(L, result == SN_TIMEOUT ? "timeout" : why);
  push_conn(L, fd);
  return 1;
}

static int listener_port(lua_State *L) {
  lua_pushinteger(L, check_listener(L)->port);
  return 1;
}

static int listener_host(lua_State *L) {
  lua_pushstring(L, check_listener(L)->host);
  return 1;
}

static int listener_fd(lua_State *L) {
  lua_pushinteger(L, check_listener(L)->fd);
  return 1;
}

/* --- Conn: bytes */

static sn_conn *check_conn(lua_State *L) { return luaL_checkudata(L, 1, SN_CONN); }

static int conn_gc(lua_State *L) {
  sn_conn_close(check_conn(L));
  return 0;
}

static const char *result_text(const sn_conn *c, sn_result result) {
  if (result == SN_TIMEOUT) return "timeout";
  return result == SN_EOF ? "eof" : c->why;
}

static int push_result(lua_State *L, const sn_conn *c, sn_result result) {
  if (result != SN_OK) return sn_fail(L, result_text(c, result));
  lua_pushboolean(L, 1);
  return 1;
}

/* native.connect{host="127.0.0.1", port=, seconds=} */
static int native_connect(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *host = sn_field_text(L, 1, "host", NULL);
  sn_limit limit = sn_limit_of(sn_field_number(L, 1, "seconds", SN_DEFAULT_SECONDS));
  char why[SN_WHY] = "";
  int fd;
  sn_result result =
      sn_connect(host ? host : "127.0.0.1", (int)sn_field_number(L, 1, "port", 0), limit, &fd, why);
  if (result != SN_OK) return sn_fail(L, result == SN_TIMEOUT ? "timeout" : why);
  push_conn(L, fd);
  return 1;
}

/* conn:send(bytes[, seconds]) -> true, or nil, reason, number of bytes sent */
static int conn_send(lua_State *L) {
  sn_conn *c = check_conn(L);
  size_t size, sent;
  const char *bytes = luaL_checklstring(L, 2, &size);
  sn_result result = sn_conn_send(c, bytes, size, sn_limit_of(sn_opt_seconds(L, 3)), &sent);
  int count = push_result(L, c, result);
  lua_pushinteger(L, (lua_Integer)sent);
  return count + 1;
}

/* conn:send_some(bytes) -> number of bytes that could be sent at once */
static int conn_send_some(lua_State *L) {
  sn_conn *c = check_conn(L);
  size_t size, sent;
  const char *bytes = luaL_checklstring(L, 2, &size);
  sn_result result = size == 0 ? SN_OK : sn_conn_write(c, bytes, size, &sent);
  if (size == 0) sent = 0;
  if (result == SN_ERROR || result == SN_EOF) return sn_fail(L, result_text(c, result));
  lua_pushinteger(L, (lua_Integer)sent);
  return 1;
}

/* conn:send_raw(bytes): past TLS, onto the socket */
static int conn_send_raw(lua_State *L) {
  sn_conn *c = check_conn(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  return push_result(L, c, sn_conn_send_raw(c, bytes, size, sn_limit_of(sn_opt_seconds(L, 3))));
}

/* conn:send_urgent(byte): TCP's urgent data, past TLS; a receive of the peer's ends before it */
static int conn_send_urgent(lua_State *L) {
  sn_conn *c = check_conn(L);
  lua_pushboolean(L, c->fd >= 0 &&
                         send(c->fd, luaL_checkstring(L, 2), 1, MSG_OOB | MSG_NOSIGNAL) == 1);
  return 1;
}

static int push_received(lua_State *L, sn_conn *c, size_t size) {
  lua_pushlstring(L, size > 0 ? c->in.data : "", size);
  sn_bytes_drop(&c->in, size);
  return 1;
}

/* nil, the reason, and what has come all the same (which stays to be received). */
static int push_short(lua_State *L, const sn_conn *c, sn_result result) {
  (void)sn_fail(L, result_text(c, result));
  lua_pushlstring(L, c->in.size > 0 ? c->in.data : "", c->in.size);
  return 3;
}

/* conn:recv([n[, seconds]]) -> what is there, at most n bytes; "" at the end */
static int conn_recv(lua_State *L) {
  sn_conn *c = check_conn(L);
  lua_Number most = luaL_optnumber(L, 2, 1e9);
  sn_result result = c->in.size > 0 ? SN_OK : sn_conn_fill(c, sn_limit_of(sn_opt_seconds(L, 3)));
  if (result != SN_OK && result != SN_EOF) return sn_fail(L, result_text(c, result));
  return push_received(L, c, (lua_Number)c->in.size > most ? (size_t)most : c->in.size);
}

/* conn:recv_n(n[, seconds]) -> exactly n bytes, or nil, reason ("eof" at the end), what has come */
static int conn_recv_n(lua_State *L) {
  sn_conn *c = check_conn(L);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  sn_limit limit = sn_limit_of(sn_opt_seconds(L, 3));
  while (c->in.size < size) {
    sn_result result = sn_conn_fill(c, limit);
    if (result != SN_OK) return push_short(L, c, result);
  }
  return push_received(L, c, size);
}

/* conn:recv_until(text[, seconds]) -> the bytes up to and with the text, or as recv_n */
static int conn_recv_until(lua_State *L) {
  sn_conn *c = check_conn(L);
  size_t size, end;
  const char *text = luaL_checklstring(L, 2, &size);
  sn_limit limit = sn_limit_of(sn_opt_seconds(L, 3));
  while ((end = sn_bytes_find_end(&c->in, text, size)) == 0) {
    sn_result result = sn_conn_fill(c, limit);
    if (result != SN_OK) return push_short(L, c, result);
  }
  return push_received(L, c, end);
}

/* conn:recv_all([seconds]) -> all bytes until the end, or as recv_n */
static int conn_recv_all(lua_State *L) {
  sn_conn *c = check_conn(L);
  sn_limit limit = sn_limit_of(sn_opt_seconds(L, 2));
  sn_result result;
  do {
    result = sn_conn_fill(c, limit);
  } while (result == SN_OK);
  return result == SN_EOF ? push_received(L, c, c->in.size) : push_short(L, c, result);
}

/* --- Conn: endings and knobs */

static int conn_close(lua_State *L) {
  sn_conn_close(check_conn(L));
  return 0;
}

static int conn_reset(lua_State *L) {
  sn_conn_reset(check_conn(L));
  return 0;
}

/* The sending side ends; over TLS without close_notify. */
static int conn_shutdown(lua_State *L) {
  sn_conn *c = check_conn(L);
  lua_pushboolean(L, c->fd >= 0 && shutdown(c->fd, SHUT_WR) == 0);
  return 1;
}

static int conn_close_notify(lua_State *L) {
  sn_conn *c = check_conn(L);
  return push_result(L, c, sn_conn_close_notify(c, sn_limit_of(sn_opt_seconds(L, 2))));
}

static int set_buffer(lua_State *L, int option) {
  int size = (int)luaL_checkinteger(L, 2);
  lua_pushboolean(L, setsockopt(check_conn(L)->fd, SOL_SOCKET, option, &size, sizeof size) == 0);
  return 1;
}

static int conn_set_rcvbuf(lua_State *L) { return set_buffer(L, SO_RCVBUF); }

static int conn_set_sndbuf(lua_State *L) { return set_buffer(L, SO_SNDBUF); }

static int conn_peer_address(lua_State *L) {
  char text[SN_WHY];
  sn_peer_of(check_conn(L)->fd, text);
  lua_pushstring(L, text);
  return 1;
}

static int conn_fd(lua_State *L) {
  lua_pushinteger(L, check_conn(L)->fd);
  return 1;
}

/* --- Conn: TLS */

/* conn:starttls(options or context[, server_name]): no byte moves yet, see handshake */
static int conn_starttls(lua_State *L) {
  sn_conn *c = check_conn(L);
  const char *name = luaL_optstring(L, 3, NULL);
  if (c->ssl || c->fd < 0) return sn_fail(L, "not a plain connection");
  sn_context *context = sn_check_context(L, 2);
  if (!sn_conn_start_tls(c, context, name)) return sn_fail(L, c->why);
  lua_pushboolean(L, 1);
  return 1;
}

/* conn:handshake("step") -> true when done, false when it waits for the peer, or nil, reason;
 * conn:handshake([seconds]) -> true, or nil, reason */
static int conn_handshake(lua_State *L) {
  sn_conn *c = check_conn(L);
  if (lua_type(L, 2) != LUA_TSTRING)
    return push_result(L, c, sn_conn_handshake(c, sn_limit_of(sn_opt_seconds(L, 2))));
  sn_result result = sn_conn_handshake_step(c);
  if (result == SN_ERROR || result == SN_EOF) return sn_fail(L, result_text(c, result));
  lua_pushboolean(L, result == SN_OK);
  return 1;
}

static int conn_handshake_done(lua_State *L) {
  lua_pushboolean(L, check_conn(L)->info.done);
  return 1;
}

static int conn_tls_info(lua_State *L) {
  sn_tls_info_push(L, &check_conn(L)->info);
  return 1;
}

static int conn_sni(lua_State *L) {
  lua_pushstring(L, check_conn(L)->info.sni);
  return 1;
}

static int conn_version(lua_State *L) {
  lua_pushstring(L, check_conn(L)->info.version);
  return 1;
}

static int conn_alpn(lua_State *L) {
  lua_pushstring(L, check_conn(L)->info.alpn);
  return 1;
}

static int conn_client_subject(lua_State *L) {
  lua_pushstring(L, check_conn(L)->info.peer);
  return 1;
}

static int conn_session_reused(lua_State *L) {
  lua_pushboolean(L, check_conn(L)->info.reused);
  return 1;
}

/* conn:key_update(): TLS 1.3, sent with the next bytes; conn:renegotiate(): TLS 1.2, asks the
 * client. */
static int tls_command(lua_State *L, int (*run)(SSL *)) {
  sn_conn *c = check_conn(L);
  if (!c->ssl) return sn_fail(L, "not TLS");
  ERR_clear_error();
  bool fine = run(c->ssl) == 1;
  ERR_clear_error();
  lua_pushboolean(L, fine);
  return 1;
}

static int update_key(SSL *ssl) { return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED); }

static int ask_again(SSL *ssl) {
  if (SSL_renegotiate(ssl) != 1) return 0;
  (void)SSL_do_handshake(ssl);
  return 1;
}

static int conn_key_update(lua_State *L) { return tls_command(L, update_key); }

static int conn_renegotiate(lua_State *L) { return tls_command(L, ask_again); }

void sn_open_sockets(lua_State *L) {
  static const luaL_Reg listener_methods[] = {{"accept", listener_accept}, {"port", listener_port},
                                              {"host", listener_host},     {"fd", listener_fd},
                                              {"close", listener_close},   {NULL, NULL}};
  static const luaL_Reg conn_methods[] = {{"send", conn_send},
                                          {"send_some", conn_send_some},
                                          {"send_raw", conn_send_raw},
                                          {"send_urgent", conn_send_urgent},
                                          {"recv", conn_recv},
                                          {"recv_n", conn_recv_n},
                                          {"recv_until", conn_recv_until},
                                          {"recv_all", conn_recv_all},
                                          {"close", conn_close},
                                          {"reset", conn_reset},
                                          {"shutdown", conn_shutdown},
                                          {"close_notify", conn_close_notify},
                                          {"set_rcvbuf", conn_set_rcvbuf},
                                          {"set_sndbuf", conn_set_sndbuf},
                                          {"fd", conn_fd},
                                          {"peer_address", conn_peer_address},
                                          {"starttls", conn_starttls},
                                          {"handshake", conn_handshake},
                                          {"handshake_done", conn_handshake_done},
                                          {"tls_info", conn_tls_info},
                                          {"sni", conn_sni},
                                          {"version", conn_version},
                                          {"alpn", conn_alpn},
                                          {"client_subject", conn_client_subject},
                                          {"session_reused", conn_session_reused},
                                          {"key_update", conn_key_update},
                                          {"renegotiate", conn_renegotiate},
                                          {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", native_listen},
                                       {"blackhole", native_blackhole},
                                       {"connect", native_connect},
                                       {NULL, NULL}};
  sn_class(L, SN_LISTENER, listener_methods, listener_close);
  sn_class(L, SN_CONN, conn_methods, conn_gc);
  sn_set_functions(L, functions);
}
