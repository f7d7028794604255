/* proxy_auth.c - what a proxy is told about its user. See proxy_auth.h. */
#include "proxy_auth.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"
#include "credentials.h"

static void wipe_proxy_auth(hc_buffer *b) {
  if (b->data) hc_memory_wipe(b->data, b->capacity);
  hc_buffer_free(b);
}

void hc_proxy_auth_free(hc_proxy_auth *a) {
  wipe_proxy_auth(&a->secret);
  wipe_proxy_auth(&a->basic);
  hc_digest_free(&a->challenge);
  memset(a, 0, sizeof *a);
}

hc_error hc_proxy_auth_init(hc_proxy_auth *a, hc_slice user, hc_slice password,
                            hc_proxy_schemes schemes, hc_failure *why) {
  memset(a, 0, sizeof *a);
  a->schemes = schemes;
  if (user.size == 0 && password.size == 0) return HC_OK;
  hc_error code = hc_basic_credentials(user, password, &a->basic, why); /* checks them, too */
  char *at;
  size_t room;
  if (code == HC_OK)
    code = hc_buffer_reserve(&a->secret, user.size + password.size, SIZE_MAX, &at, &room);
  if (code == HC_OK) code = hc_buffer_append(&a->secret, user, SIZE_MAX);
  if (code == HC_OK) code = hc_buffer_append(&a->secret, password, SIZE_MAX);
  if (code != HC_OK) {
    hc_proxy_auth_free(a);
    return code == HC_ERR_OUT_OF_MEMORY ? hc_failure_out_of_memory_for(why, "the credentials")
                                        : code;
  }
  const char *secret = hc_buffer_head(&a->secret);
  a->user = (hc_slice){secret, user.size};
  a->password = (hc_slice){secret + user.size, password.size};
  if (schemes == HC_PROXY_DIGEST_ONLY) wipe_proxy_auth(&a->basic);
  return HC_OK;
}

hc_error hc_proxy_auth_write_digest(hc_proxy_auth *a, hc_slice method, hc_slice target,
                                    hc_buffer *out) {
  a->count++;
  const hc_digest_request request = {
      .user = a->user,
      .password = a->password,
      .method = method,
      .uri = target,
      .cnonce = hc_slice_of(a->cnonce),
      .count = a->count,
  };
  return hc_digest_write(&a->challenge, &request, out);
}

/* The first challenge that can be answered, of all fields. */
static hc_error find_proxy_auth(const hc_headers *fields, hc_digest_challenge *found) {
  static const hc_slice name = {"Proxy-Authenticate", 18};
  hc_error code = HC_ERR_DOES_NOT_EXIST;
  for (size_t i = 0; hc_headers_find(fields, name, i, &i); i++) {
    code = hc_digest_find(hc_headers_value(fields, i), HC_DIGEST_FIRST, found);
    if (code != HC_ERR_DOES_NOT_EXIST) return code;
  }
  return code;
}

hc_error hc_proxy_auth_take(hc_proxy_auth *a, const hc_headers *fields, hc_auth_sent sent) {
  hc_digest_challenge found;
  memset(&found, 0, sizeof found);
  if (a->user.size == 0 && a->password.size == 0) return HC_ERR_UNAUTHORIZED;
  hc_error code = find_proxy_auth(fields, &found);
  bool is_refused = sent == HC_AUTH_SENT_DIGEST && !found.is_stale;
  if (code == HC_OK && !is_refused) code = hc_digest_make_cnonce(a->cnonce);
  if (code != HC_OK || is_refused) {
    hc_digest_free(&found);
    return code == HC_ERR_OUT_OF_MEMORY ? code : HC_ERR_UNAUTHORIZED;
  }
  hc_digest_free(&a->challenge);
  a->challenge = found;
  a->count = 0;
  return HC_OK;
}

hc_error hc_proxy_auth_note(hc_proxy_auth *a, const hc_headers *fields) {
  static const hc_slice name = {"Proxy-Authentication-Info", 25};
  size_t i;
  if (!hc_proxy_auth_is_digest(a) || !hc_headers_find(fields, name, 0, &i)) return HC_OK;
  hc_error code = hc_digest_take_info(&a->challenge, hc_headers_value(fields, i));
  if (code == HC_OK) a->count = 0;
  return code == HC_ERR_OUT_OF_MEMORY ? code : HC_OK;
}
