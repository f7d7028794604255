/* get.c - a host program in C, without Lua: fetches a path from a host, with TLS when the host
 * begins with https://. Everything but the network's own waits is in fetch().
 *
 *   make -C examples/embed get && examples/embed/get https://example.com -1 /
 *
 * With the installed library: cc get.c $(pkg-config --cflags --libs httpclient) */
#include <httpclient/httpclient.h>
#include <stdio.h>
#include <stdlib.h>

/* Sleeps in the kernel until the client has left both states. A host with a loop of its own calls
 * hc_client_poll once a round instead, or watches what hc_client_interest names; many.cpp does. */
static hc_error leave(hc_client *client, hc_status one, hc_status other) {
  hc_error code = HC_OK;
  bool ready;
  while (code == HC_OK &&
         (hc_client_get_status(client) == one || hc_client_get_status(client) == other))
    code = hc_client_wait(client, -1, &ready);
  return code;
}

/* The answer's status line and its fields. */
static void show_head(const hc_client *client) {
  hc_slice name, value;
  int version = hc_client_response_version(client);
  fprintf(stderr, "HTTP/%d.%d %d\n", version / 10, version % 10, hc_client_response_code(client));
  for (size_t i = 0; hc_client_response_field(client, HC_SECTION_HEADERS, i, &name, &value); i++)
    fprintf(stderr, "%.*s: %.*s\n", (int)name.size, name.data, (int)value.size, value.data);
}

static hc_error fetch(hc_client *client, const char *host, long port, const char *path,
                      hc_failure *why) {
  hc_error code = hc_client_connect(client, hc_slice_of(host), port, HC_CONNECT_PLAIN, NULL, why);
  if (code == HC_OK) code = leave(client, HC_STATUS_RESOLVING, HC_STATUS_CONNECTING);
  if (code != HC_OK) return code;
  hc_client_request_spec spec = {.method = HC_METHOD_GET, .url = hc_slice_of(path)};
  code = hc_client_request(client, &spec, why);
  if (code == HC_OK) code = leave(client, HC_STATUS_REQUESTING, HC_STATUS_REQUESTING);
  if (code == HC_OK) show_head(client);
  while (code == HC_OK && hc_client_get_status(client) == HC_STATUS_BODY) {
    hc_slice piece; /* a view of the client's buffer */
    bool ready;
    code = hc_client_wait(client, -1, &ready);
    hc_client_body_peek(client, &piece);
    if (piece.size) fwrite(piece.data, 1, piece.size, stdout);
    hc_client_body_consume(client, piece.size);
  }
  return code == HC_OK ? hc_client_last_error(client)->code : code; /* a body cut short ends here */
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: get HOST PORT PATH\n");
    return 2;
  }
  hc_client *client = hc_client_new();
  if (!client) return 1;
  hc_client_set(client, HC_SETTING_CONNECT_TIMEOUT, 10);
  hc_client_set(client, HC_SETTING_IDLE_TIMEOUT, 30);
  hc_failure why = {HC_OK, ""};
  hc_error code = fetch(client, argv[1], strtol(argv[2], NULL, 10), argv[3], &why);
  if (code != HC_OK)
    fprintf(stderr, "get: %s\n", why.code ? why.text : hc_client_last_error(client)->text);
  hc_client_delete(client);
  return code != HC_OK;
}
