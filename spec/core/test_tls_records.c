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
  NEED(context &&
       EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, to_client.key, nonce) == 1 &&
       EVP_EncryptUpdate(context, NULL, &moved, bound, sizeof bound) == 1 &&
       EVP_EncryptUpdate(context, content, &moved, (const unsigned char *)bytes, (int)size) == 1 &&
       EVP_EncryptFinal_ex(context, content + size, &rest) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, content + size) == 1);
  EVP_CIPHER_CTX_free(context);
  NEED(BIO_write(f->w.wire.to_client, record, (int)(5 + sealed)) == (int)(5 + sealed));
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
        CHECK_CASE("they are nothing",
                   (peeks ? hc_stream_peer_peek(f.w.client, NULL)
                          : hc_stream_peer_recv(f.w.client, in, sizeof in, &got, NULL)) ==
                       HC_IO_WANT_READ);
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

int main(void) {
  make_identities();
  test_empty_records();
  test_too_many_empty_records();
  free_identities();
  return check_report();
}
