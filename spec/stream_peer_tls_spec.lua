-- StreamPeerTLS over a StreamPeerTCP and over streams of the script's own.
local httpclient = require("httpclient")
local streams = require("spec.support.streams")

local Error = httpclient.Error
local peers = require("spec.support.peers")(after_each)
local connect, wait_for = peers.connect, peers.wait_for

describe("StreamPeerTLS", function()
  local Class = httpclient.StreamPeerTLS

  it("has the reference's statuses on class and object", function()
    local statuses = { STATUS_DISCONNECTED = 0, STATUS_HANDSHAKING = 1, STATUS_CONNECTED = 2,
      STATUS_ERROR = 3,
      STATUS_ERROR_HOSTNAME_MISMATCH = 4 }
    for name, value in pairs(statuses) do
      assert.equal(value, Class[name])
      assert.equal(value, Class.new()[name])
    end
  end)

  it("is unconfigured at first", function()
    local tls = Class.new()
    assert.equal(Class.STATUS_DISCONNECTED, tls:get_status())
    assert.is_nil(tls:get_stream())
    assert.equal(Error.ERR_UNCONFIGURED, (tls:poll()))
    assert.equal(Error.ERR_UNCONFIGURED, (tls:put_data("x")))
    assert.equal(Error.ERR_UNCONFIGURED, (tls:get_data(1)))
    tls:disconnect_from_stream()
  end)

  it("raises on what is no stream", function()
    local tls = Class.new()
    for _, wrong in ipairs({ 3, "x", {}, io.stdout, httpclient.null,
      httpclient.X509Certificate.new() }) do
      local ok, message = pcall(function() tls:connect_to_stream(wrong, "localhost") end)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1 to 'connect_to_stream' (StreamPeer expected", 1,
        true), message)
    end
    local peer = httpclient.StreamPeerTCP.new()
    assert.is_false((pcall(tls.connect_to_stream, tls, peer)))
    assert.is_false((pcall(tls.connect_to_stream, tls, peer, "h", {})))
  end)

  it("needs a stream below that is connected", function()
    local code, message = Class.new():connect_to_stream(httpclient.StreamPeerTCP.new(), "localhost")
    assert.equal(Error.ERR_UNCONFIGURED, code)
    assert.truthy(message:find("not connected", 1, true), message)
  end)

  it("needs a name to verify, unless nothing asks for one", function()
    local peer = connect()
    assert.equal(Error.ERR_INVALID_PARAMETER, (Class.new():connect_to_stream(peer, "")))
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (Class.new():connect_to_stream(peer, "https://localhost")))
    assert.equal(Error.ERR_INVALID_PARAMETER, (Class.new():connect_to_stream(peer, "a\0b")))
    assert.equal(Error.OK,
      (Class.new():connect_to_stream(peer, "", httpclient.TLSOptions.client_unsafe())))
  end)

  it("does not run over itself", function()
    local tls = Class.new()
    assert.equal(Error.ERR_INVALID_PARAMETER, (tls:connect_to_stream(tls, "localhost")))
  end)

  it("ends in an error when the other end speaks no TLS", function()
    local peer, other = connect()
    local tls = Class.new()
    assert.equal(Error.OK, tls:connect_to_stream(peer, "localhost"))
    assert.equal(Class.STATUS_HANDSHAKING, tls:get_status())
    assert.equal(peer, tls:get_stream())
    other:send("HTTP/1.1 400 Bad Request\r\n\r\n")
    local code, message
    wait_for(function()
      code, message = tls:poll()
      return code ~= Error.OK
    end)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.is_true(#message > 0)
    assert.equal(Class.STATUS_ERROR, tls:get_status())
    assert.equal(Error.ERR_CONNECTION_ERROR, (tls:put_data("x")))
    assert.equal(Error.ERR_CONNECTION_ERROR, (tls:get_data(1)))
  end)
end)

-- A self-signed certificate for localhost; made once.
local identity
local function get_identity()
  if not identity then
    local base = os.tmpname()
    local command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      .. "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s.key -out %s.pem 2>/dev/null"
    os.execute(command:format(base, base))
    local file = assert(io.open(base .. ".pem"))
    identity = { base = base, key = base .. ".key", certificate = base .. ".pem",
      pem = file:read("*a") }
    file:close()
  end
  return identity
end

teardown(function()
  for _, suffix in ipairs(identity and { "", ".key", ".pem" } or {}) do
    os.remove(identity.base .. suffix)
  end
end)

-- The other end as a TLS server, moved on by hand; LuaSec.
local function serve_tls(other)
  local ssl = require("ssl")
  local id = get_identity()
  local server = assert(ssl.wrap(other, { mode = "server", protocol = "any", key = id.key,
    certificate = id.certificate,
    options = { "all" } }))
  server:settimeout(0)
  return server
end

