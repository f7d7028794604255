/* udp.c - the class UDP: a datagram socket that answers whoever sent last, for name servers of the
 * specs. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native.h"

#define SN_UDP "spec_native.UDP"

typedef struct udp {
  int fd;
  struct sockaddr_in peer; /* the sender of the last datagram */
} udp;

static udp *check_udp(lua_State *L) { return luaL_checkudata(L, 1, SN_UDP); }

/* native.udp(port): on 127.0.0.1; 0 picks a free one */
static int native_udp(lua_State *L) {
  struct sockaddr_in own = {.sin_family = AF_INET};
  own.sin_port = htons((unsigned short)luaL_optinteger(L, 1, 0));
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  udp *u = sn_object(L, SN_UDP, sizeof *u);
  u->fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (u->fd < 0) return sn_fail(L, strerror(errno));
  sn_prepare_fd(u->fd);
  if (bind(u->fd, (const struct sockaddr *)&own, sizeof own) != 0)
    return sn_fail(L, strerror(errno));
  return 1;
}

/* udp:recv([seconds]) -> the next datagram, or nil, "timeout" */
static int udp_recv(lua_State *L) {
  udp *u = check_udp(L);
  char bytes[4096];
  socklen_t size = sizeof u->peer;
  if (sn_wait(u->fd, POLLIN, sn_limit_of(sn_opt_seconds(L, 2))) != SN_OK)
    return sn_fail(L, "timeout");
  ssize_t got = recvfrom(u->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&u->peer, &size);
  if (got < 0) return sn_fail(L, strerror(errno));
  lua_pushlstring(L, bytes, (size_t)got);
  return 1;
}

/* udp:send(bytes): to the sender of the last datagram */
static int udp_send(lua_State *L) {
  const udp *u = check_udp(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  ssize_t sent = sendto(u->fd, bytes, size, 0, (const struct sockaddr *)&u->peer, sizeof u->peer);
  lua_pushboolean(L, sent == (ssize_t)size);
  return 1;
}

static int udp_port(lua_State *L) {
  lua_pushinteger(L, sn_port_of(check_udp(L)->fd));
  return 1;
}

static int udp_close(lua_State *L) {
  udp *u = check_udp(L);
  if (u->fd >= 0) close(u->fd);
  u->fd = -1;
  return 0;
}

void sn_open_udp(lua_State *L) {
  static const luaL_Reg methods[] = {{"recv", udp_recv},
                                     {"send", udp_send},
                                     {"port", udp_port},
                                     {"close", udp_close},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"udp", native_udp}, {NULL, NULL}};
  sn_class(L, SN_UDP, methods, udp_close);
  sn_set_functions(L, functions);
}
