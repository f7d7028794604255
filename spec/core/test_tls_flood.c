/* test_tls_flood.c - TLS as a stream, from a server that sends records without content: so many in
 * a row end the connection, and a call works on no more than a few of them. Counted, not timed. */
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "../../core/base/limits.h"
#include "../../core/stream/tls/tls_peer.h"
#include "tls_fixture.h"

static const char flooded[] = "one record after the other that brings nothing";

/* --- a server's records, made by hand: what OpenSSL's own would never send */

#define TICKET_SIZE 19u
#define APPLICATION_DATA 23
#define HANDSHAKE 22
#define RECORD_MOST 16384u

typedef struct forger {
  unsigned char secret[32];
  unsigned char key[16], iv[12];
  unsigned count; /* records so far */
} forger;

static forger forged;

/* The line of the key log that has the server's first secret (TLS_AES_128_GCM_SHA256). */
static void take_secret(const SSL *ssl, const char *line) {
  (void)ssl;
  const char *label = "SERVER_TRAFFIC_SECRET_0 ";
  if (strncmp(line, label, strlen(label)) != 0) return;
  const char *hex = strrchr(line, ' ') + 1;
  NEED(strlen(hex) == 64);
  for (size_t i = 0; i < 32; i++) {
    char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
    forged.secret[i] = (unsigned char)strtoul(two, NULL, 16);
  }
}

/* RFC 8446 section 7.1: HKDF-Expand-Label with an empty context. */
static void expand(const char *label, unsigned char *out, size_t size) {
  unsigned char info[32] = {0, (unsigned char)size, (unsigned char)(6 + strlen(label))};
  size_t info_size = 3 + 6 + strlen(label) + 1;
  memcpy(info + 3, "tls13 ", 6);
  memcpy(info + 9, label, strlen(label));
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
  NEED(context && EVP_PKEY_derive_init(context) == 1 &&
       EVP_PKEY_CTX_set_hkdf_mode(context, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY) == 1 &&
       EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1 &&
       EVP_PKEY_CTX_set1_hkdf_key(context, forged.secret, 32) == 1 &&
       EVP_PKEY_CTX_add1_hkdf_info(context, info, (int)info_size) == 1 &&
       EVP_PKEY_derive(context, out, &size) == 1);
  EVP_PKEY_CTX_free(context);
}

/* RFC 8446 section 5.2, sealed and put on the wire as the server's next record. */
static void forge(fixture *f, const unsigned char *bytes, size_t size, unsigned char type) {
  static unsigned char plain[RECORD_MOST + 1], record[5 + RECORD_MOST + 17];
  unsigned char iv[12];
  int moved, rest;
  NEED(size <= RECORD_MOST);
  if (size > 0) memcpy(plain, bytes, size);
  plain[size] = type;
  size_t sealed = size + 17;
  unsigned char head[5] = {23, 3, 3, (unsigned char)(sealed >> 8), (unsigned char)sealed};
  memcpy(iv, forged.iv, sizeof iv);
  for (int i = 0; i < 4; i++) iv[11 - i] ^= (unsigned char)(forged.count >> 8 * i);
  forged.count++;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  NEED(context && EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, forged.key, iv) == 1 &&
       EVP_EncryptUpdate(context, NULL, &moved, head, 5) == 1 &&
       EVP_EncryptUpdate(context, record + 5, &moved, plain, (int)size + 1) == 1 &&
       EVP_EncryptFinal_ex(context, record + 5 + moved, &rest) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, record + 5 + size + 1) == 1);
  EVP_CIPHER_CTX_free(context);
  memcpy(record, head, 5);
  NEED(BIO_write(f->w.wire.to_client, record, (int)(5 + sealed)) == (int)(5 + sealed));
}

/* A NewSessionTicket (RFC 8446 section 4.6.1), the smallest that there is. */
static size_t write_tickets(unsigned char *at, size_t count) {
  static const unsigned char ticket[TICKET_SIZE] = {4, 0, 0, 15, 0, 0, 1, 0, 1, 2,
                                                    3, 4, 1, 7,  0, 1, 9, 0, 0};
  for (size_t i = 0; i < count; i++) memcpy(at + i * TICKET_SIZE, ticket, TICKET_SIZE);
  return count * TICKET_SIZE;
}

