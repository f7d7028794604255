/* test_reach.c - which addresses a client connects to, and from which, where no Lua stands before
 * it: what the terms admit, filters that use what asks them, memory that runs out, Unix sockets. */
#if !defined(_WIN32)
#include <sys/un.h>
#endif

#include "../../core/client/client_state.h"
#include "../../core/net/unix_connector.h"
#include "../../core/stream/stream_peer_tcp.h"
#include "loopback.h"
#include "scratch.h"

static bool tells(const hc_failure *why, const char *text) {
  return strstr(why->text, text) != NULL;
}

/* --- the terms */

typedef struct asked {
  const char *refused; /* addresses that hold this text; "": all */
  char list[256];
  hc_client *client;
  hc_stream_peer *peer;
} asked;

static hc_verdict ask(void *context, const char *address, unsigned port, hc_failure *why) {
  asked *a = (asked *)context;
  size_t used = strlen(a->list);
  (void)why;
  (void)snprintf(a->list + used, sizeof a->list - used, "%s %u;", address, port);
  return strstr(address, a->refused) ? HC_VERDICT_REFUSED : HC_VERDICT_ALLOWED;
}

static void check_terms(void) {
  static const char *const texts[] = {"2001:db8::1", "192.0.2.1", "::1", "127.0.0.1"};
  static const struct {
    const char *name;
    unsigned family;
    const char *local, *refused, *asked, *left, *text;
  } cases[] = {
      {"none", 0, NULL, NULL, "", "2001:db8::1 192.0.2.1 ::1 127.0.0.1 ", NULL},
      {"IPv4", 4, NULL, NULL, "", "192.0.2.1 127.0.0.1 ", NULL},
      {"IPv6", 6, NULL, NULL, "", "2001:db8::1 ::1 ", NULL},
      {"from IPv4", 0, "127.0.0.2", NULL, "", "192.0.2.1 127.0.0.1 ", NULL},
      {"filter", 0, NULL, "2.", "2001:db8::1 7;192.0.2.1 7;::1 7;127.0.0.1 7;",
       "2001:db8::1 ::1 127.0.0.1 ", NULL},
      {"filter and family", 4, NULL, "2.", "192.0.2.1 7;127.0.0.1 7;", "127.0.0.1 ", NULL},
      {"all refused", 6, NULL, "", "2001:db8::1 7;::1 7;", NULL,
       "the address 2001:db8::1 port 7 is not allowed, nor are the host's other 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_address addresses[4];
    size_t count = 4;
    asked a = {.refused = cases[i].refused};
    hc_dial_terms terms = {.family = cases[i].family};
    hc_failure why = {HC_OK, ""};
    char left[256] = "";
    for (size_t k = 0; k < 4; k++) addresses[k] = loopback_address(texts[k], 7);
    if (cases[i].local) terms.local = loopback_address(cases[i].local, 0);
    if (cases[i].refused) terms.allow = ask;
    terms.context = &a;
    hc_error code = hc_dial_terms_apply(&terms, addresses, &count, &why);
    for (size_t k = 0; k < count; k++) {
      char text[HC_ADDRESS_TEXT];
      hc_address_text(&addresses[k], text);
      (void)snprintf(left + strlen(left), sizeof left - strlen(left), "%s ", text);
    }
    bool holds = strcmp(a.list, cases[i].asked) == 0;
    if (cases[i].text) holds = holds && code == HC_ERR_UNAUTHORIZED && tells(&why, cases[i].text);
    else holds = holds && code == HC_OK && strcmp(left, cases[i].left) == 0;
    CHECK_CASE(cases[i].name, holds);
  }
}

/* --- filters that misbehave */

static hc_verdict fail_silently(void *context, const char *address, unsigned port,
                                hc_failure *why) {
  (void)context, (void)address, (void)port, (void)why;
  return HC_VERDICT_FAILED;
}

static hc_verdict no_verdict(void *context, const char *address, unsigned port, hc_failure *why) {
  (void)context, (void)address, (void)port;
  hc_failure_set(why, HC_ERR_SCRIPT_FAILED, "the list of friends is lost");
  return (hc_verdict)7;
}

/* What the client may do at work is to be asked things. */
static hc_verdict use_client(void *context, const char *address, unsigned port, hc_failure *why) {
  asked *a = (asked *)context;
  hc_client *other = hc_client_new();
  (void)address, (void)port, (void)why;
  CHECK(hc_client_is_at_work(a->client));
  CHECK(hc_client_poll(a->client) == HC_ERR_BUSY);
  CHECK(hc_client_connect(a->client, HC_SLICE("127.0.0.1"), 9, HC_CONNECT_PLAIN, NULL, NULL) ==
        HC_ERR_BUSY);
  CHECK(hc_client_connect_unix(a->client, HC_SLICE("/x"), HC_SLICE(""), HC_CONNECT_PLAIN, NULL,
                               NULL) == HC_ERR_BUSY);
  hc_client_close(a->client);
  CHECK(hc_client_get_status(a->client) == HC_STATUS_CONNECTING);
  CHECK(hc_client_join(other, a->client, NULL) == HC_ERR_BUSY);
  CHECK(hc_stream_peer_advance(hc_client_get_stream(a->client), NULL) == HC_IO_WANT_READ);
  hc_client_delete(other);
  return HC_VERDICT_ALLOWED;
}

static hc_client *filtered(hc_address_filter filter, void *context, unsigned port) {
  hc_client *c = hc_client_new();
  loopback_need(c != NULL, "client");
  CHECK(hc_client_set_address_filter(c, filter, context) == HC_OK);
  CHECK(hc_client_connect(c, HC_SLICE("127.0.0.1"), port, HC_CONNECT_PLAIN, NULL, NULL) == HC_OK);
  return c;
}

static void wait_connected(hc_client *c) {
  bool ready;
  while (hc_client_get_status(c) == HC_STATUS_CONNECTING)
    if (hc_client_wait(c, 10, &ready) != HC_OK || !ready) break;
}

static void check_misbehaviour(void) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port);
  asked a = {.refused = "x"};
  hc_client *c = filtered(fail_silently, NULL, port);
  CHECK(hc_client_poll(c) == HC_ERR_CANT_CONNECT &&
        hc_client_last_error(c)->code == HC_ERR_UNAUTHORIZED &&
        tells(hc_client_last_error(c), "whether 127.0.0.1 may be connected to is not known"));
  hc_client_delete(c);
  c = filtered(no_verdict, NULL, port);
  CHECK(hc_client_poll(c) == HC_ERR_CANT_CONNECT &&
        tells(hc_client_last_error(c), "the list of friends is lost"));
  hc_client_delete(c);
  c = filtered(use_client, &a, port);
  a.client = c;
  wait_connected(c);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTED);
  char text[HC_ADDRESS_SPACE];
  unsigned remote;
  CHECK(hc_client_remote_address(c, text, &remote) && strcmp(text, "127.0.0.1") == 0 &&
        remote == port);
  hc_client_close(c);
  CHECK(!hc_client_remote_address(c, text, NULL) && text[0] == '\0');
  hc_client_delete(c);
  (void)close(listener);
}

