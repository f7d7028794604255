/* test_tls.c - TLS as a stream: facts, bytes both ways, ends and failures, TLS in TLS. */
#include "../../core/base/limits.h"
#include "../../core/base/memory.h"
#include "tls_world.h"

static identity root, server_identity;
static hc_certificates *trusted;

/* A connected world over an ordinary server of the given highest version (0: any). */
typedef struct fixture {
  world w;
  SSL_CTX *context;
  hc_tls_options *options;
  server_spec spec;
} fixture;

static void open_fixture(fixture *f, int max_version) {
  memset(f, 0, sizeof *f);
  f->spec = (server_spec){.identity = &server_identity, .max_version = max_version};
  f->context = server_context(&f->spec);
  f->options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  world_open(&f->w, f->context, f->options, "a.example");
  NEED(world_shake(&f->w) == HC_IO_OK);
  server_step(&f->w);
}

static void close_fixture(fixture *f) {
  CHECK(ERR_peek_error() == 0);
  world_close(&f->w);
  hc_tls_options_release(f->options);
  SSL_CTX_free(f->context);
}

static void server_write(fixture *f, const char *data, size_t size) {
  size_t written;
  NEED(SSL_write_ex(f->w.server, data, size, &written) == 1 && written == size);
}

static bool is_ready(hc_stream_peer *peer) {
  hc_interest interest;
  hc_stream_peer_interest(peer, &interest);
  return interest.ready;
}

static char *pattern(size_t size) {
  char *bytes = malloc(size);
  NEED(bytes != NULL);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)(unsigned char)(i * 7 + i / 251);
  return bytes;
}

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

static size_t server_read(fixture *f, char *into, size_t room) {
  size_t got = 0;
  SSL_read_ex(f->w.server, into, room, &got);
  ERR_clear_error();
  return got;
}

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
  /* Small parts between large ones, as the heads of frames are: all records but the last are full. */
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

/* --- receiving */

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

/* Records without content, as many as the server likes, keep no call busy for longer than a moment.
 */
static void test_endless_key_updates(void) {
  fixture f;
  open_fixture(&f, TLS1_3_VERSION);
  char in[16];
  size_t got, calls = 0;
  while (BIO_ctrl_pending(f.w.wire.to_client) < 2 * HC_TLS_READ_BURST)
    NEED(SSL_key_update(f.w.server, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
         SSL_do_handshake(f.w.server) == 1);
  server_write(&f, "behind", 6);
  hc_io io;
  while ((io = hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL)) == HC_IO_WANT_READ &&
         calls < 10)
    calls++;
  CHECK(calls > 0 && calls < 10 && io == HC_IO_OK && got == 6);
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
  root = make_authority("Root", NULL);
  server_identity = make_server("DNS:a.example,IP:10.0.0.1,IP:2001:db8::1", &root);
  trusted = certificates_of(root.certificate);
  test_facts();
  test_parts_share_a_record();
  test_retries();
  test_changed_mind();
  test_answer_survives_failed_send();
  test_records_and_readiness();
  test_part_of_a_record();
  test_ends();
  test_forged_record();
  test_key_update();
  test_endless_key_updates();
  test_renegotiation_is_refused();
  test_filling_read();
  test_tls_in_tls();
  test_unconnected();
#ifdef HC_TEST_HOOKS
  /* There the look at the authorities' file takes memory too, and another thread would have it. */
  if (HAS_POSIX) test_memory_out();
#endif
  hc_certificates_release(trusted);
  identity_free(&root);
  identity_free(&server_identity);
  return check_report();
}