/* Over TLS 1.3 with one known cipher, and no tickets but forged ones. */
static void open_forged(fixture *f) {
  memset(f, 0, sizeof *f);
  memset(&forged, 0, sizeof forged);
  f->spec = (server_spec){.identity = &server_identity};
  f->context = server_context(&f->spec);
  SSL_CTX_set_keylog_callback(f->context, take_secret);
  NEED(SSL_CTX_set_min_proto_version(f->context, TLS1_3_VERSION) == 1 &&
       SSL_CTX_set_ciphersuites(f->context, "TLS_AES_128_GCM_SHA256") == 1 &&
       SSL_CTX_set_num_tickets(f->context, 0) == 1);
  f->options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  world_open(&f->w, f->context, f->options, "a.example");
  NEED(world_shake(&f->w) == HC_IO_OK);
  server_step(&f->w);
  expand("key", forged.key, sizeof forged.key);
  expand("iv", forged.iv, sizeof forged.iv);
}

/* --- the tests */

static void update_keys(fixture *f, unsigned times) {
  for (unsigned i = 0; i < times; i++)
    NEED(SSL_key_update(f->w.server, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
         SSL_do_handshake(f->w.server) == 1);
}

/* The client's connection is at its end, in these words, for good. */
static bool is_flooded(fixture *f) {
  char in[16];
  size_t got;
  hc_failure why = {HC_OK, ""}, again = {HC_OK, ""};
  hc_io io = hc_stream_peer_recv(f->w.client, in, sizeof in, &got, &why);
  hc_io second = hc_stream_peer_peek(f->w.client, &again);
  return io == HC_IO_ERROR && second == HC_IO_ERROR && why.code == HC_ERR_CONNECTION_ERROR &&
         has_text(why.text, flooded) && strcmp(why.text, again.text) == 0 &&
         hc_tls_get_state(f->w.client) == HC_TLS_ERROR;
}

/* A key update is a record and a message. */
static void test_key_updates(void) {
  fixture f;
  open_fixture(&f, TLS1_3_VERSION);
  char in[16];
  size_t got;
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  server_write(&f, "begin", 5);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 5);
  for (int i = 0; i < 5; i++) {
    update_keys(&f, HC_TLS_IDLE_MAX / 2 - 1);
    server_write(&f, "behind", 6);
    CHECK_CASE("content begins the count anew",
               hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 6);
  }
  update_keys(&f, HC_TLS_IDLE_MAX / 2 + 1);
  server_write(&f, "never", 5);
  CHECK(is_flooded(&f));
  close_fixture(&f);
}

/* Over many calls, by whichever way they look. */
static void test_key_updates_one_by_one(void) {
  for (int peeks = 0; peeks < 2; peeks++) {
    fixture f;
    open_fixture(&f, TLS1_3_VERSION);
    char in[16];
    size_t got;
    unsigned updates = 0;
    hc_io io;
    CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
    do {
      update_keys(&f, 1);
      updates++;
      io = peeks ? hc_stream_peer_peek(f.w.client, NULL)
                 : hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL);
    } while (io == HC_IO_WANT_READ && updates < HC_TLS_IDLE_MAX);
    CHECK(io == HC_IO_ERROR && updates <= HC_TLS_IDLE_MAX / 2 + 1 && is_flooded(&f));
    close_fixture(&f);
  }
}

/* As if so much time had passed since the last of them. */
static void let_pass(fixture *f, uint64_t time) {
  hc_tls_peer_of(f->w.client)->carrier.halfway_at -= time;
}

/* A connection may wait for days on which the keys change now and then; and a flood that comes then
 * is one all the same. */
