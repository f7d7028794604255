/* script_lua.c - the class Script: native.script{ {"accept"}, {"recv_until", "\r\n\r\n"}, {"send",
 * "..."}, ... }.
 *
 * Further fields of the table: host ("127.0.0.1"), port (0), backlog (128), seconds (the limit of
 * each step, 60). Connections that the script does not close stay open until stop(). See sn_actions
 * for the steps, and {"repeat", times, {steps}}. */
#include "script.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- from the table to steps */

static sn_step *add_step(sn_script *script) {
  script->steps = sn_resize(script->steps, (script->step_count + 1) * sizeof *script->steps);
  sn_step *step = &script->steps[script->step_count++];
  memset(step, 0, sizeof *step);
  return step;
}

static const sn_action_entry *find_action(lua_State *L, const char *name) {
  for (const sn_action_entry *entry = sn_actions; entry->name; entry++)
    if (name && strcmp(entry->name, name) == 0) return entry;
  luaL_error(L, "no such step: %s", name ? name : "(no name)");
  return NULL;
}

static void read_text(lua_State *L, int table, sn_step *step) {
  lua_rawgeti(L, table, 2);
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "step %s needs a string", step->name);
  const char *text = lua_tolstring(L, -1, &step->size);
  step->text = sn_copy(text, step->size);
  lua_pop(L, 1);
}

static void read_number(lua_State *L, int table, int field, sn_step *step) {
  lua_rawgeti(L, table, field);
  if (field == 2 && lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, "step %s needs a number", step->name);
  step->number = (double)lua_tonumber(L, -1);
  lua_pop(L, 1);
}

static void read_steps(lua_State *L, sn_script *script, int table, int depth);

static void read_repeat(lua_State *L, sn_script *script, int table, int depth) {
  size_t begin = script->step_count;
  sn_step *step = add_step(script);
  step->run = sn_action_repeat;
  step->name = "repeat";
  read_number(L, table, 2, step);
  if (depth >= SN_REPEAT_DEPTH) luaL_error(L, "too many repeats in each other");
  lua_rawgeti(L, table, 3);
  luaL_checktype(L, -1, LUA_TTABLE);
  read_steps(L, script, lua_gettop(L), depth + 1);
  lua_pop(L, 1);
  step = add_step(script);
  step->run = sn_action_repeat_end;
  step->name = "repeat's end";
  step->partner = begin;
  script->steps[begin].partner = script->step_count;
}

