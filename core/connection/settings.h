/* settings.h - what a caller may set for the exchanges of a connection, live: it counts from the
 * next step on. */
#ifndef HC_SETTINGS_H
#define HC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "../http/transcript.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

typedef struct hc_settings {
  bool blocking;                /* poll waits for the head, reads wait for data; in the kernel */
  /* what blocks comes back now and then, see hc_client_is_unfinished */
  bool in_slices;
  hc_version_wish version;      /* for the next connection; default HC_VERSION_1 */
  size_t read_chunk_size;       /* HC_READ_CHUNK_MIN..MAX, default HC_READ_CHUNK_DEFAULT */
  size_t max_header_size;       /* HC_MAX_HEADER_MIN..MAX, default HC_MAX_HEADER_DEFAULT */
  double connect_timeout;       /* seconds from connect to CONNECTED; 0 never, as below */
  double response_timeout;      /* from the request's last byte to the end of the final head */
  double idle_timeout;          /* no byte either way while a request or a body moves */
  size_t address_family;        /* 4 or 6, for the next connection; default 0: any */
  hc_transcript *transcript;    /* where heads are noted; NULL: nobody wants to see them */
} hc_settings;

HC_INTERNAL_END

#endif
