/* credentials.c - Basic credentials. See credentials.h. */
#include "credentials.h"

#include <stdint.h>
#include <string.h>

#include "../base/base64.h"
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

/* The pair is joined at the end of the room, where its own text is written over it: no copy is left
 * to wipe. */
static void write_pair(hc_slice user, hc_slice password, char *at) {
  size_t size = user.size + 1 + password.size;
  char *pair = at + hc_base64_size(size) - size;
  if (user.size > 0) memcpy(pair, user.data, user.size);
  pair[user.size] = ':';
  if (password.size > 0) memcpy(pair + user.size + 1, password.data, password.size);
  hc_base64_write((hc_slice){pair, size}, at);
}

hc_error hc_basic_credentials(hc_slice user, hc_slice password, hc_buffer *out, hc_failure *why) {
  /* RFC 7617 section 2 */
  if (user.size > 0 && memchr(user.data, ':', user.size))
    return refuse_credentials(why, "the user name holds a colon");
  if (has_control_credentials(user) || has_control_credentials(password))
    return refuse_credentials(why, "user name or password holds a control byte");
  if (user.size > SIZE_MAX / 4 || password.size > SIZE_MAX / 4) return HC_ERR_OUT_OF_MEMORY;
  size_t size = sizeof "Basic " - 1 + hc_base64_size(user.size + 1 + password.size);
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(out, size, SIZE_MAX, &at, &available);
  if (error != HC_OK) return hc_failure_out_of_memory_for(why, "the credentials");
  memcpy(at, "Basic ", sizeof "Basic " - 1);
  write_pair(user, password, at + sizeof "Basic " - 1);
  hc_buffer_commit(out, size);
  return HC_OK;
}
