/* system_name.h - what the system is called, for the User-Agent. The one header of the platform
 * that the writers of heads may know. */
#ifndef HC_SYSTEM_NAME_H
#define HC_SYSTEM_NAME_H

#if defined(__linux__)
#define HC_SYSTEM_NAME "Linux"
#elif defined(__APPLE__)
#define HC_SYSTEM_NAME "macOS"
#elif defined(__FreeBSD__)
#define HC_SYSTEM_NAME "FreeBSD"
#elif defined(__OpenBSD__)
#define HC_SYSTEM_NAME "OpenBSD"
#elif defined(__NetBSD__)
#define HC_SYSTEM_NAME "NetBSD"
#elif defined(_WIN32)
#define HC_SYSTEM_NAME "Windows"
#else
#define HC_SYSTEM_NAME "POSIX"
#endif

#endif
