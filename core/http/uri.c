/* uri.c - percent-encoding, hosts and authorities. See uri.h.
 *
 * No URL is taken apart as a whole here: the Lua half does that (url/). The core meets hosts and
 * authorities alone, and reads them strictly, for the text that is checked must mean the same to
 * whoever connects, to the certificate's check, and to the server. */
#include "uri.h"

#include <string.h>

#include "../base/chars.h"

/* Of DNS (RFC 1035 section 2.3.4), with the dots. A label's own limit of 63 is the resolver's to
 * find. */
#define HOST_NAME_LIMIT 255u

/* Counted first, then written: one allocation, whatever the text is. Upper case in the digits, as
 * RFC 3986 section 2.1 wants it. */
hc_error hc_uri_encode(hc_slice text, hc_buffer *out) {
  static const char digits[] = "0123456789ABCDEF";
  if (text.size > SIZE_MAX / 3) return HC_ERR_OUT_OF_MEMORY;
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++) size += hc_char_is_unreserved(text.data[i]) ? 1 : 3;
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(out, size, SIZE_MAX, &at, &available);
  if (error != HC_OK) return error;
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (hc_char_is_unreserved(text.data[i])) {
      *at++ = text.data[i];
    } else {
      *at++ = '%';
      *at++ = digits[byte >> 4];
      *at++ = digits[byte & 15];
    }
  }
  hc_buffer_commit(out, size);
  return HC_OK;
}

