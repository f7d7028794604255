/* proxy.c - a proxy as its user names it: a URL, or host and port. See proxy.h.
 *
 * What comes out is made for the route and the walk: a scheme that decides which steps there are, a
 * host and a port to connect to, credentials in the form in which they are used, and a text that
 * can be shown. Nothing that goes into a message or that text has user information in it; what does
 * hold any is wiped when it is let go.
 *
 * Proxies come from the environment as well as from scripts (http_proxy and its like), where nobody
 * checks them. So the text is read strictly, and each refusal says what is wrong with it: a proxy
 * that is read in another way than it was meant sends all requests to somebody else. */
#include "proxy.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/memory.h"
#include "../http/idn.h"
#include "../http/uri.h"
#include "socks5.h"

/* Without the URL itself, since there may be a password in it. */
static hc_error refuse_proxy(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the proxy's URL is not valid: %s", what);
}

/* With the room behind its end: a longer secret may have stood there. */
static void wipe_proxy(hc_buffer *b) {
  if (b->data) hc_memory_wipe(b->data, b->capacity);
  hc_buffer_free(b);
}

/* Counted without a lock, as all of a client's parts are: one thread uses a client at a time
 * (docs/embedding.md). */
hc_proxy *hc_proxy_retain(hc_proxy *p) {
  p->references++;
  return p;
}

/* The last one who uses the proxy takes its secrets along. */
void hc_proxy_release(hc_proxy *p) {
  if (!p || --p->references > 0) return;
  hc_buffer_free(&p->text);
  hc_proxy_auth_free(&p->auth);
  wipe_proxy(&p->user);
  wipe_proxy(&p->password);
  hc_tls_options_release(p->options);
  hc_memory_release(p);
}

/* --- schemes */

typedef struct scheme_entry {
  hc_slice name;
  hc_proxy_scheme scheme;
  unsigned port;
} scheme_entry;

/* In the order of hc_proxy_scheme from HC_PROXY_PLAIN on: keep_names_proxy looks a name up by that.
 * "socks4" is left out because it knows neither IPv6 nor passwords worth the name. */
static const scheme_entry proxy_schemes[] = {{{"http", 4}, HC_PROXY_PLAIN, 80},
                                             {{"https", 5}, HC_PROXY_TLS, 443},
                                             {{"socks5", 6}, HC_PROXY_SOCKS5, 1080},
                                             {{"socks5h", 7}, HC_PROXY_SOCKS5H, 1080}};

/* Without case, as RFC 3986 section 3.1 has schemes. */
static const scheme_entry *find_scheme(hc_slice name) {
  for (size_t i = 0; i < sizeof proxy_schemes / sizeof proxy_schemes[0]; i++) {
    if (hc_slice_equal_fold(name, proxy_schemes[i].name)) return &proxy_schemes[i];
  }
  return NULL;
}

/* --- the text */

/* strchr would find the NUL at the end of `bytes`, so a NUL byte in the text is none of them. */
static bool find_any(hc_slice s, const char *bytes, size_t *at) {
  for (size_t i = 0; i < s.size; i++) {
    if (s.data[i] == '\0' || !strchr(bytes, s.data[i])) continue;
    *at = i;
    return true;
  }
  return false;
}

/* `from` is at most s.size, and then nothing is left. */
static hc_slice behind_proxy(hc_slice s, size_t from) {
  return (hc_slice){s.data + from, s.size - from};
}

/* A URL in its parts, still encoded. */
typedef struct url_parts {
  const scheme_entry *scheme;
  hc_slice user, password, host;
  bool has_user;
  unsigned port;
} url_parts;

/* "host:" with nothing behind the colon is a URL that RFC 3986 section 3.2.3 allows. */
static hc_error read_port(hc_slice digits, unsigned *port, hc_failure *why) {
  if (digits.size == 0) return HC_OK; /* the scheme's own stays */
  const char *fault = hc_port_parse(digits, port);
  return fault ? refuse_proxy(why, fault) : HC_OK;
}

/* An IPv6 address without brackets can't be told from a host with a port, so it is refused and not
 * guessed at. */
static hc_error read_host(hc_slice text, url_parts *to, hc_failure *why) {
  size_t end = 0;
  if (text.size > 0 && text.data[0] == '[') {
    if (!find_any(text, "]", &end))
      return refuse_proxy(why, "the brackets of the host do not match");
    end++;
    if (end < text.size && text.data[end] != ':')
      return refuse_proxy(why, "something stands between the ']' and the port");
  } else if (!find_any(text, ":", &end)) {
    end = text.size;
  }
  to->host = (hc_slice){text.data, end};
  hc_slice port = end < text.size ? behind_proxy(text, end + 1) : (hc_slice){text.data, 0};
  if (find_any(port, ":", &end))
    return refuse_proxy(why, "the host holds more than one ':' (an IPv6 address needs brackets)");
  if (to->host.size == 0) return refuse_proxy(why, "the URL has no host");
  return read_port(port, &to->port, why);
}

/* The last '@' or the first one? Libraries differ, and "http://a@b@c" is how one of them is led to
 * another host than a check before it has seen. So there may be one alone. A backslash is a slash
 * to some of them. */
