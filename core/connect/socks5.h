/* socks5.h - a conversation with a SOCKS 5 proxy (RFC 1928), with user and password where there are
 * any (RFC 1929): memory in, memory out.
 *
 * It says what is to be sent next and judges what has come. Nothing a proxy sends makes it grow,
 * and what stands behind the last reply is not touched: that belongs to whom the proxy has
 * connected. */
#ifndef HC_SOCKS5_H
#define HC_SOCKS5_H

#include <stdbool.h>

#include "../base/error.h"
#include "../base/internal.h"
#include "../base/parse.h"
#include "../base/slice.h"

HC_INTERNAL_BEGIN

typedef enum hc_socks5_state {
  HC_SOCKS5_METHOD, /* awaits which method of authentication the proxy has chosen */
  HC_SOCKS5_AUTH, /* awaits what it thinks of user and password */
  HC_SOCKS5_REPLY, /* awaits the reply to the request */
  HC_SOCKS5_DONE /* connected; the bytes that follow are the other side's */
} hc_socks5_state;

/* Bytes of a user name, and of a password (RFC 1929 section 2); of a host. */
#define HC_SOCKS5_SECRET_MAX 255u
#define HC_SOCKS5_NAME_MAX 255u
/* The longest message: version, user and password, each behind its length. */
#define HC_SOCKS5_MESSAGE_MAX (3u + 2u * HC_SOCKS5_SECRET_MAX)

typedef enum hc_socks5_address_kind {
  HC_SOCKS5_IPV4 = 1,
  HC_SOCKS5_NAME = 3,
  HC_SOCKS5_IPV6 = 4
} hc_socks5_address_kind;

/* Whom the proxy is to connect to. */
typedef struct hc_socks5_target {
  hc_socks5_address_kind kind;
  hc_slice bytes; /* 4, 16, or those of the name: 1 to 255 */
  unsigned port;
} hc_socks5_target;

typedef struct hc_socks5 {
  hc_socks5_state state;
  hc_slice user, password; /* views; empty: none */
  hc_socks5_target target; /* views */
  unsigned char reply; /* what the proxy has said instead of yes; 0: nothing */
  unsigned char out[HC_SOCKS5_MESSAGE_MAX];
  size_t out_size, sent;
} hc_socks5;

/* The texts live as long as the conversation. HC_ERR_INVALID_PARAMETER for a user, a password or a
 * name of more than 255 bytes, one of the two without the other, and for an empty name. */
hc_error hc_socks5_start(hc_socks5 *s, hc_slice user, hc_slice password,
                         const hc_socks5_target *target, hc_failure *why);
/* What is still to be sent; empty: the proxy's turn. */
hc_slice hc_socks5_output(const hc_socks5 *s);
/* So much of it is on its way. After the last byte a password is wiped. */
void hc_socks5_sent(hc_socks5 *s, size_t size);
/* The proxy's bytes, from the first one on that was not used yet, while there is no output. DONE:
 * connected. MORE: more bytes are needed, or there is output now. ERROR: HC_ERR_CANT_CONNECT, and
 * `why` begins with "the proxy". */
hc_parse hc_socks5_take(hc_socks5 *s, hc_slice bytes, size_t *used, hc_failure *why);
void hc_socks5_wipe(hc_socks5 *s);
/* Might another address of the same host be reached after all? */
bool hc_socks5_is_about_address(const hc_socks5 *s);

HC_INTERNAL_END

#endif
