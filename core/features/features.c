/* features.c - see features.h. A library is asked by the room that knows it. */
#include "features.h"

#include "../codec/decoder.h"
#include "../http/idn.h"
#include "../http/public_suffix.h"
#include "../http2/h2_session.h"
#include "../stream/tls/tls_library.h"

static const hc_feature features[] = {
    {"openssl", hc_tls_openssl_version},
    {"mbedtls", hc_tls_mbedtls_version},
    {"zlib", hc_zlib_version},
#ifdef HC_WITH_NGHTTP2
    {"nghttp2", hc_h2_version},
    {"http2", hc_h2_version}, /* by what it gives, for who need not know by what */
#else
    {"nghttp2", NULL},
    {"http2", NULL},
#endif
#ifdef HC_WITH_BROTLI
    {"brotli", hc_brotli_version},
#else
    {"brotli", NULL},
#endif
#ifdef HC_WITH_ZSTD
    {"zstd", hc_zstd_version},
#else
    {"zstd", NULL},
#endif
    {"idn2", hc_idn_version},
    {"psl", hc_psl_version},
    {NULL, NULL},
};

const hc_feature *hc_features(void) { return features; }
