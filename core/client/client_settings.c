/* client_settings.c - the settings by number, for hosts that may be of another version than the
 * library: a number that is new is refused by an old one, where a member of a structure would be
 * read past its end.
 *
 * All values are doubles, so that there is one function for flags, sizes and seconds; each is
 * checked before it is cast, since a cast of what the type can't hold is undefined (C11 6.3.1.4).
 * Settings are live: the exchange under way reads them as well. */
#include "../base/limits.h"
#include "client_state.h"

/* Written so that NaN fails, too. */
static bool set_size(size_t *setting, double value, double least, double most) {
  if (!(value >= least && value <= most) || value != (double)(size_t)value) return false;
  *setting = (size_t)value;
  return true;
}

static bool set_flag(bool *setting, double value) {
  if (value != 0 && value != 1) return false;
  *setting = value == 1;
  return true;
}

/* Compared as doubles, so that 1.5 is refused and not cut to 1. */
static bool set_version_client_settings(hc_version_wish *setting, double value) {
  static const double versions[] = {HC_VERSION_1, HC_VERSION_AUTO, HC_VERSION_2};
  if (value != versions[0] && value != versions[1] && value != versions[2]) return false;
  *setting = (hc_version_wish)value;
  return true;
}

static bool set_family(size_t *setting, double value) {
  if (value != 0 && value != 4 && value != 6) return false;
  *setting = (size_t)value;
  return true;
}

/* NaN is none. */
static bool set_seconds(double *setting, double value) {
  if (!(value >= 0)) return false;
  *setting = value;
  return true;
}

static bool set(hc_settings *s, hc_setting setting, double value) {
  switch (setting) {
  case HC_SETTING_BLOCKING: return set_flag(&s->blocking, value);
  case HC_SETTING_IN_SLICES: return set_flag(&s->in_slices, value);
  case HC_SETTING_READ_CHUNK_SIZE:
    return set_size(&s->read_chunk_size, value, HC_READ_CHUNK_MIN, HC_READ_CHUNK_MAX);
  case HC_SETTING_MAX_HEADER_SIZE:
    return set_size(&s->max_header_size, value, HC_MAX_HEADER_MIN, HC_MAX_HEADER_MAX);
  case HC_SETTING_CONNECT_TIMEOUT: return set_seconds(&s->connect_timeout, value);
  case HC_SETTING_RESPONSE_TIMEOUT: return set_seconds(&s->response_timeout, value);
  case HC_SETTING_IDLE_TIMEOUT: return set_seconds(&s->idle_timeout, value);
  case HC_SETTING_HTTP_VERSION: return set_version_client_settings(&s->version, value);
  case HC_SETTING_ADDRESS_FAMILY: return set_family(&s->address_family, value);
  }
  return false; /* a number that we do not know: the host is newer */
}

/* A value that is refused leaves the setting as it was. */
hc_error hc_client_set(hc_client *c, hc_setting setting, double value) {
  return set(&c->settings, setting, value) ? HC_OK : HC_ERR_INVALID_PARAMETER;
}

/* No setting is negative, so -1 says "no such setting" to a host that is newer. */
double hc_client_get(const hc_client *c, hc_setting setting) {
  const hc_settings *s = &c->settings;
  switch (setting) {
  case HC_SETTING_BLOCKING: return s->blocking;
  case HC_SETTING_IN_SLICES: return s->in_slices;
  case HC_SETTING_READ_CHUNK_SIZE: return (double)s->read_chunk_size;
  case HC_SETTING_MAX_HEADER_SIZE: return (double)s->max_header_size;
  case HC_SETTING_CONNECT_TIMEOUT: return s->connect_timeout;
  case HC_SETTING_RESPONSE_TIMEOUT: return s->response_timeout;
  case HC_SETTING_IDLE_TIMEOUT: return s->idle_timeout;
  case HC_SETTING_HTTP_VERSION: return s->version;
  case HC_SETTING_ADDRESS_FAMILY: return (double)s->address_family;
  }
  return -1;
}

/* For a client that is to stand beside another. What passes it writes into a record of its own,
 * since each owns and releases one. */
void hc_client_copy_settings(hc_client *to, const hc_client *from) {
  hc_transcript *own = to->settings.transcript;
  to->settings = from->settings;
  to->settings.transcript = own;
}

/* --- the heads that pass */

/* The first call makes it. The client keeps it from then on, whether it listens or not, as a walk
 * to a connection may hold the same one. */
hc_error hc_client_begin_transcript(hc_client *c) {
  if (!c->settings.transcript) c->settings.transcript = hc_transcript_new();
  if (!c->settings.transcript) return HC_ERR_OUT_OF_MEMORY;
  c->settings.transcript->is_listening = true;
  return HC_OK;
}

/* What was noted and not taken is wiped, since credentials are in it. */
void hc_client_end_transcript(hc_client *c) {
  hc_transcript *t = c->settings.transcript;
  if (!t) return;
  t->is_listening = false;
  hc_transcript_clear(t);
}
