/* lua_encoding.c - bytes as text and back, digests, HMACs and random bytes: plain functions of the
 * module.
 *
 * All of them take strings and give strings, and hold nothing in between. */
#include <string.h>

#include "../core/base/base64.h"
#include "../core/crypto/digest.h"
#include "../core/crypto/random.h"
#include "lua_binding.h"

/* base64_encode(bytes) -> text. Three bytes become four characters, so what would be too long for a
 * string of Lua's is refused before any of it is made. */
static int encoding_base64_encode(lua_State *L) {
  hc_slice bytes = hcl_check_string(L, 1);
  hc_buffer *out = hcl_buffer_new(L);
  if (bytes.size > HCL_TEXT_LIMIT / 4 * 3 || hc_base64_encode(bytes, out) != HC_OK)
    return hcl_raise_memory(L);
  hcl_buffer_push(L, out);
  return 1;
}

/* base64_decode(text) -> bytes; nil, message, Error */
static int encoding_base64_decode(lua_State *L) {
  hc_failure why = {HC_OK, ""};
  hc_slice text = hcl_check_string(L, 1);
  hc_buffer *out = hcl_buffer_new(L);
  hc_error code = hc_base64_decode(text, out);
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK)
    return hcl_push_refusal(L, hc_failure_set(&why, code, "the text is no Base64"), &why);
  hcl_buffer_push(L, out);
  return 1;
}

/* hex(bytes) -> text, in lower case */
static int encoding_hex(lua_State *L) {
  static const char digits[] = "0123456789abcdef";
  hc_slice bytes = hcl_check_string(L, 1);
  hc_buffer *out = hcl_buffer_new(L);
  char *at;
  size_t room;
  if (bytes.size > HCL_TEXT_LIMIT / 2 ||
      hc_buffer_reserve(out, bytes.size * 2, HCL_TEXT_LIMIT, &at, &room) != HC_OK)
    return hcl_raise_memory(L);
  for (size_t i = 0; i < bytes.size; i++) {
    unsigned char byte = (unsigned char)bytes.data[i];
    at[2 * i] = digits[byte >> 4];
    at[2 * i + 1] = digits[byte & 15];
  }
  hc_buffer_commit(out, bytes.size * 2);
  hcl_buffer_push(L, out);
  return 1;
}

/* The core gets a C string: what stands behind a NUL would be lost. */
static const char *check_algorithm(lua_State *L) {
  hc_slice name = hcl_check_string(L, 1);
  if (memchr(name.data, '\0', name.size)) hcl_argument_error(L, 1, "the name holds a NUL byte");
  return name.data;
}

/* From the C stack, where they were computed: the one allocation is the string. */
static int push_bytes(lua_State *L, hc_error code, const unsigned char *bytes, size_t size,
                      const hc_failure *why) {
  if (code == HC_ERR_OUT_OF_MEMORY) return hcl_raise_memory(L);
  if (code != HC_OK) return hcl_push_refusal(L, code, why);
  lua_pushlstring(L, (const char *)bytes, size);
  return 1;
}

/* digest(algorithm, data) -> bytes; nil, message, Error. Which algorithms there are the core's
 * library says, so an unknown one is a result and no error to catch. */
static int encoding_digest(lua_State *L) {
  unsigned char bytes[HC_DIGEST_MAX];
  size_t size = 0;
  hc_failure why = {HC_OK, ""};
  const char *algorithm = check_algorithm(L);
  hc_slice data = hcl_check_string(L, 2);
  hc_error code = hc_digest(algorithm, data, bytes, &size, &why);
  return push_bytes(L, code, bytes, size, &why);
}

/* hmac(algorithm, key, data) -> bytes; nil, message, Error */
static int encoding_hmac(lua_State *L) {
  unsigned char bytes[HC_DIGEST_MAX];
  size_t size = 0;
  hc_failure why = {HC_OK, ""};
  const char *algorithm = check_algorithm(L);
  hc_slice key = hcl_check_string(L, 2), data = hcl_check_string(L, 3);
  hc_error code = hc_hmac(algorithm, key, data, bytes, &size, &why);
  return push_bytes(L, code, bytes, size, &why);
}

/* random_bytes(count) -> bytes that nobody can guess; nil, message, Error. For the Lua half: a few
 * at a time. */
static int encoding_random_bytes(lua_State *L) {
  unsigned char bytes[64];
  hc_failure why = {HC_OK, ""};
  int64_t count = hcl_check_integer(L, 1);
  if (count < 0 || count > (int64_t)sizeof bytes) return hcl_argument_error(L, 1, "from 0 to 64");
  hc_error code = hc_random_bytes(bytes, (size_t)count);
  if (code != HC_OK) hc_failure_set(&why, code, "the system has no random bytes");
  return push_bytes(L, code, bytes, (size_t)count, &why);
}

/* The first five are scripts' as well; random_bytes the public module leaves out. */
const luaL_Reg hcl_encoding_functions[] = {
    {"base64_encode", encoding_base64_encode},
    {"base64_decode", encoding_base64_decode},
    {"hex", encoding_hex},
    {"digest", encoding_digest},
    {"hmac", encoding_hmac},
    {"random_bytes", encoding_random_bytes},
    {NULL, NULL},
};
