-- Lua's memory runs out at every allocation in turn, in the middle of every call: what the script
-- gets is an error, and everything is still usable, can be closed, and is let go. Leaks show under
-- the sanitizers; descriptors are counted here.
local certs = require("spec.support.certs")
local native = require("spec_native")

-- SPEC_FEWER: where each round takes long, fewer of them.
local fewer = tonumber(os.getenv("SPEC_FEWER")) or 1

-- Lua 5.4 does not get over it when memory is out while it makes its first large buffer, as for a long path: that is
-- made before.
local SETUP = ([[
  package.path, package.cpath = %q, %q
  collectgarbage("stop")
  local _ = ("x"):rep(5000)
]]):format(package.path, package.cpath)

-- A stream of the script's own that answers every request.
local STREAM = [[
  httpclient = require("httpclient")
  ANSWER = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
  function new_stream()
    local out, input = 0, ANSWER
    return {
      put_partial_data = function(_, data)
        out = out + #data
        return 0, #data
      end,
      get_partial_data = function(_, n)
        if out == 0 then return 0, "" end
        local piece = input:sub(1, math.min(n, 40))
        input = input:sub(#piece + 1)
        return 0, piece
      end,
      get_available_bytes = function() return out == 0 and 0 or #input end,
      get_connected_host = function() return "table.test" end,
    }
  end
  function exchange(stream)
    client = httpclient.new()
    client:set_connection(stream)
    local pieces = { "one", "two" }
    assert(client:request(client.METHOD_POST, "/", { "A: 1", ["X-B"] = 2 }, function() return table.remove(pieces) end) == 0)
    for _ = 1, 200 do
      if client:get_status() ~= client.STATUS_REQUESTING then break end
      client:poll()
    end
    assert(client:get_status() == client.STATUS_BODY, tostring(select(2, client:get_last_error())))
    local body = {}
    for _ = 1, 200 do
      if client:get_status() ~= client.STATUS_BODY then break end
      body[#body + 1] = client:read_response_body_chunk()
    end
    assert(client:get_status() == client.STATUS_CONNECTED, tostring(select(2, client:get_last_error())))
    assert(table.concat(body) == "abcde")
    assert(#client:get_response_headers() == 3 and client:get_response_trailers()[1] == "T: 1")
    local dictionary = client:get_response_headers_as_dictionary()
    assert(dictionary["set-cookie"] == "a; b", "the dictionary has no set-cookie")
    assert(client:get_response_header("SET-COOKIE") == "a, b" and #client:get_response_header_values("set-cookie") == 2)
    assert(client:get_response_code() == 200 and client:get_response_body_length() == -1 and tostring(client))
    client:get_connection()
    client:close()
  end
]]

local scenarios = {
  {
    name = "while the module's C part is loaded",
    setup = "",
    -- Its C part; the files in Lua are for Lua to load, and LuaJIT leaves them open when memory runs out there.
    trial = [[ httpclient = require("httpclient.core") ]],
    after = [[
      package.loaded["httpclient.core"] = nil -- Lua 5.1 has a mark there after an error
      httpclient = require("httpclient.core")
      assert(httpclient.HTTPClient.METHOD_POST == 2 and httpclient.Error.ERR_TIMEOUT == 24)
      assert(httpclient.new():get_status() == 0 and httpclient.TLSOptions.client() and httpclient.Poller.new())
    ]],
  },
  {
    name = "in an exchange over a stream of the script's own",
    setup = STREAM .. [[ warm = new_stream() ]],
    trial = [[ exchange(warm) ]],
    after = [[
      if client then
        client:close()
        assert(client:get_status() == client.STATUS_DISCONNECTED and not client:has_response())
        client:poll()
      end
      client, warm = nil
      collectgarbage()
      exchange(new_stream())
    ]],
  },
  {
    name = "with texts, numbers and arrays",
    setup = [[ httpclient = require("httpclient") ]],
    trial = [[
      local dictionary = { b = 1.5, a = { "x", true, httpclient.null }, ["c d"] = 2 ^ 70, [3] = "e" }
      assert(httpclient.query_string_from_dict(dictionary) == "3=e&a=x&a=true&a&b=1.5&c%20d=1180591620717411303424")
      assert(httpclient.query_string_from_dict({ { "z", 1 }, { "a", {} }, { "b", "" } }) == "z=1&b=")
      assert(httpclient.uri_encode("\255 a") == "%FF%20a" and httpclient.uri_decode("%FF%20a%") == "\255 a%")
      assert(httpclient.error_string(24))
      local client = httpclient.new()
      client:request_raw(0, "/", { "A: b", C = "d" }, { 1, 2, 255 })
      client:set_http_proxy("proxy.test", 8080, "user", "password")
      assert(client:connect_to_host("http://bad host", 80) ~= 0)
    ]],
    after = [[ assert(httpclient.query_string_from_dict({ a = 1 }) == "a=1") ]],
  },
  {
    name = "with certificates, keys and options",
    setup = [[ httpclient = require("httpclient") CERTIFICATE, KEY = %q, %q ]],
    with_identity = true,
    trial = [[
      local certificate, key = httpclient.X509Certificate.new(), httpclient.CryptoKey.new()
      assert(certificate:load_from_string(CERTIFICATE) == 0 and key:load_from_string(KEY) == 0)
      assert(#certificate:save_to_string() > 0 and #key:save_to_string() > 0 and not key:is_public_only())
      local extra = { certificate = certificate, private_key = KEY, alpn = { "http/1.1" }, min_version = "1.3" }
      local options = httpclient.TLSOptions.client(CERTIFICATE, "a.test", extra)
      assert(options:get_common_name_override() == "a.test" and options:get_trusted_ca_chain() and tostring(options))
      httpclient.TLSOptions.client_unsafe()
    ]],
    after = [[ assert(httpclient.TLSOptions.client(CERTIFICATE):get_trusted_ca_chain():save_to_string():find("BEGIN")) ]],
  },
  {
    name = "on a socket",
    setup = [[ httpclient = require("httpclient") ]],
    trial = [[
      client, poller, peer = httpclient.new(), httpclient.Poller.new(), httpclient.StreamPeerTCP.new()
      assert(client:connect_to_host("127.0.0.1", PORT) == 0)
      poller:add(client)
      for _ = 1, 100 do
        if client:get_status() == client.STATUS_CONNECTED then break end
        poller:wait(0.1)
        assert(client:poll() == 0)
      end
      assert(client:request(client.METHOD_GET, "/", {}) == 0)
      for _ = 1, 100 do
        if client:get_status() ~= client.STATUS_REQUESTING then break end
        client:wait(0.1)
      end
      assert(client:get_remote_address() == "127.0.0.1" and client:get_connection():get_connected_port() == PORT)
      local body = ""
      for _ = 1, 100 do
        if client:get_status() ~= client.STATUS_BODY then break end
        body = body .. client:read_response_body_chunk()
        httpclient.HTTPClient.wait_any({ client }, 0)
      end
      assert(body == "hello")
      poller:remove(client)
      peer:connect_to_host("127.0.0.1", PORT)
      peer:poll()
    ]],
    after = [[
      if client then client:close() end
      if peer then peer:disconnect_from_host() end
      if poller then assert(poller:count() <= 1) end
      client, poller, peer = nil
      collectgarbage()
      assert(httpclient.new():connect_to_host("127.0.0.1", PORT) == 0)
    ]],
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  },
  {
    name = "over TLS",
    setup = [[ httpclient = require("httpclient") AUTHORITY = %q ]],
    with_identity = true,
    trial = [[
      client = httpclient.new()
      options = httpclient.TLSOptions.client(AUTHORITY)
      assert(client:connect_to_host("127.0.0.1", PORT, options) == 0)
      for _ = 1, 100 do
        if client:get_status() ~= client.STATUS_CONNECTING then break end
        client:wait(0.1)
      end
      assert(client:get_tls_version() == "TLSv1.3" and client:get_tls_cipher() and not client:get_alpn())
      local certificate = client:get_peer_certificate()
      assert(#certificate.names == 3 and certificate.pem and certificate.fingerprint)
      client:get_connection():get_stream()
      assert(client:request(client.METHOD_GET, "/", {}) == 0)
      for _ = 1, 100 do
        if client:get_status() ~= client.STATUS_REQUESTING then break end
        client:wait(0.1)
      end
      assert(client:read_response_body_chunk() == "hello")
    ]],
    after = [[
      if client then client:close() end
      client = nil
      collectgarbage()
      assert(httpclient.new():connect_to_host("127.0.0.1", PORT, options) == 0)
    ]],
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    tls = true,
  },
}

local function complete(scenario)
  local setup = SETUP .. scenario.setup
  if scenario.with_identity then
    setup = SETUP .. scenario.setup:format(scenario.tls and certs.ca.cert or certs.localhost.cert,
      certs.localhost.key)
  end
  return { setup = setup, trial = scenario.trial, after = scenario.after }
end

-- The server of one round: it answers each connection's request.
local function serve(task, scenario)
  if not scenario.answer then return function() end end
  local steps = { { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", scenario.answer } }
  if scenario.tls then table.insert(steps, 2, { "trytls", certs.localhost.tls() }) end
  local server = native.script({ { "repeat", 3, steps } })
  task.setup = ("PORT = %d "):format(server:port()) .. task.setup
  return function() server:stop() end
end

local function round(scenario, at, width)
  local task = complete(scenario)
  task.at, task.width = at, width
  local stop = serve(task, scenario)
  local fired, message = native.starve(task)
  stop()
  if fired == nil then
    error(("allocation %d, %d in a row: afterwards: %s"):format(at, width, message), 2)
  end
  return fired, message
end

describe("Lua's memory running out", function()
  for _, scenario in ipairs(scenarios) do
    it(scenario.name .. " is an error, and no more", function()
      assert.same({ false, "" }, { round(scenario, 1e9, 1) })
      local descriptors, rounds, errors = native.fd_count(), 0, 0
      for _, width in ipairs({ 1, 2, 1e9 }) do
        local at, fired, message = 0, true, nil
        while fired do
          fired, message = round(scenario, at, width)
          if message ~= "" then errors = errors + 1 end
          rounds, at = rounds + 1, at + math.min(fewer, 4) + math.floor(at / 64)
        end
        assert.equal("", message)
      end
      assert.equal(descriptors, native.fd_count())
      assert.is_true(errors > 10, errors .. " errors in " .. rounds .. " rounds")
    end)
  end
end)
