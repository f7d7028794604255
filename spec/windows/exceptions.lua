-- What of the specs does not run under wine, by kind of reason. All the rest does.
local exceptions = {}

local builds = "builds and runs programs of this system"
local devices = "is about links, devices and permissions of POSIX, which wine's programs see otherwise"
local environment = "Windows has one name for http_proxy and HTTP_PROXY"
local lacks = "is about a library, or a part of one, that the build for Windows does not have"
local loops = "stands on C modules (cqueues, LuaSec, LÖVE) that are not built for Windows here"
local pollers = "a Poller, and who waits on a shared connection, has no descriptor on Windows"
local mounts = "needs mounts, networks or limits of its own, which wine's programs do not have"
local numbers = "counts descriptors or a thread's time, which wine does not tell so finely"
local posix = "is about signals, forks, pipes, FIFOs or Unix sockets, which Windows does not have"
local many = "tens of thousands of connections or programs, one after the other, take minutes there"
local resets = "wine says goodbye before it resets a connection"

-- Whole files.
exceptions.files = {
  ["spec/amalgamation_spec.lua"] = builds,
  ["spec/cmake_spec.lua"] = builds,
  ["spec/cost_peer_spec.lua"] = builds,
  ["spec/cost_spec.lua"] = builds,
  ["spec/demo_spec.lua"] = builds,
  ["spec/embed_spec.lua"] = builds,
  ["spec/examples_spec.lua"] = builds,
  ["spec/packaging_spec.lua"] = builds,
  ["spec/runner_spec.lua"] = builds,
  ["spec/idn_way_spec.lua"] = lacks,
  ["spec/combinations_spec.lua"] = loops,
  ["spec/love_game_spec.lua"] = loops,
  ["spec/love_spec.lua"] = loops,
  ["spec/stream_peer_tls_spec.lua"] = loops,
  ["spec/early_answer_spec.lua"] = many,
  ["spec/reentry_tasks_spec.lua"] = many,
  ["spec/tls_fault_spec.lua"] = many,
  ["spec/fault_system_spec.lua"] = mounts,
  ["spec/lookup_spec.lua"] = mounts,
  ["spec/netem_spec.lua"] = mounts,
  ["spec/body_stream_spec.lua"] = posix,
  ["spec/interrupt_spec.lua"] = posix,
  ["spec/unix_socket_spec.lua"] = posix,
}

-- Single tests: the file -> a pattern of the name, and the reason.
exceptions.tests = {
  ["spec/body_file_spec.lua"] = { { "a pipe without a reader", posix } },
  ["spec/connect_spec.lua"] = {
    { "takes the zone", "names a zone as Linux does" },
    { "when descriptors are out", mounts },
    { "a lookup that hangs holds up", mounts },
  },
  ["spec/connection_spec.lua"] = {
    { "poll answers OK in RESOLVING", mounts },
    { "a reset is CONNECTION_ERROR at the next poll", resets },
  },
  ["spec/cookbook_spec.lua"] = { { "docker", posix } },
  ["spec/cookie_file_spec.lua"] = { { "is the user's alone", devices } },
  ["spec/download_places_spec.lua"] = {
    { "never goes through a link", devices },
    { "writes to nothing that has taken the place", devices },
    { "that has taken the place of its own", devices },
  },
  ["spec/download_spec.lua"] = {
    { "the permissions of a download", devices },
    { "a fork of it that ends before", posix },
  },
  ["spec/fault_cut_spec.lua"] = { { "cut by a reset", resets } },
  ["spec/fetch_allow_spec.lua"] = { { "with a private address the second time", mounts } },
  ["spec/fetch_loops_spec.lua"] = { { "works under cqueues", loops } },
  ["spec/http2_loops_spec.lua"] = { { "^A coroutine on a shared connection", pollers } },
  ["spec/loops_spec.lua"] = {
    { "in cqueues", loops },
    { "^a Poller works in luv", pollers },
  },
  ["spec/stream_peer_tcp_spec.lua"] = {
    { "however slowly the other end reads",
      "LuaSocket under wine takes longer than the spec waits" },
  },
  ["spec/fetch_reach_spec.lua"] = { { "over a Unix socket", posix } },
  ["spec/frames_files_spec.lua"] = { { "^a large file that", numbers } },
  ["spec/http_request_spec.lua"] = { { "is CONNECTION_ERROR %(6%)", resets } },
  ["spec/json_spec.lua"] = { { "gives nil and a message for what is none", lacks } },
  ["spec/module_spec.lua"] = { { "below the name that it is required by", builds } },
  ["spec/multipart_spec.lua"] = { { "goes in chunks where a size is not known", posix } },
  ["spec/readme_spec.lua"] = {
    { "^The examples", builds },
    { "docs/love.md lead somewhere",
      "Lua opens no folder there, which is how the spec looks for one" },
  },
  ["spec/sigpipe_spec.lua"] = { { "^a body that goes to a pipe", posix } },
  ["spec/soak_spec.lua"] = { { "leaves nothing behind",
    "wine's heap grows for longer than the spec waits" } },
  ["spec/support_spec.lua"] = {
    { "^the system limits them", mounts },
    { "^the system measures time and memory", numbers },
  },
  ["spec/support_net_spec.lua"] = {
    { "^sockets reset", resets },
    { "^sockets refuse where nobody listens", "the specs' sockets have no words for it there" },
  },
  ["spec/tasks_life_spec.lua"] = {
    { "without a descriptor left", mounts },
    { "^the scheduler closes what", numbers },
    { "^the scheduler lets close_idle close", numbers },
    { "holds no descriptor", numbers },
  },
  ["spec/tasks_spec.lua"] = {
    { "^Ctrl%-C", posix },
    { "does the waiting of fetch and run", numbers },
  },
  ["spec/tls_close_spec.lua"] = { { "ended by reset", resets } },
  ["spec/tls_keylog_spec.lua"] = {
    { "that is none is refused", devices },
    { "for its owner alone", devices },
    { "that others could read", devices },
  },
  ["spec/tls_store_spec.lua"] = { { "by a fork's child", posix } },
  ["spec/tls_stream_spec.lua"] = { { "sleeps in blocking mode, 1 bytes", numbers } },
  ["spec/tls_wire_spec.lua"] = { { "ended by reset", resets } },
  ["spec/passphrase_spec.lua"] = {
    { "scrypt", lacks },
    { "is never asked for on the terminal", posix },
  },
  ["spec/poller_spec.lua"] = {
    { "refuses a second add", numbers },
    { "tells an event loop what to watch", numbers },
    { "needs no watching without clients", numbers },
    { "lets its descriptor and its clients go", numbers },
    { "serves thousands", mounts },
  },
  ["spec/timeout_spec.lua"] = { { "is not restarted by a 1xx",
    "wine answers too slowly for its limit" } },
  ["spec/upload_spec.lua"] = {
    { "becomes shorter on its way",
      "a script's file is read by its own methods there, which only say that it ends" },
  },
  ["spec/proxy_spec.lua"] = { { "is never HTTP_PROXY in a CGI program", environment } },
}

return exceptions
