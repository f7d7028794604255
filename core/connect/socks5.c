/* socks5.c - a conversation with a SOCKS 5 proxy (RFC 1928, with the user name and password of RFC
 * 1929): memory in, memory out. See socks5.h. The stream that it goes over is socks_step.c's.
 *
 * We speak first, and then in turn: which ways of proving ourselves we have, the proof, the
 * request. No message may come before we have asked for it, and each has a size that its first
 * bytes tell; so a message is either whole or waited for, and nothing is ever kept between two
 * calls but the state. Once the proxy has agreed the connection is the origin's, without a byte of
 * SOCKS any more. */
#include "socks5.h"

#include <string.h>

#include "../base/memory.h"

/* The numbers of the wire. GSSAPI (method 1), which RFC 1928 section 3 wants of everybody, is not
 * implemented. */
enum {
  VERSION = 5,       /* RFC 1928 */
  AUTH_VERSION = 1,  /* of RFC 1929's messages */
  NO_AUTH = 0,
  USER_PASSWORD = 2,
  NO_METHOD = 0xFF,
  CONNECT = 1,
  RESERVED = 0,
  REPLY_HEAD = 5     /* version, reply, reserved, kind, and the first byte of the address */
};

/* What can't be said in SOCKS is refused before anything is connected: the sizes are single bytes
 * there. */
static hc_error refuse_socks5(hc_failure *why, const char *what) {
  return hc_failure_set(why, HC_ERR_INVALID_PARAMETER, "%s", what);
}

/* --- what is sent */

/* The buffer is used anew for each message: the one before is out, or nothing would be said now. */
static void begin_socks5(hc_socks5 *s) { s->out_size = s->sent = 0; }
static void put_socks5(hc_socks5 *s, unsigned byte) { s->out[s->out_size++] = (unsigned char)byte; }

/* No check for room: hc_socks5_start has seen the sizes, and out[] has room for the longest message
 * of all. */
static void put_bytes(hc_socks5 *s, hc_slice bytes) {
  if (bytes.size > 0) memcpy(s->out + s->out_size, bytes.data, bytes.size);
  s->out_size += bytes.size;
}

/* No proof is offered always, a password only where there is one: a proxy may choose what it likes
 * best of the two (RFC 1928 section 3). */
static void say_methods(hc_socks5 *s) {
  begin_socks5(s);
  put_socks5(s, VERSION);
  put_socks5(s, s->user.size > 0 ? 2 : 1);
  put_socks5(s, NO_AUTH);
  if (s->user.size > 0) put_socks5(s, USER_PASSWORD);
  s->state = HC_SOCKS5_METHOD;
}

/* In clear, as RFC 1929 has it. Whoever minds takes a proxy that is reached by TLS. */
static void say_password(hc_socks5 *s) {
  begin_socks5(s);
  put_socks5(s, AUTH_VERSION);
  put_socks5(s, (unsigned)s->user.size);
  put_bytes(s, s->user);
  put_socks5(s, (unsigned)s->password.size);
  put_bytes(s, s->password);
  s->state = HC_SOCKS5_AUTH;
}

/* Name or address: with socks5h the proxy looks the name up, and the client's own name servers
 * never hear of it. */
static void say_request(hc_socks5 *s) {
  const hc_socks5_target *t = &s->target;
  begin_socks5(s);
  put_socks5(s, VERSION);
  put_socks5(s, CONNECT);
  put_socks5(s, RESERVED);
  put_socks5(s, t->kind);
  if (t->kind == HC_SOCKS5_NAME) put_socks5(s, (unsigned)t->bytes.size);
  put_bytes(s, t->bytes);
  put_socks5(s, t->port >> 8);
  put_socks5(s, t->port & 0xFF);
  s->state = HC_SOCKS5_REPLY;
}

