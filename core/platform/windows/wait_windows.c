/* wait_windows.c - waiting by WSAPoll, and signals between threads. See wait.h.
 *
 * WSAPoll has no limit of 64 sockets as WaitForMultipleObjects and FD_SETSIZE do, and takes the
 * sockets as they are. What it costs grows with how many there are: each call hands all of them to
 * the kernel. */
#include "system_windows.h"

#include "../wait.h"

#include <limits.h>

#include "../../base/memory.h"
#include "../clock.h"

#define WAIT_ENTRIES_ON_STACK 16u
/* Before Windows 10 2004 WSAPoll does not say that a connect has failed: whoever waits to write is
 * looked at by select as well. A sleep is interrupted for that this often, and a call that did not
 * sleep looks at so many. */
#define LOOK_NS 250000000ull
#define LOOK_MAX 16u

/* --- waiting */

/* WSAPoll knows no entries that are skipped. */
static ULONG fill_poll_entries(WSAPOLLFD *to, const hc_wait_entry *from, size_t count) {
  ULONG used = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned events = from[i].events;
    if (events == 0 || from[i].fd == HC_NO_HANDLE) continue;
    to[used++] = (WSAPOLLFD){.fd = (SOCKET)from[i].fd,
                             .events = (short)((events & HC_EVENT_READ ? POLLRDNORM : 0) |
                                               (events & HC_EVENT_WRITE ? POLLWRNORM : 0))};
  }
  return used;
}

/* Goes over the same entries in the same order as fill_poll_entries, so the results need no search.
 * A socket that is broken is ready for whatever was asked: the call that follows has the reason. */
static size_t take_poll_results(hc_wait_entry *to, size_t count, const WSAPOLLFD *from) {
  size_t ready = 0;
  for (size_t i = 0; i < count; i++) {
    to[i].ready = 0;
    if (to[i].events == 0 || to[i].fd == HC_NO_HANDLE) continue;
    int found = (from++)->revents;
    bool is_broken = (found & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    unsigned events =
        (found & POLLRDNORM ? HC_EVENT_READ : 0) | (found & POLLWRNORM ? HC_EVENT_WRITE : 0);
    to[i].ready = to[i].events & (is_broken ? ~0u : events);
    if (to[i].ready != 0) ready++;
  }
  return ready;
}

#ifdef HC_TEST_HOOKS
bool hc_wait_hides_failures;

/* Takes back what an older WSAPoll would not have said; how many are left. */
static int hide_failures(WSAPOLLFD *entries, ULONG count, int found) {
  for (ULONG i = 0; i < count && hc_wait_hides_failures; i++) {
    if (!(entries[i].events & POLLWRNORM) || !(entries[i].revents & (POLLERR | POLLHUP))) continue;
    entries[i].revents = 0;
    found--;
  }
  return found;
}

static bool hears_of_failures(void) {
  return !hc_wait_hides_failures && hc_windows_build() >= HC_WINDOWS_10_2004;
}
#else
static int hide_failures(WSAPOLLFD *entries, ULONG count, int found) {
  (void)entries, (void)count;
  return found;
}

static bool hears_of_failures(void) { return hc_windows_build() >= HC_WINDOWS_10_2004; }
#endif

/* Whoever waits to write may be waiting for a connect. */
static bool has_writer(const WSAPOLLFD *entries, ULONG count) {
  for (ULONG i = 0; i < count; i++)
    if (entries[i].events & POLLWRNORM) return true;
  return false;
}

/* One socket at a time: an fd_set has room for 64. */
static bool has_failed(SOCKET s) {
  struct timeval none = {0, 0};
  fd_set failed;
  failed.fd_count = 1;
  failed.fd_array[0] = s;
  return select(0, NULL, NULL, &failed, &none) > 0;
}

/* Marks those whose connect has failed; how many. No more than `most` are looked at, of those that
 * WSAPoll says nothing of. The clock chooses where that begins: over a few calls everybody has a
 * turn, and nothing has to be kept. */
static int find_failed(WSAPOLLFD *entries, ULONG count, ULONG most) {
  int found = 0;
  ULONG first = (ULONG)(hc_clock_now() / 1000u % count);
  for (ULONG i = 0; i < count && most > 0; i++) {
    WSAPOLLFD *at = &entries[(first + i) % count];
    if (!(at->events & POLLWRNORM) || at->revents != 0) continue;
    most--;
    if (!has_failed(at->fd)) continue;
    at->revents = POLLERR;
    found++;
  }
  return found;
}

/* WSAPoll knows no wait for nothing either. */
static int poll_once_wait(WSAPOLLFD *entries, ULONG count, int timeout) {
  if (count > 0) return hide_failures(entries, count, WSAPoll(entries, count, timeout));
  Sleep(timeout < 0 ? INFINITE : (DWORD)timeout);
  return 0;
}

/* Where WSAPoll keeps silent on failed connects, a sleep with a writer among them is cut into
 * quarters of a second. Whoever never sleeps, since he comes with each frame or another one is
 * always ready, has a few of them looked at each time. */
static hc_error poll_until(WSAPOLLFD *entries, ULONG count, uint64_t deadline) {
  bool looks = has_writer(entries, count) && !hears_of_failures();
  for (;;) {
    uint64_t until = looks ? hc_clock_earlier(deadline, hc_clock_now() + LOOK_NS) : deadline;
    int timeout = hc_clock_milliseconds_until(until);
    int found = poll_once_wait(entries, count, timeout);
    if (found < 0) return WSAGetLastError() == WSAENOBUFS ? HC_ERR_OUT_OF_MEMORY : HC_FAILED;
    if (looks) found += find_failed(entries, count, found == 0 && timeout > 0 ? count : LOOK_MAX);
    if (found > 0 || (deadline != HC_NEVER && hc_clock_now() >= deadline)) return HC_OK;
  }
}

/* Sixteen entries are on the stack: more than one client's wait has. */
hc_error hc_wait(hc_wait_entry *entries, size_t count, uint64_t deadline, size_t *ready_count) {
  *ready_count = 0;
  WSAPOLLFD few[WAIT_ENTRIES_ON_STACK], *all = few;
  if (count > ULONG_MAX) return HC_ERR_OUT_OF_MEMORY;
  if (count > WAIT_ENTRIES_ON_STACK) all = hc_memory_allocate_zeroed(count, sizeof *all);
  if (!all) return HC_ERR_OUT_OF_MEMORY;
  hc_error error = poll_until(all, fill_poll_entries(all, entries, count), deadline);
  if (error == HC_OK) *ready_count = take_poll_results(entries, count, all);
  if (all != few) hc_memory_release(all);
  return error;
}

/* --- signals between threads */

/* Bound to the loopback on a port of the system's choice, then connected to that: such a socket
 * takes datagrams from nobody but itself. */
static bool connect_to_itself(SOCKET s) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int size = sizeof here;
  u_long on = 1;
  return bind(s, (const struct sockaddr *)&here, sizeof here) == 0 &&
         getsockname(s, (struct sockaddr *)&here, &size) == 0 &&
         connect(s, (const struct sockaddr *)&here, sizeof here) == 0 &&
         ioctlsocket(s, (long)FIONBIO, &on) == 0;
}

