/* x509.c - certificates and keys in memory: PEM in, PEM out. See x509.h. */
#include "x509.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "../../base/memory.h"
#include "tls_internal.h"

struct hc_certificates {
  size_t references;
  STACK_OF(X509) * list; /* NULL: empty */
};

struct hc_key {
  size_t references;
  EVP_PKEY *handle; /* NULL: empty */
  bool public_only;
};

int hc_pem_refuse_passphrase(char *buffer, int size, int writing, void *asked) {
  (void)buffer, (void)size, (void)writing;
  bool *flag = asked;
  *flag = true;
  return -1;
}

hc_error hc_pem_end(void) {
  unsigned long first = ERR_peek_error(), error = ERR_peek_last_error();
  /* A block that is broken always leaves an error; OpenSSL does not always when it has no memory. */
  if (hc_tls_memory_was_out() || error == 0) return HC_ERR_OUT_OF_MEMORY;
  /* At the bottom of a broken block's errors is a reason of its own, not just the name of a part of
   * OpenSSL (3.5). */
  if ((ERR_GET_REASON(first) & ERR_RFLAG_COMMON) != 0) return HC_ERR_OUT_OF_MEMORY;
  bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  return is_end ? HC_OK : HC_ERR_INVALID_DATA;
}

static hc_error no_memory_x509_here(hc_failure *why) {
  ERR_clear_error();
  return hc_failure_set(why, HC_ERR_OUT_OF_MEMORY, "out of memory");
}

/* A BIO that reads from the text itself. */
static BIO *open_text(hc_slice text, hc_failure *why) {
  if (text.size > INT_MAX) {
    hc_failure_set(why, HC_ERR_INVALID_DATA, "the PEM text is too long");
    return NULL;
  }
  ERR_clear_error();
  BIO *bio = BIO_new_mem_buf(text.size > 0 ? text.data : "", (int)text.size);
  if (!bio) no_memory_x509_here(why);
  return bio;
}

/* Appends what was written to a memory BIO. */
static hc_error append_written(BIO *bio, hc_buffer *out, hc_failure *why) {
  char *data = NULL;
  long size = BIO_get_mem_data(bio, &data);
  hc_slice written = {data, (size_t)size};
  return hc_buffer_append(out, written, SIZE_MAX) == HC_OK ? HC_OK : no_memory_x509_here(why);
}

/* --- certificates */

hc_certificates *hc_certificates_new(void) {
  hc_certificates *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (c) c->references = 1;
  return c;
}

hc_certificates *hc_certificates_retain(hc_certificates *c) {
  if (c) c->references++;
  return c;
}

void hc_certificates_release(hc_certificates *c) {
  if (!c || --c->references > 0) return;
  sk_X509_pop_free(c->list, X509_free);
  hc_memory_release(c);
}

size_t hc_certificates_count(const hc_certificates *c) {
  return !c->list ? 0 : (size_t)sk_X509_num(c->list);
}

void hc_certificates_take(hc_certificates *c, STACK_OF(X509) * list) { c->list = list; }

STACK_OF(X509) * hc_certificates_list(const hc_certificates *c) { return c->list; }

static hc_error append_certificate(STACK_OF(X509) * list, X509 *certificate, hc_failure *why) {
  if (sk_X509_push(list, certificate) > 0) return HC_OK;
  X509_free(certificate);
  return no_memory_x509_here(why);
}

static hc_error read_certificates(BIO *bio, STACK_OF(X509) * list, hc_failure *why) {
  bool asked = false;
  X509 *certificate;
  while ((certificate = PEM_read_bio_X509(bio, NULL, hc_pem_refuse_passphrase, &asked)) != NULL) {
    hc_error error = append_certificate(list, certificate, why);
    if (error != HC_OK) return error;
  }
  int count = sk_X509_num(list);
  hc_error end = hc_pem_end();
  if (end == HC_ERR_OUT_OF_MEMORY) return no_memory_x509_here(why);
  if (end != HC_OK) {
    return hc_failure_set(why, HC_ERR_INVALID_DATA,
                          "certificate number %d of the PEM text is malformed", count + 1);
  }
  if (count == 0) return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no certificate");
  return HC_OK;
}

hc_error hc_certificates_load_text(hc_certificates *c, hc_slice pem, hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  if (!why) why = &own;
  BIO *bio = open_text(pem, why);
  if (!bio) return why->code;
  STACK_OF(X509) *list = sk_X509_new_null();
  hc_error error = !list ? no_memory_x509_here(why) : read_certificates(bio, list, why);
  BIO_free(bio);
  STACK_OF(X509) *leaving = list;
  if (error == HC_OK) {
    leaving = c->list;
    c->list = list;
  }
  sk_X509_pop_free(leaving, X509_free);
  ERR_clear_error();
  return error;
}

