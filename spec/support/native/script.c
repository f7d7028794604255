/* script.c - the steps of a scripted server. */
#include "script.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

sn_limit sn_script_limit(const sn_script *script) {
  return (sn_limit){sn_now() + script->step_seconds, script->stop_pipe[0]};
}

/* Conditions wait on the real-time clock here: macOS knows no other. A jump of it makes a wait
 * longer, never wrong. */
bool sn_script_wait_changed(sn_script *script, double deadline) {
  double left = deadline - sn_now();
  if (left <= 0) return false;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  double slice = left < 3600 ? left : 3600;
  until.tv_sec += (time_t)slice;
  until.tv_nsec += (long)((slice - (double)(time_t)slice) * 1e9);
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  (void)pthread_cond_timedwait(&script->changed, &script->lock, &until);
  return true;
}

static bool fail(sn_script *script, const char *why) {
  pthread_mutex_lock(&script->lock);
  if (script->why[0] == '\0' && !script->is_stopped)
    snprintf(script->why, SN_WHY, "step %zu (%s): %.160s", script->next,
             script->steps[script->next - 1].name, why);
  pthread_mutex_unlock(&script->lock);
  return false;
}

static bool conclude(sn_script *script, sn_result result) {
  if (result == SN_OK) return true;
  if (result == SN_TIMEOUT) return fail(script, "timeout");
  return fail(script,
              result == SN_EOF ? "unexpected end of the connection" : script->current->conn.why);
}

static bool need_conn(sn_script *script) {
  return (script->current && script->current->conn.fd >= 0) || fail(script, "no connection");
}

/* --- connections */

static bool do_accept(sn_script *script, const sn_step *step) {
  (void)step;
  char why[SN_WHY] = "no listener";
  int fd = -1;
  sn_result result = script->listener < 0
                         ? SN_ERROR
                         : sn_accept(script->listener, sn_script_limit(script), &fd, why);
  if (result != SN_OK) return fail(script, result == SN_TIMEOUT ? "timeout" : why);
  sn_peer *peer = sn_allocate(sizeof *peer);
  peer->conn.fd = fd;
  pthread_mutex_lock(&script->lock);
  script->peers = sn_resize(script->peers, (script->peer_count + 1) * sizeof *script->peers);
  script->peers[script->peer_count++] = peer;
  script->current = peer;
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
  return true;
}

static bool do_select(sn_script *script, const sn_step *step) {
  size_t index = (size_t)step->number;
  if (index < 1 || index > script->peer_count) return fail(script, "no such connection");
  script->current = script->peers[index - 1];
  return true;
}

static bool do_close(sn_script *script, const sn_step *step) {
  (void)step;
  if (!need_conn(script)) return false;
  sn_conn_close(&script->current->conn);
  return true;
}

static bool do_reset(sn_script *script, const sn_step *step) {
  (void)step;
  if (!need_conn(script)) return false;
  sn_conn_reset(&script->current->conn);
  return true;
}

static bool do_shutdown(sn_script *script, const sn_step *step) {
  (void)step;
  if (!need_conn(script)) return false;
  return shutdown(script->current->conn.fd, SHUT_WR) == 0 || fail(script, strerror(errno));
}

static bool do_refuse(sn_script *script, const sn_step *step) {
  (void)step;
  if (script->listener >= 0) close(script->listener);
  script->listener = -1;
  return true;
}

