/* test_tls_records.c - TLS as a stream, record by record: what a server may send and OpenSSL's own
 * never would, and what the client sends, opened by hand. Over TLS 1.2, which each library speaks:
 * this runs in the build with mbedTLS too. */
#include <openssl/kdf.h>

#include "../../core/base/limits.h"
#include "tls_fixture.h"

#define APPLICATION_DATA 23
#define HANDSHAKE 22
#define ALERT 21
#define RECORD_MOST 16384u
#define EXPLICIT 8u /* of the nonce, in front of the content */
#define TAG 16u

/* --- records of TLS 1.2 with AES-128-GCM (RFC 5288 section 3), made and opened */

/* One direction. */
typedef struct way {
  unsigned char key[16], salt[4];
  unsigned count; /* records so far */
} way;

static way to_client, to_server;

/* RFC 5246 section 6.3. Each side has sent one record under these keys: its Finished. */
static void take_keys(SSL *ssl) {
  unsigned char master[48], block[40], seed[13 + 64] = "key expansion";
  size_t size = sizeof block;
  NEED(SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master) == sizeof master &&
       SSL_get_server_random(ssl, seed + 13, 32) == 32 &&
       SSL_get_client_random(ssl, seed + 45, 32) == 32);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_TLS1_PRF, NULL);
  NEED(context && EVP_PKEY_derive_init(context) == 1 &&
       EVP_PKEY_CTX_set_tls1_prf_md(context, EVP_sha256()) == 1 &&
       EVP_PKEY_CTX_set1_tls1_prf_secret(context, master, sizeof master) == 1 &&
       EVP_PKEY_CTX_add1_tls1_prf_seed(context, seed, sizeof seed) == 1 &&
       EVP_PKEY_derive(context, block, &size) == 1);
  EVP_PKEY_CTX_free(context);
  memcpy(to_server.key, block, 16);
  memcpy(to_client.key, block + 16, 16);
  memcpy(to_server.salt, block + 32, 4);
  memcpy(to_client.salt, block + 36, 4);
  to_server.count = to_client.count = 1;
}

/* What is sealed with the content but not sent: the record's number, type, version and size. */
static void write_bound(unsigned char bound[13], const way *w, unsigned char type, size_t size) {
  memset(bound, 0, 13);
  bound[6] = (unsigned char)(w->count >> 8);
  bound[7] = (unsigned char)w->count;
  bound[8] = type;
  bound[9] = bound[10] = 3;
  bound[11] = (unsigned char)(size >> 8);
  bound[12] = (unsigned char)size;
}

/* As the server's next record. */
static void forge(fixture *f, unsigned char type, const char *bytes, size_t size) {
  static unsigned char record[5 + EXPLICIT + RECORD_MOST + TAG];
  unsigned char bound[13], nonce[12], *content = record + 5 + EXPLICIT;
  int moved, rest;
  size_t sealed = EXPLICIT + size + TAG;
  NEED(size <= RECORD_MOST);
  write_bound(bound, &to_client, type, size);
  unsigned char head[5] = {type, 3, 3, (unsigned char)(sealed >> 8), (unsigned char)sealed};
  memcpy(record, head, 5);
  memcpy(record + 5, bound, EXPLICIT);
  memcpy(nonce, to_client.salt, 4);
  memcpy(nonce + 4, record + 5, EXPLICIT);
  to_client.count++;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  NEED(context && EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, to_client.key, nonce) == 1 &&
       EVP_EncryptUpdate(context, NULL, &moved, bound, sizeof bound) == 1 &&
       EVP_EncryptUpdate(context, content, &moved, (const unsigned char *)bytes, (int)size) == 1 &&
       EVP_EncryptFinal_ex(context, content + size, &rest) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, content + size) == 1);
  EVP_CIPHER_CTX_free(context);
  NEED(BIO_write(f->w.wire.to_client, record, (int)(5 + sealed)) == (int)(5 + sealed));
}

