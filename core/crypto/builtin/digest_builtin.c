/* digest_builtin.c - MD5 (RFC 1321), SHA-1 and the SHA-2 family (FIPS 180-4), and HMACs of them
 * (RFC 2104), for builds without OpenSSL. See digest.h.
 *
 * Written to be short and to be right, not fast: a digest here is over a password and a nonce. The
 * tests hold all of it against published values and, where there is OpenSSL, against that. No step
 * takes a longer or another way for one byte than for another, nor looks into a table at a place
 * that the data choose, so time tells nothing about a key.
 *
 * MD5 and SHA-1 are broken for signatures. They are here because servers still ask for Digest with
 * MD5 (RFC 7616 section 3.4 keeps it for their sake). */
#include <stdint.h>
#include <string.h>

#include "../../base/chars.h"
#include "../../base/memory.h"
#include "../digest.h"

/* Of SHA-384 and SHA-512; the others have half of it. */
#define BLOCK_MAX 128u
#define WORDS_MAX 8u

/* MD5 is the one that goes by little ends, in its words and in the length behind the padding. */
typedef enum byte_order { LITTLE, BIG } byte_order;

/* Everything in which one algorithm differs from the next. The words are 64 bits wide for all of
 * them, and those that count in 32 use the lower half: one set of functions instead of two, for a
 * few bytes on the stack. */
typedef struct hash_kind {
  const char *names[4]; /* as OpenSSL knows them, in any case */
  size_t size, block_size;
  size_t word_size; /* and a quarter of the room for the length */
  byte_order order;
  void (*compress)(uint64_t *words, const unsigned char *block);
  uint64_t start[WORDS_MAX];
} hash_kind;

/* A digest on its way. `block` holds up to a block less one byte between two feeds; `total` counts
 * bytes, of which 2^61 are more than any of ours. */
typedef struct hash_run {
  const hash_kind *kind;
  uint64_t words[WORDS_MAX];
  unsigned char block[BLOCK_MAX];
  size_t held;
  uint64_t total;
} hash_run;

/* --- words */

static uint32_t turn_left(uint32_t x, unsigned by) { return x << by | x >> (32 - by); }
static uint32_t turn_right(uint32_t x, unsigned by) { return x >> by | x << (32 - by); }
static uint64_t turn_right_long(uint64_t x, unsigned by) { return x >> by | x << (64 - by); }

/* Byte by byte, so that neither the machine's own order nor an odd address matters. */
static uint64_t read_word(const unsigned char *at, size_t size, byte_order order) {
  uint64_t word = 0;
  for (size_t i = 0; i < size; i++) word = word << 8 | at[order == BIG ? i : size - 1 - i];
  return word;
}

/* As read_word. The length of a message is written with it as well, and that has its bytes in the
 * algorithm's own order, too. */
static void write_word(unsigned char *at, size_t size, byte_order order, uint64_t word) {
  for (size_t i = 0; i < size; i++) {
    at[order == BIG ? size - 1 - i : i] = (unsigned char)(word & 0xFF);
    word >>= 8;
  }
}

/* --- the rounds */

/* The fractional parts of the cube roots of the first 80 primes; SHA-256 takes the upper halves of
 * the first 64. */
