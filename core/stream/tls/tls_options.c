/* tls_options.c - the settings of TLS connections, checked and copied. See tls_options.h.
 *
 * Everything is checked when the object is made, so a mistake is told where it was written and not
 * by a connection an hour later. From then on nothing in it changes but what connections learn: the
 * store of authorities that is current, and sessions. It is counted and, like all of a client, used
 * by one thread at a time; the stores behind it are shared by all threads. */
#include "tls_options.h"

#include <string.h>

#include "../../base/base64.h"
#include "../../base/memory.h"
#include "../../base/sized.h"
#include "../../http/uri.h"
#include "tls_internal.h"

#define ALPN_NAME_MAX 255u
#define ALPN_LIST_MAX 65533u /* RFC 7301 section 3.1: the list's own length takes two bytes */
#define PIN_BASE64_SIZE 44u  /* of 32 bytes */

/* Every sentence begins with the option's name, as a script writes it. */
static hc_error refuse_tls_options_here(hc_failure *why, const char *reason) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", reason);
}

/* --- versions */

/* 0 is "not said". Any other number than these is a mistake, and no wish for the newest. */
static bool is_version(int version) { return version == 0 || (version >= 10 && version <= 13); }

/* 1.2 where nothing is said (RFC 8996 has put the older ones aside), and whatever is the newest. */
static hc_error take_versions(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  if (!is_version(s->min_version))
    return refuse_tls_options_here(why, "min_version: it is none of TLS 1.0 to 1.3");
  if (!is_version(s->max_version))
    return refuse_tls_options_here(why, "max_version: it is none of TLS 1.0 to 1.3");
  o->min_version = s->min_version == 0 ? 12 : s->min_version;
  o->max_version = s->max_version == 0 ? 13 : s->max_version;
  if (o->min_version <= o->max_version) return HC_OK;
  return refuse_tls_options_here(
      why, s->min_version == 0
               ? "max_version: it is below min_version, which is 1.2 where none is given"
               : "max_version: it is below min_version");
}

/* --- pins */

/* "sha256/BASE64"; curl puts a second '/', which the size tells from one that belongs to the
 * BASE64. */
static bool decode_pin(hc_slice pin, unsigned char digest[HC_PIN_SIZE]) {
  static const char prefix[] = "sha256/";
  const size_t prefix_size = sizeof prefix - 1;
  if (pin.size < prefix_size || memcmp(pin.data, prefix, prefix_size) != 0) return false;
  hc_slice base64 = {pin.data + prefix_size, pin.size - prefix_size};
  if (base64.size == PIN_BASE64_SIZE + 1 && base64.data[0] == '/') base64.data++, base64.size--;
  /* without padding it would be a byte more than there is room for */
  if (base64.size != PIN_BASE64_SIZE || base64.data[base64.size - 1] != '=') return false;
  size_t size;
  return hc_base64_read(base64, (char *)digest, &size) && size == HC_PIN_SIZE;
}

/* Digests of 32 bytes behind each other, in one block. One that can't be read refuses all: a pin
 * that nobody checks is worse than none. */
static hc_error take_pins(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  if (s->pinned_key_count == 0) return HC_OK;
  o->pins = hc_memory_allocate_zeroed(s->pinned_key_count, HC_PIN_SIZE);
  if (!o->pins) return hc_failure_out_of_memory(why);
  o->pin_count = s->pinned_key_count;
  for (size_t i = 0; i < o->pin_count; i++) {
    if (decode_pin(s->pinned_keys[i], o->pins + i * HC_PIN_SIZE)) continue;
    return hc_failure_set(
        why, HC_ERR_INVALID_PARAMETER,
        "pinned_keys: number %zu is not \"sha256/\" and the base64 of a SHA-256 digest", i + 1);
  }
  return HC_OK;
}

/* --- protocol names */

/* Written as it goes over the wire, a byte of length before each name, so a handshake has nothing
 * left to do. */
static hc_error take_alpn_tls_options_here(hc_tls_options *o, const hc_tls_settings *s,
                                           hc_failure *why) {
  for (size_t i = 0; i < s->alpn_count; i++) {
    hc_slice name = s->alpn[i];
    if (name.size == 0 || name.size > ALPN_NAME_MAX) {
      return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                            "alpn: name number %zu is not 1 to 255 bytes long", i + 1);
    }
    if (hc_buffer_size(&o->alpn) + 1 + name.size > ALPN_LIST_MAX)
      return refuse_tls_options_here(why, "alpn: the list is too long");
    char size = (char)(unsigned char)name.size;
    if (hc_buffer_append(&o->alpn, (hc_slice){&size, 1}, SIZE_MAX) != HC_OK ||
        hc_buffer_append(&o->alpn, name, SIZE_MAX) != HC_OK) {
      return hc_failure_out_of_memory(why);
    }
  }
  return HC_OK;
}

