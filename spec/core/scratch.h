/* scratch.h - a folder of the test's own with files in it, and small questions about what a call
 * has left behind. */
#ifndef SPEC_SCRATCH_H
#define SPEC_SCRATCH_H

#include "../../core/base/error.h"
#include "loopback.h"

static char folder[] = "/tmp/test_files_XXXXXX";

static inline const char *in_folder(const char *name) {
  static char path[96];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static inline int next_descriptor(void) {
  int fd = dup(0);
  loopback_need(fd >= 0, "dup");
  (void)close(fd);
  return fd;
}

static inline bool says(const hc_failure *why, hc_error code, const char *text) {
  bool right = why->code == code && strcmp(why->text, text) == 0;
  if (!right)
    fprintf(stderr, "  %d \"%s\", not %d \"%s\"\n", (int)why->code, why->text, (int)code, text);
  return right;
}

static inline int new_file(const char *name, const char *text) {
  int file = open(in_folder(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  loopback_need(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), "a file");
  return file;
}

/* Does the file hold this text, whole? */
static inline bool file_is(const char *name, const char *text) {
  char held[256];
  int file = open(in_folder(name), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t size = read(file, held, sizeof held);
  (void)close(file);
  return size == (ssize_t)strlen(text) && memcmp(held, text, (size_t)size) == 0;
}

static inline void make_folder(void) { loopback_need(mkdtemp(folder) != NULL, "mkdtemp"); }

/* With the files of these names. */
static inline void remove_folder(const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) (void)unlink(in_folder(names[i]));
  (void)rmdir(folder);
}

#endif
