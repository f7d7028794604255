/* dial_terms.c - which of a host's addresses may be connected to. See dial_terms.h.
 *
 * Families first, so that nobody is asked about an address that would not be used anyway; then the
 * host's own function, about each that is left. The array is thinned out where it is.
 *
 * The verdict is on the address that is going to be dialled, not on the name. A check of the name
 * beforehand would look it up once more, and who runs the name server can give that look-up another
 * answer than the one that counts (DNS rebinding). */
#include "dial_terms.h"

/* Most callers set none, and are spared a copy of them (tcp_opening.c). */
bool hc_dial_terms_are_set(const hc_dial_terms *terms) {
  return terms->family != 0 || terms->local.size > 0 || terms->allow;
}

/* --- the family */

/* A socket that is bound to an IPv4 address can't reach an IPv6 one, so `local` chooses a family as
 * well. */
static bool is_admitted(const hc_dial_terms *terms, const hc_address *address) {
  bool is_ipv6 = address->is_ipv6 != 0;
  if (terms->family != 0 && is_ipv6 != (terms->family == 6)) return false;
  return terms->local.size == 0 || is_ipv6 == (terms->local.is_ipv6 != 0);
}

/* Which of the two wishes ruled the addresses out is said, since they stand in different
 * options. */
static hc_error refuse_family(const hc_dial_terms *terms, hc_failure *why) {
  bool is_ipv6 = terms->family != 0 ? terms->family == 6 : terms->local.is_ipv6 != 0;
  char local[HC_ADDRESS_TEXT];
  if (terms->local.size == 0)
    return hc_failure_set(why, HC_ERR_CANT_CONNECT, "the host has no %s address, as was asked for",
                          is_ipv6 ? "IPv6" : "IPv4");
  hc_address_text(&terms->local, local);
  return hc_failure_set(why, HC_ERR_CANT_CONNECT,
                        "the host has no %s address to connect to from %s",
                        is_ipv6 ? "IPv6" : "IPv4", local);
}

/* --- permission */

/* The filter is a host's function, and may be a script's. A verdict that is none of the two known
 * ones is a failure: whatever went wrong in there must not open the way. */
static hc_error ask_dial_terms(const hc_dial_terms *terms, const hc_address *address,
                               hc_verdict *verdict, hc_failure *why) {
  char text[HC_ADDRESS_TEXT];
  hc_failure reason = {HC_OK, ""};
  hc_address_text(address, text);
  *verdict = terms->allow(terms->context, text, hc_address_port(address), &reason);
  if (*verdict == HC_VERDICT_ALLOWED || *verdict == HC_VERDICT_REFUSED) return HC_OK;
  hc_failure_set(&reason, HC_ERR_UNAUTHORIZED, "whether %s may be connected to is not known", text);
  return hc_failure_set(why, reason.code, "%s", reason.text);
}

/* How many others there were is told, and not which: the sentence has room for one. */
static hc_error refuse_all(const hc_address *first, size_t count, hc_failure *why) {
  char text[HC_ADDRESS_TEXT];
  unsigned port = hc_address_port(first);
  hc_address_text(first, text);
  if (count == 1)
    return hc_failure_set(why, HC_ERR_UNAUTHORIZED, "the address %s port %u is not allowed", text,
                          port);
  return hc_failure_set(why, HC_ERR_UNAUTHORIZED,
                        "the address %s port %u is not allowed, nor are the host's other %zu", text,
                        port, count - 1);
}

/* `first` is kept by value, since the array is thinned out over it. All are asked before the race
 * begins, because a race does not wait for anybody. */
hc_error hc_dial_terms_apply(const hc_dial_terms *terms, hc_address *addresses, size_t *count,
                             hc_failure *why) {
  size_t admitted = 0, allowed = 0;
  for (size_t i = 0; i < *count; i++)
    if (is_admitted(terms, &addresses[i])) addresses[admitted++] = addresses[i];
  *count = admitted;
  if (admitted == 0) return refuse_family(terms, why);
  if (!terms->allow) return HC_OK;
  const hc_address first = addresses[0];
  for (size_t i = 0; i < admitted; i++) {
    hc_verdict verdict;
    hc_error code = ask_dial_terms(terms, &addresses[i], &verdict, why);
    if (code != HC_OK) return code;
    if (verdict == HC_VERDICT_ALLOWED) addresses[allowed++] = addresses[i];
  }
  *count = allowed;
  return allowed > 0 ? HC_OK : refuse_all(&first, admitted, why);
}