/* --- the rest */

/* Parsed here only to be refused here; a connection parses its copy again. */
static hc_error take_override(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  hc_host host;
  hc_failure inner = {HC_OK, ""};
  hc_slice name = s->common_name_override;
  if (name.size > 0 && hc_host_parse(name, &host, &inner) != HC_OK) {
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "common name override: %s", inner.text);
  }
  if (name.size > 0 && host.scheme != 0)
    return refuse_tls_options_here(why, "common name override: it has a scheme");
  o->override = hc_memory_copy_text(name.size > 0 ? name.data : "", name.size);
  return o->override ? HC_OK : hc_failure_out_of_memory(why);
}

/* A key without its certificate could be shown to nobody, and a certificate without its key proves
 * nothing. */
static hc_error check_certificates(const hc_tls_settings *s, hc_failure *why) {
  if (s->trusted_chain && hc_certificates_count(s->trusted_chain) == 0) {
    return refuse_tls_options_here(why, "trusted chain: it holds no certificate");
  }
  if (!s->certificate && !s->private_key) return HC_OK;
  if (!s->private_key)
    return refuse_tls_options_here(why, "certificate: it needs a private_key beside it");
  if (!s->certificate)
    return refuse_tls_options_here(why, "private_key: it needs a certificate beside it");
  if (hc_certificates_count(s->certificate) == 0)
    return refuse_tls_options_here(why, "certificate: it is empty");
  if (hc_key_is_empty(s->private_key))
    return refuse_tls_options_here(why, "private_key: it is empty");
  if (hc_key_is_public_only(s->private_key))
    return refuse_tls_options_here(why, "private_key: it is a public key");
  return HC_OK;
}

/* A wish that could not be fulfilled must not look as if it were. */
static hc_error check_verification(const hc_tls_settings *s, hc_failure *why) {
  if (s->verify < HC_TLS_VERIFY_FULL || s->verify > HC_TLS_VERIFY_NONE)
    return refuse_tls_options_here(why, "verify: out of range");
  if (s->verify != HC_TLS_VERIFY_NONE) return HC_OK;
  if (s->crl_file.size > 0)
    return refuse_tls_options_here(why, "crl_file: nothing is revoked where no chain is verified");
  if (s->require_ocsp_stapling)
    return refuse_tls_options_here(why, "require_ocsp_stapling: it needs a chain to be verified");
  return HC_OK;
}

/* What the library has to judge is judged now; plain options wait for their first connection. */
static bool needs_judgement(const hc_tls_settings *s) {
  return s->trusted_chain || s->crl_file.size > 0 || s->certificate || s->ciphers.size > 0 ||
         s->keylog_file.size > 0 || s->min_version != 0 || s->max_version != 0 ||
         s->post_handshake_auth || s->legacy_renegotiation;
}

/* The cheap checks first, and the library last, so nothing of it has begun where something else is
 * wrong. */
static hc_error take_settings(hc_tls_options *o, const hc_tls_settings *s, hc_failure *why) {
  o->verify = s->verify;
  o->require_ocsp = s->require_ocsp_stapling;
  o->tolerates_missing_close_notify = s->tolerate_missing_close_notify;
  hc_error error = check_verification(s, why);
  if (error == HC_OK) error = check_certificates(s, why);
  if (error == HC_OK) error = take_versions(o, s, why);
  if (error == HC_OK) error = take_override(o, s, why);
  if (error == HC_OK) error = take_pins(o, s, why);
  if (error == HC_OK) error = take_alpn_tls_options_here(o, s, why);
  if (error != HC_OK) return error;
  /* Without verification a chain would only be ballast. */
  if (s->verify != HC_TLS_VERIFY_NONE) o->trusted_chain = hc_certificates_retain(s->trusted_chain);
  return needs_judgement(s) ? hc_tls_context_make(o, s, why) : HC_OK;
}

