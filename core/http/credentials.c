/* credentials.c - Basic credentials. See credentials.h.
 *
 * The pair is encoded as it comes out of pair_byte, three bytes at a time, and hc_base64_encode is
 * not asked, since that wants it in one piece. */
#include "credentials.h"

#include <stdint.h>
#include <string.h>

#include "../base/chars.h"

/* Neither of the two texts is ever in a message. */
static hc_error refuse_credentials(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", what);
}

/* RFC 7617 section 2 forbids them; in the base64 they would do no harm on the wire, but no server
 * expects any. */
static bool has_control_credentials(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if (hc_char_is_control(s.data[i])) return true;
  }
  return false;
}

/* Byte `i` of "user:password". The two are never joined in memory, so there is no copy to wipe. */
static unsigned pair_byte(hc_slice user, hc_slice password, size_t i) {
  if (i < user.size) return (unsigned char)user.data[i];
  return i == user.size ? ':' : (unsigned char)password.data[i - user.size - 1];
}

/* Base64 with padding (RFC 4648 section 4). */
static char *encode_pair(hc_slice user, hc_slice password, char *at) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t size = user.size + 1 + password.size;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    unsigned group = pair_byte(user, password, i) << 16;
    if (left > 1) group |= pair_byte(user, password, i + 1) << 8;
    if (left > 2) group |= pair_byte(user, password, i + 2);
    *at++ = digits[group >> 18];
    *at++ = digits[(group >> 12) & 63];
    *at++ = (char)(left > 1 ? digits[(group >> 6) & 63] : '=');
    *at++ = (char)(left > 2 ? digits[group & 63] : '=');
  }
  return at;
}

hc_error hc_basic_credentials(hc_slice user, hc_slice password, hc_buffer *out, hc_failure *why) {
  /* RFC 7617 section 2 */
  if (user.size > 0 && memchr(user.data, ':', user.size))
    return refuse_credentials(why, "the user name holds a colon");
  if (has_control_credentials(user) || has_control_credentials(password))
    return refuse_credentials(why, "user name or password holds a control byte");
  if (user.size > SIZE_MAX / 4 || password.size > SIZE_MAX / 4) return HC_ERR_OUT_OF_MEMORY;
  size_t size = user.size + 1 + password.size, encoded = sizeof "Basic " - 1 + (size + 2) / 3 * 4;
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(out, encoded, SIZE_MAX, &at, &available);
  if (error != HC_OK) return hc_failure_out_of_memory_for(why, "the credentials");
  memcpy(at, "Basic ", sizeof "Basic " - 1);
  encode_pair(user, password, at + sizeof "Basic " - 1);
  hc_buffer_commit(out, encoded);
  return HC_OK;
}
