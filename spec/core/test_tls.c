/* test_tls.c - TLS as a stream: facts, sending, TLS in TLS, misuse, memory that is out. What comes
 * in is test_tls_receive.c's. */
#include "../../core/base/memory.h"
#include "tls_fixture.h"

static void test_facts(void) {
  fixture f;
  open_fixture(&f, 0);
  hc_stream_peer *c = f.w.client;
  CHECK(hc_stream_peer_is_tls(c) && !hc_stream_peer_is_tls(&f.w.wire.base));
  CHECK(hc_slice_equal(hc_tls_version(c), HC_SLICE("TLSv1.3")) && hc_tls_alpn(c).size == 0);
  CHECK(hc_tls_below(c) == &f.w.wire.base && c->ops->below(c) == &f.w.wire.base);
  hc_slice host;
  unsigned port;
  c->ops->endpoint(c, &host, &port);
  CHECK(hc_slice_equal(host, HC_SLICE("a.example")) && port == 443);
  hc_peer_certificate p;
  char pin[64];
  pin_text(server_identity.certificate, pin);
  CHECK(hc_tls_peer_certificate(c, &p, NULL) == HC_OK);
  CHECK(strcmp(p.subject, "CN=server") == 0 && strcmp(p.issuer, "CN=Root") == 0 &&
        p.name_count == 3);
  CHECK(strcmp(p.names[0], "a.example") == 0 && strcmp(p.names[1], "10.0.0.1") == 0 &&
        strcmp(p.names[2], "2001:db8::1") == 0);
  CHECK(p.not_after - p.not_before == 31 * DAY && p.not_before > 1600000000 &&
        strlen(p.fingerprint) == 95);
  CHECK(strcmp(p.public_key_pin, pin) == 0 &&
        strncmp(p.pem, "-----BEGIN CERTIFICATE-----", 27) == 0);
  hc_peer_certificate_free(&p);
  hc_peer_certificate_free(&p);
  hc_stream_peer_close(c);
  CHECK(hc_tls_peer_certificate(c, &p, NULL) == HC_ERR_UNAVAILABLE && hc_tls_version(c).size == 0);
  CHECK(f.w.wire.closes == 1 && !hc_tls_below(c));
  hc_stream_peer_close(c);
  CHECK(f.w.wire.closes == 1);
  char byte;
  CHECK_CASE("the server got a close_notify",
             SSL_read(f.w.server, &byte, 1) == 0 &&
                 SSL_get_error(f.w.server, 0) == SSL_ERROR_ZERO_RETURN);
  close_fixture(&f);
}

/* --- sending */

static void test_parts_share_a_record(void) {
  fixture f;
  open_fixture(&f, 0);
  char in[32768];
  char *body = pattern(40000);
  hc_slice parts[] = {HC_SLICE("head"), {"", 0}, HC_SLICE(" and "), {body, 100}};
  size_t sent;
  CHECK(hc_stream_peer_send(f.w.client, parts, 4, &sent, NULL) == HC_IO_OK && sent == 109);
  CHECK_CASE("one record",
             server_read(&f, in, sizeof in) == 109 && memcmp(in, "head and ", 9) == 0);
  parts[3].size = 40000;
  CHECK(hc_stream_peer_send(f.w.client, parts, 4, &sent, NULL) == HC_IO_OK && sent == 40009);
  size_t total = 0, records = 0;
  for (size_t got; (got = server_read(&f, in, sizeof in)) > 0; records++) total += got;
  CHECK(total == 40009 && records == 3);
  /* Small parts between large ones, as the heads of frames are: all records but the last are
   * full. */
  hc_slice frames[] = {{body, 9},     {body, 16384}, {body, 9},
                       {body, 16384}, {body, 9},     {body, 16384}};
  CHECK(hc_stream_peer_send(f.w.client, frames, 6, &sent, NULL) == HC_IO_OK && sent == 49179);
  for (total = records = 0; total < 49152; records++) {
    size_t got = server_read(&f, in, sizeof in);
    CHECK(got == 16384);
    if (got == 0) break;
    total += got;
  }
  CHECK(records == 3 && server_read(&f, in, sizeof in) == 27);
  CHECK(hc_stream_peer_send(f.w.client, parts + 1, 1, &sent, NULL) == HC_IO_OK && sent == 0);
  free(body);
  close_fixture(&f);
}

/* A record that was begun goes on with other buffers, also longer ones and other cuts of the same
 * bytes. */