/* The byte that "%XX" at text[i] stands for; -1 when there is no "%XX". */
static int encoded_byte(hc_slice text, size_t i) {
  if (text.size - i < 3 || text.data[i] != '%') return -1;
  int high = hc_char_hex_value(text.data[i + 1]);
  int low = hc_char_hex_value(text.data[i + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A '%' that begins no such triple stands for itself, as in browsers: a text that was never encoded
 * comes out as it went in. */
hc_error hc_uri_decode(hc_slice text, hc_buffer *out) {
  char *at;
  size_t available;
  hc_error error = hc_buffer_reserve(out, text.size, SIZE_MAX, &at, &available);
  if (error != HC_OK) return error;
  size_t size = 0;
  for (size_t i = 0; i < text.size;) {
    int byte = encoded_byte(text, i);
    at[size++] = (char)(byte < 0 ? text.data[i] : byte);
    i += byte < 0 ? 1 : 3;
  }
  hc_buffer_commit(out, size);
  return HC_OK;
}

/* memchr of an empty slice, whose pointer may be NULL, is undefined. */
static bool find_uri(hc_slice s, char c, size_t *index) {
  const char *found = s.size > 0 ? memchr(s.data, c, s.size) : NULL;
  if (found) *index = (size_t)(found - s.data);
  return found != NULL;
}

/* `from` is within s, or right behind it. */
static hc_slice rest_of_uri(hc_slice s, size_t from) {
  return (hc_slice){s.data + from, s.size - from};
}

/* dec-octet, RFC 3986 section 3.2.2: how many digits of a number 0..255 without leading zeros start
 * here; 0: none. */
static size_t octet_size(hc_slice s) {
  unsigned value = 0;
  size_t size = 0;
  for (; size < s.size && size < 4 && hc_char_is_digit(s.data[size]); size++)
    value = value * 10 + (unsigned)(s.data[size] - '0');
  if (size > 1 && s.data[0] == '0') return 0;
  return size > 3 || value > 255 ? 0 : size;
}

/* The four decimal numbers of RFC 3986 alone. What inet_aton takes besides (one number, octal,
 * hexadecimal) is how filters that look at the text get passed: "0177.1" is 127.0.0.1 there. Here
 * it is a name; what a look-up makes of it is looked at as the address that comes out. */
bool hc_is_ipv4_literal(hc_slice text) {
  for (int octet = 0; octet < 4; octet++) {
    size_t size = octet_size(text);
    if (size == 0) return false;
    text = rest_of_uri(text, size);
    if (octet == 3) break;
    if (text.size == 0 || text.data[0] != '.') return false;
    text = rest_of_uri(text, 1);
  }
  return text.size == 0;
}

/* More than four digits are seen as such, not cut: the caller refuses the group. */
static size_t hex_run(hc_slice s) {
  size_t size = 0;
  while (size < s.size && hc_char_hex_value(s.data[size]) >= 0) size++;
  return size;
}

/* IPv6address (RFC 3986 section 3.2.2): eight groups, or up to seven and one "::"; the last two may
 * be IPv4. */
static bool is_ipv6_address(hc_slice s) {
  size_t groups = 0;
  bool has_gap = s.size >= 2 && s.data[0] == ':' && s.data[1] == ':';
  if (has_gap) s = rest_of_uri(s, 2);
  while (s.size > 0) {
    size_t digits = hex_run(s);
    if (digits == 0 || digits > 4) return false;
    if (digits < s.size && s.data[digits] == '.') {
      if (!hc_is_ipv4_literal(s)) return false;
      groups += 2;
      break;
    }
    groups++;
    s = rest_of_uri(s, digits);
    if (s.size == 0) break;
    if (s.data[0] != ':' || s.size == 1) return false;
    s = rest_of_uri(s, 1);
    if (s.data[0] == ':') {
      if (has_gap) return false;
      has_gap = true;
      s = rest_of_uri(s, 1);
    }
  }
  return has_gap ? groups <= 7 : groups == 8;
}

/* RFC 4007 section 11: what follows the '%' is up to the system; here it has to be text that a host
 * may consist of. */
static bool is_zone(hc_slice s) {
  for (size_t i = 0; i < s.size; i++) {
    if (!hc_char_is_host(s.data[i])) return false;
  }
  return s.size > 0;
}

/* "fe80::1%eth0" as people write it, with one '%'; the "%25" of a URL begins a zone of its own,
 * "25eth0", which address.c knows what to do with. */
bool hc_is_ipv6_literal(hc_slice text) {
  size_t percent;
  if (!find_uri(text, '%', &percent)) return is_ipv6_address(text);
  return is_ipv6_address((hc_slice){text.data, percent}) && is_zone(rest_of_uri(text, percent + 1));
}

/* Never with the text itself: whoever wrote a URL where a host belongs may have written a password
 * with it. */
static hc_error refuse_uri(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", what);
}

/* What somebody probably wrote when this byte is in a host, where it can't be. */
static const char *offence_of(char c) {
  switch (c) {
  case ':': return "the host holds a port (or is a bad IPv6 address)";
  case '/':
  case '\\': return "the host holds a path";
  case '?': return "the host holds a query";
  case '#': return "the host holds a fragment";
  case '@': return "the host holds user info";
  case '%': return "the host holds a percent sign";
  case ' ': return "the host holds a space";
  default: break;
  }
  if (hc_char_is_control(c)) return "the host holds a control byte";
  if ((unsigned char)c >= 0x80) return "the host holds a byte outside ASCII";
  return "the host holds a byte that no host name has";
}

/* The '@' is looked for first of all: "user:word@host" would otherwise be refused for its colon,
 * and the message would lead astray. No name is quoted, for it may hold the word. */
static hc_error check_name_uri(hc_slice name, hc_failure *why) {
  size_t index;
  if (name.size == 0) return refuse_uri(why, "the host is empty");
  if (find_uri(name, '@', &index)) return refuse_uri(why, offence_of('@'));
  for (size_t i = 0; i < name.size; i++) {
    if (!hc_char_is_host(name.data[i])) return refuse_uri(why, offence_of(name.data[i]));
  }
  return name.size > HOST_NAME_LIMIT ? refuse_uri(why, "the host is longer than 255 bytes") : HC_OK;
}

/* "HTTP://" is a scheme too. */
static bool starts_with_fold(hc_slice s, hc_slice prefix) {
  return s.size >= prefix.size && hc_slice_equal_fold((hc_slice){s.data, prefix.size}, prefix);
}

/* 0: none, else which of the two. Scripts hand whole beginnings of URLs to connect, as the engine
 * allows. */
static hc_slice strip_scheme(hc_slice text, int *scheme) {
  static const hc_slice schemes[] = {{"http://", 7}, {"https://", 8}};
  *scheme = 0;
  for (int i = 0; i < 2; i++) {
    if (!starts_with_fold(text, schemes[i])) continue;
    *scheme = i + 1;
    return rest_of_uri(text, schemes[i].size);
  }
  return text;
}

/* Brackets hold an IPv6 address and nothing else. The future forms of RFC 3986 (IPvFuture) nobody
 * has ever defined. */
static hc_error parse_bracketed(hc_slice text, hc_host *host, hc_failure *why) {
  size_t end;
  if (!find_uri(text, ']', &end)) return refuse_uri(why, "the host has '[' without ']'");
  if (end + 1 < text.size) return refuse_uri(why, offence_of(text.data[end + 1]));
  host->kind = HC_HOST_IPV6;
  host->text = (hc_slice){text.data + 1, end - 1};
  return hc_is_ipv6_literal(host->text)
             ? HC_OK
             : refuse_uri(why, "no IPv6 address stands between the host's brackets");
}

/* An IPv6 address is accepted with brackets and without: in a URL it has them, in an argument that
 * is a host alone nobody writes them. */
hc_error hc_host_parse(hc_slice text, hc_host *host, hc_failure *why) {
  size_t colon;
  text = strip_scheme(text, &host->scheme);
  host->text = text;
  host->kind = HC_HOST_NAME;
  if (text.size > 0 && text.data[0] == '[') return parse_bracketed(text, host, why);
  bool has_colon = find_uri(text, ':', &colon);
  if (has_colon && hc_is_ipv6_literal(text)) {
    host->kind = HC_HOST_IPV6;
    return HC_OK;
  }
  if (hc_is_ipv4_literal(text)) {
    host->kind = HC_HOST_IPV4;
    return HC_OK;
  }
  if (has_colon && text.size - colon >= 3 && text.data[colon + 1] == '/' &&
      text.data[colon + 2] == '/')
    return refuse_uri(why, "the host has a scheme other than one http:// or https://");
  return check_name_uri(text, why);
}

/* Goes on after a failure without writing. */
static void append_uri(hc_buffer *out, hc_slice bytes, hc_error *error) {
  if (*error == HC_OK) *error = hc_buffer_append(out, bytes, SIZE_MAX);
}

/* The zone stays behind: it names an interface of this machine, and means nothing to the server
 * (RFC 6874 section 4). A default port is left out, since some servers compare Host with what they
 * expect letter by letter (RFC 9110 section 7.2 allows both). */
hc_error hc_authority_write(hc_slice host, unsigned port, unsigned default_port, hc_buffer *out) {
  size_t index, held = hc_buffer_size(out);
  bool needs_brackets = find_uri(host, ':', &index);
  if (needs_brackets && find_uri(host, '%', &index)) host.size = index;
  hc_error error = HC_OK;
  if (needs_brackets) append_uri(out, HC_SLICE("["), &error);
  append_uri(out, host, &error);
  if (needs_brackets) append_uri(out, HC_SLICE("]"), &error);
  if (port != default_port || default_port == 0) {
    append_uri(out, HC_SLICE(":"), &error);
    if (error == HC_OK) error = hc_buffer_append_number(out, port, SIZE_MAX);
  }
  if (error != HC_OK) out->end = out->start + held;
  return error;
}

/* "host:" with nothing behind the colon is the default port (RFC 3986 section 3.2.3). The check
 * inside the loop keeps the number from overflowing, however many digits there are. */
const char *hc_port_parse(hc_slice digits, unsigned *port) {
  unsigned value = 0;
  for (size_t i = 0; i < digits.size; i++) {
    if (!hc_char_is_digit(digits.data[i])) return "the port is no number";
    value = value * 10 + (unsigned)(digits.data[i] - '0');
    if (value > 65535) return "the port is over 65535";
  }
  if (digits.size > 0 && value == 0) return "the port is 0";
  *port = value;
  return NULL;
}

/* The words come from hc_port_parse, which proxy.c uses too. */
static hc_error check_port(hc_slice digits, unsigned *port, hc_failure *why) {
  const char *fault = hc_port_parse(digits, port);
  return fault ? refuse_uri(why, fault) : HC_OK;
}

/* Where the colon before a port would be. An IPv6 address without brackets has colons of its own,
 * and can have no port behind it. */
static size_t end_of_host(hc_slice text) {
  size_t end = text.size;
  if (text.size > 0 && text.data[0] == '[') {
    if (find_uri(text, ']', &end) && end + 1 < text.size && text.data[end + 1] == ':')
      return end + 1;
    return text.size;
  }
  if (hc_is_ipv6_literal(text)) return text.size;
  return find_uri(text, ':', &end) ? end : text.size;
}

/* ":8080" alone is a port for whatever host there is already. */
hc_error hc_endpoint_parse(hc_slice text, hc_host *host, unsigned *port, hc_failure *why) {
  int scheme;
  hc_slice rest = strip_scheme(text, &scheme);
  size_t end = end_of_host(rest);
  *port = 0;
  if (end < rest.size) {
    hc_error error = check_port(rest_of_uri(rest, end + 1), port, why);
    if (error != HC_OK) return error;
  }
  if (end == 0 && *port != 0) {
    *host = (hc_host){HC_HOST_NAME, {"", 0}, scheme};
    return HC_OK;
  }
  return hc_host_parse((hc_slice){text.data, text.size - (rest.size - end)}, host, why);
}

/* reg-name (RFC 3986 section 3.2.2); with percent-encoding, since this one is in a URL. */
static hc_error check_reg_name(hc_slice name, hc_failure *why) {
  if (name.size == 0) return refuse_uri(why, "the host is empty"); /* RFC 9110 section 4.2.1 */
  for (size_t i = 0; i < name.size; i++) {
    if (hc_char_is_host(name.data[i])) continue;
    if (encoded_byte(name, i) < 0) return refuse_uri(why, offence_of(name.data[i]));
    i += 2;
  }
  return HC_OK;
}

/* Of a URL or a Host field, which goes over the wire as it stands; so it is stricter than
 * hc_host_parse in what it takes for an address and allows what only a URL may have. */
hc_error hc_authority_check(hc_slice text, unsigned *port, hc_failure *why) {
  size_t end = 0;
  *port = 0;
  /* RFC 9110 section 4.2.4: user info never goes on the wire. */
  if (find_uri(text, '@', &end)) return refuse_uri(why, offence_of('@'));
  if (text.size > 0 && text.data[0] == '[') {
    if (!find_uri(text, ']', &end)) return refuse_uri(why, "the host has '[' without ']'");
    /* RFC 6874 section 4: a zone means something on this machine only. */
    if (!is_ipv6_address((hc_slice){text.data + 1, end - 1}))
      return refuse_uri(why, "no IPv6 address (without zone) stands between the host's brackets");
    end++;
    if (end < text.size && text.data[end] != ':')
      return refuse_uri(why, "something stands behind the host's brackets");
  } else {
    if (!find_uri(text, ':', &end)) end = text.size;
    hc_error error = check_reg_name((hc_slice){text.data, end}, why);
    if (error != HC_OK) return error;
  }
  return end == text.size ? HC_OK : check_port(rest_of_uri(text, end + 1), port, why);
}
