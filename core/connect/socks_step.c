/* socks_step.c - a SOCKS 5 proxy as a step of a way. See socks_step.h.
 *
 * The host's name is looked up from the beginning of the walk on, beside the connection to the
 * proxy. A proxy takes one address for each connection: when it can't reach that one, the step
 * wants a new connection and asks for the next. */
#include "socks_step.h"

#include <string.h>

#include "../base/chars.h"
#include "../base/limits.h"
#include "../base/memory.h"
#include "../http/uri.h"
#include "../net/resolver.h"
#include "socks5.h"

/* More than a message of SOCKS has, so that one receive sees what should not be there. */
#define RECEIVE_SIZE_SOCKS_STEP 512u

/* `addresses` and `next` outlive a connection, `talk` and `in` do not: begin_talk sets these anew
 * for each. */
struct hc_socks_step {
  hc_socks_wish wish;
  hc_lookup *lookup;         /* until its answer is there */
  hc_address *addresses;     /* of the host; NULL: the proxy gets the name */
  size_t count, next;
  unsigned char address[HC_ADDRESS_BYTES];  /* the one that it is asked for */
  hc_socks5 talk;
  bool is_talking, looks_up, needs_new_stream, is_checked;
  hc_failure first_failure;  /* of several addresses */
  unsigned wants;
  char in[RECEIVE_SIZE_SOCKS_STEP];
  size_t in_size;
};

/* --- whom to ask for */

/* The step frees what it has in one way, wherever it came from. */
static hc_error keep_addresses(hc_socks_step *s, const hc_address *addresses, size_t count) {
  s->addresses = hc_memory_allocate_zeroed(count, sizeof *addresses);
  if (!s->addresses) return HC_ERR_OUT_OF_MEMORY;
  memcpy(s->addresses, addresses, count * sizeof *addresses);
  s->count = count;
  return HC_OK;
}

/* What the host is known by without a lookup: an address, a name of this machine, or the name that
 * is the proxy's to look up. No memory for the lookup is final; no thread for it is not, and
 * advance tries again. */
static hc_error find_target(hc_socks_step *s, hc_failure *why) {
  const hc_socks_wish *w = &s->wish;
  hc_address local[HC_LOCALHOST_ADDRESSES];
  size_t count = 0;
  bool is_ipv6 = hc_is_ipv6_literal(w->host);
  if (is_ipv6 && memchr(w->host.data, '%', w->host.size))
    return hc_failure_set(why, HC_ERR_INVALID_PARAMETER,
                          "an IPv6 address with a zone means nothing to a proxy");
  if (is_ipv6 || hc_is_ipv4_literal(w->host))
    count = hc_address_from_literal(w->host, w->port, &local[0]) ? 1 : 0;
  else if (w->lookup == HC_LOOKUP_BY_PROXY) return HC_OK;
  else count = hc_localhost_addresses(w->host, w->port, local);
  if (count > 0)
    return keep_addresses(s, local, count) == HC_OK ? HC_OK : hc_failure_out_of_memory(why);
  s->looks_up = true;
  hc_error code = hc_lookup_start(w->host, w->port, &s->lookup, NULL);
  return code == HC_ERR_OUT_OF_MEMORY ? hc_failure_out_of_memory(why) : HC_OK;
}

/* On failure *out stays as it is, and nothing goes on behind it. */
hc_error hc_socks_step_new(const hc_socks_wish *wish, hc_socks_step **out, hc_failure *why) {
  hc_socks_step *s = hc_memory_allocate_zeroed(1, sizeof *s);
  if (!s) return hc_failure_out_of_memory(why);
  s->wish = *wish;
  hc_error code = find_target(s, why);
  if (code != HC_OK) hc_socks_step_delete(s);
  else *out = s;
  return code;
}

/* A lookup under way can't be stopped, only forgotten: its thread finds nobody to tell. The talk
 * may still hold a password that has not gone out. */
