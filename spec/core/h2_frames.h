/* h2_frames.h - frames of HTTP/2 from a short text and back into one, for tests of a session (RFC
 * 9113 section 4.1). What a well-behaved library never sends can be written as well.
 *
 * Words, divided by "|":  S [id=value ...]   SA   H<stream>[e][c] name=value;...   C<stream>[c]
 * name=value;...   D<stream>[e] text
 *   R<stream> code   G last code text   P   W<stream> size   X type flags stream text
 *   Z type flags stream hex digits, or +<so many zeros>
 * "e" is END_STREAM, "c" leaves END_HEADERS out. In fields "_" is a blank and "\1" a byte that none
 * should hold. */
#ifndef SPEC_H2_FRAMES_H
#define SPEC_H2_FRAMES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H2_BYTES 65536u

typedef struct h2_bytes {
  unsigned char data[H2_BYTES];
  size_t size;
} h2_bytes;

static inline void h2_put(h2_bytes *b, const void *data, size_t size) {
  if (size > H2_BYTES - b->size) abort();
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static inline void h2_put_number(h2_bytes *b, uint64_t number, size_t size) {
  for (size_t i = size; i-- > 0;) {
    unsigned char byte = (unsigned char)(number >> (8 * i));
    h2_put(b, &byte, 1);
  }
}

static inline void h2_put_frame(h2_bytes *b, unsigned type, unsigned flags, unsigned long stream,
                                const h2_bytes *payload) {
  h2_put_number(b, payload->size, 3);
  h2_put_number(b, type, 1);
  h2_put_number(b, flags, 1);
  h2_put_number(b, stream, 4);
  h2_put(b, payload->data, payload->size);
}

/* A length of HPACK's in seven bits (RFC 7541 section 5.1). */
static inline void h2_put_length(h2_bytes *b, size_t size) {
  if (size < 127) {
    h2_put_number(b, size, 1);
    return;
  }
  h2_put_number(b, 127, 1);
  for (size -= 127; size >= 128; size /= 128) h2_put_number(b, size % 128 + 128, 1);
  h2_put_number(b, size, 1);
}

/* Literals without indexing, without Huffman (section 6.2.2). */
static inline void h2_put_fields(h2_bytes *b, const char *text) {
  while (*text) {
    size_t name = strcspn(text, "="), value = strcspn(text + name + 1, ";");
    h2_put_number(b, 0, 1);
    h2_put_length(b, name);
    for (size_t i = 0; i < name; i++) h2_put(b, text[i] == '_' ? " " : text + i, 1);
    h2_put_length(b, value);
    for (size_t i = name + 1; i <= name + value; i++) h2_put(b, text[i] == '_' ? " " : text + i, 1);
    text += name + 1 + value;
    if (*text == ';') text++;
  }
}

static inline void h2_put_settings(h2_bytes *b, const char *text) {
  unsigned id;
  unsigned long value;
  int used;
  while (sscanf(text, " %u=%lu%n", &id, &value, &used) == 2) {
    h2_put_number(b, id, 2);
    h2_put_number(b, value, 4);
    text += used;
  }
}

/* One word: see the head of this file. */
static inline void h2_write_one(h2_bytes *out, const char *word) {
  static h2_bytes payload;
  char *rest = NULL;
  unsigned long stream = strtoul(word + 1, &rest, 10), code = 0, last = 0;
  unsigned flags = 0, type = 0, byte = 0;
  int used = 0;
  payload.size = 0;
  for (; *rest == 'e' || *rest == 'c'; rest++) flags |= *rest == 'e' ? 1u : 8u;
  if (*rest == ' ') rest++;
  switch (word[0]) {
  case 'S':
    h2_put_settings(&payload, word + (word[1] == 'A' ? 2 : 1));
    h2_put_frame(out, 4, word[1] == 'A' ? 1 : 0, 0, &payload);
    return;
  case 'H':
  case 'C':
    h2_put_fields(&payload, rest);
    h2_put_frame(out, word[0] == 'H' ? 1 : 9, (flags & 1u) | (flags & 8u ? 0u : 4u), stream,
                 &payload);
    return;
  case 'D':
    h2_put(&payload, rest, strlen(rest));
    h2_put_frame(out, 0, flags & 1u, stream, &payload);
    return;
  case 'R':
  case 'W':
    h2_put_number(&payload, strtoul(rest, NULL, 10), 4);
    h2_put_frame(out, word[0] == 'R' ? 3 : 8, 0, stream, &payload);
    return;
  case 'G':
    if (sscanf(word + 1, " %lu %lu %n", &last, &code, &used) < 2) abort();
    h2_put_number(&payload, last, 4);
    h2_put_number(&payload, code, 4);
    h2_put(&payload, word + 1 + used, strlen(word + 1 + used));
    h2_put_frame(out, 7, 0, 0, &payload);
    return;
  case 'P':
    h2_put(&payload, "pingping", 8);
    h2_put_frame(out, 6, 0, 0, &payload);
    return;
  case 'X':
    if (sscanf(word + 1, " %u %u %lu %n", &type, &flags, &stream, &used) < 3) abort();
    h2_put(&payload, word + 1 + used, strlen(word + 1 + used));
    h2_put_frame(out, type, flags, stream, &payload);
    return;
  case 'Z':
    if (sscanf(word + 1, " %u %u %lu %n", &type, &flags, &stream, &used) < 3) abort();
    for (int left = word[1 + used] == '+' ? atoi(word + 2 + used) : 0; left > 0; left--)
      h2_put_number(&payload, 0, 1);
    for (const char *at = word + 1 + used; sscanf(at, "%2x%n", &byte, &used) == 1; at += used)
      h2_put_number(&payload, byte, 1);
    h2_put_frame(out, type, flags, stream, &payload);
    return;
  default: abort();
  }
}

static inline void h2_write(h2_bytes *out, const char *words) {
  static char word[H2_BYTES];
  while (*words) {
    size_t size = strcspn(words, "|");
    memcpy(word, words, size);
    word[size] = '\0';
    h2_write_one(out, word);
    words += size;
    if (*words == '|') words++;
  }
}

static inline unsigned long h2_number(const unsigned char *at, size_t size) {
  unsigned long number = 0;
  for (size_t i = 0; i < size; i++) number = number << 8 | at[i];
  return number;
}

/* What a client has sent, behind its preface: "SETTINGS HEADERS1e DATA1(5)e RST1(8) GOAWAY(1)
 * WINDOW0". Returns 0 where the last frame is not whole. */
static inline int h2_read(const h2_bytes *b, size_t from, char *out, size_t room) {
  static const char *const names[] = {"DATA", "HEADERS", "PRIORITY", "RST",    "SETTINGS",
                                      "PUSH", "PING",    "GOAWAY",   "WINDOW", "CONTINUATION"};
  size_t used = 0;
  out[0] = '\0';
  while (from + 9 <= b->size) {
    const unsigned char *f = b->data + from;
    unsigned long size = h2_number(f, 3), stream = h2_number(f + 5, 4) & 0x7fffffffu;
    char more[32] = "";
    if (from + 9 + size > b->size) return 0;
    if (f[3] == 0) snprintf(more, sizeof more, "(%lu)", size);
    if (f[3] == 3) snprintf(more, sizeof more, "(%lu)", h2_number(f + 9, 4));
    if (f[3] == 7) snprintf(more, sizeof more, "(%lu)", h2_number(f + 13, 4));
    int length = snprintf(
        out + used, room - used, "%s%s%s%s%s", used > 0 ? " " : "",
        f[3] < 10 ? names[f[3]] : "UNKNOWN",
        stream > 0 ? (char[]){(char)('0' + stream % 100 / 10), (char)('0' + stream % 10), 0} : "",
        more, (f[4] & 1u) && (f[3] <= 1 || f[3] == 4 || f[3] == 6) ? (f[3] <= 1 ? "e" : "+") : "");
    if (length < 0 || (size_t)length >= room - used) abort();
    used += (size_t)length;
    from += 9 + size;
  }
  return from == b->size;
}

#endif
