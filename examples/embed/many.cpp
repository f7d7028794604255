// many.cpp - a host program in C++: fetches many paths of a host at once, in a loop of its own.
//
//   make -C examples/embed many && examples/embed/many example.com 80 / /a /b
//
// With the installed library: c++ many.cpp $(pkg-config --cflags --libs httpclient)
//
// The poller watches all clients. The loop, here poll(2), watches the poller alone, as it would a window's or a
// game's own descriptors, and all memory comes from an allocator of the program's.
#include <httpclient/poller.h>

#include <poll.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

// --- memory: the library's threads allocate too, so the number is atomic

std::atomic<long> live_blocks{0};

void *allocate(void *, size_t size) {
  void *block = std::malloc(size);
  if (block) live_blocks++;
  return block;
}

void *resize(void *user, void *block, size_t size) {
  return block ? std::realloc(block, size) : allocate(user, size);
}

void release(void *, void *block) {
  live_blocks--;
  std::free(block);
}

// --- one path: what has been read of it

struct Deleter {
  void operator()(hc_client *c) const { hc_client_delete(c); }
  void operator()(hc_poller *p) const { hc_poller_delete(p); }
};

struct Download {
  std::string path, body, error;
  std::unique_ptr<hc_client, Deleter> client{hc_client_new()};
  int code = 0;
  bool is_done = false;

  hc_error begin(const char *host, long port) {
    hc_failure why = {HC_OK, ""};
    if (!client) return fail(HC_ERR_OUT_OF_MEMORY, "out of memory");
    hc_client_set(client.get(), HC_SETTING_CONNECT_TIMEOUT, 10);
    hc_client_set(client.get(), HC_SETTING_IDLE_TIMEOUT, 30);
    hc_error failure =
        hc_client_connect(client.get(), hc_slice_of(host), port, HC_CONNECT_PLAIN, nullptr, &why);
    return failure == HC_OK ? HC_OK : fail(failure, why.text);
  }

  // Called whenever the client has moved: goes on from where it is now.
  void advance() {
    const hc_failure *failure = hc_client_last_error(client.get());
    if (failure->code != HC_OK) fail(failure->code, failure->text);
    else if (hc_client_response_is_complete(client.get())) finish();
    else if (hc_client_get_status(client.get()) == HC_STATUS_CONNECTED) send();
    else if (hc_client_get_status(client.get()) == HC_STATUS_BODY) read();
  }

 private:
  void finish() {
    code = hc_client_response_code(client.get());
    is_done = true;
  }

  hc_error fail(hc_error failure, const char *text) {
    error = text;
    is_done = true;
    return failure;
  }

  void send() {
    hc_failure why = {HC_OK, ""};
    hc_client_request_spec request = {};
    request.method = HC_METHOD_GET;
    request.url = hc_slice_of(path.c_str());
    hc_error failure = hc_client_request(client.get(), &request, &why);
    if (failure != HC_OK) fail(failure, why.text);
  }

  void read() {
    hc_slice piece;
    do {
      hc_client_body_peek(client.get(), &piece);
      body.append(piece.data ? piece.data : "", piece.size);
      hc_client_body_consume(client.get(), piece.size);
    } while (piece.size > 0);
    if (hc_client_get_status(client.get()) != HC_STATUS_BODY) advance();
  }
};

// --- the loop

// Milliseconds until the deadline, rounded up; -1: there is none.
int milliseconds_until(const hc_interest &interest) {
  if (interest.ready) return 0;
  if (interest.deadline == HC_NEVER) return -1;
  uint64_t now = hc_clock_now();
  return interest.deadline <= now ? 0 : static_cast<int>((interest.deadline - now) / 1000000) + 1;
}

void run(hc_poller *poller) {
  while (hc_poller_count(poller) > 0) {
    hc_interest interest;
    hc_poller_interest(poller, &interest);
    pollfd entry = {interest.fd, POLLIN, 0};
    poll(&entry, 1, milliseconds_until(interest)); // a program's own descriptors stand beside this one
    hc_poller_wait(poller, 0);
    while (void *tag = hc_poller_next(poller)) {
      Download *download = static_cast<Download *>(tag);
      download->advance();
      if (download->is_done) hc_poller_remove(poller, download->client.get());
    }
  }
}

int fetch(const char *host, long port, char **paths, int count) {
  hc_failure why = {HC_OK, ""};
  hc_poller *made = nullptr;
  if (hc_poller_new(&made, &why) != HC_OK) {
    std::fprintf(stderr, "many: %s\n", why.text);
    return 1;
  }
  std::vector<std::unique_ptr<Download>> downloads;
  std::unique_ptr<hc_poller, Deleter> poller{made}; // goes before its clients
  for (int i = 0; i < count; i++) {
    downloads.emplace_back(new Download);
    Download *download = downloads.back().get();
    download->path = paths[i];
    if (download->begin(host, port) == HC_OK) hc_poller_add(poller.get(), download->client.get(), download, &why);
  }
  run(poller.get());
  int failed = 0;
  for (const auto &download : downloads) {
    if (download->error.empty()) std::printf("%d %zu %s\n", download->code, download->body.size(), download->path.c_str());
    else std::printf("%s: %s\n", download->path.c_str(), download->error.c_str());
    failed += download->error.empty() ? 0 : 1;
  }
  return failed > 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: many HOST PORT PATH...\n");
    return 2;
  }
  const hc_allocator counted = {allocate, resize, release, nullptr};
  if (!hc_abi_fits() || hc_set_allocator(&counted) != HC_OK) return 1;
  int code = fetch(argv[1], std::strtol(argv[2], nullptr, 10), argv + 3, argc - 3);
  std::fprintf(stderr, "%ld blocks are left\n", live_blocks.load());
  return code;
}