void hc_socks_step_delete(hc_socks_step *s) {
  if (!s) return;
  hc_lookup_forget(s->lookup);
  hc_memory_release(s->addresses);
  hc_socks5_wipe(&s->talk);
  hc_memory_release(s);
}

/* Where no thread could be had at the beginning it is tried again. */
static hc_io await_lookup(hc_socks_step *s, hc_failure *why) {
  if (!s->lookup && hc_lookup_start(s->wish.host, s->wish.port, &s->lookup, why) != HC_OK)
    return HC_IO_ERROR;
  hc_io io = hc_lookup_poll(s->lookup, &s->addresses, &s->count, why);
  if (io == HC_IO_WANT_READ) return io;
  hc_lookup_forget(s->lookup);
  s->lookup = NULL;
  if (io == HC_IO_OK) s->looks_up = false;
  return io;
}

/* What is not allowed the proxy does not hear of either. */
static hc_error check_addresses(hc_socks_step *s, hc_failure *why) {
  const hc_dial_terms terms = {.allow = s->wish.allow, .context = s->wish.context};
  if (s->is_checked || !s->addresses || !terms.allow) return HC_OK;
  s->is_checked = true;
  return hc_dial_terms_apply(&terms, s->addresses, &s->count, why);
}

/* The next address, or the name where there are none. `address` is a member because the target is a
 * view that lasts as long as the talk. */
static hc_error begin_talk(hc_socks_step *s, hc_failure *why) {
  const hc_socks_wish *w = &s->wish;
  hc_socks5_target target = {HC_SOCKS5_NAME, w->host, w->port};
  if (s->addresses) {
    size_t size = hc_address_bytes(&s->addresses[s->next++], s->address);
    target.kind = size == 4 ? HC_SOCKS5_IPV4 : HC_SOCKS5_IPV6;
    target.bytes = (hc_slice){(const char *)s->address, size};
  }
  s->is_talking = true;
  s->needs_new_stream = false;
  s->in_size = 0;
  return hc_socks5_start(&s->talk, w->user, w->password, &target, why);
}

/* --- the conversation */

/* Mostly one call: no message has more than 513 bytes. */
static hc_io send_output(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  hc_slice part = hc_socks5_output(&s->talk);
  while (part.size > 0) {
    size_t sent = 0;
    hc_io io = hc_stream_peer_send(stream, &part, 1, &sent, why);
    if (io != HC_IO_OK) return io;
    hc_socks5_sent(&s->talk, sent);
    part = hc_socks5_output(&s->talk);
  }
  return HC_IO_OK;
}

/* The end of the stream is a failure whenever it comes, since the proxy still owes us its yes. */
static hc_io receive_socks_step(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  hc_failure reason = {HC_OK, ""};
  size_t got = 0;
  hc_io io =
      hc_stream_peer_recv(stream, s->in + s->in_size, sizeof s->in - s->in_size, &got, &reason);
  if (io == HC_IO_OK) s->in_size += got;
  if (io == HC_IO_ERROR) hc_failure_set(why, reason.code, "the proxy's answer: %s", reason.text);
  if (io == HC_IO_EOF)
    hc_failure_set(why, HC_ERR_CANT_CONNECT,
                   s->in_size > 0 ? "the proxy closed the connection inside its answer"
                                  : "the proxy closed the connection without an answer");
  return io == HC_IO_EOF ? HC_IO_ERROR : io;
}

/* What was received is used up as far as it can be. What is left moves to the front; it is some
 * bytes at most. */
static hc_io judge_socks_step(hc_socks_step *s, hc_failure *why) {
  size_t used = 0;
  hc_parse parsed = hc_socks5_take(&s->talk, (hc_slice){s->in, s->in_size}, &used, why);
  s->in_size -= used;
  memmove(s->in, s->in + used, s->in_size);
  if (parsed == HC_PARSE_ERROR) return HC_IO_ERROR;
  return parsed == HC_PARSE_DONE ? HC_IO_OK : HC_IO_WANT_READ;
}

