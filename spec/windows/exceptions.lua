-- What of the specs does not run under wine, by cause. All the rest does. `files`: whole spec files; `tests`: of a file
-- those whose names fit one of the patterns. `on_older`: on Lua 5.1 and LuaJIT alone.
return {
  {
    reason = "builds and runs programs of the system below wine",
    files = {
      "spec/amalgamation_spec.lua",
      "spec/cmake_spec.lua",
      "spec/demo_spec.lua",
      "spec/embed_spec.lua",
      "spec/packaging_spec.lua",
      "spec/runner_spec.lua",
      "spec/source_rules_spec.lua",
    },
    tests = {
      ["spec/readme_spec.lua"] = { "^The examples" },
    },
  },
  {
    reason = "needs mounts, networks or limits of its own, which wine's programs do not have",
    files = {
      "spec/fault_system_spec.lua",
      "spec/lookup_spec.lua",
    },
    tests = {
      ["spec/connect_spec.lua"] = { "when descriptors are out", "a lookup that hangs holds up" },
      ["spec/connection_spec.lua"] = { "poll answers OK in RESOLVING" },
      ["spec/fetch_allow_spec.lua"] = { "with a private address the second time" },
      ["spec/netem_spec.lua"] = { "^Over a line that the kernel" },
      ["spec/support_spec.lua"] = { "^the system limits them" },
      ["spec/tasks_life_spec.lua"] = { "without a descriptor left" },
    },
  },
  {
    reason = "is about signals, forks, pipes, FIFOs or Unix sockets, which Windows does not have",
    files = {
      "spec/unix_socket_spec.lua",
    },
    tests = {
      ["spec/body_file_spec.lua"] = { "a pipe without a reader" },
      ["spec/body_stream_spec.lua"] = { "of which the system gives a wrong size", "^A pipe as body",
        "^A device as body", "can not be read is refused" },
      ["spec/cookbook_spec.lua"] = { "docker" },
      ["spec/download_spec.lua"] = { "a fork of it that ends before" },
      ["spec/event_source_body_spec.lua"] = { "in the place of a pipe" },
      ["spec/examples_spec.lua"] = { "is ended by Ctrl%-C", "on a terminal" },
      ["spec/fetch_reach_spec.lua"] = { "over a Unix socket" },
      ["spec/interrupt_spec.lua"] = { "^Ctrl%-C", "^with other signals" },
      ["spec/multipart_spec.lua"] = { "goes in chunks where a size is not known" },
      ["spec/passphrase_spec.lua"] = { "is never asked for on the terminal" },
      ["spec/pkcs12_spec.lua"] = { "says what is wrong" },
      ["spec/sigpipe_spec.lua"] = { "^a body that goes to a pipe" },
      ["spec/tasks_spec.lua"] = { "^Ctrl%-C" },
      ["spec/tls_store_spec.lua"] = { "by a fork's child" },
    },
  },
  {
    reason = "is about links, devices and permissions of POSIX, which wine's programs see otherwise",
    tests = {
      ["spec/cookie_file_spec.lua"] = { "is the user's alone" },
      ["spec/download_places_spec.lua"] = { "never goes through a link",
        "writes to nothing that has taken the place", "that has taken the place of its own" },
      ["spec/download_spec.lua"] = { "the permissions of a download" },
      ["spec/tls_keylog_spec.lua"] = { "that is none is refused", "for its owner alone",
        "that others could read" },
      ["spec/x509_spec.lua"] = { "saves to one that others can't read" },
    },
  },
  {
    reason = "wine tells a reset as an end: it takes the error from the socket before the program asks",
    tests = {
      ["spec/connection_spec.lua"] = { "a reset is CONNECTION_ERROR at the next poll" },
      ["spec/fault_cut_spec.lua"] = { "cut by a reset" },
      ["spec/http_request_spec.lua"] = { "is CONNECTION_ERROR %(6%)" },
      ["spec/stream_peer_tcp_spec.lua"] = { "^StreamPeerTCP finds a reset" },
      ["spec/support_net_spec.lua"] = { "^sockets reset" },
      ["spec/tls_close_spec.lua"] = { "ended by reset" },
      ["spec/tls_handshake_spec.lua"] = { "that resets is a handshake's failure" },
      ["spec/tls_wire_spec.lua"] = { "ended by reset" },
      ["spec/wire_framing_spec.lua"] = { "gives what came before a reset" },
    },
  },
  {
    reason = "stands on what is not to be had for Windows here: cqueues, LuaSec, libidn2, lua-cjson, LÖVE",
    files = {
      "spec/idn_way_spec.lua",
      "spec/love_game_spec.lua",
      "spec/love_spec.lua",
    },
    tests = {
      ["spec/fetch_loops_spec.lua"] = { "works under cqueues" },
      ["spec/json_spec.lua"] = { "gives nil and a message for what is none" },
      ["spec/loops_spec.lua"] = { "in cqueues" },
      ["spec/stream_peer_tls_spec.lua"] = { "^StreamPeerTLS over" },
    },
  },
  {
    reason = "a Poller, and who waits on a shared connection, has no descriptor on Windows",
    tests = {
      ["spec/http2_loops_spec.lua"] = { "^A coroutine on a shared connection" },
      ["spec/loops_spec.lua"] = { "^a Poller works in luv" },
      ["spec/poller_spec.lua"] = { "refuses a second add", "tells an event loop what to watch",
        "needs no watching without clients", "lets its descriptor and its clients go" },
      ["spec/revived_spec.lua"] = { "a Poller that is used again gives its descriptor back" },
      ["spec/tasks_spec.lua"] = { "does the waiting of fetch and run" },
    },
  },
  {
    reason = "a script's file is read by its own methods there, which only say that it ends",
    tests = {
      ["spec/upload_spec.lua"] = { "becomes shorter on its way" },
    },
  },
  {
    reason = "stands on luv and LuaSocket, which are built for Lua 5.4 alone here",
    on_older = true,
    files = {
      "spec/combinations_spec.lua",
      "spec/event_source_loops_spec.lua",
      "spec/fetch_loops_spec.lua",
      "spec/http2_loops_spec.lua",
      "spec/loop_times_spec.lua",
      "spec/loops_spec.lua",
      "spec/pool_loops_spec.lua",
      "spec/proxy_loops_spec.lua",
      "spec/stream_loops_spec.lua",
      "spec/stream_peer_lua_spec.lua",
      "spec/stream_peer_tcp_spec.lua",
      "spec/stream_peer_tls_spec.lua",
    },
  },
}
