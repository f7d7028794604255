/* tls_session.c - the sessions that an options object may resume (RFC 8446 section 2.2, RFC 5246
 * section 7.3).
 *
 * The sessions belong to an options object and not to the process: what was verified by one
 * object's rules must not spare another object, with stricter ones, its own look. They are never
 * written anywhere. */
#include <string.h>
#include <time.h>

#include "../../base/memory.h"
#include "tls_internal.h"

/* The ticket is counted: a handshake that goes on with it at this moment keeps it. */
static void entry_free(hc_tls_session *entry) {
  hc_tls_ticket_release(entry->ticket);
  hc_memory_release(entry->name);
  hc_memory_release(entry);
}

/* By name, as RFC 8446 section 4.6.1 wants it, and by port: a session of one server must not be
 * offered to another, which could link the two visits. */
static bool is_for(const hc_tls_session *entry, const char *name, unsigned port) {
  return entry->port == port && strcmp(entry->name, name) == 0;
}

/* Takes *link out of the list. */
static void drop(hc_tls_options *o, hc_tls_session **link) {
  hc_tls_session *entry = *link;
  *link = entry->next;
  o->session_count--;
  entry_free(entry);
}

/* Behind the newest few of a host, and behind the newest of all, the oldest go. */
static void trim(hc_tls_options *o, const char *name, unsigned port) {
  unsigned of_host = 0, of_all = 0;
  for (hc_tls_session **link = &o->sessions; *link;) {
    bool too_many = is_for(*link, name, port) && ++of_host > HC_TLS_SESSIONS_PER_HOST;
    if (too_many || of_all >= HC_TLS_SESSIONS_MAX) {
      drop(o, link);
    } else {
      of_all++;
      link = &(*link)->next;
    }
  }
}

/* Some servers hand out tickets and never take one back. Offering costs bytes and, with TLS 1.2, a
 * longer handshake, so after a few refusals there is a pause. */
static hc_tls_declined declined_now(const hc_tls_handshake *h, hc_tls_way way) {
  if (way == HC_TLS_RESUMED) return (hc_tls_declined){0};
  return h->offers_session ? (hc_tls_declined){h->declined.count + 1, (int64_t)time(NULL)}
                           : h->declined;
}

/* The newest first: it is the one that the server knows best. Without memory there is a full
 * handshake next time, and no failure now. */
void hc_tls_session_store(const hc_tls_handshake *h, hc_tls_ticket *ticket, hc_tls_way way) {
  hc_tls_options *o = h->options;
  hc_tls_session *entry = hc_memory_allocate_zeroed(1, sizeof *entry);
  char *copy = hc_memory_copy_text(h->name, strlen(h->name));
  if (!entry || !copy) {
    hc_memory_release(entry);
    hc_memory_release(copy);
    hc_tls_ticket_release(ticket);
    return;
  }
  *entry = (hc_tls_session){o->sessions, copy, h->port, ticket, h->verified, declined_now(h, way)};
  o->sessions = entry;
  o->session_count++;
  trim(o, h->name, h->port);
}

/* Not where the certificate has to be looked at each time: a resumed connection shows none, and
 * what was revoked since would never be noticed. */
bool hc_tls_options_keep_sessions(const hc_tls_options *o) {
  return !o->checks_revocation && !o->require_ocsp;
}

/* Out of date is the session, or a certificate that it was made with: then a full handshake may
 * find a new one. */
static bool is_usable(const hc_tls_options *o, const hc_tls_session *entry) {
  return hc_tls_ticket_is_fresh(entry->ticket) &&
         (hc_tls_verified_stands(o, &entry->verified) ||
          hc_tls_ticket_has_current_certificate(entry->ticket));
}

/* A clock that was set back would make the pause endless, hence `pause >= 0`. */
static bool is_paused(const hc_tls_session *entry) {
  int64_t pause = (int64_t)time(NULL) - entry->declined.at;
  return entry->declined.count >= HC_TLS_DECLINES_MAX && pause >= 0 &&
         pause < HC_TLS_DECLINED_SECONDS;
}

/* A ticket of TLS 1.3 is for one use (RFC 8446 appendix C.4): whoever watches the network could
 * tell by a second use that both connections are the same client's. */
static hc_tls_ticket *take_from(hc_tls_handshake *h, hc_tls_session **link) {
  h->declined = (*link)->declined;
  hc_tls_ticket *ticket = is_paused(*link) ? NULL : hc_tls_ticket_retain((*link)->ticket);
  if (!ticket) return NULL;
  h->verified = (*link)->verified;
  if (hc_tls_ticket_is_single(ticket)) drop(h->options, link);
  return ticket;
}

/* What is out of date is dropped on the way, so the list never fills with what nobody can use. */
hc_tls_ticket *hc_tls_session_take(hc_tls_handshake *h) {
  hc_tls_options *o = h->options;
  for (hc_tls_session **link = &o->sessions; *link;) {
    if (!is_for(*link, h->name, h->port)) {
      link = &(*link)->next;
    } else if (is_usable(o, *link)) {
      return take_from(h, link);
    } else {
      drop(o, link);
    }
  }
  return NULL;
}

/* After a failure with a session offered: the next try is a full handshake. */
void hc_tls_session_forget(hc_tls_options *o, const char *name, unsigned port) {
  for (hc_tls_session **link = &o->sessions; *link;) {
    if (is_for(*link, name, port)) drop(o, link);
    else link = &(*link)->next;
  }
}

/* When the options go, and when others are trusted: see use_store in tls_options.c. */
void hc_tls_session_forget_all(hc_tls_options *o) {
  while (o->sessions) drop(o, &o->sessions);
}

/* The clock may have been set back, so the beginning counts as well as the end; and with another
 * store of authorities the answer could be another. */
bool hc_tls_verified_stands(const hc_tls_options *o, const hc_tls_verified *verified) {
  int64_t now = (int64_t)time(NULL);
  return verified->store != 0 && verified->store == o->store_number && verified->from <= now &&
         now < verified->until;
}
