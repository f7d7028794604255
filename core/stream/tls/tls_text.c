/* tls_text.c - what certificates hold, as text: for messages, and for hc_tls_peer_certificate.
 *
 * All of it was chosen by a peer and is of any size and any bytes. Whatever has to fit a message is
 * cut, and a cut is shown. */
#include <stdio.h>
#include <string.h>

#include "../../base/base64.h"
#include "../../base/memory.h"
#include "tls_internal.h"

/* By bytes and not by characters: the last one of a UTF-8 name may lose its end. */
void hc_tls_copy_cut(char *text, size_t room, hc_slice source) {
  size_t kept = source.size < room ? source.size : room - 1;
  memcpy(text, source.data, kept);
  text[kept] = '\0';
  if (kept < source.size && kept >= 3) memcpy(text + kept - 3, "...", 3);
}

/* The day alone: an hour would need its time zone beside it, and a date is what people look for. */
void hc_tls_day_text(int year, int month, int day, char text[HC_TLS_DATE_TEXT]) {
  /* Ranges that the compiler can see: a certificate may claim any year. */
  snprintf(text, HC_TLS_DATE_TEXT, "%04u-%02u-%02u", (unsigned)year % 10000u,
           (unsigned)month % 100u, (unsigned)day % 100u);
}

/* --- hosts */

/* Our own and not inet_ntop: this room may not include the system's headers, and the same bytes
 * must read the same on every system. */
static void ipv4_text(const unsigned char *bytes, char text[HC_TLS_ADDRESS_TEXT]) {
  snprintf(text, HC_TLS_ADDRESS_TEXT, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* The longest run of two or more zero groups becomes "::" (RFC 5952 section 4.2). *start is -1
 * where there is none. */
static int longest_zero_run(const unsigned groups[8], int *start) {
  int best = 1;
  *start = -1;
  for (int i = 0; i < 8; i++) {
    int size = 0;
    while (i + size < 8 && groups[i + size] == 0) size++;
    if (size > best) {
      best = size;
      *start = i;
    }
  }
  return best;
}

/* Lower case and without leading zeros, as RFC 5952 has it, but without the dotted form of mapped
 * addresses. HC_TLS_ADDRESS_TEXT has room for the longest of 39 bytes. */
static void ipv6_text(const unsigned char *bytes, char text[HC_TLS_ADDRESS_TEXT]) {
  unsigned groups[8];
  for (size_t i = 0; i < 8; i++) groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
  int start;
  int run = longest_zero_run(groups, &start);
  size_t at = 0;
  for (int i = 0; i < 8; i++) {
    if (i == start) {
      text[at++] = ':';
      if (i == 0) text[at++] = ':';
      i += run - 1;
      continue;
    }
    at += (size_t)snprintf(text + at, HC_TLS_ADDRESS_TEXT - at, i < 7 ? "%x:" : "%x", groups[i]);
  }
  text[at] = '\0';
}

/* A certificate's iPAddress has 4 or 16 bytes (RFC 5280 section 4.2.1.6). Anything else is no
 * address, and is not guessed at. */
bool hc_tls_address_text(hc_slice bytes, char text[HC_TLS_ADDRESS_TEXT]) {
  if (bytes.size == 4) ipv4_text((const unsigned char *)bytes.data, text);
  else if (bytes.size == 16) ipv6_text((const unsigned char *)bytes.data, text);
  return bytes.size == 4 || bytes.size == 16;
}

/* A certificate for "bank.example\0.evil.example" must not be shown as bank.example's. */
static void show_nul(char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '\0') text[i] = '?';
  }
}

/* Room for ", ..." is kept to the end, so a list that goes on always says so. */
bool hc_tls_append_host(char text[HC_TLS_NAME_TEXT], size_t *at, hc_slice host) {
  const size_t reserve = sizeof ", ..." - 1;
  size_t needed = host.size + (*at > 0 ? 2 : 0);
  bool fits = *at + needed + reserve < HC_TLS_NAME_TEXT;
  hc_slice what = fits ? host : HC_SLICE("...");
  if (*at > 0) {
    memcpy(text + *at, ", ", 2);
    *at += 2;
  }
  memcpy(text + *at, what.data, what.size);
  *at += what.size;
  show_nul(text, *at);
  text[*at] = '\0';
  return fits;
}

/* For hc_peer_certificate, whose texts end with a NUL and so can have none inside. */
char *hc_tls_copy_host(hc_slice host) {
  char *text = hc_memory_copy_text(host.data, host.size);
  if (text) show_nul(text, host.size);
  return text;
}

/* OpenSSL's own separators, as its cipher lists have them. */
static bool is_between_suites(char c) { return c == ':' || c == ',' || c == ';' || c == ' '; }

/* The text is the caller's and is only walked through; the word is a view of it. */
hc_slice hc_tls_next_suite(hc_slice *text) {
  while (text->size > 0 && is_between_suites(text->data[0])) text->data++, text->size--;
  hc_slice word = {text->data, 0};
  while (word.size < text->size && !is_between_suites(word.data[word.size])) word.size++;
  text->data += word.size;
  text->size -= word.size;
  return word;
}

/* --- digests */

/* As `openssl x509 -fingerprint` has it, but in lower case. The last ':' is left out by the
 * size. */
char *hc_tls_fingerprint_text(const unsigned char digest[HC_PIN_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  char text[3 * HC_PIN_SIZE];
  for (size_t i = 0; i < HC_PIN_SIZE; i++) {
    text[3 * i] = digits[digest[i] >> 4];
    text[3 * i + 1] = digits[digest[i] & 15];
    text[3 * i + 2] = ':';
  }
  return hc_memory_copy_text(text, sizeof text - 1);
}

/* The form in which pinned_keys takes it, so that a pin can be copied from what a connection has
 * shown. */
char *hc_tls_pin_text(const unsigned char digest[HC_PIN_SIZE]) {
  hc_buffer text = {0};
  hc_slice bytes = {(const char *)digest, HC_PIN_SIZE};
  bool done = hc_buffer_append(&text, HC_SLICE("sha256/"), SIZE_MAX) == HC_OK &&
              hc_base64_encode(bytes, &text) == HC_OK;
  char *copy = done ? hc_memory_copy_text(hc_buffer_head(&text), hc_buffer_size(&text)) : NULL;
  hc_buffer_free(&text);
  return copy;
}

/* Twice is fine, and so is one that was filled half. */
void hc_peer_certificate_free(hc_peer_certificate *c) {
  for (size_t i = 0; i < c->name_count; i++) hc_memory_release(c->names[i]);
  hc_memory_release(c->names);
  hc_memory_release(c->subject);
  hc_memory_release(c->issuer);
  hc_memory_release(c->fingerprint);
  hc_memory_release(c->public_key_pin);
  hc_memory_release(c->pem);
  *c = (hc_peer_certificate){0};
}
