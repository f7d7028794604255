/* system_features.h - makes the system's headers declare what POSIX and the system have, whatever
 * -std and -D the compiler was started with. The first include of each file that calls the system;
 * GNU's own calls, where a file needs them, are asked for by HC_WANT_GNU before it.
 *
 * It includes nothing itself, so that no header of the system's is read before the macros stand:
 * the first one fixes what all later ones declare. .ci/check-modes compiles with the flags that are
 * in use. */
#ifndef HC_SYSTEM_FEATURES_H
#define HC_SYSTEM_FEATURES_H

#if defined(__APPLE__)
#if !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE /* beyond POSIX: SO_NOSIGPIPE, FIONREAD, sendfile, kqueue */
#endif
#elif defined(__FreeBSD__) || defined(__DragonFly__) || defined(__NetBSD__) || defined(__OpenBSD__)
#undef _POSIX_C_SOURCE /* it would hide what they have beyond POSIX */
#else
#if defined(HC_WANT_GNU) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#if !defined(_GNU_SOURCE) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#if !defined(_GNU_SOURCE) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#endif

#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64 /* files over 2 GiB on 32-bit systems */
#endif

#endif