static void read_step(lua_State *L, sn_script *script, int table, int depth) {
  lua_rawgeti(L, table, 1);
  const char *name = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table holds it */
  if (name && strcmp(name, "repeat") == 0) {
    read_repeat(L, script, table, depth);
    return;
  }
  const sn_action_entry *entry = find_action(L, name);
  sn_step *step = add_step(script);
  step->run = entry->run;
  step->name = entry->name;
  if (entry->argument == SN_TEXT || entry->argument == SN_TEXT_NUMBER) read_text(L, table, step);
  if (entry->argument == SN_TEXT_NUMBER) read_number(L, table, 3, step);
  if (entry->argument == SN_NUMBER) read_number(L, table, 2, step);
  if (entry->argument == SN_TLS) {
    lua_rawgeti(L, table, 2);
    step->context = sn_check_context(L, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static void read_steps(lua_State *L, sn_script *script, int table, int depth) {
  luaL_checkstack(L, 10, "steps");
  int count = (int)sn_length(L, table);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, table, i);
    luaL_checktype(L, -1, LUA_TTABLE);
    read_step(L, script, lua_gettop(L), depth);
    lua_pop(L, 1);
  }
}

/* --- life */

static sn_script *check_script(lua_State *L) {
  sn_script **slot = luaL_checkudata(L, 1, SN_SCRIPT);
  if (!*slot) luaL_error(L, "the script is gone");
  return *slot;
}

static void stop(sn_script *script) {
  pthread_mutex_lock(&script->lock);
  script->is_stopped = true;
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
  if (!script->is_running) return;
  ssize_t ignored = write(script->stop_pipe[1], "x", 1);
  (void)ignored;
  pthread_join(script->thread, NULL);
  script->is_running = false;
}

/* Closes all that the peer could notice. */
static void close_sockets(sn_script *script) {
  for (size_t i = 0; i < script->peer_count; i++) sn_conn_close(&script->peers[i]->conn);
  if (script->listener >= 0) close(script->listener);
  script->listener = -1;
  for (int i = 0; i < 2; i++) {
    if (script->stop_pipe[i] >= 0) close(script->stop_pipe[i]);
    script->stop_pipe[i] = -1;
  }
}

static int script_gc(lua_State *L) {
  sn_script **slot = luaL_checkudata(L, 1, SN_SCRIPT);
  sn_script *script = *slot;
  if (!script) return 0;
  *slot = NULL;
  stop(script);
  close_sockets(script);
  for (size_t i = 0; i < script->step_count; i++) {
    free(script->steps[i].text);
    if (script->steps[i].context) sn_context_release(script->steps[i].context);
  }
  for (size_t i = 0; i < script->peer_count; i++) {
    sn_bytes_free(&script->peers[i]->record);
    free(script->peers[i]);
  }
  for (size_t i = 0; i < script->gate_count; i++) free(script->gates[i]);
  free(script->steps);
  free(script->peers);
  free(script->gates);
  pthread_cond_destroy(&script->changed);
  pthread_mutex_destroy(&script->lock);
  free(script);
  return 0;
}

/* Signals belong to the other threads: a test may count on who gets them. */
static bool start_thread(sn_script *script) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  script->is_running = pthread_create(&script->thread, NULL, sn_script_run, script) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return script->is_running;
}

static int native_script(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  sn_script **slot = sn_object(L, SN_SCRIPT, sizeof *slot);
  sn_script *script = *slot = sn_allocate(sizeof *script);
  script->listener = script->stop_pipe[0] = script->stop_pipe[1] = -1;
  pthread_mutex_init(&script->lock, NULL);
  pthread_cond_init(&script->changed, NULL);
  script->step_seconds = sn_field_number(L, 1, "seconds", SN_DEFAULT_SECONDS);
  read_steps(L, script, 1, 0);
  const char *host = sn_field_text(L, 1, "host", NULL);
  script->listener = sn_listen(host ? host : "127.0.0.1", (int)sn_field_number(L, 1, "port", 0),
                               (int)sn_field_number(L, 1, "backlog", 128), script->why);
  if (script->listener < 0) return sn_fail(L, script->why);
  script->port = sn_port_of(script->listener);
  if (sn_pipe(script->stop_pipe) != 0) return sn_fail(L, "no pipe");
  if (!start_thread(script)) return sn_fail(L, "no thread");
  return 1;
}

/* --- methods */

static int script_port(lua_State *L) {
  lua_pushinteger(L, check_script(L)->port);
  return 1;
}

static int script_open_gate(lua_State *L) {
  sn_script_open_gate(check_script(L), luaL_checkstring(L, 2));
  return 0;
}

/* The lock is held only around calls that can't raise: bytes are copied out first. */
static int script_received(lua_State *L) {
  sn_script *script = check_script(L);
  size_t only = (size_t)luaL_optinteger(L, 2, 0);
  sn_bytes all = {0};
  pthread_mutex_lock(&script->lock);
  for (size_t i = 0; i < script->peer_count; i++)
    if (only == 0 || only == i + 1)
      sn_bytes_add(&all, script->peers[i]->record.data, script->peers[i]->record.size);
  pthread_mutex_unlock(&script->lock);
  lua_pushlstring(L, all.size > 0 ? all.data : "", all.size);
  sn_bytes_free(&all);
  return 1;
}

static int script_connections(lua_State *L) {
  sn_script *script = check_script(L);
  pthread_mutex_lock(&script->lock);
  size_t count = script->peer_count;
  pthread_mutex_unlock(&script->lock);
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}

/* script:tls_info([n]) -> of the n-th connection, the last one without n; nil before the handshake
 * is done */