/* The next record of the client, opened: its content's size, and -1 where there is none whole. */
static int take_record(fixture *f, unsigned char *type, char *into, size_t room) {
  unsigned char record[5 + EXPLICIT + RECORD_MOST + TAG], bound[13], nonce[12];
  int moved, rest;
  if (BIO_read(f->w.wire.to_server, record, 5) != 5) return -1;
  int sealed = record[3] << 8 | record[4];
  if (BIO_read(f->w.wire.to_server, record + 5, sealed) != sealed) return -1;
  size_t size = (size_t)sealed - EXPLICIT - TAG;
  unsigned char *content = record + 5 + EXPLICIT;
  NEED(size <= room);
  *type = record[0];
  write_bound(bound, &to_server, *type, size);
  memcpy(nonce, to_server.salt, 4);
  memcpy(nonce + 4, record + 5, EXPLICIT);
  to_server.count++;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  NEED(context && EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), NULL, to_server.key, nonce) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, content + size) == 1 &&
       EVP_DecryptUpdate(context, NULL, &moved, bound, sizeof bound) == 1 &&
       EVP_DecryptUpdate(context, (unsigned char *)into, &moved, content, (int)size) == 1 &&
       EVP_DecryptFinal_ex(context, (unsigned char *)into + size, &rest) == 1);
  EVP_CIPHER_CTX_free(context);
  return (int)size;
}

static void open_forged(fixture *f) {
  memset(f, 0, sizeof *f);
  f->spec = (server_spec){.identity = &server_identity, .max_version = TLS1_2_VERSION};
  f->context = server_context(&f->spec);
  NEED(SSL_CTX_set_cipher_list(f->context, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1);
  f->options = options_of(&(hc_tls_settings){.trusted_chain = trusted});
  world_open(&f->w, f->context, f->options, "a.example");
  NEED(world_shake(&f->w) == HC_IO_OK);
  server_step(&f->w);
  take_keys(f->w.server);
}

/* --- the tests */

#define EMPTY_MOST 3 /* in a row, which is mbedTLS's limit; OpenSSL bears more */

static void test_empty_records(void) {
  for (int peeks = 0; peeks < 2; peeks++) {
    for (int count = 1; count <= EMPTY_MOST; count++) {
      fixture f;
      open_forged(&f);
      char in[16];
      size_t got;
      for (int round = 0; round < 2; round++) {
        for (int i = 0; i < count; i++) forge(&f, APPLICATION_DATA, "", 0);
        CHECK_CASE("they are nothing", (peeks ? hc_stream_peer_peek(f.w.client, NULL)
                                              : hc_stream_peer_recv(f.w.client, in, sizeof in, &got,
                                                                    NULL)) == HC_IO_WANT_READ);
        forge(&f, APPLICATION_DATA, "behind", 6);
        CHECK(!peeks || hc_stream_peer_peek(f.w.client, NULL) == HC_IO_OK);
        CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 6 &&
              memcmp(in, "behind", 6) == 0);
      }
      for (int i = 0; i < count; i++) forge(&f, APPLICATION_DATA, "", 0);
      f.w.wire.ended = true;
      hc_failure why = {HC_OK, ""};
      CHECK_CASE("an end behind them is one",
                 hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_ERROR &&
                     has_text(why.text, "closed without close_notify"));
      close_fixture(&f);
    }
  }
}

/* The library has a limit of its own, and words. */
static void test_too_many_empty_records(void) {
  fixture f;
  open_forged(&f);
  char in[16];
  size_t got;
  hc_failure why = {HC_OK, ""};
  for (unsigned i = 0; i < HC_TLS_IDLE_MAX; i++) forge(&f, APPLICATION_DATA, "", 0);
  CHECK(hc_stream_peer_recv(f.w.client, in, sizeof in, &got, &why) == HC_IO_ERROR &&
        has_text(why.text, "TLS: "));
  close_fixture(&f);
}

/* What the client has sent: its content joined, and how often it has refused a handshake. */
typedef struct heard {
  char content[40000];
  size_t size;
  unsigned refusals, goodbyes;
} heard;

static heard *hear(fixture *f) {
  static heard h;
  char in[RECORD_MOST];
  unsigned char type;
  int size;
  h = (heard){.size = 0};
  while ((size = take_record(f, &type, in, sizeof in)) >= 0) {
    if (type == APPLICATION_DATA) {
      NEED(h.size + (size_t)size <= sizeof h.content);
      memcpy(h.content + h.size, in, (size_t)size);
      h.size += (size_t)size;
    } else if (type == ALERT && size == 2 && in[0] == 1) {
      h.refusals += in[1] == 100; /* no_renegotiation, RFC 5246 section 7.2 */
      h.goodbyes += in[1] == 0;
    } else {
      need_failed("a record of another kind", __LINE__);
    }
  }
  return &h;
}

