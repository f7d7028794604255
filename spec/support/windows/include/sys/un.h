/* See posix.h. The type alone: there are no such sockets. */
#ifndef SPEC_SYS_UN_H
#define SPEC_SYS_UN_H

#include "../posix.h"

struct sockaddr_un {
  unsigned short sun_family;
  char sun_path[108];
};

#endif