static void test_retries(void) {
  const size_t size = 50000;
  char *bytes = pattern(size), *seen = malloc(size);
  NEED(seen != NULL);
  for (size_t room = 1; room < 30000; room = room * 3 + 7) {
    fixture f;
    open_fixture(&f, 0);
    size_t done = 0, arrived = 0, offered = 5000;
    f.w.wire.write_room = 0;
    for (int i = 0; i < 200000 && arrived < size; i++) {
      if (offered > size - done) offered = size - done;
      char *moved = malloc(offered + 1);
      NEED(moved != NULL);
      memcpy(moved, bytes + done, offered);
      size_t cut = offered < 300 ? offered : (size_t)(i % 300);
      hc_slice parts[] = {{moved, cut}, {moved + cut, offered - cut}};
      size_t sent = 0;
      hc_failure why = {HC_OK, ""};
      hc_io io =
          offered > 0 ? hc_stream_peer_send(f.w.client, parts, 2, &sent, &why) : HC_IO_WANT_WRITE;
      free(moved);
      if (io != HC_IO_OK && io != HC_IO_WANT_WRITE) {
        CHECK_CASE(why.text, false);
        break;
      }
      done += sent;
      if (sent == 0) offered += 1000; /* what was offered stays offered */
      f.w.wire.write_room = room;
      arrived += server_read(&f, seen + arrived, size - arrived);
    }
    CHECK_CASE("all bytes arrive once and in order",
               arrived == size && memcmp(bytes, seen, size) == 0);
    close_fixture(&f);
  }
  free(bytes);
  free(seen);
}

static void test_changed_mind(void) {
  fixture f;
  open_fixture(&f, 0);
  size_t sent;
  hc_slice part = HC_SLICE("a long request");
  f.w.wire.write_room = 5;
  CHECK(hc_stream_peer_send(f.w.client, &part, 1, &sent, NULL) == HC_IO_WANT_WRITE && sent == 0);
  part.size = 3;
  hc_failure why = {HC_OK, ""};
  CHECK(hc_stream_peer_send(f.w.client, &part, 1, &sent, &why) == HC_IO_ERROR &&
        why.code == HC_ERR_BUG);
  close_fixture(&f);
}

static void test_answer_survives_failed_send(void) {
  fixture f;
  open_fixture(&f, 0);
  server_write(&f, "early", 5);
  f.w.wire.reset = true;
  hc_slice part = HC_SLICE("body");
  size_t sent, got;
  char in[16];
  hc_failure why = {HC_OK, ""}, late = {HC_OK, ""};
  CHECK(hc_stream_peer_send(f.w.client, &part, 1, &sent, &why) == HC_IO_ERROR &&
        has_text(why.text, "broken pipe"));
  CHECK(hc_stream_peer_send(f.w.client, &part, 1, &sent, NULL) == HC_IO_ERROR);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 5 &&
        memcmp(in, "early", 5) == 0);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &late) == HC_IO_ERROR &&
        has_text(late.text, "reset by peer"));
  close_fixture(&f);
}

/* --- TLS in TLS */

static void carry(SSL *outer, BIO *in, BIO *out) {
  char block[4096];
  size_t size;
  while (SSL_read_ex(outer, block, sizeof block, &size) == 1)
    NEED(BIO_write(in, block, (int)size) == (int)size);
  for (int got; (got = BIO_read(out, block, sizeof block)) > 0;)
    NEED(SSL_write(outer, block, got) == got);
  ERR_clear_error();
}

static void test_tls_in_tls(void) {
  fixture f;
  open_fixture(&f, 0);
  hc_failure why = {HC_OK, ""};
  hc_stream_peer *inner = hc_tls_new();
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL *server = SSL_new(f.context);
  NEED(inner && in && out && server);
  BIO_set_mem_eof_return(in, -1);
  BIO_set_mem_eof_return(out, -1);
  SSL_set_bio(server, in, out);
  SSL_set_accept_state(server);
  CHECK(hc_tls_connect(inner, inner, HC_SLICE("a.example"), 1, NULL, NULL) ==
        HC_ERR_INVALID_PARAMETER);
  CHECK(hc_tls_connect(inner, f.w.client, HC_SLICE("a.example"), 1, f.options, &why) == HC_OK);
  CHECK(hc_tls_connect(f.w.client, inner, HC_SLICE("a.example"), 1, f.options, NULL) ==
        HC_ERR_INVALID_PARAMETER);
  hc_io io = HC_IO_WANT_READ;
  for (int i = 0; i < 20 && (io == HC_IO_WANT_READ || io == HC_IO_WANT_WRITE); i++) {
    io = hc_stream_peer_advance(inner, &why);
    carry(f.w.server, in, out);
    SSL_do_handshake(server);
    carry(f.w.server, in, out);
  }
  CHECK(io == HC_IO_OK && hc_tls_get_state(inner) == HC_TLS_CONNECTED);
  char bytes[32];
  size_t moved;
  hc_slice part = HC_SLICE("through two");
  CHECK(hc_stream_peer_send(inner, &part, 1, &moved, NULL) == HC_IO_OK);
  carry(f.w.server, in, out);
  CHECK(SSL_read_ex(server, bytes, sizeof bytes, &moved) == 1 && moved == part.size &&
        memcmp(bytes, part.data, moved) == 0);
  NEED(SSL_write(server, "and back", 8) == 8);
  carry(f.w.server, in, out);
  CHECK(hc_stream_peer_recv(inner, bytes, sizeof bytes, &moved, NULL) == HC_IO_OK && moved == 8);
  hc_stream_peer_release(inner);
  CHECK_CASE("closing the inner one closes all", f.w.wire.closes == 1);
  SSL_free(server);
  close_fixture(&f);
}