static hc_error read_authority(hc_slice text, url_parts *to, hc_failure *why) {
  size_t at, colon;
  if (find_any(text, " \\", &at))
    return refuse_proxy(why, "a space or a backslash stands before the path");
  to->has_user = find_any(text, "@", &at);
  if (to->has_user) {
    to->user = (hc_slice){text.data, at};
    text = behind_proxy(text, at + 1);
    if (find_any(text, "@", &at))
      return refuse_proxy(why,
                          "there is more than one '@' (in user information, '@' is written %40)");
    if (find_any(to->user, ":", &colon)) {
      to->password = behind_proxy(to->user, colon + 1);
      to->user.size = colon;
    }
    to->has_user = to->user.size > 0 || to->password.size > 0;
  }
  return read_host(text, to, why);
}

/* Without a scheme it is an HTTP proxy, as "proxy.example:3128" in the environment always meant.
 * What stands behind the authority says nothing about a proxy and is passed over. */
static hc_error read_url(hc_slice url, url_parts *to, hc_failure *why) {
  size_t end;
  url = hc_slice_trim(url);
  memset(to, 0, sizeof *to);
  to->scheme = &proxy_schemes[0];
  if (url.size == 0)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "the proxy's URL is empty");
  for (size_t i = 0; i < url.size; i++) {
    if (hc_char_is_control(url.data[i])) return refuse_proxy(why, "it holds a control character");
  }
  if (find_any(url, ":/?#", &end) && url.size - end >= 3 && memcmp(url.data + end, "://", 3) == 0) {
    to->scheme = find_scheme((hc_slice){url.data, end});
    if (!to->scheme)
      return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                            "only http://, https://, socks5:// and socks5h:// proxies are "
                            "supported");
    url = behind_proxy(url, end + 3);
  }
  to->port = to->scheme->port;
  if (find_any(url, "/?#", &end)) url.size = end;
  return read_authority(url, to, why);
}

/* --- from text to a proxy */

/* "%3A" in a password is a colon that belongs to it, and so decoding comes after cutting. A lone
 * '%' stays as it is: memory alone can fail here. */
static hc_error decode_proxy(hc_slice text, hc_buffer *out, hc_failure *why) {
  return hc_uri_decode(text, out) == HC_OK ? HC_OK : hc_failure_out_of_memory(why);
}

/* scheme://host:port, and the host behind it, which is the same text but for an IPv6 address's
 * brackets. All of it is reserved before the first byte, since `shown`, `authority` and `host` are
 * views that a buffer which grows would leave behind. */
static hc_error keep_names_proxy(hc_proxy *p, hc_slice host) {
  const hc_slice name = proxy_schemes[p->scheme - HC_PROXY_PLAIN].name;
  char *at;
  size_t room;
  if (host.size > SIZE_MAX / 4) return HC_ERR_OUT_OF_MEMORY;
  hc_error code = hc_buffer_reserve(&p->text, 2 * host.size + 32, SIZE_MAX, &at, &room);
  if (code == HC_OK) code = hc_buffer_append(&p->text, name, SIZE_MAX);
  if (code == HC_OK) code = hc_buffer_append(&p->text, HC_SLICE("://"), SIZE_MAX);
  if (code == HC_OK) code = hc_authority_write(host, p->port, 0, &p->text);
  size_t size = hc_buffer_size(&p->text), before = name.size + 3;
  if (code == HC_OK) code = hc_buffer_append(&p->text, host, SIZE_MAX);
  if (code != HC_OK) return code;
  p->shown = (hc_slice){hc_buffer_head(&p->text), size};
  p->authority = behind_proxy(p->shown, before);
  p->host = (hc_slice){p->shown.data + size, host.size};
  return HC_OK;
}

/* The proxy without its credentials. What fails here can only be memory: all else was judged
 * before. */
static hc_error make(hc_proxy_scheme scheme, hc_slice host, unsigned port, hc_proxy **out) {
  hc_proxy *p = hc_memory_allocate_zeroed(1, sizeof *p);
  if (!p) return HC_ERR_OUT_OF_MEMORY;
  p->references = 1;
  p->scheme = scheme;
  p->port = port;
  hc_error code = keep_names_proxy(p, host);
  if (code != HC_OK) hc_proxy_release(p);
  else *out = p;
  return code;
}

/* "%25" is how a URL writes the '%' before a zone (RFC 6874); decoding knows that already. */
static hc_error make_of(const url_parts *from, hc_proxy **out, hc_failure *why) {
  hc_buffer name = {0}, ascii = {0};
  hc_host host;
  hc_failure reason = {HC_OK, ""};
  hc_error code = decode_proxy(from->host, &name, why);
  if (code != HC_OK) return code;
  char *bytes = hc_buffer_head(&name);
  for (size_t i = 0; i < hc_buffer_size(&name) && bytes[0] != '['; i++)
    bytes[i] = hc_char_lower(bytes[i]);
  code = hc_idn_host_parse((hc_slice){bytes, hc_buffer_size(&name)}, &ascii, &host, &reason);
  if (code == HC_ERR_INVALID_PARAMETER) code = refuse_proxy(why, reason.text);
  else if (code == HC_OK && host.scheme != 0) code = refuse_proxy(why, "the host holds a path");
  else if (code == HC_OK) code = make(from->scheme->scheme, host.text, from->port, out);
  hc_buffer_free(&name);
  hc_buffer_free(&ascii);
  return code == HC_ERR_OUT_OF_MEMORY ? hc_failure_out_of_memory(why) : code;
}

