/* features.c - which libraries this build has. See features.h.
 *
 * A library is asked by the room that knows it; here are only the names under which a script finds
 * it, and whom to ask. Rooms that never meet otherwise stand side by side in this list, so it
 * belongs to the top of the core, and nothing of the core uses it. */
#include "features.h"

#include "../codec/decoder.h"
#include "../http/idn.h"
#include "../http/public_suffix.h"
#include "../http2/h2_session.h"
#include "../stream/tls/tls_library.h"

/* A function that is there in every build answers NULL where its library was left out. The others
 * are there only with their library, and the build's own macros say so. A name is in the list in
 * any case: a script that asks for it gets "no", and not "never heard of it". */
static const hc_feature features[] = {
    {"openssl", hc_tls_openssl_version, NULL},
    {"mbedtls", hc_tls_mbedtls_version, NULL},
    {"zlib", hc_zlib_version, NULL},
#ifdef HC_WITH_NGHTTP2
    {"nghttp2", hc_h2_version, NULL},
    {"http2", hc_h2_version, NULL}, /* by what it gives, where the library does not matter */
#else
    {"nghttp2", NULL, NULL},
    {"http2", NULL, NULL},
#endif
#ifdef HC_WITH_BROTLI
    {"brotli", NULL, hc_brotli_version_number},
#else
    {"brotli", NULL, NULL},
#endif
#ifdef HC_WITH_ZSTD
    {"zstd", hc_zstd_version, NULL},
#else
    {"zstd", NULL, NULL},
#endif
    {"idn2", hc_idn_version, NULL},
    {"psl", hc_psl_version, NULL},
    {NULL, NULL, NULL},
};

const hc_feature *hc_features(void) { return features; }