static bool do_rcvbuf(sn_script *script, const sn_step *step) {
  int size = (int)step->number;
  if (!need_conn(script)) return false;
  (void)setsockopt(script->current->conn.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return true;
}

/* --- receiving */

static sn_result fill(sn_script *script, sn_limit limit, bool is_recorded) {
  sn_peer *peer = script->current;
  size_t before = peer->conn.in.size;
  sn_result result = sn_conn_fill(&peer->conn, limit);
  if (!is_recorded) return result;
  pthread_mutex_lock(&script->lock);
  sn_bytes_add(&peer->record, peer->conn.in.data + before, peer->conn.in.size - before);
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
  return result;
}

static bool do_recv_until(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  sn_limit limit = sn_script_limit(script);
  sn_bytes *in = &script->current->conn.in;
  size_t end;
  while ((end = sn_bytes_find_end(in, step->text, step->size)) == 0)
    if (!conclude(script, fill(script, limit, true))) return false;
  sn_bytes_drop(in, end);
  return true;
}

static bool do_recv_n(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  sn_limit limit = sn_script_limit(script);
  size_t size = (size_t)step->number;
  while (script->current->conn.in.size < size)
    if (!conclude(script, fill(script, limit, true))) return false;
  sn_bytes_drop(&script->current->conn.in, size);
  return true;
}

/* As recv_n, for sizes that nobody wants to see again. */
static bool do_discard(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  sn_limit limit = sn_script_limit(script);
  sn_bytes *in = &script->current->conn.in;
  for (double left = step->number; left > 0;) {
    if (in->size == 0 && !conclude(script, fill(script, limit, false))) return false;
    size_t size = (double)in->size < left ? in->size : (size_t)left;
    sn_bytes_drop(in, size);
    left -= (double)size;
  }
  return true;
}

/* Until the peer ends the connection, in good order or not. */
static bool do_recv_eof(sn_script *script, const sn_step *step) {
  (void)step;
  if (!need_conn(script)) return false;
  sn_limit limit = sn_script_limit(script);
  for (;;) {
    sn_result result = fill(script, limit, true);
    if (result == SN_EOF || result == SN_ERROR) return true;
    if (!conclude(script, result)) return false;
    sn_bytes_drop(&script->current->conn.in, script->current->conn.in.size);
  }
}

/* --- sending */

static bool send_bytes(sn_script *script, const char *text, size_t size) {
  size_t sent;
  return conclude(script,
                  sn_conn_send(&script->current->conn, text, size, sn_script_limit(script), &sent));
}

/* {"send", bytes[, times]} */
static bool do_send(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  for (double left = step->number > 0 ? step->number : 1; left > 0; left--)
    if (!send_bytes(script, step->text, step->size)) return false;
  return true;
}

/* {"send_some", bytes, times}: as send; that the client ends the connection meanwhile is no
 * failure. */
static bool do_send_some(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  for (double left = step->number > 0 ? step->number : 1; left > 0; left--) {
    size_t sent;
    sn_result result = sn_conn_send(&script->current->conn, step->text, step->size,
                                    sn_script_limit(script), &sent);
    if (result == SN_ERROR || result == SN_EOF) return true;
    if (!conclude(script, result)) return false;
  }
  return true;
}

static bool do_send_raw(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  sn_conn *conn = &script->current->conn;
  return conclude(script, sn_conn_send_raw(conn, step->text, step->size, sn_script_limit(script)));
}

static bool pause_for(sn_script *script, double seconds) {
  sn_limit limit = {sn_now() + seconds, -1};
  return seconds <= 0 || sn_wait(script->stop_pipe[0], POLLIN, limit) == SN_TIMEOUT ||
         fail(script, "stopped");
}

static bool do_sleep(sn_script *script, const sn_step *step) {
  return pause_for(script, step->number);
}

/* {"drip", bytes[, seconds]}: one byte at a time, with a pause between two. */
static bool do_drip(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  for (size_t i = 0; i < step->size; i++)
    if (!send_bytes(script, step->text + i, 1) || !pause_for(script, step->number)) return false;
  return true;
}

/* --- TLS */

static bool start_tls(sn_script *script, const sn_step *step) {
  sn_conn *conn = &script->current->conn;
  if (conn->ssl) return fail(script, "TLS already");
  atomic_fetch_add(&step->context->references, 1);
  if (!sn_conn_start_tls(conn, step->context, NULL)) return fail(script, conn->why);
  return true;
}

static void take_info(sn_script *script) {
  pthread_mutex_lock(&script->lock);
  script->current->info = script->current->conn.info;
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
}

static bool do_starttls(sn_script *script, const sn_step *step) {
  if (!need_conn(script) || !start_tls(script, step)) return false;
  if (!conclude(script, sn_conn_handshake(&script->current->conn, sn_script_limit(script))))
    return false;
  take_info(script);
  return true;
}

/* {"trytls", options}: as starttls; a handshake that fails is no failure of the script. */
static bool do_trytls(sn_script *script, const sn_step *step) {
  if (!need_conn(script) || !start_tls(script, step)) return false;
  sn_result result = sn_conn_handshake(&script->current->conn, sn_script_limit(script));
  if (result == SN_ERROR || result == SN_EOF) return true;
  if (!conclude(script, result)) return false;
  take_info(script);
  return true;
}

static bool do_close_notify(sn_script *script, const sn_step *step) {
  (void)step;
  return need_conn(script) &&
         conclude(script, sn_conn_close_notify(&script->current->conn, sn_script_limit(script)));
}

/* --- a tunnel, for proxies */

/* Moves what there is. False: this side is at its end. */
static bool move_bytes(sn_conn *from, sn_conn *to, sn_limit limit) {
  char bytes[16384];
  size_t got, sent;
  sn_result result = sn_conn_read(from, bytes, sizeof bytes, &got);
  if (result == SN_WANT_READ || result == SN_WANT_WRITE) return true;
  return result == SN_OK && sn_conn_send(to, bytes, got, limit, &sent) == SN_OK;
}

static bool pump_tunnel(sn_script *script, sn_conn *near, sn_conn *far) {
  sn_limit limit = sn_script_limit(script);
  size_t sent;
  if (sn_conn_send(far, near->in.data, near->in.size, limit, &sent) != SN_OK) return true;
  near->in.size = 0;
  for (;;) {
    struct pollfd set[3] = {
        {near->fd, POLLIN, 0}, {far->fd, POLLIN, 0}, {script->stop_pipe[0], POLLIN, 0}};
    if (near->ssl && SSL_has_pending(near->ssl)) set[0].revents = POLLIN;
    else if (poll(set, 3, 100) < 0 && errno != EINTR) return fail(script, strerror(errno));
    if (set[2].revents != 0) return fail(script, "stopped");
    if (set[0].revents != 0 && !move_bytes(near, far, limit)) return true;
    if (set[1].revents != 0 && !move_bytes(far, near, limit)) return true;
    if (sn_now() > limit.deadline) return fail(script, "timeout");
  }
}

/* {"tunnel", port}: to 127.0.0.1 and that port, until one side ends; then the client's side is
 * closed too. */
static bool do_tunnel(sn_script *script, const sn_step *step) {
  if (!need_conn(script)) return false;
  sn_conn far = {.fd = -1};
  if (sn_connect("127.0.0.1", (int)step->number, sn_script_limit(script), &far.fd, far.why) !=
      SN_OK)
    return fail(script, far.why);
  bool fine = pump_tunnel(script, &script->current->conn, &far);
  sn_conn_close(&far);
  sn_conn_close(&script->current->conn);
  return fine;
}

/* --- gates and repeats */

static bool gate_is_open(const sn_script *script, const char *name) {
  for (size_t i = 0; i < script->gate_count; i++)
    if (strcmp(script->gates[i], name) == 0) return true;
  return false;
}

void sn_script_open_gate(sn_script *script, const char *name) {
  pthread_mutex_lock(&script->lock);
  script->gates = sn_resize(script->gates, (script->gate_count + 1) * sizeof *script->gates);
  script->gates[script->gate_count++] = sn_copy(name, strlen(name));
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
}

static bool do_gate(sn_script *script, const sn_step *step) {
  double deadline = sn_now() + script->step_seconds;
  bool in_time = true;
  pthread_mutex_lock(&script->lock);
  script->waiting_at = step->text;
  pthread_cond_broadcast(&script->changed);
  while (in_time && !script->is_stopped && !gate_is_open(script, step->text))
    in_time = sn_script_wait_changed(script, deadline);
  script->waiting_at = NULL;
  bool is_open = gate_is_open(script, step->text);
  pthread_mutex_unlock(&script->lock);
  return is_open || fail(script, "the gate was not opened");
}

/* Holds still until it is stopped. */
static bool do_stall(sn_script *script, const sn_step *step) {
  (void)step;
  pthread_mutex_lock(&script->lock);
  while (!script->is_stopped) (void)sn_script_wait_changed(script, sn_now() + 60);
  pthread_mutex_unlock(&script->lock);
  return false;
}

bool sn_action_repeat(sn_script *script, const sn_step *step) {
  if (step->number < 1) {
    script->next = step->partner;
    return true;
  }
  script->repeats[script->repeat_depth++] = (size_t)step->number;
  return true;
}

bool sn_action_repeat_end(sn_script *script, const sn_step *step) {
  size_t *left = &script->repeats[script->repeat_depth - 1];
  if (--*left > 0) script->next = step->partner + 1;
  else script->repeat_depth--;
  return true;
}

const sn_action_entry sn_actions[] = {
    {"accept", SN_NO_ARGUMENT, do_accept},
    {"select", SN_NUMBER, do_select},
    {"close", SN_NO_ARGUMENT, do_close},
    {"reset", SN_NO_ARGUMENT, do_reset},
    {"shutdown", SN_NO_ARGUMENT, do_shutdown},
    {"refuse", SN_NO_ARGUMENT, do_refuse},
    {"rcvbuf", SN_NUMBER, do_rcvbuf},
    {"recv_until", SN_TEXT, do_recv_until},
    {"recv_n", SN_NUMBER, do_recv_n},
    {"discard", SN_NUMBER, do_discard},
    {"recv_eof", SN_NO_ARGUMENT, do_recv_eof},
    {"send", SN_TEXT_NUMBER, do_send},
    {"send_some", SN_TEXT_NUMBER, do_send_some},
    {"send_raw", SN_TEXT, do_send_raw},
    {"sleep", SN_NUMBER, do_sleep},
    {"drip", SN_TEXT_NUMBER, do_drip},
    {"starttls", SN_TLS, do_starttls},
    {"trytls", SN_TLS, do_trytls},
    {"close_notify", SN_NO_ARGUMENT, do_close_notify},
    {"tunnel", SN_NUMBER, do_tunnel},
    {"gate", SN_TEXT, do_gate},
    {"stall", SN_NO_ARGUMENT, do_stall},
    {NULL, SN_NO_ARGUMENT, NULL},
};

void *sn_script_run(void *argument) {
  sn_script *script = argument;
  bool goes_on = true;
  while (goes_on && script->next < script->step_count) {
    const sn_step *step = &script->steps[script->next++];
    goes_on = step->run(script, step);
  }
  pthread_mutex_lock(&script->lock);
  script->is_done = true;
  pthread_cond_broadcast(&script->changed);
  pthread_mutex_unlock(&script->lock);
  return NULL;
}