local function handshake(tls, server)
  local done
  return wait_for(function()
    done = done or server:dohandshake()
    local code, message = tls:poll()
    if code ~= Error.OK then
      return { code, message }
    end
    return done and tls:get_status() == tls.STATUS_CONNECTED and { code }
  end)
end

local kinds = {
  { "a StreamPeerTCP", function(peer) return peer end },
  { "a table with the methods", function(peer) return streams.relayed(peer, 100000) end },
  { "a table that moves a few bytes at once", function(peer) return streams.relayed(peer, 7) end },
}

for _, case in ipairs(kinds) do
  describe("StreamPeerTLS over " .. case[1], function()
    local make = case[2]
    local function connect_tls(options, name)
      local peer, other = connect()
      local below, tls = make(peer), httpclient.StreamPeerTLS.new()
      options = options or httpclient.TLSOptions.client(get_identity().pem)
      assert.equal(Error.OK, tls:connect_to_stream(below, name or "localhost", options))
      local server = serve_tls(other)
      return tls, server, below, handshake(tls, server)
    end

    it("shakes hands, and moves bytes both ways", function()
      local tls, server, below, result = connect_tls()
      assert.same({ Error.OK }, result)
      assert.equal(below, tls:get_stream())
      assert.equal(Error.OK, tls:put_data("ping\0"))
      local request = ""
      wait_for(function()
        local data, _, partial = server:receive(5 - #request)
        request = request .. (data or partial)
        tls:poll()
        return #request == 5
      end)
      assert.equal("ping\0", request)
      server:send("answer")
      wait_for(function()
        local code, data = tls:get_data(6)
        assert.is_true(code == Error.OK or code == Error.ERR_BUSY)
        return data == "answer"
      end)
      tls:disconnect_from_stream()
      assert.equal(tls.STATUS_DISCONNECTED, tls:get_status())
      assert.is_nil(tls:get_stream())
    end)

    it("sends much data whole and in order", function()
      local tls, server, _, result = connect_tls()
      assert.same({ Error.OK }, result)
      local parts = {}
      for i = 1, 3000 do
        parts[i] = ("%07d"):format(i):rep(10)
      end
      local all = table.concat(parts)
      assert.equal(Error.OK, tls:put_data(all))
      local code, sent = tls:put_partial_data("!")
      assert.equal(Error.OK, code)
      if sent == 1 then
        all = all .. "!"
      end
      local received = ""
      wait_for(function()
        local data, _, partial = server:receive(#all - #received)
        received = received .. (data or partial)
        assert.equal(Error.OK, tls:poll())
        return #received == #all
      end)
      assert.is_true(received == all)
    end)

    if case[1] == "a StreamPeerTCP" then
      it("sends what put_partial_data has taken, once and in order, until the other end takes no more", function()
        local tls, server, _, result = connect_tls()
        assert.same({ Error.OK }, result)
        local parts = {}
        for i = 1, 20000 do
          parts[i] = ("%09d,"):format(i)
        end
        local text, taken, stuck = table.concat(parts), 0, 0
        while stuck < 3 do
          local from = taken % #text
          local code, sent = tls:put_partial_data(text:sub(from + 1))
          assert.equal(Error.OK, code)
          assert.is_true(sent >= 0 and sent <= #text - from)
          taken = taken + sent
          stuck = sent == 0 and stuck + 1 or 0
        end
        local received, count = {}, 0
        wait_for(function()
          local data, _, partial = server:receive(taken - count)
          received[#received + 1] = data or partial
          count = count + #received[#received]
          assert.equal(Error.OK, tls:poll())
          return count == taken
        end)
        assert.is_true(taken > #text)
        assert.is_true(table.concat(received) == text:rep(math.ceil(taken / #text)):sub(1, taken))
        assert.same({ Error.OK, 1 }, { tls:put_partial_data("!") })
      end)
    end

    it("refuses a certificate of nobody that it knows", function()
      local tls, _, _, result = connect_tls(httpclient.TLSOptions.client())
      assert.equal(Error.ERR_CONNECTION_ERROR, result[1])
      assert.equal(tls.STATUS_ERROR, tls:get_status())
      assert.is_true(#result[2] > 0)
    end)

    it("tells a wrong name apart", function()
      local tls, _, _, result = connect_tls(nil, "other.example")
      assert.equal(Error.ERR_CONNECTION_ERROR, result[1])
      assert.equal(tls.STATUS_ERROR_HOSTNAME_MISMATCH, tls:get_status())
      assert.truthy(result[2]:find("other.example", 1, true), result[2])
    end)

    it("sees the end in good order", function()
      local tls, server, _, result = connect_tls()
      assert.same({ Error.OK }, result)
      server:close()
      local code, data
      wait_for(function()
        code, data = tls:get_partial_data(10)
        return code ~= Error.OK
      end)
      assert.same({ Error.ERR_FILE_EOF, "" }, { code, data })
    end)
  end)
end
