/* internal.h - keeps the library's own functions out of sight of whatever it is linked into.
 *
 * Only what core's four public headers declare may be seen from outside. Every other header puts
 * its declarations between HC_INTERNAL_BEGIN and HC_INTERNAL_END, behind its includes, and the
 * definitions follow the declarations. So a build with plain flags exports no more than one with
 * -fvisibility=hidden. On Windows nothing is exported unless it is asked for.
 *
 * MSVC has no such pragma and needs none. A name that a host and the core both have would be the
 * host's in one and ours in the other, which the linker settles without a word: hence hidden, and
 * hence every name begins with hc_. */
#ifndef HC_INTERNAL_H
#define HC_INTERNAL_H

#if defined(__GNUC__) && !defined(_WIN32) && !defined(__CYGWIN__)
#define HC_INTERNAL_BEGIN _Pragma("GCC visibility push(hidden)")
#define HC_INTERNAL_END _Pragma("GCC visibility pop")
#else
#define HC_INTERNAL_BEGIN
#define HC_INTERNAL_END
#endif

#endif
