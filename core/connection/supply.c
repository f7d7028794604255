/* supply.c - the content of a request, piece by piece. See supply.h.
 *
 * One function for each kind of source. A string is one piece. Files and pipes are read into a
 * buffer of the supply's, which the next piece takes the place of. A function or a pipe that has
 * nothing is not asked again before `ask_at`, after pauses that grow, unless somebody says that it
 * has something now.
 *
 * A piece is never kept by those above: they have sent it, or copied it, before they ask for the
 * next. So one buffer is enough, and a function may use its own memory again and again. */
#include "supply.h"

#include <string.h>

#include "../base/limits.h"
#include "../platform/clock.h"
#include "../platform/file.h"

/* Where one call puts what it finds. */
typedef struct hc_pull_call {
  hc_supply *supply;
  const hc_request_head *announced;
  hc_slice *piece;
  hc_failure *why;
} hc_pull_call;

/* A reason that the system or the host gave already stays the first: a failure is written only
 * once. */
static hc_supply_step fail_supply(const hc_pull_call *g, const char *what) {
  hc_failure_set(g->why, HC_ERR_CONNECTION_ERROR, "%s", what);
  return HC_SUPPLY_FAILED;
}

/* The head has promised a length, and a server that waits for the rest would take the next request
 * for it (RFC 9112 section 6.3). So a source that ends early fails the request. */
static hc_supply_step end_supply(const hc_pull_call *g) {
  bool is_short = g->announced->transfer == HC_TRANSFER_LENGTH &&
                  g->supply->pulled != g->announced->content_length;
  return is_short ? fail_supply(g, "the body ended before its Content-Length was reached")
                  : HC_SUPPLY_END;
}

/* A function or a pipe that has nothing is asked again after a millisecond, then after twice as
 * long, up to this. */
#define ASK_FIRST_NS UINT64_C(1000000)
#define ASK_LAST_NS UINT64_C(50000000)
#define ASK_DOUBLINGS 6u

/* Somebody may have said "there is more" while the source was being asked: it is asked again at
 * once then, or that word would be lost. */
static hc_supply_step has_nothing_now(hc_supply *u) {
  uint64_t pause = ASK_FIRST_NS << u->empty_asks;
  if (u->empty_asks < ASK_DOUBLINGS) u->empty_asks++;
  u->ask_at = u->is_resumed ? 0 : hc_clock_now() + (pause < ASK_LAST_NS ? pause : ASK_LAST_NS);
  return HC_SUPPLY_LATER;
}

/* The clock is read only behind an answer of "nothing", so a source that always has something pays
 * nothing for it. */
static bool is_early(const hc_supply *u) { return u->ask_at != 0 && hc_clock_now() < u->ask_at; }

/* A piece whose size nobody knew before is held against what was announced: a byte too many on the
 * wire would be read as the next request. */
static hc_supply_step take_piece(const hc_pull_call *g, hc_slice piece) {
  hc_supply *u = g->supply;
  u->ask_at = 0;
  u->empty_asks = 0;
  if (g->announced->transfer == HC_TRANSFER_LENGTH &&
      piece.size > g->announced->content_length - u->pulled)
    return fail_supply(g, "the body is longer than its Content-Length");
  u->pulled += piece.size;
  *g->piece = piece;
  return HC_SUPPLY_PIECE;
}

/* This is where code of the host's runs. It may do almost anything, also call this library, but not
 * this client, which is marked as at work meanwhile. */
static hc_supply_step pull_from_function(const hc_pull_call *g) {
  hc_supply *u = g->supply;
  hc_slice piece = {NULL, 0};
  if (is_early(u)) return HC_SUPPLY_LATER;
  u->is_resumed = false;
  hc_pull_result result = u->body.pull(u->body.context, &piece, g->why);
  if (result == HC_PULL_FAILED) return fail_supply(g, "the body function failed");
  if (result == HC_PULL_END) return end_supply(g);
  return piece.size > 0 ? take_piece(g, piece) : has_nothing_now(u);
}

