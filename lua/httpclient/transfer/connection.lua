-- connection.lua: a transfer's connection: taken from the pool or made anew, set up as the options say, and given back.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local fields = require(root .. ".message.fields")
local httpclient = require(root)
local lost = require(root .. ".connect.lost")
local numbers = require(root .. ".connect.numbers")
local pool = require(root .. ".connect.pool")
local reach = require(root .. ".connect.reach")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local scheduler = require(root .. ".tasks.scheduler")
local shared = require(root .. ".connect.shared")
local trace = require(root .. ".transfer.trace")
local waits = require(root .. ".tasks.waits")
local write = require(root .. ".url.write")

local Error = httpclient.Error
local STATUS = httpclient.HTTPClient.Status
local RESOLVING, CONNECTING, CONNECTED = STATUS.STATUS_RESOLVING, STATUS.STATUS_CONNECTING,
  STATUS.STATUS_CONNECTED
local now = httpclient.monotonic_time
local failure = results.failure

local connection = {}

local HEAD_SIZE = 65536 -- as HTTPClient has it

-- --- which connections are alike

-- What only HTTP/1.1 has words for is asked for in it, where that is left open.
local function version_of(t)
  local wish = t.options.http_version
  if wish == "auto" and (not t.url.tls or t.needs_http1 or t.method == "CONNECT"
      or fields.have(t.headers, "upgrade")) then
    return "1.1"
  end
  return wish
end

-- What most transfers have in common is made once for each URL that is known (url/recent.lua).
local function usual_key_of(t)
  local keys, version, scope = t.url.keys, t.version, t.way.scope
  keys[version] = keys[version] or write.origin(t.url) .. "\0verified\0" .. version .. "\0"
  return scope and keys[version] .. scope.mark or keys[version]
end

local function key_of(t)
  local way, proxy = t.way, t.proxy
  if t.url.keys and way.is_usual and not proxy and not t.reach and t.version == "1.1" then
    return usual_key_of(t)
  end
  local tls = way.tls_options and numbers.of(way.tls_options) or way.verifies and "verified"
    or "unverified"
  local key = write.origin(t.url) .. "\0" .. tls .. "\0" .. t.version .. "\0"
  if t.reach then
    key = key .. reach.key(t.reach, t.url, numbers.of) .. "\0"
  end
  local head_size = t.options.max_header_size
  if head_size and head_size ~= HEAD_SIZE and t.version ~= "1.1" then
    key = key .. ("%d\0"):format(head_size) -- with HTTP/2 it is one for all of a connection
  end
  return key .. (proxy and proxy.key or "") .. (way.scope and way.scope.mark or "")
end

-- --- a new one

local failure_names = {
  [STATUS.STATUS_CANT_RESOLVE] = "CANT_RESOLVE",
  [STATUS.STATUS_CANT_CONNECT] = "CANT_CONNECT",
  [STATUS.STATUS_TLS_HANDSHAKE_ERROR] = "TLS_HANDSHAKE_ERROR",
}

-- The client is in an error state. -> the failure that this is
function connection.failure_of(t, otherwise)
  local code, message = t.client:get_last_error()
  if code == Error.ERR_TIMEOUT then
    return failure("TIMEOUT", message)
  elseif code == Error.ERR_INVALID_DATA then
    local broken = failure("BODY_DECOMPRESS_FAILED", message)
    broken.is_final = true
    return broken
  elseif code == Error.ERR_UNAUTHORIZED then
    local refused = failure("REQUEST_FAILED", message) -- trying again would not help
    refused.error = code
    return refused
  end
  return failure(failure_names[t.client:get_status()] or otherwise, message)
end

local function connect_to_unix_socket(t, path)
  local url, client = t.url, t.client
  local host = ("%s:%d"):format(url.is_ipv6 and "[" .. url.host .. "]" or url.host, url.port)
  if t.way.tls_options and url.tls then
    return client:connect_to_unix_socket(path, host, t.way.tls_options)
  end
  return client:connect_to_unix_socket(path, host, url.tls, t.way.verifies)
