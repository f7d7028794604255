/* wiped.c - a host that looks into every block that the library gives back: is a key in it?
 *
 *   wiped KEY.der SEALED.pem PASSPHRASE
 *
 * Loads the sealed key, which is expected to fail, and ends with 1 where bytes of KEY were in a
 * block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpclient.h"

#define HEAD 16u /* of each block: its size */
#define PART 48u /* so many bytes of the key are looked for */

static unsigned char key[PART];
static int found;

static void *allocate(void *user, size_t size) {
  (void)user;
  unsigned char *block = malloc(size + HEAD);
  if (!block) return NULL;
  memcpy(block, &size, sizeof size);
  return block + HEAD;
}

static void give_back(void *user, void *given) {
  (void)user;
  if (!given) return;
  unsigned char *bytes = given, *block = bytes - HEAD;
  size_t size;
  memcpy(&size, block, sizeof size);
  for (size_t i = 0; i + PART <= size; i++)
    if (memcmp(bytes + i, key, PART) == 0) found = 1;
  free(block);
}

static void *resize(void *user, void *given, size_t size) {
  unsigned char *fresh = allocate(user, size);
  if (!fresh || !given) return fresh;
  size_t before;
  memcpy(&before, (unsigned char *)given - HEAD, sizeof before);
  memcpy(fresh, given, before < size ? before : size);
  give_back(user, given);
  return fresh;
}

int main(int count, char **arguments) {
  const hc_allocator allocator = {allocate, resize, give_back, NULL};
  if (count != 4 || hc_set_allocator(&allocator) != HC_OK) return 2;
  FILE *file = fopen(arguments[1], "rb");
  if (!file || fread(key, 1, PART, file) != PART) return 2;
  (void)fclose(file);
  hc_failure why = {HC_OK, ""};
  hc_key *k = hc_key_new();
  hc_error error =
      k ? hc_key_load_encrypted_file(k, arguments[2], hc_slice_of(arguments[3]), &why) : HC_OK;
  hc_key_release(k);
  if (error != HC_ERR_INVALID_DATA) fprintf(stderr, "it was not refused: %s\n", why.text);
  if (found) fprintf(stderr, "the key is in memory that was given back\n");
  return error == HC_ERR_INVALID_DATA && !found ? 0 : 1;
}
