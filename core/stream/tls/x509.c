/* x509.c - certificates and keys, in memory and in files. What is in them the TLS library knows.
 * See x509.h.
 *
 * A load that fails leaves an object as it was: the new chain or key is made whole before it takes
 * the old one's place. Text and files that may hold a private key are wiped behind use, in every
 * copy that is ours. */
#include "x509.h"

#include "../../base/memory.h"
#include "tls_internal.h"

struct hc_certificates {
  size_t references;
  hc_tls_chain *chain; /* NULL: empty */
};

struct hc_key {
  size_t references;
  hc_tls_key *handle; /* NULL: empty */
  bool public_only;
};

/* --- certificates */

/* Empty ones are of use: a script makes the object first, and loads into it. */
hc_certificates *hc_certificates_new(void) {
  hc_certificates *c = hc_memory_allocate_zeroed(1, sizeof *c);
  if (c) c->references = 1;
  return c;
}

hc_certificates *hc_certificates_retain(hc_certificates *c) {
  if (c) c->references++;
  return c;
}

/* Options that trust the chain hold a reference of their own, for their getter. */
void hc_certificates_release(hc_certificates *c) {
  if (!c || --c->references > 0) return;
  hc_tls_chain_free(c->chain);
  hc_memory_release(c);
}

size_t hc_certificates_count(const hc_certificates *c) { return hc_tls_chain_count(c->chain); }

const hc_tls_chain *hc_certificates_chain(const hc_certificates *c) { return c->chain; }

/* Options that were made before have taken what they need, and are not changed by this. */
static void set_chain(hc_certificates *c, hc_tls_chain *chain) {
  hc_tls_chain_free(c->chain);
  c->chain = chain;
}

/* Replaces what is there; nothing is added to it. */
hc_error hc_certificates_load_text(hc_certificates *c, hc_slice pem, hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  hc_tls_chain *chain = NULL;
  hc_error error = hc_tls_chain_read(pem, &chain, why ? why : &own);
  if (error == HC_OK) set_chain(c, chain);
  return error;
}

/* The library's sentence gets the path in front; the file's own failures have it already. */
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

/* Of an empty object the text is empty. */
hc_error hc_certificates_save_text(const hc_certificates *c, hc_buffer *out, hc_failure *why) {
  return c->chain ? hc_tls_chain_write(c->chain, out, why) : HC_OK;
}

/* An empty file would only be a riddle later, so nothing is written where there is nothing to
 * save. */
hc_error hc_certificates_save_file(const hc_certificates *c, const char *path, hc_failure *why) {
  if (!c->chain) return hc_failure_set(why, HC_ERR_UNCONFIGURED, "there is no certificate to save");
  hc_buffer text = {0};
  hc_error error = hc_certificates_save_text(c, &text, why);
  hc_slice pem = {hc_buffer_head(&text), hc_buffer_size(&text)};
  if (error == HC_OK) error = hc_pem_file_write(path, pem, why);
  hc_buffer_free(&text);
  return error;
}

/* --- keys */

/* One owner: options take what they need of a key and keep no reference to it. */
hc_key *hc_key_new(void) {
  hc_key *k = hc_memory_allocate_zeroed(1, sizeof *k);
  if (k) k->references = 1;
  return k;
}

/* The library wipes its key as it frees it. */
void hc_key_release(hc_key *k) {
  if (!k || --k->references > 0) return;
  hc_tls_key_free(k->handle);
  hc_memory_release(k);
}

bool hc_key_is_empty(const hc_key *k) { return !k->handle; }

bool hc_key_is_public_only(const hc_key *k) { return k->handle && k->public_only; }

const hc_tls_key *hc_key_handle(const hc_key *k) { return k->handle; }

/* `why` may be NULL to us but not to the library, whose callers read the code back from it. */
static hc_error load_text(hc_key *k, hc_slice pem, hc_key_half half, hc_slice passphrase,
                          hc_failure *why) {
  hc_failure own = {HC_OK, ""};
  hc_tls_key *handle = NULL;
  hc_error error = hc_tls_key_read(pem, half, passphrase, &handle, why ? why : &own);
  if (error != HC_OK) return error;
  hc_tls_key_free(k->handle);
  k->handle = handle;
  k->public_only = half == HC_KEY_PUBLIC;
  return HC_OK;
}

/* Text that may hold a private key. */
static void wipe_x509(hc_buffer *text) {
  if (text->data) hc_memory_wipe(text->data, text->capacity);
  hc_buffer_free(text);
}

/* As of certificates, but the text is wiped whatever came of it: what we can't read may be a key
 * all the same. */
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

/* Public halves are never encrypted, so these two are about private keys. */
hc_error hc_key_load_encrypted_text(hc_key *k, hc_slice pem, hc_slice passphrase, hc_failure *why) {
  return load_text(k, pem, HC_KEY_PRIVATE, passphrase, why);
}

hc_error hc_key_load_encrypted_file(hc_key *k, const char *path, hc_slice passphrase,
                                    hc_failure *why) {
  return load_file(k, path, HC_KEY_PRIVATE, passphrase, why);
}

/* From a private key the public half can be had; the other way round there is nothing to write. */
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
  return error == HC_OK ? hc_tls_key_write(k->handle, half, out, why) : error;
}

/* A public key is no secret, and its file gets the usual rights. */
hc_error hc_key_save_file(const hc_key *k, const char *path, hc_key_half half, hc_failure *why) {
  hc_buffer text = {0};
  hc_error error = hc_key_save_text(k, half, &text, why);
  hc_slice pem = {hc_buffer_head(&text), hc_buffer_size(&text)};
  if (error == HC_OK && half == HC_KEY_PUBLIC) error = hc_pem_file_write(path, pem, why);
  else if (error == HC_OK) error = hc_pem_file_write_private(path, pem, why);
  wipe_x509(&text);
  return error;
}

/* --- both from one file */

/* All three are new and empty (tls.h), so nothing old has to be freed. They are filled together, or
 * not at all. */
hc_error hc_pkcs12_load_file(const char *path, hc_slice passphrase, hc_certificates *own,
                             hc_key *key, hc_certificates *chain, hc_failure *why) {
  hc_buffer bytes = {0};
  hc_failure inner = {HC_OK, ""};
  hc_tls_chain *first = NULL, *others = NULL;
  hc_error error = hc_pem_file_read(path, &bytes, why);
  if (error == HC_OK) {
    hc_slice der = {hc_buffer_head(&bytes), hc_buffer_size(&bytes)};
    error = hc_tls_pkcs12_read(der, passphrase, &first, &key->handle, &others, &inner);
    if (error != HC_OK) hc_failure_set(why, error, "%.130s: %s", path, inner.text);
  }
  if (error == HC_OK) {
    set_chain(own, first);
    set_chain(chain, others);
  }
  wipe_x509(&bytes);
  return error;
}
