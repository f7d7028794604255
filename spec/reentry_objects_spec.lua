-- What a script changes from within, while the library is at work on it: objects that TLSOptions are made of, and the
-- stream of a client whose body function is running.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local haunt = require("spec.support.haunt")
local support = require("spec.support.client")

local Error, HTTPClient, TLSOptions = httpclient.Error, httpclient.HTTPClient, httpclient.TLSOptions

local _, _, world = require("spec.support.world")(after_each)

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
