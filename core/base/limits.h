/* limits.h - every limit and default of the library, in one table.
 *
 * A number that a peer could drive up, or that somebody might want to tune, stands here and nowhere
 * else, so that the docs (docs/security.md) and the code can be compared in one place. How much one
 * step moves before it lets others go on is that step's own business, and stands in its file. Times
 * end in their unit; sizes are bytes. */
#ifndef HC_LIMITS_H
#define HC_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* What a host may set, and within which bounds. */
#define HC_READ_CHUNK_DEFAULT 65536u
#define HC_READ_CHUNK_MIN 256u
#define HC_READ_CHUNK_MAX 16777216u

#define HC_MAX_HEADER_DEFAULT 65536u
#define HC_MAX_HEADER_MIN 1u
#define HC_MAX_HEADER_MAX 16777216u

/* Moving bytes. */
/* room for the first read of a head; it grows with the head */
#define HC_HEAD_READ_SIZE ((size_t)4096)
/* one receive may take this much content, enough for several reads ... */
#define HC_RECEIVE_AHEAD ((size_t)1 << 19)
#define HC_AHEAD_READS 8u                     /* ... but for no more reads than this ... */
/* ... and only after this many receives in a row were filled */
#define HC_AHEAD_AFTER 4u
/* the most that one send takes of a body from a file or a function */
#define HC_STREAM_BODY_PIECE ((size_t)65536)
/* Content in memory of at least so much goes to the kernel by way of a block of this size
 * (connection/staged.h). It is a little less than what many allocators ask the system for anew
 * each time. */
#define HC_STAGED_FROM ((size_t)256 * 1024)
#define HC_STAGED_SIZE ((size_t)120 * 1024)
/* the most that is in a pipe between a socket and a file */
#define HC_PIPE_SIZE ((size_t)1 << 20)
/* a body smaller than this is not worth making a pipe for */
#define HC_PIPE_LEAST ((size_t)1 << 18)
/* what is smaller than this shares a TLS record with what follows it */
#define HC_COALESCE_LIMIT 16000u
/* content of a request up to this is copied behind its head, and goes out as one with it */
#define HC_SMALL_CONTENT 512u
#define HC_EXPECT_CONTINUE_NS 1000000000ull   /* how long a body waits for a 100 (Continue) */

/* Waiting. */
#define HC_SLICE_NS 250000000ull     /* a call that blocks in slices sleeps this long at a time */
#define HC_BLIND_STEP_NS 2000000ull  /* a stream without a descriptor is asked again after this */
/* a connection that was empty is looked at again after this at the latest */
#define HC_LOOK_NS 8000u

/* Content codings. */
/* on top of each other; each may multiply the size by a thousand */
#define HC_CODINGS_MAX 5u
/* what is held between two of them, and what is held decoded */
#define HC_CHAIN_ROOM ((size_t)16384)
#define HC_DECODED_ROOM ((size_t)65536)
/* one look takes at most about this much of content that nothing comes of */
#define HC_DECODE_BURST ((size_t)262144)

/* Connecting. */
#define HC_ATTEMPT_DELAY_NS 250000000ull  /* between two connection attempts, RFC 8305 section 5 */
#define HC_ATTEMPTS_MAX 16u               /* connection attempts under way at once */
#define HC_RESOLVER_THREADS 16u           /* lookups at once; more are queued. When the queue ... */
/* ... has not moved for this long, twice as many may run ... */
#define HC_RESOLVER_STALL_NS 20000000L
/* ... up to this many, with those that nobody waits for any more */
#define HC_RESOLVER_THREADS_MAX 256u
/* who asks for a name that is being looked up for no longer than this shares the lookup */
#define HC_RESOLVER_TOGETHER_NS 1000000000u
#define HC_RESOLVER_IDLE_SECONDS 10       /* a worker that has had no work for this long ends */
#define HC_RESOLVER_FORK_NS 100000000L    /* how long a fork waits for lookups under way */

/* heads that were noted for a trace, and not yet taken */
#define HC_TRANSCRIPT_MAX ((size_t)1 << 18)

