/* ticket_mbedtls.c - sessions that may be resumed, of TLS up to 1.2 (RFC 5246 section 7.3, RFC
 * 5077). One whose certificates would have to be verified again is not: mbedTLS keeps only the
 * first of them. Those of TLS 1.3 are left alone. */
#include "mbedtls_internal.h"

#include <string.h>
#include <time.h>

#include "../../../base/memory.h"

#define SESSION_SECONDS 7200 /* where the server says nothing */

/* Within one thread. */
hc_tls_ticket *hc_tls_ticket_retain(hc_tls_ticket *ticket) {
  ticket->references++;
  return ticket;
}

void hc_tls_ticket_release(hc_tls_ticket *ticket) {
  if (!ticket || --ticket->references > 0) return;
  mbedtls_ssl_session_free(&ticket->session);
  hc_memory_release(ticket);
}

/* A ticket's lifetime is a hint of the server's (RFC 5077 section 5.6). Sessions that a server
 * remembers have none. */
static int64_t lifetime_of(const mbedtls_ssl_session *session) {
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
  if (session->ticket && session->ticket_lifetime > 0) return (int64_t)session->ticket_lifetime;
#endif
  (void)session;
  return SESSION_SECONDS;
}

/* A clock that was set back makes it old: then there is a full handshake, and nothing is lost but
 * time. */
bool hc_tls_ticket_is_fresh(const hc_tls_ticket *ticket) {
  int64_t age = (int64_t)time(NULL) - ticket->made;
  return age >= 0 && age < lifetime_of(&ticket->session);
}

bool hc_tls_ticket_has_current_certificate(const hc_tls_ticket *ticket) {
  (void)ticket;
  return false; /* only an outcome that stands counts */
}

/* Only those of TLS 1.3 are for one use, and those are not kept. */
bool hc_tls_ticket_is_single(const hc_tls_ticket *ticket) {
  (void)ticket;
  return false;
}