end

local function start_to_connect(t)
  local url, client, options = t.url, t.client, t.way.tls_options
  if t.reach then
    reach.apply(t.reach, client, url)
    if t.reach.unix_socket then
      return connect_to_unix_socket(t, t.reach.unix_socket)
    end
  end
  if not url.tls then
    return client:connect_to_host(url.host, url.port)
  elseif options then
    return client:connect_to_host(url.host, url.port, options)
  end
  return client:connect_to_host(url.host, url.port, true, t.way.verifies)
end

-- -> nil, or why there is no connection
local function connect(t)
  local client, began = t.client, now()
  core.use_proxy(client, t.proxy and t.proxy.handle or nil)
  local code, message = start_to_connect(t)
  if code ~= Error.OK then
    local is_wrong = code == Error.ERR_INVALID_PARAMETER
    local refused = failure(is_wrong and "REQUEST_FAILED" or "CANT_CONNECT", message)
    if is_wrong or code == Error.ERR_UNAVAILABLE then -- which the build does not have
      refused.error, refused.is_final = code, true -- trying again would not help
    end
    return refused
  end
  local resolved = client:get_status() ~= RESOLVING and began or nil
  if t.options.trace then
    (resolved and trace.connecting or trace.lookup)(t)
  end
  while client:get_status() == RESOLVING or client:get_status() == CONNECTING do
    t:wait()
    if not resolved and client:get_status() ~= RESOLVING then
      resolved = now()
      if client:get_status() == CONNECTING and t.options.trace then
        trace.connecting(t)
      end
    end
    if t.is_traced then
      trace.heads(t)
    end
  end
  if client:get_status() ~= CONNECTED then
    return connection.failure_of(t, "CANT_CONNECT")
  end
  if t.reach then
    client.allow_address = nil -- whoever keeps the connection need not keep the function
  end
  pool.connected(t.key, client)
  resolved = resolved or now()
  t.timings.resolve = resolved - began
  t.timings.connect = now() - resolved
  if t.options.trace then
    trace.connected(t)
  end
end

-- --- taken and given back

-- What was last set of each client's. Nobody else sets it: to compare is cheaper by far.
local applied = setmetatable({}, { __mode = "k" })

local function set(client, now_set, name, value)
  if now_set[name] ~= value then
    client[name], now_set[name] = value, value
  end
end

-- What an option says of the connection becomes a property of the client's, which makes a deadline of it.
local function apply_options(t)
  local client, options, mark = t.client, t.options, t.known and t.known.mark
  local now_set = applied[client]
  if not now_set then
    now_set = {}
    applied[client] = now_set
  elseif mark and now_set.mark == mark and now_set.http_version == t.version then
    return
  end
  now_set.mark = mark
  set(client, now_set, "http_version", t.version)
  set(client, now_set, "connect_timeout", options.connect_timeout or 0)
  set(client, now_set, "response_timeout", options.response_timeout or 0)
  set(client, now_set, "idle_timeout", options.idle_timeout or 0)
  set(client, now_set, "max_header_size", options.max_header_size or HEAD_SIZE)
  set(client, now_set, "read_chunk_size", options.download_chunk_size or 65536)
end

-- Before more than one request goes out by HTTP/2, the server has to say how many it takes: what is
-- too many it would refuse. -> nil, or the failure
local function await_settings(t)
  local client, limit = t.client, t.options.connect_timeout or 0
  local patience = limit > 0 and now() + limit or math.huge
  while core.sharing_of(client) == "settling" and now() < patience do
    if not waits.wait_for(client, math.min(t.deadline or patience, patience)) then
      break
    end
    t:check_deadline()
  end
  local is_silent = core.sharing_of(client) == "settling"
  pool.settled(t.key, client)
  return is_silent and failure("TIMEOUT", ("no settings of the server within %g s"):format(limit))
    or nil
end