/* --- misuse, and memory that is out */

static void test_unconnected(void) {
  hc_stream_peer *peer = hc_tls_new();
  hc_failure why = {HC_OK, ""};
  char byte;
  size_t count;
  hc_slice part = HC_SLICE("x");
  CHECK(hc_stream_peer_advance(peer, &why) == HC_IO_ERROR && why.code == HC_ERR_UNCONFIGURED);
  CHECK(hc_stream_peer_send(peer, &part, 1, &count, NULL) == HC_IO_ERROR);
  CHECK(hc_stream_peer_recv(peer, &byte, 1, &count, NULL) == HC_IO_ERROR);
  CHECK(hc_stream_peer_peek(peer, NULL) == HC_IO_ERROR && hc_stream_peer_available(peer) == 0 &&
        !is_ready(peer));
  CHECK(hc_tls_connect(peer, NULL, HC_SLICE("a"), 1, NULL, NULL) == HC_ERR_INVALID_PARAMETER);
  hc_stream_peer_close(peer);
  hc_stream_peer_release(peer);
}

#ifdef HC_TEST_HOOKS
/* Every allocation of a whole connection fails once; nothing leaks, nothing breaks. */
static bool whole_connection(SSL_CTX *context) {
  hc_tls_options *options = NULL;
  hc_slice alpn = HC_SLICE("http/1.1");
  const hc_tls_settings s = {.trusted_chain = trusted,
                             .alpn = &alpn,
                             .alpn_count = 1,
                             .ciphers = HC_SLICE("DEFAULT"),
                             .common_name_override = HC_SLICE("a.example")};
  hc_failure why = {HC_OK, ""};
  if (hc_tls_options_new(&s, &options, &why) != HC_OK) {
    CHECK(!options && why.code == HC_ERR_OUT_OF_MEMORY);
    return false;
  }
  bool done = false;
  world w;
  world_open(&w, context, options, "b.example");
  hc_stream_peer *peer = w.client;
  why = w.failure;
  if (peer && hc_tls_get_state(peer) == HC_TLS_HANDSHAKING) {
    hc_slice parts[] = {HC_SLICE("two"), HC_SLICE("parts")};
    size_t sent;
    hc_peer_certificate p;
    done = world_shake(&w) == HC_IO_OK;
    why = w.failure;
    done = done && hc_stream_peer_send(peer, parts, 2, &sent, &why) == HC_IO_OK;
    done = done && hc_tls_peer_certificate(peer, &p, &why) == HC_OK;
    if (done) hc_peer_certificate_free(&p);
    server_step(&w);
    if (done) hc_stream_peer_peek(peer, NULL);
  }
  CHECK(!peer || done || why.code == HC_ERR_OUT_OF_MEMORY);
  world_close(&w);
  hc_tls_options_release(options);
  return done;
}

static void test_memory_out(void) {
  server_spec spec = {.identity = &server_identity};
  SSL_CTX *context = server_context(&spec);
  CHECK(whole_connection(context));
  long live = hc_memory_live_blocks();
  bool done = false;
  for (long n = 0; n < 100 && !done; n++) {
    hc_memory_fail_after(n, 1);
    done = whole_connection(context);
    hc_memory_fail_after(-1, 0);
    CHECK(hc_memory_live_blocks() == live && ERR_peek_error() == 0);
  }
  CHECK(done);
  SSL_CTX_free(context);
}
#endif

int main(void) {
  make_identities();
  test_facts();
  test_parts_share_a_record();
  test_retries();
  test_changed_mind();
  test_answer_survives_failed_send();
  test_tls_in_tls();
  test_unconnected();
#ifdef HC_TEST_HOOKS
  /* There the look at the authorities' file takes memory too, and another thread would have it. */
  if (HAS_POSIX) test_memory_out();
#endif
  free_identities();
  return check_report();
}