/* Room in file_piece, which is emptied: the last piece is out when the next is asked for. */
static char *make_room_supply(const hc_pull_call *g, size_t want) {
  hc_buffer *piece = &g->supply->file_piece;
  char *at = NULL;
  size_t room;
  hc_buffer_consume(piece, hc_buffer_size(piece));
  if (hc_buffer_reserve(piece, want, HC_STREAM_BODY_PIECE, &at, &room) == HC_OK) return at;
  hc_failure_out_of_memory(g->why);
  return NULL;
}

static hc_slice read_piece_supply(hc_supply *u, size_t got) {
  hc_buffer_commit(&u->file_piece, got);
  return (hc_slice){hc_buffer_head(&u->file_piece), got};
}

/* What was read from the stream to find out about it stands in `bytes` and comes first. */
static hc_supply_step read_on(const hc_pull_call *g) {
  hc_supply *u = g->supply;
  hc_slice before = u->body.bytes;
  if (is_early(u)) return HC_SUPPLY_LATER;
  u->is_resumed = false;
  u->body.bytes = (hc_slice){NULL, 0};
  if (before.size > 0) return take_piece(g, before);
  size_t got = 0;
  char *at = make_room_supply(g, HC_STREAM_BODY_PIECE);
  if (!at) return HC_SUPPLY_FAILED;
  hc_error code =
      hc_file_read_on(u->body.file, &u->body.file_offset, at, HC_STREAM_BODY_PIECE, &got, g->why);
  if (code == HC_ERR_BUSY) return has_nothing_now(u);
  if (code != HC_OK) return fail_supply(g, "");
  return got == 0 ? end_supply(g) : take_piece(g, read_piece_supply(u, got));
}

/* By offset and not by the file's position: a script may read the same file meanwhile, and a
 * request that is sent again starts where the first one did. */
static hc_supply_step read_from_file(const hc_pull_call *g) {
  hc_supply *u = g->supply;
  uint64_t left = g->announced->content_length - u->pulled;
  if (left == 0) return end_supply(g);
  size_t want = left < HC_STREAM_BODY_PIECE ? (size_t)left : HC_STREAM_BODY_PIECE;
  size_t got = 0;
  char *at = make_room_supply(g, want);
  if (!at) return HC_SUPPLY_FAILED;
  if (hc_file_read_at(u->body.file, u->body.file_offset, at, want, &got, g->why) != HC_OK)
    return fail_supply(g, "");
  if (got == 0) return fail_supply(g, "the body file is shorter than it was");
  u->body.file_offset += got;
  u->pulled += got;
  *g->piece = read_piece_supply(u, got);
  return HC_SUPPLY_PIECE;
}

/* All at once, as a view: the string is anchored by whoever made the request. */
static hc_supply_step give_string(const hc_pull_call *g) {
  hc_supply *u = g->supply;
  if (u->pulled == u->body.bytes.size) return end_supply(g);
  u->pulled = u->body.bytes.size;
  *g->piece = u->body.bytes;
  return HC_SUPPLY_PIECE;
}

/* The head's promise comes along each time, since the same source may be announced by its length or
 * in chunks. */
hc_supply_step hc_supply_next(hc_supply *u, const hc_request_head *announced, hc_slice *piece,
                              hc_failure *why) {
  const hc_pull_call g = {u, announced, piece, why};
  switch (u->body.kind) {
  case HC_BODY_BYTES: return give_string(&g);
  case HC_BODY_FILE: return read_from_file(&g);
  case HC_BODY_STREAM: return read_on(&g);
  case HC_BODY_PULL: return pull_from_function(&g);
  case HC_BODY_NONE: break;
  }
  return HC_SUPPLY_END;
}

/* The kernel has sent them; they still count for the length. */
void hc_supply_pass(hc_supply *u, size_t size) { u->pulled += size; }

/* The pauses begin small again: a source that speaks up is awake. */
bool hc_supply_resume(hc_supply *u) {
  if (u->body.kind != HC_BODY_PULL && u->body.kind != HC_BODY_STREAM) return false;
  u->is_resumed = true;
  u->ask_at = 0;
  u->empty_asks = 0;
  return true;
}

void hc_supply_drop(hc_supply *u) {
  hc_body_source_drop(&u->body);
  hc_buffer_free(&u->file_piece);
  memset(u, 0, sizeof *u);
}
