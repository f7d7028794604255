/* test_handle_map.c - the table of handles against a plain array: small numbers, sparse ones, all
 * that collide, and memory that runs out. */
#include <string.h>

#include "../../core/base/handle_map.h"
#include "../../core/base/memory.h"
#include "check.h"

#define KEYS 400

static int owners[KEYS];

static unsigned next_random(unsigned *state) {
  *state = *state * 1103515245u + 12345u;
  return *state >> 8;
}

/* The same calls on the map and on an array; after each the map has to say what the array says. */
static void check_against_array(const char *name, uint64_t (*handle_of)(unsigned), unsigned seed) {
  hc_handle_map map = {0};
  void *expected[KEYS] = {0};
  int agrees = 1;
  for (int step = 0; step < 20000 && agrees; step++) {
    unsigned key = next_random(&seed) % KEYS;
    if (next_random(&seed) % 3 == 0) {
      hc_handle_map_remove(&map, handle_of(key));
      expected[key] = NULL;
    } else {
      expected[key] = &owners[next_random(&seed) % KEYS];
      agrees = hc_handle_map_put(&map, handle_of(key), expected[key]) == HC_OK;
    }
    for (unsigned i = key; i < key + 40; i++)
      agrees = agrees && hc_handle_map_get(&map, handle_of(i % KEYS)) == expected[i % KEYS];
  }
  size_t count = 0;
  for (unsigned i = 0; i < KEYS; i++) {
    count += expected[i] != NULL;
    agrees = agrees && hc_handle_map_get(&map, handle_of(i)) == expected[i];
  }
  CHECK_CASE(name, agrees && map.count == count);
  CHECK_CASE(name, map.capacity >= 2 * count && map.capacity <= 2048);
  hc_handle_map_free(&map);
  CHECK(map.capacity == 0 && !hc_handle_map_get(&map, handle_of(1)));
}

static uint64_t small(unsigned i) { return i; }
static uint64_t fours(unsigned i) { return 4u * i + 0x1000u; }
static uint64_t sparse(unsigned i) { return UINT64_C(0x100000007) * i + 3; }
/* The bits that the hash looks at are the same for all: each has to step aside for every other. */
static uint64_t crowded(unsigned i) { return (uint64_t)i * (UINT64_C(0xF1DE83E19937733D) << 50); }

static void check_empty(void) {
  hc_handle_map map = {0};
  CHECK(!hc_handle_map_get(&map, 0));
  hc_handle_map_remove(&map, 0);
  CHECK(hc_handle_map_put(&map, 0, owners) == HC_OK && hc_handle_map_get(&map, 0) == owners);
  CHECK(hc_handle_map_put(&map, UINT64_MAX, owners + 1) == HC_OK &&
        hc_handle_map_get(&map, UINT64_MAX) == owners + 1);
  hc_handle_map_remove(&map, 5);
  CHECK(map.count == 2);
  hc_handle_map_free(&map);
  hc_handle_map_free(&map);
}

static void check_memory(void) {
  hc_handle_map map = {0};
  hc_memory_fail_after(0, 1);
  CHECK(hc_handle_map_put(&map, 1, owners) == HC_ERR_OUT_OF_MEMORY && !hc_handle_map_get(&map, 1));
  hc_memory_fail_after(-1, 0);
  for (unsigned i = 0; i < 8; i++) CHECK(hc_handle_map_put(&map, i, owners + i) == HC_OK);
  hc_memory_fail_after(0, 1);
  CHECK(hc_handle_map_put(&map, 8, owners) == HC_ERR_OUT_OF_MEMORY);
  CHECK(hc_handle_map_put(&map, 3, owners + 9) == HC_OK &&
        hc_handle_map_get(&map, 3) == owners + 9);
  CHECK(hc_handle_map_put(&map, 3, owners + 3) == HC_OK);
  hc_memory_fail_after(-1, 0);
  for (unsigned i = 0; i < 8; i++) CHECK(hc_handle_map_get(&map, i) == owners + i);
  CHECK(!hc_handle_map_get(&map, 8) && map.count == 8);
  hc_handle_map_free(&map);
}

int main(void) {
  check_empty();
  for (unsigned seed = 1; seed <= 5; seed++) {
    check_against_array("small numbers", small, seed);
    check_against_array("multiples of four", fours, seed);
    check_against_array("sparse numbers", sparse, seed);
    check_against_array("numbers that collide", crowded, seed);
  }
  check_memory();
  return check_report();
}
