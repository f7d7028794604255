/* floor.c - the least that a client with this interface can cost in this Lua: the names that
 * ours.lua calls for small exchanges, bound as the client binds them (a userdata, an __index that
 * is a function, a check of each argument), with the bare loop of bare.c underneath.
 *
 * It knows beforehand what will come: the first exchange learns the size of the answer, and from
 * then on bytes are counted. What a script is handed (codes, bodies, tables of fields) it gets all
 * the same. One kind of exchange for each process, as in the bare driver. */
#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#endif

#define BATCH 256 /* events that one epoll_wait takes, as in bare.c */
#define REQUEST_SIZE 1024u
#define CLIENT "bench.floor.client"
#define POLLER "bench.floor.poller"

int luaopen_bench_floor(lua_State *L);

enum { DISCONNECTED, RESOLVING, CONNECTING, CONNECTED, REQUESTING, BODY };
enum { METHOD_GET, METHOD_POST };

typedef struct floor_client {
  const void *mark; /* tells it from other userdata without a look at the registry, as ours does */
  int fd;
  int status;
  bool blocking;
  size_t got;
  char *answer; /* many of them may wait to be read at once */
  int seat; /* in the table of the Poller that it is in */
} floor_client;

typedef struct floor_poller {
  int fd;
  int count;
  int members; /* its table in the registry */
} floor_poller;

static struct {
  int port;
  char request[REQUEST_SIZE];
  size_t request_size;
  size_t head_size, answer_size; /* 0: nothing has come yet */
  int fields, field_count; /* names and values of the first head, a table in the registry */
} exchange;

static char first[65536]; /* the first answer; a NUL follows it */
static const char mark;

/* --- arguments */

static floor_client *check_client(lua_State *L) {
  floor_client *self = lua_touserdata(L, 1);
  if (self && lua_rawlen(L, 1) == sizeof *self && self->mark == &mark) return self;
  return luaL_checkudata(L, 1, CLIENT);
}

/* luaL_error, as what it is: the checkers do not know that it never comes back. */
__attribute__((noreturn)) static void stop(lua_State *L, const char *why) {
  luaL_error(L, "%s", why);
  abort();
}

static int push_ok(lua_State *L) {
  lua_pushinteger(L, 0);
  return 1;
}

/* --- what goes out */

static void append(lua_State *L, const char *bytes, size_t size) {
  if (size > REQUEST_SIZE - exchange.request_size) stop(L, "the request is too long");
  memcpy(exchange.request + exchange.request_size, bytes, size);
  exchange.request_size += size;
}

static void append_text(lua_State *L, const char *text) { append(L, text, strlen(text)); }

/* The bytes that are sent again and again; `fields` is on the stack as argument 4. */
static void prepare(lua_State *L, lua_Integer method, const char *path, const char *body,
                    size_t body_size) {
  append_text(L, method == METHOD_POST ? "POST " : "GET ");
  append_text(L, path);
  append_text(L, lua_pushfstring(L,
                                 " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bare/1.0 "
                                 "(Linux)\r\nAccept: */*\r\n",
                                 exchange.port));
  lua_pop(L, 1);
  for (size_t i = 1; i <= lua_rawlen(L, 4); i++) {
    lua_rawgeti(L, 4, (int)i);
    append_text(L, luaL_checkstring(L, -1));
    append_text(L, "\r\n");
    lua_pop(L, 1);
  }
  if (body) {
    append_text(L, lua_pushfstring(L, "Content-Length: %d\r\n", (int)body_size));
    lua_pop(L, 1);
  }
  append_text(L, "\r\n");
  append(L, body ? body : "", body_size);
}

/* request(method, path, fields [, body]): all arguments are checked each time, and what they say is
 * the same each time. */
