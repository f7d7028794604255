-- core_calls.lua: the calls of the classes that are written in C: each entry makes or uses an object.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local callbacks = require("fuzz.lua.callbacks")
local random = require("fuzz.lua.random")
local server = require("fuzz.lua.server")
local values = require("fuzz.lua.values")

local HTTPClient = httpclient.HTTPClient

-- --- arguments

local function stream()
  local kind = random.below(10)
  if kind <= 4 then
    return callbacks.stream()
  elseif kind == 10 then
    return values.any()
  end
  return values.some(random.pick({ "tcp", "tls", "stream" }))
end

local function file()
  return values.some("file") or values.file()
end

local function body()
  return random.pick({
    function() return nil end,
    function() return values.text() end,
    function() return ("body "):rep(random.below(3000)) end,
    callbacks.body,
    callbacks.body,
    file,
    values.any,
  })()
end

local function raw_body()
  return random.chance(20) and { 1, 2, random.below(300) } or body()
end

local function method()
  return random.chance(90) and random.below(9) - 1 or values.any()
end

local function url()
  return random.pick({ "/", "/", "/path?q=1", "*", "http://127.0.0.1/x", "host:80", "", " ",
    "/\0" })
end

local function host()
  return random.chance(90)
    and random.pick({ "127.0.0.1", "127.0.0.1", "localhost", "[::1]", "http://127.0.0.1", "",
      "a b" }) or values.any()
end

local function port()
  return random.chance(95)
    and server.port(random.pick({ "plain", "plain", "plain", "tls", "silent", "refused" }))
    or values.integer()
end

local function options()
  return values.some("options")
end

local function pem()
  return random.pick({ certs.ca.cert, certs.localhost.cert, certs.localhost.key, certs.client.cert,
    "", "-----BEGIN CERTIFICATE-----\n" })
end

local function extra()
  return random.pick({
    {}, { min_version = "1.2" }, { max_version = "1.2" }, { pinned_keys = { certs.localhost.pin } },
    { pinned_keys = { "x" } }, { certificate = certs.client.cert, private_key = certs.client.key },
    { alpn = { "http/1.1" } }, { ciphers = "none" }, { unknown = 1 },
    { require_ocsp_stapling = true },
    setmetatable({}, { __index = function() callbacks.nested() end }),
  })
end

local function chain()
  return random.pick({ certs.ca.cert, certs.ca.cert, "", values.some("certificate"), values.any() })
end

local function clients()
  local list = {}
  for index = 1, random.below(4) do
    list[index] = values.some("client")
  end
  if random.chance(8) then
    list[#list + 1] = values.any()
  end
  return list
end

-- --- the calls

-- By kind of object: name -> what makes the arguments. A name with a weight is drawn more often.
local methods = {
  client = {
    { "poll", 12 }, { "close", 2 }, { "get_status" }, { "get_last_error" }, { "has_response" },
    { "has_response_begun" }, { "is_response_complete" }, { "is_response_chunked" },
    { "get_response_code" }, { "get_response_reason" }, { "get_response_body_length" },
    { "get_response_body_received" }, { "get_request_body_sent" }, { "get_response_headers" },
    { "get_response_headers_as_dictionary" }, { "get_response_trailers" },
    { "read_response_body_chunk", 8 }, { "get_connection", 2 }, { "get_fd" }, { "getfd" },
    { "pollfd" }, { "events" }, { "timeout" }, { "dirty" }, { "get_remote_address" },
    { "get_tls_version" }, { "get_tls_cipher" }, { "get_alpn" }, { "get_peer_certificate", 2 },
    { "get_response_header", 1, values.text },
    { "get_response_header_values", 1, values.text },
    { "wait", 6, values.seconds },
    { "connect_to_host", 3, host, port, options },
    { "connect_to_host", 1, host, port, values.boolean, values.boolean },
    { "request", 8, method, url, callbacks.headers, body },
    { "request_raw", 3, method, url, callbacks.headers, raw_body },
    { "read_response_body_to_file", 3, file }, { "read_response_body_to_file", 1, values.path },
    { "set_connection", 4, stream }, { "set_read_chunk_size", 1, values.integer },
    { "set_max_header_size", 1, values.integer },
    { "set_http_proxy", 1, host, port, values.text, values.text },
    { "set_https_proxy", 1, host, port },
    { "query_string_from_dict", 1, callbacks.headers },
  },
  tcp = {
    { "poll", 5 }, { "get_status" }, { "disconnect_from_host" }, { "get_connected_host" },
    { "get_connected_port" }, { "get_local_port" }, { "get_available_bytes" },
    { "set_no_delay", 1, values.boolean }, { "connect_to_host", 3, host, port },
    { "put_partial_data", 3, values.text }, { "get_partial_data", 4, values.integer },
  },
  tls = {
    { "poll", 8 }, { "get_status" }, { "disconnect_from_stream" }, { "get_stream" },
    { "get_available_bytes" }, { "connect_to_stream", 3, stream, values.text, options },
    { "put_partial_data", 2, values.text },
    { "get_partial_data", 3, values.integer },
  },
  poller = {
    { "wait", 8, values.seconds }, { "count" }, { "get_fd" }, { "getfd" }, { "pollfd" },
    { "events" }, { "timeout" }, { "dirty" }, { "close" },
    { "add", 6, function() return values.some("client") end },
    { "remove", 2, function() return values.some("client") end },
  },
  options = {
    { "is_unsafe_client" }, { "get_common_name_override" }, { "get_trusted_ca_chain" },
    { "is_server" },
  },
  certificate = {
    { "load", 1, values.path }, { "save", 1, values.path }, { "load_from_string", 3, pem },
    { "save_to_string" },
  },
  key = {
    { "load", 1, values.path, values.boolean }, { "save", 1, values.path, values.boolean },
    { "is_public_only" }, { "load_from_string", 3, pem, values.boolean },
    { "save_to_string", 1, values.boolean },
  },
  inflater = {
    { "feed", 6, function() return random.chance(50) and server.gzipped or values.text() end,
      values.integer }, { "finish" }, { "is_done" },
    { "close" },
  },
}

local fields = { "blocking_mode_enabled", "read_chunk_size", "max_header_size", "connect_timeout",
  "response_timeout", "idle_timeout",
  "connection", "METHOD_GET", "unknown" }

local makers = {
  client = function() return HTTPClient.new() end,
  tcp = function() return httpclient.StreamPeerTCP.new() end,
  tls = function() return httpclient.StreamPeerTLS.new() end,
  poller = function() return httpclient.Poller.new() end,
  options = function()
    if random.chance(50) then
      return httpclient.TLSOptions.client_unsafe(random.chance(30) and chain() or nil,
        random.chance(30) and extra() or nil)
    end
    return httpclient.TLSOptions.client(chain(), random.chance(10) and "localhost" or nil,
      random.chance(20) and extra() or nil)
  end,
  certificate = function() return httpclient.X509Certificate.new() end,
  key = function() return httpclient.CryptoKey.new() end,
  inflater = function()
    return httpclient.Inflater.new(random.pick({ "gzip", "deflate", "x-gzip" }))
  end,
}

-- A client that has an open connection, as the calls alone seldom find one.
local function connected()
  local client = values.keep("client", HTTPClient.new())
  client:connect_to_host("127.0.0.1", server.port(random.pick({ "plain", "tls" })),
    values.some("options"))
  for _ = 1, 12 do
    client:poll()
    server.step()
  end
  return client
end

return {
  methods = methods,
  makers = makers,
  fields = fields,
  connected = connected,
  clients = clients,
  host = host, port = port, body = body, pem = pem, file = file,
}