/* RFC 1929 wants both to have at least one byte, so one without the other has no form. */
hc_error hc_socks5_start(hc_socks5 *s, hc_slice user, hc_slice password,
                         const hc_socks5_target *target, hc_failure *why) {
  memset(s, 0, sizeof *s);
  if (user.size > HC_SOCKS5_SECRET_MAX || password.size > HC_SOCKS5_SECRET_MAX)
    return refuse_socks5(why, "SOCKS takes no more than 255 bytes of a user name or a password");
  if ((user.size == 0) != (password.size == 0))
    return refuse_socks5(why, "SOCKS takes a user name and a password, not one without the other");
  if (target->kind == HC_SOCKS5_NAME &&
      (target->bytes.size == 0 || target->bytes.size > HC_SOCKS5_NAME_MAX))
    return refuse_socks5(why, "SOCKS takes the name of a host of 1 to 255 bytes");
  s->user = user;
  s->password = password;
  s->target = *target;
  say_methods(s);
  return HC_OK;
}

/* A view of the buffer, which the next message overwrites. */
hc_slice hc_socks5_output(const hc_socks5 *s) {
  return (hc_slice){(const char *)s->out + s->sent, s->out_size - s->sent};
}

/* The password is in the buffer until it has gone out, and no longer. */
void hc_socks5_wipe(hc_socks5 *s) {
  hc_memory_wipe(s->out, sizeof s->out);
  begin_socks5(s);
}

/* The stream may take a message in several pieces; the password is wiped behind the last of
 * them. */
void hc_socks5_sent(hc_socks5 *s, size_t size) {
  s->sent += size;
  if (s->sent == s->out_size && s->state == HC_SOCKS5_AUTH) hc_socks5_wipe(s);
}

/* --- what comes */

/* To a script all of these mean that there is no way to the host. */
static hc_parse fail_socks5(hc_failure *why, const char *what) {
  hc_failure_set(why, HC_ERR_CANT_CONNECT, "%s", what);
  return HC_PARSE_ERROR;
}

/* The first byte shows what somebody else speaks: an HTTP proxy answers "HTTP/1.1 400", a SOCKS 4
 * server begins with 0. These are mistakes in a setting, and to be told so saves an hour. */
static hc_parse fail_version(hc_failure *why, unsigned version) {
  if (version == 'H') return fail_socks5(why, "the proxy speaks HTTP, not SOCKS 5");
  if (version == 0 || version == 4)
    return fail_socks5(why, "the proxy speaks SOCKS 4, not SOCKS 5");
  hc_failure_set(why, HC_ERR_CANT_CONNECT,
                 "the proxy's answer is not SOCKS 5 (it begins with byte %u)", version);
  return HC_PARSE_ERROR;
}

/* As unsigned: a plain char of 0xFF would be -1 and compare unequal to NO_METHOD. */
static unsigned byte_at_socks5(hc_slice bytes, size_t i) { return (unsigned char)bytes.data[i]; }

/* It may send nothing more before it has heard what we say now: what is there all the same would be
 * taken for the answer to that. */
static hc_parse end_message_socks5(hc_slice bytes, size_t size, size_t *used, hc_failure *why) {
  *used = size;
  if (bytes.size > size) return fail_socks5(why, "the proxy answered before it was asked");
  return HC_PARSE_MORE;
}

/* A method that was not offered is no choice: going on would be to guess what the proxy expects. */
static hc_parse take_method_socks5(hc_socks5 *s, hc_slice bytes, size_t *used, hc_failure *why) {
  if (bytes.size >= 1 && byte_at_socks5(bytes, 0) != VERSION)
    return fail_version(why, byte_at_socks5(bytes, 0));
  if (bytes.size < 2) return HC_PARSE_MORE;
  unsigned method = byte_at_socks5(bytes, 1);
  bool has_user = s->user.size > 0;
  if (method == NO_METHOD)
    return fail_socks5(why, has_user
                                ? "the proxy takes neither a user name with a password nor nobody's"
                                : "the proxy wants a user name and a password, or another proof");
  if (method != NO_AUTH && !(method == USER_PASSWORD && has_user)) {
    hc_failure_set(why, HC_ERR_CANT_CONNECT,
                   "the proxy wants a way of authentication that it was not offered (%u)", method);
    return HC_PARSE_ERROR;
  }
  if (method == USER_PASSWORD) say_password(s);
  else say_request(s);
  return end_message_socks5(bytes, 2, used, why);
}

