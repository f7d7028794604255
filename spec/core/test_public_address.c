/* test_public_address.c - which addresses are public: both sides of every border of the tables, the
 * forms in which an IPv6 address stands for an IPv4 one, and what is no address. */
#include "../../core/http/public_address.h"
#include "../../core/httpclient.h"
#include "wire.h"

typedef struct block {
  const char *before, *first, *last, *behind; /* NULL: another block of the table stands there */
} block;

static const block blocks[] = {
    {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
    {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
    {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
    {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
    {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
    {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
    {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
    {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
    {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
    {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
    {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
    {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
    {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
    {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
    {NULL, "240.0.0.0", "255.255.255.255", NULL},
    {NULL, "::", "::1", NULL},
    {NULL, "1::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001:200::"},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
     "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
    {"2002:b00::", "2002:a00::", "2002:aff:ffff::", "2002:900::"},
    {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
     "3fff:1000::"},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "fbff::", NULL},
    {NULL, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    {NULL, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    {NULL, "fec0::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
};

static bool is_public(const char *text) {
  size_t size = strlen(text);
  return hc_is_public_address((hc_slice){wire_place(0, text, size), size});
}

static void check_borders(void) {
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
    const block *b = &blocks[i];
    CHECK_CASE(b->first, !is_public(b->first));
    CHECK_CASE(b->last, !is_public(b->last));
    if (b->before) CHECK_CASE(b->before, is_public(b->before));
    if (b->behind) CHECK_CASE(b->behind, is_public(b->behind));
  }
}

typedef struct form {
  const char *text;
  bool is_public;
} form;

static const form forms[] = {
    {"8.8.8.8", true},
    {"2606:4700:4700::1111", true},
    {"2A00:1450:4001:82A::200E", true},
    /* IPv4-mapped: what the address inside is */
    {"::ffff:8.8.8.8", true},
    {"::FFFF:808:808", true},
    {"0:0:0:0:0:ffff:8.8.8.8", true},
    {"::ffff:127.0.0.1", false},
    {"::ffff:7f00:1", false},
    {"0:0:0:0:0:ffff:a9fe:a9fe", false},
    {"::ffff:10.0.0.1", false},
    /* IPv4-compatible, and translated for one host: reached from nowhere */
    {"::127.0.0.1", false},
    {"::8.8.8.8", false},
    {"::ffff:0:127.0.0.1", false},
    {"::ffff:0:8.8.8.8", false},
    /* NAT64, by the well-known prefix and by a network's own */
    {"64:ff9b::8.8.8.8", true},
    {"64:ff9b::127.0.0.1", false},
    {"64:ff9b::a9fe:a9fe", false},
    {"64:ff9b::1:7f00:1", false},
    {"64:ff9b:1::8.8.8.8", false},
    {"64:ff9b:1::a00:1", false},
    {"64:ff9b:2::8.8.8.8", false},
    /* 6to4, Teredo */
    {"2002:808:808::1", true},
    {"2002:7f00:1::1", false},
    {"2002:c0a8:1::", false},
    {"2001:0:808:808::f7f7:f7f7", false},
    {"2001:0:4136:e378:8000:63bf:3fff:fdd2", false},
    {"2001:2::1", false},
    {"2001:10::1", false},
    /* a zone is of this machine */
    {"fe80::1%eth0", false},
    {"2606:4700::1111%1", false},
    {"8.8.8.8%1", false},
    /* no addresses */
    {"", false},
    {"8.8.8", false},
    {"8.8.8.8.", false},
    {" 8.8.8.8", false},
    {"8.8.8.8 ", false},
    {"8.8.8.8:80", false},
    {"08.8.8.8", false},
    {"8.8.8.256", false},
    {"134744072", false},
    {"0x8.8.8.8", false},
    {"[2606:4700::1111]", false},
    {"2606:4700::1111::", false},
    {"2606:4700", false},
    {"example.com", false},
    {"::g", false},
};

static void check_forms(void) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    CHECK_CASE(forms[i].text, is_public(forms[i].text) == forms[i].is_public);
  CHECK(!hc_is_public_address((hc_slice){"8.8.8.8\0", 8}));
  CHECK(!hc_is_public_address((hc_slice){NULL, 0}));
}

typedef struct number {
  const char *text;
  unsigned char bytes[16];
} number;

static const number numbers[] = {
    {"::", {0}},
    {"::1", {[15] = 1}},
    {"1::", {[1] = 1}},
    {"1:2:3:4:5:6:7:8", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
    {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
    {"::2:3:4:5:6:7:8", {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
    {"1:2:3:4:5:6:1.2.3.4", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4}},
    {"aBcD::254.255.0.1", {0xab, 0xcd, [12] = 254, 255, 0, 1}},
    {"1::2:1.2.3.4", {0, 1, [11] = 2, 1, 2, 3, 4}},
};

static void check_numbers(void) {
  hc_ip_bytes ip;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    const number *n = &numbers[i];
    CHECK_CASE(n->text, hc_ip_parse(hc_slice_of(n->text), &ip) && ip.size == 16 &&
                            memcmp(ip.bytes, n->bytes, 16) == 0);
  }
  CHECK(hc_ip_parse(HC_SLICE("1.20.255.0"), &ip) && ip.size == 4 &&
        memcmp(ip.bytes, "\1\24\377\0", 4) == 0);
}

int main(void) {
  check_borders();
  check_forms();
  check_numbers();
  return check_report();
}
