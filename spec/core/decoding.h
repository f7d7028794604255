/* decoding.h - what the tests of decoders share. */
#ifndef SPEC_DECODING_H
#define SPEC_DECODING_H

#include "../../core/codec/decoder.h"
#include "wire.h"

/* As a caller does it: until an input is used up and the room was not filled. */
static hc_parse decode_all(hc_decoder *d, wire_feed *f, size_t room, wire_log *log) {
  for (;;) {
    size_t used, produced;
    hc_slice data = {wire_place(0, f->kept, f->kept_size), f->kept_size};
    char *out = wire_place(1, "", 0) - room;
    hc_parse result = hc_decoder_feed(d, data, out, room, &used, &produced);
    wire_drop(f, used);
    wire_add_bytes(log, out, produced);
    if (result == HC_PARSE_DONE) CHECK_CASE("DONE uses all", f->kept_size == 0);
    if (result != HC_PARSE_MORE) return result;
    if (produced == room) continue;
    CHECK_CASE("MORE with room left uses all", f->kept_size == 0);
    return result;
  }
}

#endif
