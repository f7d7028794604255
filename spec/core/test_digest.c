/* test_digest.c - challenges, and what Digest makes of them: the examples of RFC 7616 section 3.9,
 * lists of challenges, and what can not be answered. */
#include <string.h>

#include "../../core/base/memory.h"
#include "../../core/http/digest_auth.h"
#include "../../core/http/proxy_auth.h"
#include "check.h"

#define RFC_NONCE "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define RFC_OPAQUE "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
#define RFC_CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

static hc_slice bytes_of(const hc_buffer *b) {
  return (hc_slice){hc_buffer_head(b), hc_buffer_size(b)};
}

static bool holds(const hc_buffer *b, const char *text) {
  hc_slice s = bytes_of(b);
  size_t size = strlen(text);
  for (size_t i = 0; i + size <= s.size; i++)
    if (memcmp(s.data + i, text, size) == 0) return true;
  return false;
}

static void check_answer(const char *name, const char *challenge, hc_digest_request request,
                         const char *const *expected) {
  hc_digest_challenge c;
  hc_buffer out = {0};
  memset(&c, 0, sizeof c);
  CHECK_CASE(name, hc_digest_find(hc_slice_of(challenge), HC_DIGEST_FIRST, &c) == HC_OK);
  CHECK_CASE(name, hc_digest_write(&c, &request, &out) == HC_OK);
  for (; *expected; expected++) CHECK_CASE(*expected, holds(&out, *expected));
  hc_buffer_free(&out);
  hc_digest_free(&c);
}

