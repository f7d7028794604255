/* challenge.c - reads lists of challenges (RFC 9110 section 11.3), as WWW-Authenticate and
 * Proxy-Authenticate have them. See challenge.h.
 *
 * The grammar is awkward. Commas separate challenges and parameters alike, so whether a word begins
 * a new challenge or names a parameter shows only behind it. And instead of parameters a scheme may
 * have one opaque token that ends in '='. So this gives pieces, one after the other, in the order
 * in which they stand, and remembers nothing but the piece before. Whoever reads them keeps the
 * scheme that he is in. */
#include "challenge.h"

#include "../base/chars.h"

/* `from` counts from the slice's beginning and is not over its size. */
static hc_slice behind_challenge(hc_slice s, size_t from) {
  return (hc_slice){s.data + from, s.size - from};
}

static bool is_blank_challenge(char c) { return c == ' ' || c == '\t'; }

/* BWS around '=' as well as OWS around commas: a recipient has to take both (RFC 9110 section
 * 5.6.3). */
static hc_slice skip_blanks(hc_slice s) {
  while (s.size > 0 && is_blank_challenge(s.data[0])) s = behind_challenge(s, 1);
  return s;
}

/* Empty elements of a list count as none (RFC 9110 section 5.6.1). */
static hc_slice skip_commas(hc_slice s) {
  while (s.size > 0 && (is_blank_challenge(s.data[0]) || s.data[0] == ','))
    s = behind_challenge(s, 1);
  return s;
}

/* Of RFC 9110 section 11.2; unreserved has the letters, digits, '-', '.', '_' and '~'. */
static bool is_token68(char c) { return hc_char_is_unreserved(c) || c == '+' || c == '/'; }

/* How many bytes of a token68 (with its '=' at the end) start here, if nothing but a comma or the
 * end stands behind it; 0: this is none. */
static size_t token68_size(hc_slice s) {
  size_t size = 0;
  while (size < s.size && is_token68(s.data[size])) size++;
  if (size == 0) return 0;
  while (size < s.size && s.data[size] == '=') size++;
  hc_slice after = skip_blanks(behind_challenge(s, size));
  return after.size == 0 || after.data[0] == ',' ? size : 0;
}

/* The '"' at the end of a quoted-string whose first one is taken; false: there is none. */
static bool find_quote(hc_slice s, size_t *at) {
  for (size_t i = 0; i < s.size; i++) {
    if (s.data[i] == '"') {
      *at = i;
      return true;
    }
    if (s.data[i] == '\\') i++;
  }
  return false;
}

/* `rest` begins with the value of the parameter. The piece gets a view of it, without its quotes
 * but with its backslashes: who needs the value unescapes it (hc_challenge_append_value). */
static hc_parse take_value(hc_slice rest, hc_slice *behind_it, hc_challenge_piece *piece) {
  size_t size;
  piece->is_quoted = rest.size > 0 && rest.data[0] == '"';
  if (piece->is_quoted) {
    rest = behind_challenge(rest, 1);
    if (!find_quote(rest, &size)) return HC_PARSE_ERROR;
  } else {
    size = rest.size > 0 ? hc_token_size(rest.data, rest.size) : 0;
    if (size == 0) return HC_PARSE_ERROR;
  }
  piece->value = (hc_slice){rest.data, size};
  *behind_it = skip_blanks(behind_challenge(rest, size + (piece->is_quoted ? 1 : 0)));
  return HC_PARSE_DONE;
}

/* Does something else than a comma stand behind the parameter that was the last piece? */
static bool is_cut_off(const hc_challenge_piece *piece, hc_slice rest) {
  return piece->kind == HC_CHALLENGE_PARAM && rest.size > 0 && rest.data[0] != ',';
}

/* Is the piece a scheme, with nothing but blanks between it and what comes at `at`? */
static bool is_behind_scheme(const hc_challenge_piece *piece, hc_slice rest, const char *at) {
  return piece->kind == HC_CHALLENGE_SCHEME && piece->name.size > 0 && rest.data < at &&
         skip_blanks(rest).data == at;
}

/* Where a parameter could be read in its place that goes first: "a=b" is both. */
static hc_parse take_token68(hc_slice *rest, hc_challenge_piece *piece) {
  size_t size = token68_size(*rest);
  if (size == 0) return HC_PARSE_ERROR;
  *piece = (hc_challenge_piece){HC_CHALLENGE_TOKEN68, {NULL, 0}, {rest->data, size}, false};
  *rest = behind_challenge(*rest, size);
  return HC_PARSE_DONE;
}

/* A token is a parameter's name when '=' and a value follow. */
static bool begins_value(hc_slice after_token, hc_slice *value) {
  hc_slice s = skip_blanks(after_token);
  if (s.size == 0 || s.data[0] != '=') return false;
  *value = skip_blanks(behind_challenge(s, 1));
  return value->size > 0 && (value->data[0] == '"' || hc_char_is_token(value->data[0]));
}

/* An error ends the list for good. What stands behind something that could not be read might be a
 * part of it, and a challenge that nobody has made must not be answered with a password. */
hc_parse hc_challenge_next(hc_slice *rest, hc_challenge_piece *piece) {
  hc_slice s = skip_commas(*rest), value;
  if (is_cut_off(piece, *rest)) return HC_PARSE_ERROR;
  bool may_be_token68 = s.size > 0 && is_behind_scheme(piece, *rest, s.data);
  *rest = s;
  if (s.size == 0) return HC_PARSE_MORE;
  size_t size = hc_token_size(s.data, s.size);
  hc_slice name = {s.data, size}, after = behind_challenge(s, size);
  if (size > 0 && begins_value(after, &value)) {
    *piece = (hc_challenge_piece){HC_CHALLENGE_PARAM, name, {NULL, 0}, false};
    return take_value(value, rest, piece);
  }
  if (may_be_token68) return take_token68(rest, piece);
  if (size == 0 || (after.size > 0 && !is_blank_challenge(after.data[0]) && after.data[0] != ','))
    return HC_PARSE_ERROR;
  *piece = (hc_challenge_piece){HC_CHALLENGE_SCHEME, name, {NULL, 0}, false};
  *rest = after;
  return HC_PARSE_DONE;
}

/* quoted-pair: the backslash is not part of the value (RFC 9110 section 5.6.4). */
hc_error hc_challenge_append_value(const hc_challenge_piece *piece, hc_buffer *out) {
  const hc_slice v = piece->value;
  if (!piece->is_quoted) return hc_buffer_append(out, v, SIZE_MAX);
  char *at;
  size_t room, size = 0;
  hc_error code = hc_buffer_reserve(out, v.size, SIZE_MAX, &at, &room);
  if (code != HC_OK) return code;
  for (size_t i = 0; i < v.size; i++) {
    if (v.data[i] == '\\' && i + 1 < v.size) i++;
    at[size++] = v.data[i];
  }
  hc_buffer_commit(out, size);
  return HC_OK;
}

/* Twice the size holds it even where every byte has to be quoted. Control bytes are the caller's to
 * refuse. */
hc_error hc_quoted_append(hc_slice text, hc_buffer *out) {
  char *at;
  size_t room, size = 0;
  if (text.size > SIZE_MAX / 4) return HC_ERR_OUT_OF_MEMORY;
  hc_error code = hc_buffer_reserve(out, 2 * text.size + 2, SIZE_MAX, &at, &room);
  if (code != HC_OK) return code;
  at[size++] = '"';
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '"' || text.data[i] == '\\') at[size++] = '\\';
    at[size++] = text.data[i];
  }
  at[size++] = '"';
  hc_buffer_commit(out, size);
  return HC_OK;
}