static const uint64_t sha2_rounds[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* 2^32 times the sine of 1, 2, ... */
static const uint32_t md5_rounds[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* RFC 1321 section 3.4: F, G, H and I, and which of the block's words each step takes. `i` alone
 * decides, and that is the same for every input. */
static void mix_md5(unsigned i, const uint32_t s[4], uint32_t *mixed, unsigned *word) {
  switch (i / 16) {
  case 0: *mixed = (s[1] & s[2]) | (~s[1] & s[3]), *word = i; break;
  case 1: *mixed = (s[3] & s[1]) | (~s[3] & s[2]), *word = (5 * i + 1) % 16; break;
  case 2: *mixed = s[1] ^ s[2] ^ s[3], *word = (3 * i + 5) % 16; break;
  default: *mixed = s[2] ^ (s[1] | ~s[3]), *word = 7 * i % 16; break;
  }
}

/* RFC 1321 section 3.4: four rounds of 16 steps. What the registers were before is added at the
 * end, so that no step can be run backwards from the result. */
static void compress_md5(uint64_t *words, const unsigned char *block) {
  static const unsigned char turns[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  uint32_t s[4];
  for (size_t i = 0; i < 4; i++) s[i] = (uint32_t)words[i];
  for (unsigned i = 0; i < 64; i++) {
    uint32_t mixed;
    unsigned word;
    mix_md5(i, s, &mixed, &word);
    mixed += s[0] + md5_rounds[i] + (uint32_t)read_word(block + 4u * word, 4, LITTLE);
    s[0] = s[3];
    s[3] = s[2];
    s[2] = s[1];
    s[1] += turn_left(mixed, turns[i / 16][i % 4]);
  }
  for (size_t i = 0; i < 4; i++) words[i] = (uint32_t)words[i] + s[i];
  hc_memory_wipe(s, sizeof s);
}

/* A schedule begins with the block itself, which may be a key. */
static void wipe_schedule(void *words, size_t size, void *registers, size_t registers_size) {
  hc_memory_wipe(words, size);
  hc_memory_wipe(registers, registers_size);
}

/* FIPS 180-4 section 4.1.1, with the constant of section 4.2.1 added in already. */
static uint32_t mix_sha1(unsigned i, const uint32_t s[5]) {
  switch (i / 20) {
  case 0: return ((s[1] & s[2]) | (~s[1] & s[3])) + 0x5a827999u;
  case 1: return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1u;
  case 2: return ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) + 0x8f1bbcdcu;
  default: return (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6u;
  }
}

/* FIPS 180-4 section 6.1.2. The whole schedule of words is made first: 320 bytes of stack, and no
 * ring to count around. */
static void compress_sha1(uint64_t *words, const unsigned char *block) {
  uint32_t w[80], s[5];
  for (size_t i = 0; i < 16; i++) w[i] = (uint32_t)read_word(block + 4 * i, 4, BIG);
  for (size_t i = 16; i < 80; i++) w[i] = turn_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (size_t i = 0; i < 5; i++) s[i] = (uint32_t)words[i];
  for (unsigned i = 0; i < 80; i++) {
    uint32_t next = turn_left(s[0], 5) + mix_sha1(i, s) + s[4] + w[i];
    s[4] = s[3];
    s[3] = s[2];
    s[2] = turn_left(s[1], 30);
    s[1] = s[0];
    s[0] = next;
  }
  for (size_t i = 0; i < 5; i++) words[i] = (uint32_t)words[i] + s[i];
  wipe_schedule(w, sizeof w, s, sizeof s);
}

/* FIPS 180-4 section 6.2.2. The words are cut back to 32 bits by the types of `w` and `s`: a sum of
 * theirs has to wrap there, and an unsigned one may. */
static void compress_sha256(uint64_t *words, const unsigned char *block) {
  uint32_t w[64], s[8];
  for (size_t i = 0; i < 16; i++) w[i] = (uint32_t)read_word(block + 4 * i, 4, BIG);
  for (size_t i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turn_right(a, 7) ^ turn_right(a, 18) ^ a >> 3) + w[i - 7] +
           (turn_right(b, 17) ^ turn_right(b, 19) ^ b >> 10);
  }
  for (size_t i = 0; i < 8; i++) s[i] = (uint32_t)words[i];
  for (size_t i = 0; i < 64; i++) {
    uint32_t one = s[7] + (turn_right(s[4], 6) ^ turn_right(s[4], 11) ^ turn_right(s[4], 25)) +
                   ((s[4] & s[5]) ^ (~s[4] & s[6])) + (uint32_t)(sha2_rounds[i] >> 32) + w[i];
    uint32_t two = (turn_right(s[0], 2) ^ turn_right(s[0], 13) ^ turn_right(s[0], 22)) +
                   ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += one;
    s[0] = one + two;
  }
  for (size_t i = 0; i < 8; i++) words[i] = (uint32_t)words[i] + s[i];
  wipe_schedule(w, sizeof w, s, sizeof s);
}

/* The same with other turns and 80 rounds (section 6.4.2). Folding the two into one costs more
 * lines than it saves, since half of them would be parameters. */
static void compress_sha512(uint64_t *words, const unsigned char *block) {
  uint64_t w[80], s[8];
  for (size_t i = 0; i < 16; i++) w[i] = read_word(block + 8 * i, 8, BIG);
  for (size_t i = 16; i < 80; i++) {
    uint64_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turn_right_long(a, 1) ^ turn_right_long(a, 8) ^ a >> 7) + w[i - 7] +
           (turn_right_long(b, 19) ^ turn_right_long(b, 61) ^ b >> 6);
  }
  memcpy(s, words, sizeof s);
  for (size_t i = 0; i < 80; i++) {
    uint64_t one =
        s[7] + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha2_rounds[i] + w[i] +
        (turn_right_long(s[4], 14) ^ turn_right_long(s[4], 18) ^ turn_right_long(s[4], 41));
    uint64_t two =
        (turn_right_long(s[0], 28) ^ turn_right_long(s[0], 34) ^ turn_right_long(s[0], 39)) +
        ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += one;
    s[0] = one + two;
  }
  for (size_t i = 0; i < 8; i++) words[i] += s[i];
  wipe_schedule(w, sizeof w, s, sizeof s);
}

/* The names are OpenSSL's, and the last of each list is NULL. Where a digest is the cut form of
 * another (SHA-224 of SHA-256), it starts from other words, so that one can't be made out of the
 * other by cutting (FIPS 180-4 section 5.3). A new kind is a row here; HC_DIGEST_MAX and WORDS_MAX
 * have to fit it. */
static const hash_kind kinds[] = {
    {{"MD5", NULL},
     16,
     64,
     4,
     LITTLE,
     compress_md5,
     {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}},
    {{"SHA1", "SHA-1", NULL},
     20,
     64,
     4,
     BIG,
     compress_sha1,
     {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}},
    {{"SHA224", "SHA-224", "SHA2-224", NULL},
     28,
     64,
     4,
     BIG,
     compress_sha256,
     {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7,
      0xbefa4fa4}},
    {{"SHA256", "SHA-256", "SHA2-256", NULL},
     32,
     64,
     4,
     BIG,
     compress_sha256,
     {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
      0x5be0cd19}},
    {{"SHA384", "SHA-384", "SHA2-384", NULL},
     48,
     128,
     8,
     BIG,
     compress_sha512,
     {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
      0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}},
    {{"SHA512", "SHA-512", "SHA2-512", NULL},
     64,
     128,
     8,
     BIG,
     compress_sha512,
     {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
      0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}},
    {{"SHA512-224", "SHA-512/224", "SHA2-512/224", NULL},
     28,
     128,
     8,
     BIG,
     compress_sha512,
     {0x8c3d37c819544da2, 0x73e1996689dcd4d6, 0x1dfab7ae32ff9c82, 0x679dd514582f9fcf,
      0xf6d2b697bd44da8, 0x77e36f7304c48942, 0x3f9d85a86a1d36c8, 0x1112e6ad91d692a1}},
    {{"SHA512-256", "SHA-512/256", "SHA2-512/256", NULL},
     32,
     128,
     8,
     BIG,
     compress_sha512,
     {0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
      0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0xeb72ddc81c52ca2}},
};

/* --- a run over any number of bytes */

/* Where each algorithm starts is FIPS 180-4 section 5.3's to say, or RFC 1321 section 3.3's. */
static void begin_hash(hash_run *run, const hash_kind *kind) {
  *run = (hash_run){.kind = kind};
  memcpy(run->words, kind->start, sizeof run->words);
}

/* A whole block goes through `block` as well: copying 64 bytes costs little beside hashing them,
 * and there is one way instead of two. */
static void feed_hash(hash_run *run, hc_slice bytes) {
  size_t block_size = run->kind->block_size;
  run->total += bytes.size;
  while (bytes.size > 0) {
    size_t piece = block_size - run->held;
    if (piece > bytes.size) piece = bytes.size;
    memcpy(run->block + run->held, bytes.data, piece);
    run->held += piece;
    bytes.data += piece;
    bytes.size -= piece;
    if (run->held < block_size) break;
    run->kind->compress(run->words, run->block);
    run->held = 0;
  }
}

/* A bit, zeros, and how many bits there were (FIPS 180-4 section 5.1). The length takes two words,
 * of which the upper one stays zero. `total` is read before the padding is fed, because the padding
 * counts itself too. One zero at a time is fed at most 127 times. */
static void pad_hash(hash_run *run) {
  const hash_kind *kind = run->kind;
  size_t room = kind->block_size - 2 * kind->word_size;
  uint64_t total = run->total;
  feed_hash(run, (hc_slice){"\x80", 1});
  while (run->held != room) feed_hash(run, (hc_slice){"", 1});
  unsigned char length[16] = {0};
  write_word(length + (kind->order == BIG ? 2 * kind->word_size - 8 : 0), 8, kind->order,
             total << 3);
  feed_hash(run, (hc_slice){(const char *)length, 2 * kind->word_size});
}

/* The state after a key has gone in is as good as the key for whoever wants to sign, so it is wiped
 * and not just left on the stack. */
static size_t end_hash(hash_run *run, unsigned char *out) {
  const hash_kind *kind = run->kind;
  unsigned char words[WORDS_MAX * 8];
  pad_hash(run);
  for (size_t i = 0; i < WORDS_MAX; i++)
    write_word(words + i * kind->word_size, kind->word_size, kind->order, run->words[i]);
  memcpy(out, words, kind->size);
  hc_memory_wipe(run, sizeof *run);
  return kind->size;
}

/* A walk over some twenty names; the hashing behind it takes longer. NULL: nobody here knows the
 * algorithm. */
static const hash_kind *find_hash(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    for (const char *const *known = kinds[i].names; *known; known++) {
      if (hc_slice_equal_fold(hc_slice_of(*known), hc_slice_of(name))) return &kinds[i];
    }
  }
  return NULL;
}