/* A client whose filter has yet to be asked takes no other beside it: who deletes the first one may
 * delete with it what the filter needs. */
static void check_join(void) {
  asked a = {.refused = "x"};
  hc_failure why = {HC_OK, ""};
  hc_client *c = filtered(ask, &a, 9), *other = hc_client_new();
  CHECK(hc_client_join(other, c, &why) == HC_ERR_BUSY && tells(&why, "address filter"));
  hc_client_delete(other);
  hc_client_delete(c);
  CHECK(a.list[0] == '\0');
}

/* --- the stream by itself */

static hc_verdict close_stream(void *context, const char *address, unsigned port, hc_failure *why) {
  asked *a = (asked *)context;
  (void)address, (void)port, (void)why;
  CHECK(hc_stream_peer_is_in_call(a->peer) == (hc_tcp_get_state(a->peer) != HC_TCP_NONE));
  hc_stream_peer_close(a->peer);
  return HC_VERDICT_ALLOWED;
}

static void check_stream(const char *host) {
  unsigned port;
  int listener = loopback_listen("127.0.0.1", 4, &port);
  asked a = {.refused = "x", .peer = hc_tcp_new()};
  hc_dial_terms terms = {.allow = close_stream, .context = &a};
  hc_failure why = {HC_OK, ""};
  CHECK(hc_tcp_connect_on(a.peer, hc_slice_of(host), port, &terms, NULL) == HC_OK);
  CHECK(hc_stream_peer_advance(a.peer, &why) == HC_IO_ERROR && tells(&why, "closed while"));
  CHECK(hc_tcp_get_state(a.peer) == HC_TCP_NONE);
  /* and again, with the host of the terms gone */
  terms.allow = ask;
  CHECK(hc_tcp_connect_on(a.peer, hc_slice_of(host), port, &terms, NULL) == HC_OK);
  hc_tcp_forget_filter(a.peer);
  hc_failure_clear(&why);
  CHECK(hc_stream_peer_advance(a.peer, &why) == HC_IO_ERROR && why.code == HC_ERR_UNAUTHORIZED);
  CHECK(hc_tcp_get_state(a.peer) == HC_TCP_ERROR && a.list[0] == '\0');
  hc_stream_peer_release(a.peer);
  (void)close(listener);
}