/* Windows has no eventfd, and its pipes are no sockets: WSAPoll could not wait for them. A datagram
 * takes no connection with a listener in between. */
hc_error hc_signal_open(hc_signal *signal) {
  *signal = (hc_signal){0};
  if (!hc_network_start()) return HC_ERR_CANT_ACQUIRE_RESOURCE;
  SOCKET s = WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (s == INVALID_SOCKET) return HC_ERR_CANT_ACQUIRE_RESOURCE;
  if (!connect_to_itself(s)) {
    (void)closesocket(s);
    return HC_ERR_CANT_ACQUIRE_RESOURCE;
  }
  *signal = (hc_signal){.read_end = (hc_handle)s, .write_end = (hc_handle)s};
  return HC_OK;
}

/* A datagram that finds no room is one of many: it is raised already. */
void hc_signal_raise(const hc_signal *signal) {
  if (signal->write_end != 0) (void)send((SOCKET)signal->write_end, "", 1, 0);
}

/* Software that filters what goes over the loopback interface. */
bool hc_signal_can_be_lost(void) { return true; }

/* Both ends are the same socket. Nothing takes the datagrams out: a signal that was raised stays so
 * until it is closed. */
void hc_signal_close(hc_signal *signal) {
  if (signal->read_end != 0) (void)closesocket((SOCKET)signal->read_end);
  *signal = (hc_signal){0};
}

/* The system gives no handle the number 0. */
hc_handle hc_signal_handle(const hc_signal *signal) {
  return signal->read_end != 0 ? signal->read_end : HC_NO_HANDLE;
}

void hc_signal_renew(hc_signal *signal) { (void)signal; } /* there are no forks */

/* --- groups: none */

/* OK and no handle: the connector sees that and comes back by its deadline. */
hc_error hc_group_open(hc_handle *group) {
  *group = HC_NO_HANDLE;
  return HC_OK;
}

hc_error hc_group_add(hc_handle group, hc_handle fd, unsigned events) {
  (void)group, (void)fd, (void)events;
  return HC_ERR_UNAVAILABLE;
}

void hc_group_close(hc_handle group) { (void)group; }
