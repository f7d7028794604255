/* features.h - what the core of this build stands on: the libraries that it has, and their versions
 * as they are loaded now. */
#ifndef HC_FEATURES_H
#define HC_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

/* One of the two functions is there; none: this build is without it. */
typedef struct hc_feature {
  const char *name;
  const char *(*version)(void);
  uint32_t (*number)(void); /* where the library has no text: major << 24 | minor << 12 | patch */
} hc_feature;

/* Ends with a NULL name. */
const hc_feature *hc_features(void);

HC_INTERNAL_END

#endif