hc_error hc_tls_options_new_sized(const hc_tls_settings *settings, size_t size,
                                  hc_tls_options **out, hc_failure *why) {
  hc_tls_settings known;
  *out = NULL;
  if (!hc_sized_read(&known, sizeof known, settings, size))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "the settings ask for what this version of the library does not have");
  hc_tls_options *o = hc_memory_allocate_zeroed(1, sizeof *o);
  if (!o) return hc_failure_out_of_memory(why);
  o->references = 1;
  hc_error error = take_settings(o, &known, why);
  if (error == HC_OK) *out = o;
  else hc_tls_options_release(o);
  return error;
}

/* Connections, proxies and sessions of a script hold one each. */
hc_tls_options *hc_tls_options_retain(hc_tls_options *o) {
  if (o) o->references++;
  return o;
}

void hc_tls_options_release(hc_tls_options *o) {
  if (!o || --o->references > 0) return;
  hc_tls_session_forget_all(o);
  hc_tls_context_free(o->context);
  hc_tls_keylog_close(o);
  hc_certificates_release(o->trusted_chain);
  hc_buffer_free(&o->alpn);
  hc_memory_release(o->pins);
  hc_memory_release(o->override);
  hc_tls_store_release(o->store);
  hc_memory_release(o);
}

/* --- before a connection */

/* A given chain takes the system's place and is not added to it. */
static bool uses_system_store(const hc_tls_options *o) {
  return o->verify != HC_TLS_VERIFY_NONE && !o->trusted_chain;
}

/* A store without authorities still makes the library ready, which takes most of the time. */
static hc_tls_store *get_store(const hc_tls_options *o) {
  return hc_tls_store_get(uses_system_store(o) ? HC_TLS_STORE_SYSTEM : HC_TLS_STORE_NONE);
}

/* Takes `s` over. */
static void use_store(hc_tls_options *o, hc_tls_store *s) {
  hc_tls_anchors *anchors = hc_tls_store_handle(s);
  if (anchors && s != o->store) {
    hc_tls_session_forget_all(o); /* they were verified against the other store */
    hc_tls_context_trust(o->context, anchors);
    o->store_number++;
  }
  hc_tls_store_release(o->store);
  o->store = s;
}

/* At each connection, since the environment and the bundle may have changed. Plain options get
 * their context here, behind the store: made before, it would start the library on this thread. */
hc_io hc_tls_options_prepare(hc_tls_options *o, hc_failure *why) {
  if (o->context && !uses_system_store(o)) return HC_IO_OK;
  hc_tls_store *s = get_store(o);
  if (!s) {
    hc_failure_out_of_memory(why);
    return HC_IO_ERROR;
  }
  hc_io io = hc_tls_store_poll(s, why);
  if (io == HC_IO_OK && !o->context && hc_tls_context_make(o, NULL, why) != HC_OK) io = HC_IO_ERROR;
  if (io == HC_IO_OK) use_store(o, s);
  else hc_tls_store_release(s);
  return io;
}

/* The store is released at once and goes on loading: its thread and the list hold it. */
void hc_tls_options_start_loading(const hc_tls_options *o) {
  if (hc_tls_check(NULL) != HC_OK) return;
  if (!o->context || uses_system_store(o)) hc_tls_store_release(get_store(o));
}

/* Without options there is no context to make, so this is about the store alone; later options find
 * it ready. */
bool hc_tls_start_loading(void) {
  if (hc_tls_check(NULL) != HC_OK) return true; /* there is nothing to be loaded */
  hc_tls_store *s = hc_tls_store_get(HC_TLS_STORE_SYSTEM);
  bool is_there = s && hc_tls_store_poll(s, NULL) == HC_IO_OK;
  hc_tls_store_release(s);
  return is_there;
}

bool hc_tls_options_is_unsafe(const hc_tls_options *o) { return o->verify != HC_TLS_VERIFY_FULL; }

hc_slice hc_tls_options_common_name_override(const hc_tls_options *o) {
  return hc_slice_of(o->override);
}

hc_certificates *hc_tls_options_trusted_chain(const hc_tls_options *o) { return o->trusted_chain; }

bool hc_tls_options_have_alpn(const hc_tls_options *options) {
  return hc_buffer_size(&options->alpn) > 0;
}

bool hc_tls_options_offer(const hc_tls_options *options, hc_slice name) {
  return hc_alpn_list_has(
      (hc_slice){hc_buffer_head(&options->alpn), hc_buffer_size(&options->alpn)}, name);
}
