/* See posix.h. What is loaded so stays loaded. */
#ifndef SPEC_DLFCN_H
#define SPEC_DLFCN_H

#include "posix.h"

#define RTLD_NOW 0
#define RTLD_NODELETE 0

typedef struct Dl_info {
  char dli_fname[MAX_PATH];
} Dl_info;

static inline int dladdr(const void *address, Dl_info *out) {
  HMODULE module;
  return GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCSTR)address, &module) &&
         GetModuleFileNameA(module, out->dli_fname, sizeof out->dli_fname) > 0;
}

static inline void *dlopen(const char *path, int flags) {
  (void)flags;
  return (void *)LoadLibraryA(path);
}

#endif
