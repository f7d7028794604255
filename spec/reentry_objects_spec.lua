-- What a script changes from within, while the library is at work on it: objects that TLSOptions are made of, and the
-- stream of a client whose body function is running.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local haunt = require("spec.support.haunt")
local support = require("spec.support.client")

local Error, HTTPClient, TLSOptions = httpclient.Error, httpclient.HTTPClient, httpclient.TLSOptions

local _, _, world = require("spec.support.world")(after_each)

after_each(function()
  if _VERSION == "Lua 5.4" then collectgarbage("incremental", 200, 100, 13)
  else collectgarbage("setpause", 200) end
end)

describe("TLSOptions that are being made", function()
  it("take what their objects hold in the end, whatever finalizers load and close meanwhile",
    function()
    local chain, certificate = httpclient.X509Certificate.new(), httpclient.X509Certificate.new()
    local key = httpclient.CryptoKey.new()
    local pair = certs.localhost
    assert(chain:load_from_string(certs.ca.cert) == 0)
    assert(certificate:load_from_string(pair.cert) == 0)
    assert(key:load_from_string(pair.key) == 0)
    local alpn = {}
    local function fill()
      for i = 1, 8 do alpn[i] = ("proto") .. i end
    end
    local function finalize(object) debug.getmetatable(object).__gc(object) end
    local made
    local stop = haunt(function(count)
      for i = 1, #alpn do alpn[i] = ("other%d.%d"):format(i, count) end
      chain:load_from_string(certs.ca.cert)
      certificate:load_from_string(pair.cert)
      key:load_from_string(pair.key)
      if count % 7 == 0 then finalize(chain) end
      if made and count % 5 == 0 then finalize(made) end
    end, 20)
    local worked = 0
    for _ = 1, 200 do
      fill()
      collectgarbage("step", 300)
      local ok, options = pcall(TLSOptions.client, chain, ("n"):rep(30) .. worked, {
        certificate = certificate, private_key = key, alpn = alpn,
      })
      if ok then
        made = options
        local read, name = pcall(options.get_common_name_override, options)
        if read then assert.equal(("n"):rep(30) .. worked, name) end
        worked = worked + 1
      else
        assert.truthy(options:find("no certificate", 1, true) or options:find("is empty", 1, true),
          options)
        chain:load_from_string(certs.ca.cert)
      end
    end
    assert.is_true(stop() > 10)
    assert.is_true(worked > 50, tostring(worked))
  end)
end)

describe("A TLS stream that is being connected", function()
  it("and what it runs over, may be let go by finalizers meanwhile", function()
    local function finalize(object) debug.getmetatable(object).__gc(object) end
    local function new_below()
      return { put_partial_data = function(_, text) return 0, #text end,
        get_partial_data = function() return 0, "" end }
    end
    -- those in use, which of them is let go, and in how many finalizers
    local objects, which, left = {}, 1, 0
    local came, let_go = 0, 0
    local stop = haunt(function()
      came, left = came + 1, left - 1
      if left == 0 then
        let_go = let_go + 1
        finalize(objects[which])
      end
    end, 1)
    local worked = 0
    if _VERSION == "Lua 5.4" then collectgarbage("incremental", 1, 1000, 8)
    else collectgarbage("setpause", 0) end
    for i = 1, 600 do
      if let_go >= 30 then break end
      local below = httpclient.StreamPeerTLS.new()
      objects = { httpclient.StreamPeerTLS.new(), below, TLSOptions.client_unsafe() }
      which, left = i % 3 + 1, i % 4 + 1
      local ok, code = pcall(objects[1].connect_to_stream, objects[1],
        which == 2 and below or new_below(), "localhost", objects[3])
      left = 0
      if ok and code == Error.OK then worked = worked + 1 end
      local expected = { [0] = true, [Error.ERR_UNCONFIGURED] = true }
      assert.truthy(not ok or expected[code], tostring(code))
    end
    stop()
    -- The others' collectors seldom end a cycle inside a call, or never do.
    assert.is_true(_VERSION ~= "Lua 5.4" or let_go >= 10, ("%d of %d"):format(let_go, came))
    assert.is_true(worked > 10, tostring(worked))
  end)

  it("and so may its options, by a method of what it runs over", function()
    local options, closed = TLSOptions.client_unsafe(), 0
    local function close()
      debug.getmetatable(options).__gc(options)
      closed = closed + 1
    end
    local below = { put_partial_data = function(_, text) return 0, #text end, poll = close,
      get_partial_data = function() return 0, "" end, get_connected_port = close }
    local tls = httpclient.StreamPeerTLS.new()
    assert.equal(Error.OK, (tls:connect_to_stream(below, "localhost", options)))
    assert.is_true(closed >= 2)
    tls:disconnect_from_stream()
  end)
end)

describe("A body function may use the stream of its client", function()
  local kinds = {
    { "plain" },
    { "TLS", { tls = TLSOptions.client_unsafe(), server_tls = certs.localhost.tls() } },
  }
  for _, kind in ipairs(kinds) do
    local function upload(use)
      local client, conn = world(kind[2])
      local calls = 0
      support.request(client, "POST", "/", {}, function()
        calls = calls + 1
        if calls == 1 then use(client.connection) end
        return calls == 1 and ("x"):rep(100) or nil
      end)
      return client, conn
    end

    it("to ask it: " .. kind[1], function()
      local facts
      local client, conn = upload(function(stream)
        facts = { stream:get_status(), stream:get_available_bytes(), (stream:poll()) or 0,
          tostring(stream) }
      end)
      local text = support.until_true(function()
        client:poll()
        return conn:recv_until("0\r\n\r\n", 0)
      end)
      assert.same({ 2, 0, 0 }, { facts[1], facts[2], facts[3] })
      assert.truthy(text:find("64\r\n" .. ("x"):rep(100) .. "\r\n0\r\n\r\n", 1, true))
      client:close()
    end)

    it("to end it, and with it the request: " .. kind[1], function()
      local client = upload(function(stream)
        local disconnect = kind[2] and stream.disconnect_from_stream or stream.disconnect_from_host
        disconnect(stream)
        collectgarbage()
      end)
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
      assert.is_true(#select(2, client:get_last_error()) > 0)
      client:close()
    end)
  end
end)