static bool is_heard(const heard *h, const char *bytes, size_t size) {
  return h->size == size && memcmp(h->content, bytes, size) == 0;
}

static void wish_for_a_handshake(fixture *f) { forge(f, HANDSHAKE, "\0\0\0\0", 4); }

static hc_io send_bytes(fixture *f, const char *bytes, size_t size, size_t *sent) {
  hc_slice part = {bytes, size};
  return hc_stream_peer_send(f->w.client, &part, 1, sent, NULL);
}

/* Data that comes behind the wishes is there at once. */
static void check_reading(fixture *f) {
  char in[16];
  size_t got;
  forge(f, APPLICATION_DATA, "behind", 6);
  CHECK_CASE("who reads need not wait for room",
             hc_stream_peer_recv(f->w.client, in, sizeof in, &got, NULL) == HC_IO_OK && got == 6);
}

/* There is room again: both halves of the 2,000 bytes go out, and the server has each once. */
static const heard *check_sending(fixture *f, const char *bytes) {
  size_t sent;
  f->w.wire.write_room = SIZE_MAX;
  CHECK(send_bytes(f, bytes, 1000, &sent) == HC_IO_OK && sent == 1000);
  CHECK(send_bytes(f, bytes + 1000, 1000, &sent) == HC_IO_OK && sent == 1000);
  const heard *h = hear(f);
  CHECK_CASE("each byte once", is_heard(h, bytes, 2000));
  return h;
}

/* RFC 5246 section 7.4.1.1. The wish is read while a record waits for room, and room is there
 * again before the send is repeated. */
static void test_wish_while_a_record_waits(void) {
  static const size_t rooms[] = {0, 1, 10, 900};
  char *bytes = pattern(2000);
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    for (int has_room = 0; has_room < 2; has_room++) {
      fixture f;
      size_t sent;
      open_forged(&f);
      f.w.wire.write_room = rooms[i];
      CHECK(send_bytes(&f, bytes, 1000, &sent) == HC_IO_WANT_WRITE && sent == 0);
      if (has_room) f.w.wire.write_room = SIZE_MAX;
      wish_for_a_handshake(&f);
      wish_for_a_handshake(&f);
      check_reading(&f);
      const heard *h = check_sending(&f, bytes);
      CHECK(h->refusals > 0);
      close_fixture(&f);
    }
  }
  free(bytes);
}

/* The refusal is cut off by a full socket, and what is sent next is not taken for it. */
static void test_refusal_without_room(void) {
  static const size_t rooms[] = {0, 1, 10};
  char *bytes = pattern(2000);
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    for (int sends = 0; sends < 2; sends++) {
      fixture f;
      size_t sent;
      open_forged(&f);
      f.w.wire.write_room = rooms[i];
      wish_for_a_handshake(&f);
      check_reading(&f);
      if (sends) CHECK(send_bytes(&f, bytes, 1000, &sent) == HC_IO_WANT_WRITE && sent == 0);
      const heard *h = check_sending(&f, bytes);
      CHECK(h->refusals == 1);
      close_fixture(&f);
    }
  }
  free(bytes);
}

/* Nor is the goodbye. */
static void test_goodbye_behind_a_refusal(void) {
  fixture f;
  char in[16];
  size_t got;
  open_forged(&f);
  f.w.wire.write_room = 10;
  wish_for_a_handshake(&f);
  (void)hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL);
  f.w.wire.write_room = SIZE_MAX;
  hc_stream_peer_close(f.w.client);
  const heard *h = hear(&f);
  CHECK(h->refusals == 1 && h->goodbyes == 1);
  close_fixture(&f);
}

int main(void) {
  make_identities();
  test_empty_records();
  test_too_many_empty_records();
  test_wish_while_a_record_waits();
  /* OpenSSL 3 drops a refusal that has no room, with the number that its record had */
  if (hc_tls_mbedtls_version()) {
    test_refusal_without_room();
    test_goodbye_behind_a_refusal();
  }
  free_identities();
  return check_report();
}