-- A request that goes out at once has its connection looked at by that, which the pool need not do as well. Not where
-- the script is told of connections, nor where credentials are used up by each try.
local function looks_later(t)
  local options = t.options
  return not options.trace and not options.auth and request_body.is_text(t)
end

local function reach_of(t)
  local known = t.known
  if not known then
    return reach.of(t.options)
  elseif known.reach == nil then
    known.reach = reach.of(t.options)
  end
  return known.reach
end

-- -> a client of the pool's, and whether it is connected; nil and why there is none
local function take(t, reached)
  local url, task, version = t.url, t.task, version_of(t)
  if not (reached and reached.unix_socket) then
    local proxy, why = t.way.find_proxy(url)
    if why then
      return nil, failure("CANT_CONNECT", why)
    end
    t.proxy = proxy or false
  end
  t.version = version
  local key, fresh = key_of(t), t.wants_new
  t.key = key
  local client, is_reused, entry = pool.acquire(key, version ~= "1.1", fresh, t.deadline, task,
    looks_later(t))
  if not client then
    t:check_deadline()
  elseif fresh then
    t.wants_new = nil
  end
  t.client, t.entry, t.is_reused, task.is_holder = client, entry, is_reused, true
  return client, is_reused
end

local function obtain(t)
  local reached = reach_of(t)
  t.reach = reached
  local client, is_reused = take(t, reached)
  if not client then
    return is_reused
  end
  apply_options(t)
  local is_traced, timings = t.options.trace ~= nil, t.timings
  t.is_traced = is_traced
  if is_traced then
    core.begin_transcript(client)
  end
  timings.resolve, timings.connect, timings.reused = 0, 0, is_reused
  if not is_reused then
    return connect(t)
  elseif is_traced then
    trace.kept(t)
  end
  if t.version ~= "1.1" and pool.is_settling(client) then
    return await_settings(t)
  end
end

-- Whom a connection goes to, asked once for each.
local remotes = setmetatable({}, { __mode = "k" })

function connection.remote_address(client)
  local text = remotes[client]
  if text == nil then
    local address, port = client:get_remote_address()
    text = address and ((address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, port))
      or false
    remotes[client] = text
  end
  return text or nil
end

-- A connection to the origin of t.url, ready for a request; with t.wants_new not one that has been
-- used before. -> nil, or the failure
connection.obtain = obtain

-- The request has been handed to the connection, or was not taken.
function connection.note_request(t)
  if t.version ~= "1.1" then
    pool.note_request(t.client)
  end
end

local function let_go(t, give)
  local client, key, entry = t.client, t.key, t.entry
  t.client, t.key, t.entry = false, false, false
  t.task.is_holder = false
  if client then
    if t.is_traced then
      core.end_transcript(client)
    end
    give(key, client, entry)
  end
end

-- The exchange is over, and the connection can be used again.
function connection.release(t)
  local scope = t.way.scope
  let_go(t, scope and scope.is_closed and pool.discard or pool.release)
end

function connection.discard(t)
  let_go(t, pool.discard)
end

-- Has a request failed on a connection that stands? Others go on there: the server did not want this one.
function connection.stands(t)
  local line = shared.of(t.client)
  return line ~= nil and not shared.is_ending(line)
end

-- The answer is read as the script likes it, for as long as it likes: the connection keeps nobody
-- else from having one, and nobody holds the transfer but the script.
-- (Not before something of it is there: `is_begun`.)
function connection.rest(t, is_begun)
  if t.client then
    scheduler.unwatch(t.client)
    if is_begun then
      pool.detach(t.key, t.client)
    end
  end
end

-- The script has lost it. Called by a finalizer.
function connection.forget(t)
  lost.client(t.key, t.client)
end

-- The transfer ends, whatever it was at: it may be waiting for its turn, too.
function connection.abandon(t)
  if t.task.ticket then
    pool.leave(t.key, t.task.ticket)
    t.task.ticket = nil
    t.key = false
  end
  connection.discard(t)
end

return connection