static int client_request(lua_State *L) {
  floor_client *self = check_client(L);
  lua_Integer method = luaL_checkinteger(L, 2);
  size_t body_size = 0;
  const char *path = luaL_checkstring(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  const char *body = luaL_optlstring(L, 5, NULL, &body_size);
  if (exchange.request_size == 0) prepare(L, method, path, body, body_size);
  if (self->status != CONNECTED) return luaL_error(L, "the client is not connected");
  ssize_t sent = send(self->fd, exchange.request, exchange.request_size, MSG_NOSIGNAL);
  if (sent != (ssize_t)exchange.request_size) return luaL_error(L, "send: %s", strerror(errno));
  self->got = 0;
  self->status = REQUESTING;
  return push_ok(L);
}

/* --- what comes in */

static size_t receive(lua_State *L, int fd, char *room, size_t size) {
  ssize_t got = recv(fd, room, size, 0);
  if (got <= 0) stop(L, got == 0 ? "end of the connection" : strerror(errno));
  return (size_t)got;
}

/* Reads the first answer's head, which says how long all answers are. */
static void learn(lua_State *L, floor_client *self) {
  const char *end = NULL;
  while (!end) {
    if (self->got == sizeof first - 1) stop(L, "the head does not fit");
    self->got += receive(L, self->fd, first + self->got, sizeof first - 1 - self->got);
    end = strstr(first, "\r\n\r\n");
  }
  const char *length = strstr(first, "\r\nContent-Length:");
  if (!length || length > end) stop(L, "an answer without length");
  exchange.head_size = (size_t)(end - first) + 4;
  exchange.answer_size = exchange.head_size + (size_t)strtoull(length + 17, NULL, 10);
  if (self->got > exchange.answer_size) stop(L, "bytes behind the answer");
}

/* One byte more than an answer has, to see that there is none. */
static void make_room(lua_State *L, floor_client *self) {
  if (exchange.answer_size == 0) learn(L, self);
  self->answer = malloc(exchange.answer_size + 1);
  if (!self->answer) stop(L, "out of memory");
  memcpy(self->answer, first, self->got);
}

/* True: the answer is whole. */
static bool advance(lua_State *L, floor_client *self) {
  if (!self->answer) make_room(L, self);
  if (self->got < exchange.answer_size)
    self->got +=
        receive(L, self->fd, self->answer + self->got, exchange.answer_size + 1 - self->got);
  if (self->got < exchange.answer_size) return false;
  if (self->got > exchange.answer_size) stop(L, "the answer has another size than the first");
  self->status = BODY;
  return true;
}

static void take_answer(lua_State *L, floor_client *self) {
  while (self->status == REQUESTING) advance(L, self);
}

/* Without blocking mode there is nothing to do: the wait that follows receives. */
static int client_poll(lua_State *L) {
  floor_client *self = check_client(L);
  if (self->blocking) take_answer(L, self);
  return push_ok(L);
}

static int client_wait(lua_State *L) {
  floor_client *self = check_client(L);
  luaL_checknumber(L, 2);
  if (self->status == CONNECTING) self->status = CONNECTED;
  take_answer(L, self);
  lua_pushinteger(L, 0);
  lua_pushboolean(L, 1);
  return 2;
}

static int client_get_status(lua_State *L) {
  lua_pushinteger(L, check_client(L)->status);
  return 1;
}

static int client_get_response_code(lua_State *L) {
  const char *answer = check_client(L)->answer;
  int code = answer ? (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0') : 0;
  lua_pushinteger(L, code);
  return 1;
}

static int client_read_response_body_chunk(lua_State *L) {
  floor_client *self = check_client(L);
  if (self->status != BODY) return luaL_error(L, "there is no body");
  lua_pushlstring(L, self->answer + exchange.head_size, exchange.answer_size - exchange.head_size);
  self->status = CONNECTED;
  return 1;
}

/* The strings of the first head, name and value in turn, as a table that stays. */
static void keep_fields(lua_State *L, const char *answer) {
  const char *end = answer + exchange.head_size - 2;
  const char *line = memchr(answer, '\n', exchange.head_size);
  lua_newtable(L);
  while (line && ++line < end) {
    const char *next = memchr(line, '\n', (size_t)(end - line));
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!next || !colon || colon > next) stop(L, "a field line without colon");
    lua_pushlstring(L, line, (size_t)(colon - line));
    lua_rawseti(L, -2, 2 * exchange.field_count + 1);
    lua_pushlstring(L, colon + 2, (size_t)(next - colon) - 3);
    lua_rawseti(L, -2, 2 * exchange.field_count + 2);
    exchange.field_count++;
    line = next;
  }
  exchange.fields = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* A new table each time, as the script may keep it; but of strings that are there already: to make
 * them anew costs more (a hash of each), and who compares heads, as ours does, need not. */
static int client_get_response_headers_as_dictionary(lua_State *L) {
  floor_client *self = check_client(L);
  if (self->status != BODY) return luaL_error(L, "there is no head");
  if (exchange.field_count == 0) keep_fields(L, self->answer);
  lua_createtable(L, 0, exchange.field_count);
  lua_rawgeti(L, LUA_REGISTRYINDEX, exchange.fields);
  int strings = lua_gettop(L);
  for (int i = 0; i < exchange.field_count; i++) {
    lua_rawgeti(L, strings, 2 * i + 1);
    lua_rawgeti(L, strings, 2 * i + 2);
    lua_rawset(L, strings - 1);
  }
  lua_settop(L, strings - 1);
  return 1;
}

/* --- the connection */

/* Connects at once, as the bare loop does, and says so when it is waited for: the script must ask
 * as often as it has to ask a client whose connect does not block. */
static int client_connect_to_host(lua_State *L) {
  floor_client *self = check_client(L);
  const char *host = luaL_checkstring(L, 2);
  lua_Integer port = luaL_checkinteger(L, 3);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int one = 1;
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return luaL_error(L, "no IPv4 address");
  if (self->fd >= 0) return luaL_error(L, "the client is connected");
  self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (self->fd < 0) return luaL_error(L, "socket: %s", strerror(errno));
  if (setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    return luaL_error(L, "TCP_NODELAY: %s", strerror(errno));
  if (connect(self->fd, (const struct sockaddr *)&address, sizeof address) != 0)
    return luaL_error(L, "connect: %s", strerror(errno));
  exchange.port = (int)port;
  self->status = CONNECTING;
  return push_ok(L);
}

static int client_close(lua_State *L) {
  floor_client *self = check_client(L);
  if (self->fd >= 0) close(self->fd);
  self->fd = -1;
  self->status = DISCONNECTED;
  return 0;
}

static int client_gc(lua_State *L) {
  floor_client *self = luaL_checkudata(L, 1, CLIENT);
  if (self->fd >= 0) close(self->fd);
  self->fd = -1;
  free(self->answer);
  self->answer = NULL;
  return 0;
}

/* What goes wrong raises; the script asks for it behind a status that it didn't expect. */
static int client_get_last_error(lua_State *L) {
  (void)check_client(L);
  lua_pushinteger(L, 0);
  lua_pushliteral(L, "");
  return 2;
}

static int client_new(lua_State *L) {
  floor_client *self = lua_newuserdata(L, sizeof *self);
  *self = (floor_client){.mark = &mark, .fd = -1};
  luaL_getmetatable(L, CLIENT);
  lua_setmetatable(L, -2);
  return 1;
}

/* Upvalue 1 is the class table. Every method call comes by here, as in ours. */
static int index_class(lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

static int client_newindex(lua_State *L) {
  floor_client *self = check_client(L);
  if (strcmp(luaL_checkstring(L, 2), "blocking_mode_enabled") != 0)
    return luaL_error(L, "no field '%s' to write", lua_tostring(L, 2));
  luaL_checktype(L, 3, LUA_TBOOLEAN);
  self->blocking = lua_toboolean(L, 3) != 0;
  return 0;
}

/* --- the Poller */

static int poller_new(lua_State *L) {
  floor_poller *self = lua_newuserdata(L, sizeof *self);
  self->fd = epoll_create1(EPOLL_CLOEXEC);
  if (self->fd < 0) return luaL_error(L, "epoll_create1: %s", strerror(errno));
  self->count = 0;
  luaL_getmetatable(L, POLLER);
  lua_setmetatable(L, -2);
  lua_newtable(L);
  self->members = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

static int poller_gc(lua_State *L) {
  floor_poller *self = luaL_checkudata(L, 1, POLLER);
  close(self->fd);
  luaL_unref(L, LUA_REGISTRYINDEX, self->members);
  return 0;
}

static int poller_add(lua_State *L) {
  floor_poller *self = luaL_checkudata(L, 1, POLLER);
  floor_client *client = luaL_checkudata(L, 2, CLIENT);
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = client}};
  if (epoll_ctl(self->fd, EPOLL_CTL_ADD, client->fd, &event) != 0)
    return luaL_error(L, "epoll_ctl: %s", strerror(errno));
  client->seat = ++self->count;
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->members);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, client->seat);
  return push_ok(L);
}

/* Fills the table below the top, which is that of the members; returns how many answers are
 * whole. */
static int take_ready(lua_State *L, const struct epoll_event *events, int ready) {
  int whole = 0;
  for (int i = 0; i < ready; i++) {
    floor_client *client = events[i].data.ptr;
    if (!advance(L, client)) continue;
    lua_rawgeti(L, -1, client->seat);
    lua_rawseti(L, -3, ++whole);
  }
  return whole;
}

static int poller_wait(lua_State *L) {
  struct epoll_event events[BATCH];
  floor_poller *self = luaL_checkudata(L, 1, POLLER);
  int milliseconds = (int)(luaL_checknumber(L, 2) * 1000);
  int ready = epoll_wait(self->fd, events, BATCH, milliseconds);
  if (ready <= 0) return luaL_error(L, "epoll_wait found nothing");
  lua_createtable(L, ready, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, self->members);
  while (take_ready(L, events, ready) == 0) {
    ready = epoll_wait(self->fd, events, BATCH, milliseconds);
    if (ready <= 0) return luaL_error(L, "epoll_wait found nothing");
  }
  lua_pop(L, 1);
  return 1;
}

/* --- the module */

static const luaL_Reg client_methods[] = {
    {"new", client_new},
    {"connect_to_host", client_connect_to_host},
    {"request", client_request},
    {"poll", client_poll},
    {"wait", client_wait},
    {"get_status", client_get_status},
    {"get_last_error", client_get_last_error},
    {"get_response_code", client_get_response_code},
    {"get_response_headers_as_dictionary", client_get_response_headers_as_dictionary},
    {"read_response_body_chunk", client_read_response_body_chunk},
    {"close", client_close},
    {NULL, NULL},
};

static const luaL_Reg poller_methods[] = {
    {"new", poller_new}, {"add", poller_add}, {"wait", poller_wait}, {NULL, NULL}};

static const struct {
  const char *name;
  int value;
} constants[] = {
    {"METHOD_GET", METHOD_GET},      {"METHOD_POST", METHOD_POST},
    {"STATUS_RESOLVING", RESOLVING}, {"STATUS_CONNECTING", CONNECTING},
    {"STATUS_CONNECTED", CONNECTED}, {"STATUS_REQUESTING", REQUESTING},
    {"STATUS_BODY", BODY},
};

static void set_function(lua_State *L, const char *name, lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}

/* Pushes the class table; the metatable's __index has it as its upvalue. */
static void push_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction index,
                       lua_CFunction gc) {
  lua_newtable(L);
  for (; methods->name; methods++) set_function(L, methods->name, methods->func);
  luaL_newmetatable(L, name);
  set_function(L, "__gc", gc);
  lua_pushvalue(L, -2);
  if (index) lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

int luaopen_bench_floor(lua_State *L) {
  lua_newtable(L);
  push_class(L, CLIENT, client_methods, index_class, client_gc);
  for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
    lua_pushinteger(L, constants[i].value);
    lua_setfield(L, -2, constants[i].name);
  }
  luaL_getmetatable(L, CLIENT);
  set_function(L, "__newindex", client_newindex);
  lua_pop(L, 1);
  lua_setfield(L, -2, "HTTPClient");
  push_class(L, POLLER, poller_methods, NULL, poller_gc); /* a plain table, as ours has there */
  lua_setfield(L, -2, "Poller");
  return 1;
}
