-- Every call that a script can make on an object of the library, for the specs that make them out
-- of callbacks. A call is { name, fn(object, w) }; `w` is what the spec built: client, poller,
-- folder.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")

local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local core = require("httpclient.core")

local reentry = {}

local function metamethod(name)
  return function(object)
    return debug.getmetatable(object)[name](object, nil)
  end
end

local function method(name, ...)
  local arguments = { n = select("#", ...), ... }
  local unpack = table.unpack or unpack -- luacheck: ignore
  return { name, function(object)
    return object[name](object, unpack(arguments, 1, arguments.n))
  end }
end

local function methods(names)
  local list = {}
  for name in names:gmatch("%S+") do list[#list + 1] = method(name) end
  return list
end

local function join(...)
  local list = {}
  for _, part in ipairs({ ... }) do
    for _, call in ipairs(part) do list[#list + 1] = call end
  end
  return list
end

local function write(name)
  return { "write " .. name, function(object) object[name] = object[name] end }
end

local function nothing()
  return { put_partial_data = function() return 0, 0 end,
    get_partial_data = function() return 0, "" end }
end

-- Lua has these names for the end of a scope only since 5.4; the metamethods are there on all.
reentry.leave_scope = { "__close", metamethod("__close") }
reentry.collect = { "__gc", metamethod("__gc") }

-- --- HTTPClient

-- What is asked, and settings: goes at any time.
reentry.client_facts = join(methods([[get_status get_last_error has_response has_response_begun is_response_complete
  is_response_chunked get_response_code get_response_reason get_response_body_length get_request_body_sent
  get_response_body_received get_response_headers get_response_headers_as_dictionary get_response_trailers get_tls_version
  get_tls_cipher get_alpn get_remote_address get_peer_certificate get_connection get_fd getfd pollfd events timeout dirty
  is_blocking_mode_enabled get_read_chunk_size get_max_header_size get_connect_timeout get_response_timeout
  get_idle_timeout]]), {
  method("get_response_header", "server"), method("get_response_header_values", "server"),
  method("query_string_from_dict", { a = 1 }), method("set_blocking_mode", false),
  method("set_read_chunk_size", 65536), method("set_max_header_size", 65536),
  method("set_connect_timeout", 0), method("set_response_timeout", 0),
  method("set_idle_timeout", 0), write("blocking_mode_enabled"), write("read_chunk_size"),
  write("max_header_size"), write("connect_timeout"), write("response_timeout"),
  write("idle_timeout"),
  { "read connection", function(client) return client.connection end },
  { "read Method", function(client) return client.Method end },
  { "tostring", tostring },
})

-- What changes the client: not while it is at work.
reentry.client_changes = {
  method("poll"), method("wait", 0), method("close"), method("read_response_body_chunk"),
  method("connect_to_host", "127.0.0.1", 9), method("connect_to_host", "127.0.0.1", 9, true),
  method("request", 0, "/", {}), method("request", 2, "/", {}, "body"),
  method("request_raw", 2, "/", {}, { 1, 2 }),
  method("request", 2, "/", {}, function() return nil end),
  method("set_connection", nil), method("set_connection", nothing()),
  method("set_http_proxy", "127.0.0.1", 9),
  method("set_https_proxy", "127.0.0.1", 9, "user", "password"),
  { "write connection", function(client) client.connection = nothing() end },
  { "write connection nil", function(client) client.connection = nil end },
  { "wait_any", function(client) return HTTPClient.wait_any({ client }, 0) end },
  { "wait_any with others",
    function(client) return HTTPClient.wait_any({ HTTPClient.new(), client }, 0) end },
  { "read_response_body_to_file(path)",
    function(client, w) return client:read_response_body_to_file(w.folder:file("body")) end },
  { "read_response_body_to_file(file)", function(client, w)
    local file = assert(io.open(w.folder:file("body"), "wb"))
    local ok, message = pcall(client.read_response_body_to_file, client, file)
    file:close()
    return ok or error(message, 0)
  end },
  { "open_body_file",
    function(client, w) return core.open_body_file(client, w.folder:write("body", "")) end },
  { "add to a further Poller", function(client)
    local poller = httpclient.Poller.new()
    local ok, message = pcall(poller.add, poller, client)
    poller:close()
    return ok or error(message, 0)
  end },
  { "remove from a Poller",
    function(client, w) return (w.poller or httpclient.Poller.new()):remove(client) end },
  reentry.leave_scope,
}

-- --- Poller

reentry.poller_calls = {
  { "add", function(poller) return poller:add(HTTPClient.new()) end },
  { "remove", function(poller) return poller:remove(HTTPClient.new()) end },
  method("count"), method("get_fd"), method("getfd"), method("pollfd"), method("events"),
  method("timeout"), method("dirty"), method("wait", 0), method("close"), reentry.leave_scope,
}

-- --- streams

local stream_calls = join(methods("get_available_bytes poll get_status"), {
  method("put_data", "x"), method("put_partial_data", "x"), method("get_data", 1),
  method("get_partial_data", 1),
  { "tostring", tostring }, { "set_connection of a client", function(stream)
    local client = HTTPClient.new()
    local ok, message = pcall(client.set_connection, client, stream)
    return ok or error(message, 0)
  end },
  { "connect_to_stream of TLS over it", function(stream)
    local code, message = StreamPeerTLS.new():connect_to_stream(stream, "localhost")
    return code ~= httpclient.Error.ERR_BUSY or error(message, 0)
  end },
  reentry.leave_scope,
})

reentry.tls_stream_calls = join(stream_calls, {
  method("disconnect_from_stream"), method("get_stream"),
  method("connect_to_stream", nothing(), "localhost"),
})

-- --- what belongs to no connection

-- Calls on whatever they make themselves. They go everywhere.
reentry.free_calls = {
  { "HTTPClient", function(w)
    local client = HTTPClient.new()
    for _, call in ipairs(reentry.client_facts) do call[2](client, w) end
    for _, call in ipairs(reentry.client_changes) do call[2](client, w) end
    reentry.collect[2](client)
  end },
  { "Poller", function(w)
    local poller = httpclient.Poller.new()
    for _, call in ipairs(reentry.poller_calls) do call[2](poller, w) end
    reentry.collect[2](poller)
  end },
  { "StreamPeerTLS", function(w)
    local stream = StreamPeerTLS.new()
    for _, call in ipairs(reentry.tls_stream_calls) do pcall(call[2], stream, w) end
    reentry.collect[2](stream)
  end },
  { "StreamPeerTCP", function()
    local stream = StreamPeerTCP.new()
    stream:connect_to_host("127.0.0.1", 9)
    for _ = 1, 2 do stream:poll() end
    stream:set_no_delay(true)
    for _, name in ipairs({ "get_connected_host", "get_connected_port", "get_local_port",
      "disconnect_from_host" }) do
      stream[name](stream)
    end
    for _, call in ipairs(stream_calls) do pcall(call[2], stream) end
    reentry.collect[2](stream)
  end },
  { "X509Certificate", function()
    local certificate = httpclient.X509Certificate.new()
    assert(certificate:load_from_string(certs.ca.cert) == 0)
    assert(#certificate:save_to_string() > 0)
    reentry.collect[2](certificate)
    assert(certificate:save_to_string() == "")
  end },
  { "CryptoKey", function()
    local key = httpclient.CryptoKey.new()
    key:load_from_string("no key")
    key:is_public_only()
    key:save_to_string()
    reentry.collect[2](key)
  end },
  { "TLSOptions", function()
    local options = httpclient.TLSOptions.client_unsafe()
    options:is_unsafe_client()
    options:get_common_name_override()
    options:get_trusted_ca_chain()
    reentry.collect[2](options)
  end },
  { "Inflater", function()
    local inflater = core.Inflater.new("gzip")
    inflater:feed("no gzip")
    inflater:finish()
    inflater:is_done()
    inflater:close()
    reentry.collect[2](inflater)
  end },
  { "functions", function()
    httpclient.query_string_from_dict({ a = { 1, 2 }, b = "c" })
    httpclient.uri_decode(httpclient.uri_encode("a b"))
    httpclient.error_string(1)
    httpclient.monotonic_time()
    return httpclient.Error.OK
  end },
}

-- --- making them all

-- Makes the calls and notes each that ended otherwise than it should. `refused`: with the message
-- that the object is at work.
function reentry.make(problems, calls, object, refused, w)
  for _, call in ipairs(calls) do
    local ok, message = pcall(call[2], object, w)
    local is_refusal = not ok and tostring(message):find("at work", 1, true) ~= nil
    if refused and not is_refusal then
      problems[#problems + 1] = ("%s was not refused: %s"):format(call[1], tostring(message))
    elseif not refused and not ok then
      problems[#problems + 1] = ("%s failed: %s"):format(call[1], tostring(message))
    end
  end
end

return reentry