static int script_tls_info(lua_State *L) {
  sn_script *script = check_script(L);
  size_t index = (size_t)luaL_optinteger(L, 2, 0);
  sn_tls_info info = {0};
  pthread_mutex_lock(&script->lock);
  if (index == 0) index = script->peer_count;
  if (index >= 1 && index <= script->peer_count) info = script->peers[index - 1]->info;
  pthread_mutex_unlock(&script->lock);
  sn_tls_info_push(L, &info);
  return 1;
}

static int script_done(lua_State *L) {
  sn_script *script = check_script(L);
  pthread_mutex_lock(&script->lock);
  bool is_done = script->is_done;
  pthread_mutex_unlock(&script->lock);
  lua_pushboolean(L, is_done);
  return 1;
}

static void push_error(lua_State *L, sn_script *script) {
  char why[SN_WHY];
  pthread_mutex_lock(&script->lock);
  memcpy(why, script->why, sizeof why);
  pthread_mutex_unlock(&script->lock);
  if (why[0] != '\0') lua_pushstring(L, why);
  else lua_pushnil(L);
}

static int script_error(lua_State *L) {
  push_error(L, check_script(L));
  return 1;
}

typedef bool (*condition)(const sn_script *script, const char *name);

static bool is_done(const sn_script *script, const char *name) {
  (void)name;
  return script->is_done;
}

static bool is_waiting_at(const sn_script *script, const char *name) {
  return script->is_done || (script->waiting_at && strcmp(script->waiting_at, name) == 0);
}

static bool wait_for(sn_script *script, condition holds, const char *name, double seconds) {
  double deadline = sn_now() + seconds;
  bool in_time = true;
  pthread_mutex_lock(&script->lock);
  while (in_time && !holds(script, name)) in_time = sn_script_wait_changed(script, deadline);
  bool fine = holds(script, name);
  pthread_mutex_unlock(&script->lock);
  return fine;
}

/* script:wait([seconds]) -> true when all steps are done, or nil, reason */
static int script_wait(lua_State *L) {
  sn_script *script = check_script(L);
  if (!wait_for(script, is_done, NULL, sn_opt_seconds(L, 2))) return sn_fail(L, "timeout");
  push_error(L, script);
  if (!lua_isnil(L, -1)) return sn_fail(L, lua_tostring(L, -1));
  lua_pushboolean(L, 1);
  return 1;
}

/* script:wait_gate(name[, seconds]) -> true when the script stands before that gate, or nil, reason
 */
static int script_wait_gate(lua_State *L) {
  sn_script *script = check_script(L);
  const char *name = luaL_checkstring(L, 2);
  if (!wait_for(script, is_waiting_at, name, sn_opt_seconds(L, 3))) return sn_fail(L, "timeout");
  pthread_mutex_lock(&script->lock);
  bool there = script->waiting_at && strcmp(script->waiting_at, name) == 0;
  pthread_mutex_unlock(&script->lock);
  if (!there) return sn_fail(L, "the script has ended");
  lua_pushboolean(L, 1);
  return 1;
}

/* script:stop() -> true, or nil and what went wrong; closes all connections */
static int script_stop(lua_State *L) {
  sn_script *script = check_script(L);
  stop(script);
  close_sockets(script);
  push_error(L, script);
  if (!lua_isnil(L, -1)) return sn_fail(L, lua_tostring(L, -1));
  lua_pushboolean(L, 1);
  return 1;
}

void sn_open_script(lua_State *L) {
  static const luaL_Reg methods[] = {{"port", script_port},
                                     {"open_gate", script_open_gate},
                                     {"received", script_received},
                                     {"connections", script_connections},
                                     {"tls_info", script_tls_info},
                                     {"done", script_done},
                                     {"error", script_error},
                                     {"wait", script_wait},
                                     {"wait_gate", script_wait_gate},
                                     {"stop", script_stop},
                                     {NULL, NULL}};
  sn_class(L, SN_SCRIPT, methods, script_gc);
  lua_pushcfunction(L, native_script);
  lua_setfield(L, -2, "script");
}
