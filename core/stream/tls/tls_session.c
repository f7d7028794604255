/* tls_session.c - the sessions that an options object may resume (RFC 8446 section 2.2, RFC 5246
 * section 7.3). */
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "../../base/memory.h"
#include "tls_internal.h"

static void entry_free(hc_tls_session *entry) {
  SSL_SESSION_free(entry->session);
  hc_memory_release(entry->name);
  hc_memory_release(entry);
}

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

static hc_tls_declined declined_now(const hc_tls_handshake *h, hc_tls_way way) {
  if (way == HC_TLS_RESUMED) return (hc_tls_declined){0};
  return h->offers_session ? (hc_tls_declined){h->declined.count + 1, (int64_t)time(NULL)}
                           : h->declined;
}

void hc_tls_session_store(const hc_tls_handshake *h, SSL_SESSION *session, hc_tls_way way) {
  hc_tls_options *o = h->options;
  hc_tls_session *entry = hc_memory_allocate_zeroed(1, sizeof *entry);
  char *copy = hc_memory_copy_text(h->name, strlen(h->name));
  if (!entry || !copy) {
    hc_memory_release(entry);
    hc_memory_release(copy);
    SSL_SESSION_free(session);
    return;
  }
  *entry = (hc_tls_session){o->sessions, copy, h->port, session, h->verified, declined_now(h, way)};
  o->sessions = entry;
  o->session_count++;
  trim(o, h->name, h->port);
}

/* Out of date is the session, or a certificate that it was made with: then a full handshake may
 * find a new one. */
static bool is_usable(const hc_tls_options *o, const hc_tls_session *entry) {
  SSL_SESSION *session = entry->session;
  long long age = (long long)time(NULL) - SSL_SESSION_get_time(session);
  if (!SSL_SESSION_is_resumable(session) || age < 0 || age >= SSL_SESSION_get_timeout(session))
    return false;
  if (hc_tls_verified_stands(o, &entry->verified)) return true;
  X509 *certificate = SSL_SESSION_get0_peer(session);
  return certificate && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool is_paused(const hc_tls_session *entry) {
  int64_t pause = (int64_t)time(NULL) - entry->declined.at;
  return entry->declined.count >= HC_TLS_DECLINES_MAX && pause >= 0 &&
         pause < HC_TLS_DECLINED_SECONDS;
}

static SSL_SESSION *take_from(hc_tls_handshake *h, hc_tls_session **link) {
  SSL_SESSION *session = (*link)->session;
  h->declined = (*link)->declined;
  if (is_paused(*link) || SSL_SESSION_up_ref(session) != 1) return NULL;
  h->verified = (*link)->verified;
  if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) drop(h->options, link);
  return session;
}

SSL_SESSION *hc_tls_session_take(hc_tls_handshake *h) {
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

void hc_tls_session_forget(hc_tls_options *o, const char *name, unsigned port) {
  for (hc_tls_session **link = &o->sessions; *link;) {
    if (is_for(*link, name, port)) drop(o, link);
    else link = &(*link)->next;
  }
}

void hc_tls_session_forget_all(hc_tls_options *o) {
  while (o->sessions) drop(o, &o->sessions);
}