hc_error hc_certificates_load_file(hc_certificates *c, const char *path, hc_failure *why) {
  hc_buffer text = {0};
  hc_error error = hc_pem_file_read(path, &text, why);
  if (error == HC_OK) {
    hc_failure inner = {HC_OK, ""};
    error = hc_certificates_load_text(c, (hc_slice){hc_buffer_head(&text), hc_buffer_size(&text)},
                                      &inner);
    if (error != HC_OK) hc_failure_set(why, error, "%s: %s", path, inner.text);
  }
  hc_buffer_free(&text);
  return error;
}

static bool write_certificates(BIO *bio, const hc_certificates *c) {
  for (int i = 0; i < sk_X509_num(c->list); i++) {
    if (!PEM_write_bio_X509(bio, sk_X509_value(c->list, i))) return false;
  }
  return true;
}

hc_error hc_certificates_save_text(const hc_certificates *c, hc_buffer *out, hc_failure *why) {
  if (!c->list) return HC_OK;
  BIO *bio = BIO_new(BIO_s_mem());
  hc_error error =
      bio && write_certificates(bio, c) ? append_written(bio, out, why) : no_memory_x509_here(why);
  BIO_free(bio);
  ERR_clear_error();
  return error;
}

hc_error hc_certificates_save_file(const hc_certificates *c, const char *path, hc_failure *why) {
  if (!c->list) return hc_failure_set(why, HC_ERR_UNCONFIGURED, "there is no certificate to save");
  hc_buffer text = {0};
  hc_error error = hc_certificates_save_text(c, &text, why);
  hc_slice pem = {hc_buffer_head(&text), hc_buffer_size(&text)};
  if (error == HC_OK) error = hc_pem_file_write(path, pem, why);
  hc_buffer_free(&text);
  return error;
}

/* --- keys */

hc_key *hc_key_new(void) {
  hc_key *k = hc_memory_allocate_zeroed(1, sizeof *k);
  if (k) k->references = 1;
  return k;
}

void hc_key_release(hc_key *k) {
  if (!k || --k->references > 0) return;
  EVP_PKEY_free(k->handle); /* OpenSSL wipes private numbers */
  hc_memory_release(k);
}

bool hc_key_is_empty(const hc_key *k) { return !k->handle; }

bool hc_key_is_public_only(const hc_key *k) { return k->handle && k->public_only; }

void hc_key_take(hc_key *k, EVP_PKEY *handle) { k->handle = handle; }

EVP_PKEY *hc_key_handle(const hc_key *k) { return k->handle; }

/* What OpenSSL is told when it asks for a passphrase. */
typedef struct key_answer {
  hc_slice passphrase; /* "" there is none */
  bool was_asked;
} key_answer;

/* OpenSSL's own buffer, which it wipes. */
static int give_passphrase(char *buffer, int size, int writing, void *context) {
  key_answer *answer = context;
  (void)writing;
  answer->was_asked = true;
  size_t given = answer->passphrase.size;
  if (given == 0 || size < 0 || given > (size_t)size) return -1;
  memcpy(buffer, answer->passphrase.data, given);
  return (int)given;
}

static bool is_about_algorithm(unsigned long error) {
  int lib = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);
  if (lib == ERR_LIB_PEM)
    return reason == PEM_R_UNSUPPORTED_ENCRYPTION || reason == PEM_R_UNSUPPORTED_CIPHER;
  return lib == ERR_LIB_EVP &&
         (reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
          reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_CIPHER ||
          reason == EVP_R_UNSUPPORTED_PRF || reason == EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION);
}

static hc_error explain_locked_key(const key_answer *answer, hc_failure *why) {
  bool is_unknown = false, was_out = false;
  for (unsigned long error; (error = ERR_get_error()) != 0;) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) was_out = true;
    if (is_about_algorithm(error)) is_unknown = true;
  }
  if (was_out) return no_memory_x509_here(why);
  if (answer->passphrase.size == 0)
    return hc_failure_set(why, HC_ERR_INVALID_DATA,
                          "the key is encrypted, and no passphrase was given");
  if (answer->passphrase.size > HC_PASSPHRASE_MAX)
    return hc_failure_set(why, HC_ERR_INVALID_DATA, "the passphrase is longer than %u bytes",
                          HC_PASSPHRASE_MAX);
  return hc_failure_set(why, HC_ERR_INVALID_DATA,
                        is_unknown ? "the key is encrypted in a way that OpenSSL can't read here"
                                   : "wrong passphrase for the encrypted key");
}