/* a proxy that refuses with more content than this is asked again on a new connection */
#define HC_REFUSAL_MAX ((size_t)65536)

/* Files: freeing a large one takes long, so a thread does it. */
/* a smaller one is freed at once, which takes half a millisecond */
#define HC_RELEASE_LEAST ((size_t)4 << 20)
#define HC_RELEASE_MAX 64u                  /* files that wait for a thread to free them */

/* HTTP/2. */
/* content that a stream may hold unread, RFC 9113 section 5.2 */
#define HC_H2_STREAM_WINDOW (1 << 20)
#define HC_H2_STREAMS_MAX 100u             /* open on a connection at once */
/* All streams can be full, so that none that is not read stops another that is. */
#define HC_H2_CONNECTION_WINDOW ((int)HC_H2_STREAMS_MAX * HC_H2_STREAM_WINDOW)
/* emptied buffers of streams that wait for the next ones, as long as a stream is open */
#define HC_H2_SPARE_SIZE ((size_t)2 << 20)
/* output is gathered up to about this size, so that few of its records are not full ... */
#define HC_H2_GATHER_SIZE ((size_t)1 << 18)
#define HC_H2_PARTS_MAX 36u                /* ... in this many parts */
/* nothing has come for so long: a request that can't be sent again is sent behind a PING ... */
#define HC_H2_PROBE_AFTER_NS UINT64_C(30000000000)
#define HC_H2_PROBE_NS UINT64_C(5000000000) /* ... which is to be answered within this time */
/* frames in a row that bring nothing and move nothing ... */
#define HC_H2_IDLE_FRAMES_MAX 10000u
/* ... but for so many in each second: a server may ask for days whether somebody is there */
#define HC_H2_IDLE_FRAMES_A_SECOND 100u
/* frames that wait behind a full output: a few for each stream, and nghttp2's answers to PING */
#define HC_H2_QUEUE_MAX 5000u
#define HC_H2_HEAD_MAX ((size_t)16 << 20)  /* of a request, as frames */

/* TLS. */
#define HC_TLS_SESSIONS_MAX 64u        /* sessions kept for resumption, per options object */
#define HC_TLS_SESSIONS_PER_HOST 4u
/* when a server has declined this many in a row, none is offered ... */
#define HC_TLS_DECLINES_MAX 8u
#define HC_TLS_DECLINED_SECONDS 60     /* ... for this long */
/* loaded authorities kept in a process, one for each value of the environment */
#define HC_TLS_STORES_MAX 8u
#define HC_TLS_STORE_STEP_NS 2000000u  /* a connection that waits for them looks again after this */
#define HC_TLS_READ_AHEAD 34816u       /* one read of the stream below takes up to this much */
/* one receive takes at most this much off the stream below */
#define HC_TLS_READ_BURST HC_TLS_READ_AHEAD
/* Records, and messages of the handshake in them, that may come in a row without content. They cost
 * much more than their bytes do (a KeyUpdate has 27, and takes ten microseconds). */
#define HC_TLS_IDLE_MAX 64u
/* Where the second half of them took longer than this they are no flood: a connection may wait for
 * days on which the keys change now and then. */
#define HC_TLS_IDLE_NS UINT64_C(8000000000)
/* One receive goes on to the next record until it has met so many messages of the handshake. */
#define HC_TLS_MESSAGES_MAX 32u
#define HC_TLS_SEND_BURST 262144u      /* one send moves at most about this much */
#define HC_OCSP_SKEW_SECONDS 300L      /* how far the server's clock may be from ours */
/* the oldest response that is taken, if it names no next one */
#define HC_OCSP_AGE_SECONDS 604800L
#define HC_PEM_FILE_MAX 16777216u
#define HC_KEY_ROUNDS_MAX 10000000u   /* of hashing a passphrase, as the key asks: seconds */
#define HC_PASSPHRASE_MAX 1024u        /* OpenSSL's buffer for one, PEM_BUFSIZE */

#endif
