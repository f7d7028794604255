/* idn.c - host names in letters of all scripts. See idn.h.
 *
 * A name is converted once, where it comes in, and from then on everything works on the ASCII form:
 * what is looked up, compared, verified and sent is the same text. ASCII names take the short way
 * and never see the library, so "xn--" labels are not checked either: they are names like
 * others. */
#include "idn.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"

static bool is_ascii(hc_slice text) {
  for (size_t i = 0; i < text.size; i++)
    if ((unsigned char)text.data[i] >= 0x80) return false;
  return true;
}

#ifdef HC_WITH_IDN2
#include <idn2.h>

/* Of the library that is loaded, not of its header. */
const char *hc_idn_version(void) { return idn2_check_version(NULL); }

/* What somebody can act on; the library's own words name its rules. */
static hc_error refuse_idn(int code, hc_failure *why) {
  if (code == IDN2_MALLOC) return hc_failure_out_of_memory(why);
  if (code == IDN2_ENCODING_ERROR)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the host is no UTF-8");
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                        "the host is no internationalized name (IDNA): %s", idn2_strerror(code));
}

/* STD 3 (RFC 1123 section 2.1): letters, digits, '-'; and the dots between the labels. */
static bool has_host_letters(const char *name) {
  for (const char *at = name; *at != '\0'; at++) {
    char lower = (char)(*at | 0x20);
    bool is_letter = lower >= 'a' && lower <= 'z';
    if (!is_letter && !hc_char_is_digit(*at) && *at != '-' && *at != '.') return false;
  }
  return true;
}

/* What STD 3 does not allow the library leaves out, where it only maps: such a name is another
 * one. */
static int convert_strictly(const char *text, char **ascii) {
  char *whole = NULL;
  int code = idn2_to_ascii_8z(text, ascii,
                              IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES | IDN2_NFC_INPUT);
  if (code != IDN2_OK) return code;
  code = idn2_to_ascii_8z(text, &whole, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  if (code == IDN2_OK && (strcmp(whole, *ascii) != 0 || !has_host_letters(whole)))
    code = IDN2_DISALLOWED;
  idn2_free(whole);
  if (code != IDN2_OK) idn2_free(*ascii);
  return code;
}

/* `text` ends with a NUL, and has no other. */
static hc_error convert_idn(const char *text, hc_buffer *out, hc_failure *why) {
  char *ascii = NULL;
  int code = convert_strictly(text, &ascii);
  if (code != IDN2_OK) return refuse_idn(code, why);
  hc_error error = hc_buffer_append_text(out, ascii, SIZE_MAX);
  idn2_free(ascii);
  return error == HC_OK ? error : hc_failure_out_of_memory(why);
}

#else
const char *hc_idn_version(void) { return NULL; }

static hc_error convert_idn(const char *text, hc_buffer *out, hc_failure *why) {
  (void)text;
  (void)out;
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                        "the host holds a byte outside ASCII, and this build has no libidn2: write "
                        "the host in its xn-- form");
}
#endif

#define NAME_MOST 1024 /* of UTF-8; what is longer can't be a name in ASCII either */

/* The copy is for the NUL that libidn2 wants. Bytes of ASCII are checked before: UTS 46 maps some
 * characters to '/', '?' and their like, and a name must not become a path (see also
 * has_host_letters). */
hc_error hc_idn_to_ascii(hc_slice name, hc_buffer *out, hc_failure *why) {
  char text[NAME_MOST + 1];
  if (name.size > NAME_MOST)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the host is longer than 255 bytes");
  for (size_t i = 0; i < name.size; i++) {
    /* what a mapping could make of these is nobody's wish */
    if ((unsigned char)name.data[i] < 0x80 && !hc_char_is_host(name.data[i]))
      return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                            "the host holds a byte that no host name has");
  }
  memcpy(text, name.data, name.size);
  text[name.size] = '\0';
  return convert_idn(text, out, why);
}

/* Appends `name` in its ASCII form, and what stands before it in `text` as it is. `name` is a part
 * of `text`, at its end or in its midst. */
static hc_error convert_behind(hc_slice text, hc_slice name, hc_buffer *out, hc_failure *why) {
  hc_slice before = {text.data, (size_t)(name.data - text.data)};
  hc_error error = hc_buffer_append(out, before, SIZE_MAX);
  if (error != HC_OK) return hc_failure_out_of_memory(why);
  return hc_idn_to_ascii(name, out, why);
}

/* A beginning that hc_host_parse will take off again; here it must not go through the mapping. */
static hc_slice without_scheme(hc_slice text) {
  static const hc_slice schemes[] = {{"http://", 7}, {"https://", 8}};
  for (int i = 0; i < 2; i++) {
    size_t size = schemes[i].size;
    if (text.size >= size && hc_slice_equal_fold((hc_slice){text.data, size}, schemes[i]))
      return (hc_slice){text.data + size, text.size - size};
  }
  return text;
}

/* `space` is only filled where it is needed, and is empty when this is called. */
hc_error hc_idn_host_parse(hc_slice text, hc_buffer *space, hc_host *host, hc_failure *why) {
  if (is_ascii(text)) return hc_host_parse(text, host, why);
  hc_error error = convert_behind(text, without_scheme(text), space, why);
  if (error != HC_OK) return error;
  return hc_host_parse((hc_slice){hc_buffer_head(space), hc_buffer_size(space)}, host, why);
}

/* The first colon ends the name, for a name of letters has no other; an IPv6 address is ASCII and
 * has gone the other way. */
hc_error hc_idn_endpoint_parse(hc_slice text, hc_buffer *space, hc_host *host, unsigned *port,
                               hc_failure *why) {
  *port = 0;
  if (is_ascii(text)) return hc_endpoint_parse(text, host, port, why);
  hc_slice name = without_scheme(text);
  const char *colon = memchr(name.data, ':', name.size);
  size_t size = colon ? (size_t)(colon - name.data) : name.size;
  hc_slice behind = {name.data + size, name.size - size};
  name.size = size;
  hc_error error = convert_behind(text, name, space, why);
  if (error != HC_OK) return error;
  error = hc_buffer_append(space, behind, SIZE_MAX);
  if (error != HC_OK) return hc_failure_out_of_memory(why);
  hc_slice whole = {hc_buffer_head(space), hc_buffer_size(space)};
  return hc_endpoint_parse(whole, host, port, why);
}
