/* test_tls_receive.c - TLS as a stream, what comes in: records and readiness, ends and failures,
 * messages of the handshake behind it, a read that fills. */
#include "tls_fixture.h"

static void test_records_and_readiness(void) {
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    fixture f;
    open_fixture(&f, version);
    hc_stream_peer *c = f.w.client;
    char in[64];
    size_t got;
    CHECK_CASE("tickets are no data",
               hc_stream_peer_peek(c, NULL) == HC_IO_WANT_READ && !is_ready(c));
    unsigned reads = f.w.wire.reads;
    CHECK(hc_stream_peer_peek(c, NULL) == HC_IO_WANT_READ);
    CHECK_CASE("an idle look reads nothing", f.w.wire.reads == reads);
    server_write(&f, "first", 5);
    server_write(&f, "second", 6);
    SSL_shutdown(f.w.server);
    CHECK(hc_stream_peer_peek(c, NULL) == HC_IO_OK && hc_stream_peer_available(c) == 5 &&
          is_ready(c));
    CHECK(hc_stream_peer_recv(c, in, 3, &got, NULL) == HC_IO_OK && got == 3 &&
          memcmp(in, "fir", 3) == 0);
    CHECK(is_ready(c));
    CHECK_CASE("what is decrypted or buffered comes in one read",
               hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_OK && got == 8 &&
                   memcmp(in, "stsecond", 8) == 0);
    CHECK_CASE("a buffered close_notify needs no descriptor",
               is_ready(c) && hc_stream_peer_available(c) == 0);
    CHECK(hc_stream_peer_peek(c, NULL) == HC_IO_EOF &&
          hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_EOF);
    CHECK(hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_EOF &&
          hc_tls_get_state(c) == HC_TLS_CONNECTED);
    close_fixture(&f);
  }
}

/* One record and part of the next lie in OpenSSL: neither a hang nor a busy loop may come of it. */
static void test_part_of_a_record(void) {
  fixture f;
  open_fixture(&f, 0);
  hc_stream_peer *c = f.w.client;
  char in[64], record[256];
  size_t got;
  CHECK(hc_stream_peer_peek(c, NULL) == HC_IO_WANT_READ);
  server_write(&f, "whole!", 6);
  int whole = (int)BIO_ctrl_pending(f.w.wire.to_client);
  server_write(&f, "parts", 5);
  int size = BIO_read(f.w.wire.to_client, record, sizeof record);
  NEED(size > whole + 4);
  BIO_write(f.w.wire.to_client, record, size - 4);
  CHECK(hc_stream_peer_recv(c, in, 2, &got, NULL) == HC_IO_OK && got == 2 && is_ready(c));
  CHECK(hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_OK && got == 4);
  CHECK_CASE("part of a record is nothing", !is_ready(c) && hc_stream_peer_available(c) == 0);
  CHECK(hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_WANT_READ && !is_ready(c));
  BIO_write(f.w.wire.to_client, record + size - 4, 4);
  CHECK(hc_stream_peer_recv(c, in, sizeof in, &got, NULL) == HC_IO_OK && got == 5);
  close_fixture(&f);
}

static void test_ends(void) {
  const struct {
    const char *name, *expected;
    bool reset;
  } cases[] = {{"an end", "connection closed without close_notify", false},
               {"a reset", "connection reset by peer", true}};
  for (int i = 0; i < 2; i++) {
    fixture f;
    open_fixture(&f, 0);
    char in[64];
    size_t got;
    hc_failure why = {HC_OK, ""}, again = {HC_OK, ""};
    server_write(&f, "data", 4);
    f.w.wire.ended = !cases[i].reset;
    f.w.wire.reset = cases[i].reset;
    CHECK_CASE("data first",
               hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_OK && got == 4);
    CHECK_CASE(cases[i].name,
               hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_ERROR);
    CHECK_CASE(cases[i].name,
               has_text(why.text, cases[i].expected) && why.code == HC_ERR_CONNECTION_ERROR);
    CHECK(hc_stream_peer_peek(f.w.client, &again) == HC_IO_ERROR &&
          strcmp(why.text, again.text) == 0);
    CHECK(hc_tls_get_state(f.w.client) == HC_TLS_ERROR && hc_tls_version(f.w.client).size > 0);
    close_fixture(&f);
  }
}

static void test_forged_record(void) {
  fixture f;
  open_fixture(&f, 0);
  char in[64], record[256];
  size_t got;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  server_write(&f, "data", 4);
  server_write(&f, "more", 4);
  int size = BIO_read(f.w.wire.to_client, record, sizeof record);
  record[size - 3] = (char)(record[size - 3] ^ 1);
  BIO_write(f.w.wire.to_client, record, size);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_OK && got == 4);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_ERROR &&
        has_text(why.text, "TLS: "));
  close_fixture(&f);
}

static void test_key_update(void) {
  fixture f;
  open_fixture(&f, TLS1_3_VERSION);
  char in[16];
  size_t sent;
  NEED(SSL_key_update(f.w.server, SSL_KEY_UPDATE_REQUESTED) == 1 &&
       SSL_do_handshake(f.w.server) == 1);
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  hc_slice part = HC_SLICE("after");
  CHECK(hc_stream_peer_send(f.w.client, &part, 1, &sent, NULL) == HC_IO_OK);
  CHECK(server_read(&f, in, sizeof in) == 5 && memcmp(in, "after", 5) == 0);
  close_fixture(&f);
}

/* RFC 5246 section 7.4.1.1: a HelloRequest may be refused. What the server makes of that is its own
 * affair. */
static void test_renegotiation_is_refused(void) {
  fixture f;
  open_fixture(&f, TLS1_2_VERSION);
  char in[16];
  size_t got;
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  NEED(SSL_renegotiate(f.w.server) == 1);
  server_step(&f.w);
  CHECK(BIO_ctrl_pending(f.w.wire.to_client) > 0 &&
        hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  CHECK_CASE("the refusal went out", BIO_ctrl_pending(f.w.wire.to_server) > 0);
  CHECK(hc_tls_get_state(f.w.client) == HC_TLS_CONNECTED);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_WANT_READ);
  close_fixture(&f);
}

static void test_filling_read(void) {
  fixture f;
  open_fixture(&f, 0);
  char *bytes = pattern(60000), *in = malloc(60000);
  size_t got;
  NEED(in != NULL);
  server_write(&f, bytes, 16000);
  server_write(&f, bytes + 16000, 16000);
  server_write(&f, bytes + 32000, 16000);
  f.w.wire.read_limit = 1000;
  hc_stream_peer *c = f.w.client;
  CHECK(c->ops->recv_blocking(c, in, 40000, HC_FILL_ALL, HC_NEVER, &got, NULL) == HC_IO_OK &&
        got == 40000 && memcmp(in, bytes, got) == 0);
  CHECK(c->ops->recv_blocking(c, in, 40000, HC_FILL_ALL, HC_NEVER, &got, NULL) == HC_IO_OK &&
        got == 8000);
  CHECK_CASE("nothing to sleep on", c->ops->recv_blocking(c, in, 1, HC_FILL_SOME, HC_NEVER, &got,
                                                          NULL) == HC_IO_WANT_READ);
  free(bytes);
  free(in);
  close_fixture(&f);
}

int main(void) {
  make_identities();
  test_records_and_readiness();
  test_part_of_a_record();
  test_ends();
  test_forged_record();
  test_key_update();
  test_renegotiation_is_refused();
  test_filling_read();
  free_identities();
  return check_report();
}