/* Any status but 0 means no (RFC 1929 section 2), and the proxy closes then. */
static hc_parse take_auth(hc_socks5 *s, hc_slice bytes, size_t *used, hc_failure *why) {
  if (bytes.size >= 1 && byte_at_socks5(bytes, 0) != AUTH_VERSION) {
    hc_failure_set(why, HC_ERR_CANT_CONNECT,
                   "the proxy's answer to the password has version %u, not 1",
                   byte_at_socks5(bytes, 0));
    return HC_PARSE_ERROR;
  }
  if (bytes.size < 2) return HC_PARSE_MORE;
  if (byte_at_socks5(bytes, 1) != 0)
    return fail_socks5(why, "the proxy refused the user name or the password");
  say_request(s);
  return end_message_socks5(bytes, 2, used, why);
}

/* RFC 1928 section 6 */
static hc_parse fail_reply(hc_socks5 *s, unsigned reply, hc_failure *why) {
  static const char *const words[] = {NULL,
                                      "it has failed in general",
                                      "its rules do not allow the connection",
                                      "the network can't be reached",
                                      "the host can't be reached",
                                      "the connection was refused",
                                      "the time to live has run out",
                                      "it does not know the command",
                                      "it does not know this kind of address"};
  s->reply = (unsigned char)reply;
  if (reply < sizeof words / sizeof words[0])
    hc_failure_set(why, HC_ERR_CANT_CONNECT, "the proxy can't connect to the host: %s (reply %u)",
                   words[reply], reply);
  else
    hc_failure_set(why, HC_ERR_CANT_CONNECT, "the proxy can't connect to the host: reply %u",
                   reply);
  return HC_PARSE_ERROR;
}

/* The size of a reply whose first REPLY_HEAD bytes are there; 0: its kind of address is none. */
static size_t reply_size(hc_slice bytes) {
  switch (byte_at_socks5(bytes, 3)) {
  case HC_SOCKS5_IPV4: return 4 + 4 + 2;
  case HC_SOCKS5_IPV6: return 4 + 16 + 2;
  case HC_SOCKS5_NAME: return (size_t)REPLY_HEAD + byte_at_socks5(bytes, 4) + 2;
  default: return 0;
  }
}

/* The address that the proxy has bound says nothing that we need. */
static hc_parse take_reply(hc_socks5 *s, hc_slice bytes, size_t *used, hc_failure *why) {
  if (bytes.size >= 1 && byte_at_socks5(bytes, 0) != VERSION)
    return fail_version(why, byte_at_socks5(bytes, 0));
  if (bytes.size >= 2 && byte_at_socks5(bytes, 1) != 0)
    return fail_reply(s, byte_at_socks5(bytes, 1), why);
  if (bytes.size >= 3 && byte_at_socks5(bytes, 2) != RESERVED)
    return fail_socks5(why, "the proxy's reply has something in its reserved byte");
  if (bytes.size < REPLY_HEAD) return HC_PARSE_MORE;
  size_t size = reply_size(bytes);
  if (size == 0) {
    hc_failure_set(why, HC_ERR_CANT_CONNECT,
                   "the proxy's reply has an address of an unknown kind (%u)",
                   byte_at_socks5(bytes, 3));
    return HC_PARSE_ERROR;
  }
  if (bytes.size < size) return HC_PARSE_MORE;
  *used = size;
  s->state = HC_SOCKS5_DONE;
  return HC_PARSE_DONE;
}

/* `bytes` is all that has come and was not used, from its first byte; *used how much of it this
 * message was. */
hc_parse hc_socks5_take(hc_socks5 *s, hc_slice bytes, size_t *used, hc_failure *why) {
  *used = 0;
  switch (s->state) {
  case HC_SOCKS5_METHOD: return take_method_socks5(s, bytes, used, why);
  case HC_SOCKS5_AUTH: return take_auth(s, bytes, used, why);
  case HC_SOCKS5_REPLY: return take_reply(s, bytes, used, why);
  case HC_SOCKS5_DONE: break;
  }
  return HC_PARSE_DONE;
}

/* Is another address of the same host worth a try? Rules, and a proxy that does not know the
 * command, will say the same of all. */
bool hc_socks5_is_about_address(const hc_socks5 *s) {
  switch (s->reply) {
  case 1: /* some say no more than this */
  case 3:
  case 4:
  case 5:
  case 6:
  case 8: return true;
  default: return false;
  }
}
