/* sys/socket.h - the system's, changed into what macOS and the BSDs have: no flags that a socket is
 * made with, no MSG_NOSIGNAL but SO_NOSIGPIPE, and another sendfile. socket.c has the calls. */
#include_next <sys/socket.h>

#ifndef SPEC_SYS_SOCKET_H
#define SPEC_SYS_SOCKET_H

#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#undef MSG_NOSIGNAL
#define SO_NOSIGPIPE 0x1022

int socket(int family, int type, int protocol) __asm__("bsd_socket");
int setsockopt(int s, int level, int name, const void *value,
               socklen_t size) __asm__("bsd_setsockopt");
ssize_t send(int s, const void *bytes, size_t size, int flags) __asm__("bsd_send");
ssize_t sendmsg(int s, const struct msghdr *message, int flags) __asm__("bsd_sendmsg");

struct sf_hdtr;
#if defined(HC_SENDFILE_APPLE)
int sendfile(int file, int s, off_t offset, off_t *size, struct sf_hdtr *more,
             int flags) __asm__("apple_sendfile");
#else
int sendfile(int file, int s, off_t offset, size_t size, struct sf_hdtr *more, off_t *sent,
             int flags) __asm__("bsd_sendfile");
#endif

#endif