/* --- settings */

static void check_settings(void) {
  hc_client *c = hc_client_new();
  char text[HC_ADDRESS_SPACE];
  hc_slice host;
  unsigned port;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_client_set_address_filter(c, NULL, NULL) == HC_OK);
  CHECK(hc_client_set_local_address(c, HC_SLICE(""), &why) == HC_OK);
  CHECK(hc_client_set_connect_to(c, HC_SLICE(""), &why) == HC_OK);
  hc_client_get_local_address(c, text);
  hc_client_get_connect_to(c, &host, &port);
  CHECK(text[0] == '\0' && host.size == 0 && port == 0);
  CHECK(hc_client_set_local_address(c, HC_SLICE("127.0.0.1"), &why) == HC_OK);
  CHECK(hc_client_set_local_address(c, HC_SLICE("lo"), &why) == HC_ERR_INVALID_PARAMETER);
  hc_client_get_local_address(c, text);
  CHECK(strcmp(text, "127.0.0.1") == 0);
  CHECK(hc_client_set_connect_to(c, HC_SLICE("[::1]:8"), &why) == HC_OK);
  CHECK(hc_client_set_connect_to(c, HC_SLICE("a b"), &why) == HC_ERR_INVALID_PARAMETER);
  hc_client_get_connect_to(c, &host, &port);
  CHECK(hc_slice_equal(host, HC_SLICE("::1")) && port == 8);
  hc_client_delete(c);
}

/* --- Unix sockets */

#if HAS_POSIX
static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  loopback_need(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                    listen(fd, 4) == 0,
                "Unix socket");
  return fd;
}

static void check_unix(void) {
  const char *path = in_folder("unix");
  unsigned port;
  int listener = listen_at(path);
  hc_client *c = hc_client_new();
  hc_failure why = {HC_OK, ""};
  char text[HC_ADDRESS_SPACE];
  CHECK(hc_client_connect_unix(c, hc_slice_of(path), HC_SLICE(""), HC_CONNECT_PLAIN, NULL, &why) ==
        HC_OK);
  CHECK(hc_client_get_status(c) == HC_STATUS_CONNECTING);
  CHECK(hc_client_poll(c) == HC_OK && hc_client_get_status(c) == HC_STATUS_CONNECTED);
  CHECK(!hc_client_remote_address(c, text, &port));
  hc_client_delete(c);
  (void)close(listener);
  (void)unlink(path);
}

#ifdef HC_TEST_HOOKS
/* At each allocation: an error, nothing lost, and it works when memory is back. */
static void check_memory(void) {
  const char *path = in_folder("memory");
  int listener = listen_at(path);
  asked a = {.refused = "x"};
  for (long n = 0; n < 40; n++) {
    hc_client *c = hc_client_new();
    hc_memory_fail_after(n, 1);
    hc_error filter = hc_client_set_address_filter(c, ask, &a);
    hc_error to = hc_client_set_connect_to(c, HC_SLICE("127.0.0.1:9"), NULL);
    hc_error local = hc_client_set_local_address(c, HC_SLICE("127.0.0.1"), NULL);
    hc_error code = hc_client_connect(c, HC_SLICE("a.test"), 80, HC_CONNECT_PLAIN, NULL, NULL);
    if (code == HC_OK) (void)hc_client_poll(c);
    hc_error local_code = hc_client_connect_unix(c, hc_slice_of(path), HC_SLICE("h:81"),
                                                 HC_CONNECT_PLAIN, NULL, NULL);
    hc_memory_fail_after(-1, 0);
    const hc_error codes[] = {filter, to, local, code, local_code};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
      CHECK(codes[i] == HC_OK || codes[i] == HC_ERR_OUT_OF_MEMORY);
    CHECK(hc_client_connect_unix(c, hc_slice_of(path), HC_SLICE(""), HC_CONNECT_PLAIN, NULL,
                                 NULL) == HC_OK &&
          hc_client_poll(c) == HC_OK && hc_client_get_status(c) == HC_STATUS_CONNECTED);
    hc_client_delete(c);
    int theirs = loopback_accept(listener);
    (void)close(theirs);
  }
  (void)close(listener);
  (void)unlink(path);
}
#endif
#endif

int main(void) {
  static const char *const sockets[] = {"unix", "memory"};
  make_folder();
  check_terms();
  check_misbehaviour();
  check_join();
  check_stream("127.0.0.1");
  check_stream("localhost");
  check_settings();
#if HAS_POSIX
  check_unix();
#ifdef HC_TEST_HOOKS
  check_memory();
#endif
#endif
  remove_folder(sockets, 2);
  return check_report();
}