/* The name is the script's own and may be of any length; forty bytes of it are enough to see a
 * slip. */
static hc_error refuse_hash(hc_failure *why, const char *what, const char *algorithm) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "this build has no %s with '%.40s'", what,
                        algorithm);
}

/* The data may be a password (http/digest_auth.c), so the run that held a piece of it is wiped
 * (end_hash). */
hc_error hc_digest(const char *algorithm, hc_slice data, unsigned char *out, size_t *size,
                   hc_failure *why) {
  const hash_kind *kind = find_hash(algorithm);
  hash_run run;
  *size = 0;
  if (!kind) return refuse_hash(why, "digest", algorithm);
  begin_hash(&run, kind);
  feed_hash(&run, data);
  *size = end_hash(&run, out);
  return HC_OK;
}

/* A run that has the key in it, changed by `change`. */
static void begin_keyed(hash_run *run, const hash_kind *kind, const unsigned char *key,
                        unsigned char change) {
  unsigned char block[BLOCK_MAX];
  for (size_t i = 0; i < kind->block_size; i++) block[i] = key[i] ^ change;
  begin_hash(run, kind);
  feed_hash(run, (hc_slice){(const char *)block, kind->block_size});
  hc_memory_wipe(block, sizeof block);
}

/* H(key ^ opad, H(key ^ ipad, data)): `block` is the key as long as a block, zeros behind it (RFC
 * 2104 section 2). `out` serves for the inner digest as well, so it must not be where `key` or
 * `data` stand. */
hc_error hc_hmac(const char *algorithm, hc_slice key, hc_slice data, unsigned char *out,
                 size_t *size, hc_failure *why) {
  const hash_kind *kind = find_hash(algorithm);
  unsigned char block[BLOCK_MAX] = {0};
  hash_run run;
  *size = 0;
  if (!kind) return refuse_hash(why, "HMAC", algorithm);
  if (key.size > kind->block_size) {
    begin_hash(&run, kind);
    feed_hash(&run, key);
    end_hash(&run, block);
  } else if (key.size > 0) {
    memcpy(block, key.data, key.size);
  }
  begin_keyed(&run, kind, block, 0x36);
  feed_hash(&run, data);
  size_t inner = end_hash(&run, out);
  begin_keyed(&run, kind, block, 0x5c);
  feed_hash(&run, (hc_slice){(const char *)out, inner});
  *size = end_hash(&run, out);
  hc_memory_wipe(block, sizeof block);
  return HC_OK;
}
