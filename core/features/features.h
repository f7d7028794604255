/* features.h - what the core of this build stands on: the libraries that it has, and their versions
 * as they are loaded now. */
#ifndef HC_FEATURES_H
#define HC_FEATURES_H

#include <stddef.h>

#include "../base/internal.h"

HC_INTERNAL_BEGIN

typedef struct hc_feature {
  const char *name;
  const char *(*version)(void); /* NULL: this build is without it */
} hc_feature;

/* Ends with a NULL name. */
const hc_feature *hc_features(void);

HC_INTERNAL_END

#endif