static void test_key_updates_of_days(void) {
  fixture f;
  open_fixture(&f, TLS1_3_VERSION);
  char in[16];
  size_t got;
  hc_failure why = {HC_OK, ""};
  hc_io io = hc_stream_peer_peek(f.w.client, NULL);
  for (unsigned i = 0; i < 10 * HC_TLS_IDLE_MAX && io == HC_IO_WANT_READ; i++) {
    update_keys(&f, 1);
    io = hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why);
    let_pass(&f, HC_TLS_IDLE_NS / (HC_TLS_IDLE_MAX / 4) + 1);
  }
  CHECK(io == HC_IO_WANT_READ && why.code == HC_OK);
  server_write(&f, "behind", 6);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 6);
  update_keys(&f, HC_TLS_IDLE_MAX / 4);
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  let_pass(&f, HC_TLS_IDLE_NS - HC_TLS_IDLE_NS / 2);
  update_keys(&f, HC_TLS_IDLE_MAX / 4 + 1);
  CHECK_CASE("half of the time is not enough", is_flooded(&f));
  close_fixture(&f);
}

/* A byte in time keeps the connection. Then a call ends behind a few of them, though all have
 * come. */
static void test_key_updates_around_content(void) {
  fixture f;
  open_fixture(&f, TLS1_3_VERSION);
  char in[64];
  size_t got, sum = 0;
  CHECK(hc_stream_peer_peek(f.w.client, NULL) == HC_IO_WANT_READ);
  for (int i = 0; i < 40; i++) {
    update_keys(&f, 20);
    server_write(&f, "x", 1);
  }
  while (hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK) {
    CHECK(got <= 3); /* is_ready has worked on those before the first */
    sum += got;
    CHECK_CASE("nobody sleeps while more is here", sum == 40 || is_ready(f.w.client));
  }
  CHECK(sum == 40);
  close_fixture(&f);
}

static void test_tickets(void) {
  static const struct {
    size_t in_a_record, records;
    bool ends;
  } cases[] = {{1, HC_TLS_IDLE_MAX / 2 - 1, false},
               {1, HC_TLS_IDLE_MAX / 2 + 1, true},
               {HC_TLS_IDLE_MAX - 4, 1, false},
               {HC_TLS_IDLE_MAX + 1, 1, true},
               {RECORD_MOST / TICKET_SIZE, 1, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    static unsigned char bytes[RECORD_MOST];
    fixture f;
    char in[16];
    size_t got;
    open_forged(&f);
    size_t size = write_tickets(bytes, cases[i].in_a_record);
    for (size_t n = 0; n < cases[i].records; n++) forge(&f, bytes, size, HANDSHAKE);
    forge(&f, (const unsigned char *)"behind", 6, APPLICATION_DATA);
    if (cases[i].ends) CHECK(is_flooded(&f));
    else CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 6);
    close_fixture(&f);
  }
}

/* The library has a limit of its own, and words. */
static void test_empty_records(void) {
  fixture f;
  open_forged(&f);
  char in[16];
  size_t got;
  hc_failure why = {HC_OK, ""};
  for (unsigned i = 0; i < HC_TLS_IDLE_MAX; i++) forge(&f, NULL, 0, APPLICATION_DATA);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_ERROR &&
        has_text(why.text, "TLS: "));
  close_fixture(&f);
}

/* Each of them is answered by a refusal. */
static void test_wishes_for_a_new_handshake(void) {
  fixture f;
  open_fixture(&f, TLS1_2_VERSION);
  hc_io io = hc_stream_peer_peek(f.w.client, NULL);
  unsigned wishes = 0;
  while (io == HC_IO_WANT_READ && wishes < HC_TLS_IDLE_MAX) {
    NEED(SSL_renegotiate(f.w.server) == 1);
    server_step(&f.w);
    /* as if it had never asked */
    (void)BIO_reset(f.w.wire.to_server);
    wishes++;
    io = hc_stream_peer_peek(f.w.client, NULL);
  }
  CHECK(io == HC_IO_ERROR && wishes <= HC_TLS_IDLE_MAX / 2 + 1 && is_flooded(&f));
  close_fixture(&f);
}

int main(void) {
  make_identities();
  test_key_updates();
  test_key_updates_one_by_one();
  test_key_updates_of_days();
  test_key_updates_around_content();
  test_tickets();
  test_empty_records();
  test_wishes_for_a_new_handshake();
  free_identities();
  return check_report();
}
