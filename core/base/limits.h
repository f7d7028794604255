/* limits.h - every limit and default of the library in one table. */
#ifndef HC_LIMITS_H
#define HC_LIMITS_H

#include <stddef.h>

#define HC_READ_CHUNK_DEFAULT 65536u
#define HC_READ_CHUNK_MIN 256u
#define HC_READ_CHUNK_MAX 16777216u

#define HC_MAX_HEADER_DEFAULT 65536u
#define HC_MAX_HEADER_MIN 1u
#define HC_MAX_HEADER_MAX 16777216u

#define HC_HEAD_READ_SIZE ((size_t)4096)          /* room for the first read of a head; grows as a head needs it */
#define HC_RECEIVE_AHEAD ((size_t)1 << 19)        /* one receive of content takes up to this much for several reads ... */
#define HC_AHEAD_READS 8u                         /* ... but for no more than so many ... */
#define HC_AHEAD_AFTER 4u                         /* ... after so many in a row that got all they asked for */
#define HC_STREAM_BODY_PIECE ((size_t)65536)      /* the most that a streamed or file body puts in one send */
#define HC_PIPE_SIZE ((size_t)1 << 20)            /* the most that is on its way from a socket to a file */
#define HC_PIPE_LEAST ((size_t)1 << 18)           /* for less of a body a pipe is not worth its making */
#define HC_COALESCE_LIMIT 16000u         /* head and body up to this size leave as one TLS record */
#define HC_EXPECT_CONTINUE_NS 1000000000ull   /* how long the body waits for a 100 (Continue) */

#define HC_SLICE_NS 250000000ull         /* a call that blocks in slices sleeps for so long at once */
#define HC_BLIND_STEP_NS 2000000ull       /* a stream without a descriptor is asked again after this */
#define HC_LOOK_NS 8000u                 /* a connection that was empty is looked at again after this at the latest */

#define HC_ATTEMPT_DELAY_NS 250000000ull /* between two connection attempts, RFC 8305 section 5 */
#define HC_ATTEMPTS_MAX 16u              /* connection attempts under way at once */
#define HC_RESOLVER_THREADS 16u          /* lookups under way at once; more are queued, but where the queue ... */
#define HC_RESOLVER_STALL_NS 20000000L   /* ... does not move for so long, twice as many may run ... */
#define HC_RESOLVER_THREADS_MAX 256u     /* ... up to this, together with those that nobody waits for any more */
#define HC_RESOLVER_IDLE_SECONDS 10      /* a worker without work ends after this */
#define HC_RESOLVER_FORK_NS 100000000L   /* how long a fork waits for lookups under way */

#define HC_RELEASE_LEAST ((size_t)4 << 20) /* a file of less is freed where its end is; it takes half a millisecond */
#define HC_RELEASE_MAX 64u               /* files that wait for a thread to free them */

#define HC_TLS_SESSIONS_MAX 64u          /* sessions kept for resumption, per options object */
#define HC_TLS_SESSIONS_PER_HOST 4u
#define HC_TLS_DECLINES_MAX 8u           /* sessions that a server did not take, in a row; then none is offered ... */
#define HC_TLS_DECLINED_SECONDS 60       /* ... for so long */
#define HC_TLS_STORES_MAX 8u             /* stores of authorities kept in a process, for as many values of the environment */
#define HC_TLS_STORE_STEP_NS 2000000u    /* how often a connection that waits for one looks */
#define HC_TLS_READ_AHEAD 34816u         /* one read of the stream below takes up to this much */
#define HC_TLS_READ_BURST 131072u        /* one receive takes at most this much off the stream below */
#define HC_TLS_SEND_BURST 262144u        /* one send moves at most about this much */
#define HC_OCSP_SKEW_SECONDS 300L        /* by how much two clocks may differ */
#define HC_OCSP_AGE_SECONDS 604800L      /* of a response that does not say when the next one comes */
#define HC_H2_STREAM_WINDOW (1 << 20)    /* content that a stream may hold unread, RFC 9113 section 5.2 */
#define HC_H2_CONNECTION_WINDOW (1 << 24) /* ... and all of a connection's together: more than one, so that none stops all */
#define HC_H2_STREAMS_MAX 100u           /* open on a connection at once */
#define HC_H2_GATHER_SIZE ((size_t)65536) /* output is gathered up to about this size ... */
#define HC_H2_PARTS_MAX 32u              /* ... in so many parts */
#define HC_H2_IDLE_FRAMES_MAX 10000u     /* frames in a row that bring and move nothing */
#define HC_PEM_FILE_MAX 16777216u
#define HC_PASSPHRASE_MAX 1024u /* OpenSSL's buffer for one, PEM_BUFSIZE */

#endif