/* The proxy takes no more, but it may have said why before it hung up. */
static hc_io hear_out_socks_step(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  hc_failure said = {HC_OK, ""};
  hc_io io = receive_socks_step(s, stream, &said);
  if (io != HC_IO_OK || judge_socks_step(s, &said) != HC_IO_ERROR) return HC_IO_ERROR;
  *why = said;
  return HC_IO_ERROR;
}

/* OK: connected, and the bytes behind the reply are the next that the stream gives. */
static hc_io finish_socks_step(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  if (hc_stream_peer_unread(stream, (hc_slice){s->in, s->in_size}) == HC_OK) return HC_IO_OK;
  (void)hc_failure_out_of_memory(why);
  return HC_IO_ERROR;
}

/* Turn by turn. send_output has nothing to do while it is the proxy's turn, and so the loop goes on
 * until something has to be waited for. */
static hc_io talk(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  for (;;) {
    hc_io io = send_output(s, stream, why);
    if (io == HC_IO_ERROR) return hear_out_socks_step(s, stream, why);
    if (io == HC_IO_OK) io = receive_socks_step(s, stream, why);
    if (io != HC_IO_OK) return io;
    io = judge_socks_step(s, why);
    if (io == HC_IO_OK) return finish_socks_step(s, stream, why);
    if (io == HC_IO_ERROR) return io;
  }
}

/* The first address is the one that the resolver thinks best, and its failure the one to tell. A
 * refusal that is about us, and not about the address, ends it at once: the next address would be
 * refused alike. */
static void note_failure_socks_step(hc_socks_step *s, hc_failure *why) {
  if (!s->is_talking || !hc_socks5_is_about_address(&s->talk)) return;
  if (s->first_failure.code == HC_OK) s->first_failure = *why;
  s->is_talking = false;
  s->needs_new_stream = s->next < s->count;
  if (s->needs_new_stream || s->count < 2) return;
  hc_failure_clear(why);
  hc_failure_set(why, s->first_failure.code, "%s; %zu addresses tried", s->first_failure.text,
                 s->count);
}

/* In this order each time: what is done already says so at once, so a call costs no more than its
 * last step. */
static hc_io advance_socks_step(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  if (s->looks_up) {
    hc_io io = await_lookup(s, why);
    if (io != HC_IO_OK) return io;
  }
  if (check_addresses(s, why) != HC_OK) return HC_IO_ERROR;
  if (!s->is_talking && begin_talk(s, why) != HC_OK) return HC_IO_ERROR;
  return talk(s, stream, why);
}

/* What it waits for is kept, because the walk asks for that in a call of its own (interest). */
hc_io hc_socks_step_advance(hc_socks_step *s, hc_stream_peer *stream, hc_failure *why) {
  hc_io io = advance_socks_step(s, stream, why);
  s->wants = io == HC_IO_WANT_WRITE ? HC_EVENT_WRITE : HC_EVENT_READ;
  if (io == HC_IO_ERROR) note_failure_socks_step(s, why);
  return io;
}

/* Asked behind a failure: then the walk begins again with the proxy, and this step with the next
 * address. */
bool hc_socks_step_needs_new_stream(const hc_socks_step *s) { return s->needs_new_stream; }

/* For the status: a failure at this time is one of the name. */
bool hc_socks_step_looks_up(const hc_socks_step *s) { return s->looks_up; }

/* While a lookup is under way the stream to the proxy is quiet, and the lookup's handle takes its
 * place; where there is none the loop comes back in a moment. A step that has looked up and waits
 * for the proxy has the stream's descriptor. */
void hc_socks_step_interest(const hc_socks_step *s, hc_interest *out) {
  if (!s->lookup) {
    out->events = s->wants;
    return;
  }
  *out = (hc_interest){.fd = hc_lookup_handle(s->lookup), .deadline = HC_NEVER};
  if (out->fd != HC_NO_HANDLE) out->events = HC_EVENT_READ;
  else out->deadline = hc_clock_now() + HC_BLIND_STEP_NS;
}