static void test_examples(void) {
  hc_digest_request r = {HC_SLICE("Mufasa"),          HC_SLICE("Circle of Life"), HC_SLICE("GET"),
                         HC_SLICE("/dir/index.html"), HC_SLICE(RFC_CNONCE),       1};
  const char *const md5[] = {"Digest username=\"Mufasa\"",
                             "realm=\"http-auth@example.org\"",
                             "uri=\"/dir/index.html\"",
                             "algorithm=MD5",
                             "nc=00000001",
                             "qop=auth,",
                             "response=\"8ca523f5e9506fed4657c9700eebdbec\"",
                             "opaque=\"" RFC_OPAQUE "\"",
                             NULL};
  const char *const sha256[] = {
      "algorithm=SHA-256",
      "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"", NULL};
  check_answer("MD5",
               "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
               "nonce=\"" RFC_NONCE "\", opaque=\"" RFC_OPAQUE "\"",
               r, md5);
  check_answer("SHA-256",
               "Basic realm=\"x, Digest y\", Digest realm=\"http-auth@example.org\", "
               "qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"" RFC_NONCE "\", "
               "opaque=\"" RFC_OPAQUE "\"",
               r, sha256);
  const char *const old[] = {"response=\"670fd8c2df070c60b045671b8b24ff02\"", NULL};
  hc_digest_request rfc2069 = {
      HC_SLICE("Mufasa"),          HC_SLICE("Circle Of Life"),  HC_SLICE("GET"),
      HC_SLICE("/dir/index.html"), HC_SLICE("never used here"), 1};
  check_answer("without qop, as RFC 2069 has it",
               "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
               "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
               rfc2069, old);
}

static void test_names(void) {
  hc_digest_request r = {
      HC_SLICE("J\xc3\xa4 %*'s"), HC_SLICE("p"), HC_SLICE("GET"), HC_SLICE("/"), HC_SLICE("c"), 1};
  const char *const extended[] = {"Digest username*=UTF-8''J%C3%A4%20%25%2A%27s, realm", NULL};
  const char *const plain[] = {"Digest username=\"J\xc3\xa4 %*'s\", realm", NULL};
  const char *const hashed[] = {"Digest username=\"", "userhash=true", NULL};
  check_answer("UTF-8", "Digest realm=r, nonce=n, charset=utf-8", r, extended);
  check_answer("no charset", "Digest realm=r, nonce=n", r, plain);
  check_answer("a hash", "Digest realm=r, nonce=n, charset=UTF-8, userhash=true", r, hashed);
  const char *const ascii[] = {"Digest username=\"u\"", NULL};
  r.user = HC_SLICE("u");
  check_answer("ASCII", "Digest realm=r, nonce=n, charset=UTF-8", r, ascii);
}

static void check_pick(const char *value, hc_digest_pick pick, const char *nonce) {
  hc_digest_challenge c;
  memset(&c, 0, sizeof c);
  CHECK_CASE(value, hc_digest_find(hc_slice_of(value), pick, &c) == HC_OK);
  CHECK_CASE(value, hc_slice_equal(c.nonce, hc_slice_of(nonce)));
  hc_digest_free(&c);
}

static void test_picks(void) {
  static const char value[] =
      "Digest realm=r, nonce=a, algorithm=SHA-1, Digest realm=r, nonce=b, Basic realm=r, "
      "Digest realm=r, nonce=c, algorithm=SHA-256, Digest realm=r, nonce=d, algorithm=MD5, "
      "Digest realm=r, nonce=e, algorithm=SHA-256-sess";
  check_pick(value, HC_DIGEST_FIRST, "b");
  check_pick(value, HC_DIGEST_BEST, "c");
  static const char cut[] = "Digest realm=r, nonce=a, Digest realm=r, nonce=b, algorithm=SHA-256 x";
  check_pick(cut, HC_DIGEST_FIRST, "a");
  check_pick(cut, HC_DIGEST_BEST, "a");
}

static void test_lists(void) {
  static const struct {
    const char *value, *realm; /* NULL: no challenge that can be answered */
  } cases[] = {
      {"Digest realm=r,nonce=n", "r"},
      {"digest REALM=\"r\" , Nonce = \"n\"", "r"},
      {"Negotiate, NTLM, Digest realm=\"r\", nonce=\"n\"", "r"},
      {"Negotiate YWJj==, Digest realm=\"r\", nonce=\"n\"", "r"},
      {",, Digest realm=\"r\",, nonce=\"n\",", "r"},
      {"Digest realm=\"a\\\"b\\\\c\", nonce=\"n\"", "a\"b\\c"},
      {"Digest realm=\"x\", nonce=\"n\", algorithm=SHA-3, Digest realm=\"r\", nonce=\"n\"", "r"},
      {"Digest realm=\"r\", nonce=\"n\", algorithm=sha-512-256-SESS", "r"},
      {"Digest realm=\"r\", nonce=\"n\", qop=\"auth\", unknown=\"x\"", "r"},
      {"Digest realm=\"\", nonce=\"n\"", ""},
      {"", NULL},
      {"Basic realm=\"r\"", NULL},
      {"Digest", NULL},
      {"Digest realm=\"r\"", NULL},
      {"Digest nonce=\"n\"", NULL},
      {"Digest realm=\"r\", nonce=\"\"", NULL},
      {"Digest realm=\"r\", nonce=\"n\", nonce=\"m\"", NULL},
      {"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"", NULL},
      {"Digest realm=\"r\", nonce=\"n\", algorithm=MD4", NULL},
      {"Digest realm=\"r\", nonce=\"n", NULL},
      {"Digest realm=\"r\", nonce=\"n\"x", NULL},
      {"Digest realm=\"r\", nonce=\"n\\", NULL},
      {"Digest realm=\"r\", nonce=\"a\tb\"", NULL},
      {"Digest realm=\"r\", nonce=\"n\", =x", NULL},
      {"Basic realm=\"Digest realm=r, nonce=n\"", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hc_digest_challenge c;
    memset(&c, 0, sizeof c);
    hc_error code = hc_digest_find(hc_slice_of(cases[i].value), HC_DIGEST_FIRST, &c);
    CHECK_CASE(cases[i].value, (code == HC_OK) == (cases[i].realm != NULL));
    if (code == HC_OK && cases[i].realm)
      CHECK_CASE(cases[i].value, hc_slice_equal(c.realm, hc_slice_of(cases[i].realm)));
    hc_digest_free(&c);
  }
}

/* Each prefix of a value is read to its end, whatever comes of it. */
static void test_prefixes(void) {
  static const char value[] = "Negotiate YWJj=, Digest realm=\"a\\\"b\", nonce=n, qop=\"auth\" , "
                              "algorithm=MD5-sess, userhash=true, Basic realm=x";
  for (size_t size = 0; size < sizeof value; size++) {
    hc_digest_challenge c;
    memset(&c, 0, sizeof c);
    hc_error code = hc_digest_find((hc_slice){value, size}, HC_DIGEST_FIRST, &c);
    CHECK(code == HC_OK || code == HC_ERR_DOES_NOT_EXIST);
    hc_digest_free(&c);
  }
}

static void add(hc_headers *h, const char *name, const char *value) {
  CHECK(hc_headers_add(h, hc_slice_of(name), hc_slice_of(value)) == HC_OK);
}

static void test_proxy(void) {
  hc_proxy_auth a;
  hc_headers fields;
  hc_buffer out = {0};
  hc_failure why = {HC_OK, ""};
  memset(&fields, 0, sizeof fields);
  CHECK(hc_proxy_auth_init(&a, HC_SLICE("u"), HC_SLICE("w"), HC_PROXY_DIGEST_ONLY, &why) == HC_OK);
  CHECK(hc_proxy_auth_next(&a) == HC_AUTH_SENT_NONE);
  hc_proxy_auth_free(&a);
  CHECK(hc_proxy_auth_init(&a, HC_SLICE("u"), HC_SLICE("w"), HC_PROXY_ANY_SCHEME, &why) == HC_OK);
  CHECK(hc_proxy_auth_next(&a) == HC_AUTH_SENT_BASIC);
  add(&fields, "Proxy-Authenticate", "Basic realm=r");
  CHECK(hc_proxy_auth_take(&a, &fields, HC_AUTH_SENT_BASIC) == HC_ERR_UNAUTHORIZED);
  add(&fields, "proxy-authenticate", "Digest realm=r, nonce=n, qop=auth, algorithm=MD5-sess");
  CHECK(hc_proxy_auth_take(&a, &fields, HC_AUTH_SENT_BASIC) == HC_OK);
  CHECK(hc_proxy_auth_next(&a) == HC_AUTH_SENT_DIGEST);
  CHECK(hc_proxy_auth_write_digest(&a, HC_SLICE("GET"), HC_SLICE("/"), &out) == HC_OK);
  CHECK(holds(&out, "nc=00000001") && holds(&out, "nonce=\"n\""));
  CHECK(hc_proxy_auth_write_digest(&a, HC_SLICE("GET"), HC_SLICE("/"), &out) == HC_OK);
  CHECK(holds(&out, "nc=00000002"));
  CHECK(hc_proxy_auth_take(&a, &fields, HC_AUTH_SENT_DIGEST) == HC_ERR_UNAUTHORIZED);
  hc_headers_clear(&fields);
  add(&fields, "Proxy-Authentication-Info", "qop=auth, nextnonce=\"n\"");
  CHECK(hc_proxy_auth_note(&a, &fields) == HC_OK);
  CHECK(hc_proxy_auth_write_digest(&a, HC_SLICE("GET"), HC_SLICE("/"), &out) == HC_OK);
  CHECK(holds(&out, "nc=00000003")); /* the same nonce again begins nothing anew */
  hc_headers_clear(&fields);
  add(&fields, "Proxy-Authentication-Info", "qop=auth, nextnonce=\"m\"");
  CHECK(hc_proxy_auth_note(&a, &fields) == HC_OK);
  hc_buffer_free(&out);
  CHECK(hc_proxy_auth_write_digest(&a, HC_SLICE("GET"), HC_SLICE("/"), &out) == HC_OK);
  CHECK(holds(&out, "nc=00000001") && holds(&out, "nonce=\"m\""));
  CHECK(hc_slice_equal(a.challenge.session_nonce, HC_SLICE("n")));
  hc_headers_clear(&fields);
  add(&fields, "Proxy-Authenticate", "Digest realm=r, nonce=o, stale=TRUE");
  CHECK(hc_proxy_auth_take(&a, &fields, HC_AUTH_SENT_DIGEST) == HC_OK);
  hc_headers_free(&fields);
  hc_buffer_free(&out);
  hc_proxy_auth_free(&a);
}

#ifdef HC_TEST_HOOKS

/* A refusal of Basic, an answer, and another nonce for the next. */
static hc_error talk(hc_proxy_auth *a, const hc_headers *refusal, const hc_headers *info,
                     hc_buffer *out) {
  hc_failure why = {HC_OK, ""};
  hc_error code = hc_proxy_auth_init(a, HC_SLICE("u"), HC_SLICE("w"), HC_PROXY_ANY_SCHEME, &why);
  if (code == HC_OK) code = hc_proxy_auth_take(a, refusal, HC_AUTH_SENT_BASIC);
  if (code == HC_OK) code = hc_proxy_auth_write_digest(a, HC_SLICE("GET"), HC_SLICE("/"), out);
  if (code == HC_OK) code = hc_proxy_auth_note(a, info);
  if (code == HC_OK) code = hc_proxy_auth_write_digest(a, HC_SLICE("GET"), HC_SLICE("/"), out);
  return code;
}

/* Every allocation fails in turn, once or with all behind it. */
static void test_memory(int sticky) {
  hc_headers refusal, info;
  memset(&refusal, 0, sizeof refusal);
  memset(&info, 0, sizeof info);
  add(&refusal, "Proxy-Authenticate",
      "Digest realm=\"a\\\"b\", nonce=m, algorithm=no, Digest realm=\"a\\\"b\", nonce=n, qop=auth, "
      "algorithm=SHA-256-sess, opaque=o, userhash=true");
  add(&info, "Proxy-Authentication-Info", "nextnonce=\"next\\\"one\"");
  long before = hc_memory_live_blocks(), n = 0;
  hc_error code = HC_ERR_OUT_OF_MEMORY;
  for (; code != HC_OK && n < 1000; n++) {
    hc_proxy_auth a;
    hc_buffer out = {0};
    memset(&a, 0, sizeof a);
    hc_memory_fail_after(n, sticky);
    code = talk(&a, &refusal, &info, &out);
    hc_memory_fail_after(-1, 0);
    CHECK(code == HC_OK || code == HC_ERR_OUT_OF_MEMORY);
    if (code == HC_OK) CHECK(holds(&out, "nonce=\"next\\\"one\""));
    hc_buffer_free(&out);
    hc_proxy_auth_free(&a);
    CHECK(hc_memory_live_blocks() == before);
  }
  CHECK(code == HC_OK && n > 10);
  hc_headers_free(&refusal);
  hc_headers_free(&info);
}

#endif

int main(void) {
#ifdef HC_TEST_HOOKS
  test_memory(0);
  test_memory(1);
#endif
  test_examples();
  test_names();
  test_picks();
  test_lists();
  test_prefixes();
  test_proxy();
  return check_report();
}