/* RFC 1929 has a byte for each size, and no empty ones. */
static hc_error check_socks_secret(const hc_proxy *p, hc_failure *why) {
  size_t user = hc_buffer_size(&p->user), password = hc_buffer_size(&p->password);
  if (user >= 1 && user <= HC_SOCKS5_SECRET_MAX && password >= 1 &&
      password <= HC_SOCKS5_SECRET_MAX)
    return HC_OK;
  return refuse_proxy(why, "SOCKS takes a user name and a password of 1 to 255 bytes each");
}

/* Decoded here and once: what is compared and hashed is the password itself, not the way in which a
 * URL writes it. For HTTP it goes on into the credentials, and the copies are wiped. */
static hc_error take_user(hc_proxy *p, const url_parts *from, hc_proxy_schemes allowed,
                          hc_failure *why) {
  if (!from->has_user) return HC_OK;
  hc_error code = decode_proxy(from->user, &p->user, why);
  if (code == HC_OK) code = decode_proxy(from->password, &p->password, why);
  if (code != HC_OK) return code;
  if (!hc_proxy_is_http(p)) return check_socks_secret(p, why);
  hc_slice user = {hc_buffer_head(&p->user), hc_buffer_size(&p->user)};
  hc_slice password = {hc_buffer_head(&p->password), hc_buffer_size(&p->password)};
  hc_failure reason = {HC_OK, ""};
  code = hc_proxy_auth_init(&p->auth, user, password, allowed, &reason);
  wipe_proxy(&p->user);
  wipe_proxy(&p->password);
  if (code == HC_ERR_INVALID_PARAMETER) return refuse_proxy(why, reason.text);
  return code == HC_OK ? HC_OK : hc_failure_out_of_memory(why);
}

/* The settings are of the caller's own; nothing but the TLS options is kept, and those are
 * retained. */
hc_error hc_proxy_from_url(hc_slice url, const hc_proxy_settings *settings, hc_proxy **out,
                           hc_failure *why) {
  url_parts from;
  hc_proxy *p = NULL;
  hc_error code = read_url(url, &from, why);
  if (code == HC_OK) code = make_of(&from, &p, why);
  if (!p) return code;
  code = take_user(p, &from, settings->schemes, why);
  if (code != HC_OK) {
    hc_proxy_release(p);
    return code;
  }
  if (settings->tls_options) p->options = hc_tls_options_retain(settings->tls_options);
  *out = p;
  return HC_OK;
}

/* The engine lets a host carry a scheme. "http://" is what it means anyway; "https://" would be a
 * promise of encryption that these two functions can't keep. */
static hc_error make_of_parts(hc_slice host, long long port, hc_buffer *ascii, hc_proxy **out,
                              hc_failure *why) {
  hc_host parsed;
  hc_failure reason = {HC_OK, ""};
  hc_error code = hc_idn_host_parse(host, ascii, &parsed, &reason);
  if (code == HC_ERR_OUT_OF_MEMORY) return hc_failure_out_of_memory(why);
  if (code != HC_OK) return hc_failure_set(why, code, "proxy: %s", reason.text);
  if (parsed.scheme == 2)
    return hc_failure_set(
        why, HC_ERR_INVALID_PARAMETER,
        "proxy host: here a proxy is reached without TLS, set_proxy takes https://");
  if (port < 1 || port > 65535)
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "proxy port %lld is not from 1 to 65535",
                          port);
  code = make(HC_PROXY_PLAIN, parsed.text, (unsigned)port, out);
  return code == HC_OK ? HC_OK : hc_failure_out_of_memory(why);
}

/* The engine's set_http_proxy and set_https_proxy. The port is a long long because it is the
 * script's number, which may be anything. */
hc_error hc_proxy_from_parts(hc_slice host, long long port, hc_slice user, hc_slice password,
                             hc_proxy **out, hc_failure *why) {
  hc_buffer ascii = {0};
  hc_proxy *p = NULL;
  hc_error code = make_of_parts(host, port, &ascii, &p, why);
  hc_buffer_free(&ascii);
  if (!p) return code;
  code = hc_proxy_auth_init(&p->auth, user, password, HC_PROXY_ANY_SCHEME, why);
  if (code != HC_OK) hc_proxy_release(p);
  else *out = p;
  return code;
}

/* Made when first wanted: most proxies are reached without TLS, and options load the
 * authorities. */
hc_error hc_proxy_tls_options(hc_proxy *p, hc_tls_options **out, hc_failure *why) {
  hc_tls_settings defaults;
  memset(&defaults, 0, sizeof defaults);
  hc_error code = p->options ? HC_OK : hc_tls_options_new(&defaults, &p->options, why);
  *out = p->options;
  return code;
}