static hc_error explain_unread_key(hc_key_half half, const key_answer *answer, hc_failure *why) {
  if (answer->was_asked) return explain_locked_key(answer, why);
  if (hc_tls_memory_was_out()) return no_memory_x509_here(why);
  return hc_failure_set(why, HC_ERR_INVALID_DATA, "the text holds no %s key that can be read",
                        half == HC_KEY_PUBLIC ? "public" : "private");
}

static hc_error load_text(hc_key *k, hc_slice pem, hc_key_half half, hc_slice passphrase,
                          hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  if (!why) why = &own;
  BIO *bio = open_text(pem, why);
  if (!bio) return why->code;
  key_answer answer = {passphrase, false};
  EVP_PKEY *handle = half == HC_KEY_PUBLIC
                         ? PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, &answer)
                         : PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &answer);
  BIO_free(bio);
  if (!handle) return explain_unread_key(half, &answer, why);
  ERR_clear_error(); /* the decoders leave the traces of their attempts */
  EVP_PKEY_free(k->handle);
  k->handle = handle;
  k->public_only = half == HC_KEY_PUBLIC;
  return HC_OK;
}

/* Text that may hold a private key. */
static void wipe_x509(hc_buffer *text) {
  if (text->data) hc_memory_wipe(text->data, text->capacity);
  hc_buffer_free(text);
}

static hc_error load_file(hc_key *k, const char *path, hc_key_half half, hc_slice passphrase,
                          hc_failure *why) {
  hc_buffer text = {0};
  hc_error error = hc_pem_file_read(path, &text, why);
  if (error == HC_OK) {
    hc_failure inner = {HC_OK, ""};
    error = load_text(k, (hc_slice){hc_buffer_head(&text), hc_buffer_size(&text)}, half, passphrase,
                      &inner);
    if (error != HC_OK) hc_failure_set(why, error, "%s: %s", path, inner.text);
  }
  wipe_x509(&text);
  return error;
}

hc_error hc_key_load_text(hc_key *k, hc_slice pem, hc_key_half half, hc_failure *why) {
  return load_text(k, pem, half, HC_SLICE(""), why);
}

hc_error hc_key_load_file(hc_key *k, const char *path, hc_key_half half, hc_failure *why) {
  return load_file(k, path, half, HC_SLICE(""), why);
}

hc_error hc_key_load_encrypted_text(hc_key *k, hc_slice pem, hc_slice passphrase, hc_failure *why) {
  return load_text(k, pem, HC_KEY_PRIVATE, passphrase, why);
}

hc_error hc_key_load_encrypted_file(hc_key *k, const char *path, hc_slice passphrase,
                                    hc_failure *why) {
  return load_file(k, path, HC_KEY_PRIVATE, passphrase, why);
}

static bool write_key_x509(BIO *bio, const hc_key *k, hc_key_half half) {
  if (half == HC_KEY_PUBLIC) return PEM_write_bio_PUBKEY(bio, k->handle) == 1;
  return PEM_write_bio_PKCS8PrivateKey(bio, k->handle, NULL, NULL, 0, NULL, NULL) == 1;
}

static hc_error check_saveable(const hc_key *k, hc_key_half half, hc_failure *why) {
  if (!k->handle) return hc_failure_set(why, HC_ERR_UNCONFIGURED, "there is no key to save");
  if (k->public_only && half == HC_KEY_PRIVATE) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the key is a public one; it has no private half to save");
  }
  return HC_OK;
}

hc_error hc_key_save_text(const hc_key *k, hc_key_half half, hc_buffer *out, hc_failure *why) {
  hc_error error = check_saveable(k, half, why);
  if (error != HC_OK) return error;
  ERR_clear_error();
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return no_memory_x509_here(why);
  error = write_key_x509(bio, k, half)
              ? append_written(bio, out, why)
              : hc_tls_failure_set(why, HC_ERR_INVALID_DATA, "the key can't be written");
  BIO_free(bio); /* wipes its memory */
  ERR_clear_error(); /* the encoders leave the traces of their attempts */
  return error;
}

hc_error hc_key_save_file(const hc_key *k, const char *path, hc_key_half half, hc_failure *why) {
  hc_buffer text = {0};
  hc_error error = hc_key_save_text(k, half, &text, why);
  hc_slice pem = {hc_buffer_head(&text), hc_buffer_size(&text)};
  if (error == HC_OK && half == HC_KEY_PUBLIC) error = hc_pem_file_write(path, pem, why);
  else if (error == HC_OK) error = hc_pem_file_write_private(path, pem, why);
  wipe_x509(&text);
  return error;
}
