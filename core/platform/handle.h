/* handle.h - the system's names for what can be waited for and for open files. Nothing above the platform counts with them or
 * takes them for small: a socket of Windows is neither an int nor an index. */
#ifndef HC_HANDLE_H
#define HC_HANDLE_H

/* A socket, or whatever else a wait or a loop of the host's can watch: here a descriptor. */
typedef int hc_handle;
#define HC_NO_HANDLE (-1)

/* An open file. */
typedef int hc_file;
#define HC_NO_FILE (-1)

/* Events of a handle, as a bit set. */
#define HC_EVENT_READ 1u
#define HC_EVENT_WRITE 2u

#endif
