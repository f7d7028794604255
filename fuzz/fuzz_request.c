/* fuzz_request.c - request validation: what is written is one well-formed head with one Host and
 * one framing, the announced one, whatever URL and headers were given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/http1/head_writer.h"
#include "../core/http/uri.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

/* Lines end with CRLF, no other control byte but HTAB is in them, and the empty line comes once, at
 * the end. */
static void check_head(const char *at, size_t size) {
  size_t line = 0;
  check(size >= 4 && memcmp(at + size - 4, "\r\n\r\n", 4) == 0, "the head ends with an empty line");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)at[i];
    if (c == '\r') {
      check(i + 1 < size && at[i + 1] == '\n', "CR comes before LF");
      check(line > 0 || i + 2 == size, "no empty line in the middle");
      line = 0;
      i++;
    } else {
      check(c == '\t' || (c >= 0x20 && c != 0x7f), "no control byte");
      line++;
    }
  }
}

/* Is there a field of this name (in lower case) in the line at `at`? */
static bool is_field(const char *at, size_t size, const char *name) {
  size_t i = 0;
  for (; name[i]; i++)
    if (i == size || (at[i] | (name[i] == '-' ? 0 : 0x20)) != name[i]) return false;
  return i < size && at[i] == ':';
}

static void check_fields(const char *at, size_t size, const hc_request_head *head) {
  size_t hosts = 0, lengths = 0, codings = 0;
  unsigned long long length = 0;
  for (const char *line = at, *end = at + size; line < end;) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t left = (size_t)(stop - line);
    hosts += is_field(line, left, "host");
    codings += is_field(line, left, "transfer-encoding");
    if (is_field(line, left, "content-length")) {
      lengths++;
      const char *digit = memchr(line, ':', left);
      for (length = 0; ++digit < stop;)
        if (*digit >= '0' && *digit <= '9')
          length = length * 10 + (unsigned long long)(*digit - '0');
    }
    line = stop + 1;
  }
  check(hosts == 1, "there is one Host");
  check(lengths + codings <= 1, "there is one framing");
  check((head->transfer == HC_TRANSFER_CHUNKED) == (codings == 1),
        "chunks are announced when they come");
  if (head->transfer == HC_TRANSFER_LENGTH && head->content_length > 0)
    check(lengths == 1, "so is a length");
  if (lengths)
    check(length == (head->transfer == HC_TRANSFER_LENGTH ? head->content_length : 0),
          "the right one");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  hc_slice lines[16];
  hc_request request;
  hc_request_head head;
  hc_buffer out = {0};
  hc_failure why = {HC_OK, ""};
  if (size < 2) return 0;
  memset(&request, 0, sizeof request);
  request.method = data[0] % 10;
  request.content = (hc_content)((data[0] >> 4) % 3);
  request.content_length = data[1] & 15;
  request.to_proxy = data[1] >> 7;
  request.authority = HC_SLICE("example.test:8080");
  /* The rest: the URL, then header lines, NUL between. */
  const char *at = (const char *)data + 2, *end = (const char *)data + size;
  hc_slice *field = &request.url;
  request.lines = lines;
  for (;;) {
    const char *stop = memchr(at, 0, (size_t)(end - at));
    *field = (hc_slice){at, (size_t)((stop ? stop : end) - at)};
    if (!stop || request.line_count == 16) break;
    at = stop + 1;
    field = &lines[request.line_count++];
    *field = (hc_slice){at, 0};
  }
  hc_error code = hc_request_write(&request, &out, &head, &why);
  if (code == HC_OK) {
    check_head(hc_buffer_head(&out), hc_buffer_size(&out));
    check_fields(hc_buffer_head(&out), hc_buffer_size(&out), &head);
  } else check(hc_buffer_size(&out) == 0 && why.text[0], "a refusal writes nothing and says why");
  hc_buffer_free(&out);
  return 0;
}
