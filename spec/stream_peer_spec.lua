-- StreamPeerTCP and StreamPeerTLS, and streams of the script's own under them.
local httpclient = require("httpclient")
local socket = require("socket")
local Error = httpclient.Error

-- Polls until `condition` holds; ten seconds are for a machine in trouble.
local function wait_for(condition)
  local limit = socket.gettime() + 10
  while true do
    local result = condition()
    if result then
      return result
    end
    assert(socket.gettime() < limit, "the condition never came true")
    socket.select(nil, nil, 0.0005)
  end
end

local function listen()
  local listener = assert(socket.bind("127.0.0.1", 0))
  listener:settimeout(10)
  finally(function() listener:close() end)
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

-- A connected StreamPeerTCP and the other end.
local function connect()
  local listener, port = listen()
  local peer = httpclient.StreamPeerTCP.new()
  assert.equal(Error.OK, peer:connect_to_host("127.0.0.1", port))
  local other = assert(listener:accept())
  other:settimeout(10)
  wait_for(function()
    assert.equal(Error.OK, peer:poll())
    return peer:get_status() == peer.STATUS_CONNECTED
  end)
  return peer, other, port
end

local function arrived(peer, count)
  wait_for(function() return peer:get_available_bytes() >= count end)
end

describe("StreamPeerTCP", function()
  local Class = httpclient.StreamPeerTCP

  it("has the reference's statuses on class and object", function()
    for name, value in pairs({ STATUS_NONE = 0, STATUS_CONNECTING = 1, STATUS_CONNECTED = 2, STATUS_ERROR = 3 }) do
      assert.equal(value, Class[name])
      assert.equal(value, Class.new()[name])
    end
  end)

  it("is unconfigured at first", function()
    local peer = Class.new()
    assert.equal(Class.STATUS_NONE, peer:get_status())
    assert.equal("", peer:get_connected_host())
    assert.equal(0, peer:get_connected_port())
    assert.equal(0, peer:get_local_port())
    assert.equal(0, peer:get_available_bytes())
    assert.equal(Error.ERR_UNCONFIGURED, (peer:poll()))
    assert.equal(Error.ERR_UNCONFIGURED, (peer:put_data("x")))
    for method, empty in pairs({ put_partial_data = 0, get_data = "", get_partial_data = "" }) do
      local code, value, message = peer[method](peer, method:find("^put") and "x" or 1)
      assert.same({ Error.ERR_UNCONFIGURED, empty }, { code, value })
      assert.equal("string", type(message))
    end
    peer:set_no_delay(false)
    peer:disconnect_from_host()
  end)

  it("connects, and knows both ends", function()
    local peer, other, port = connect()
    assert.equal("127.0.0.1", peer:get_connected_host())
    assert.equal(port, peer:get_connected_port())
    local _, peer_port = other:getpeername()
    assert.equal(tonumber(peer_port), peer:get_local_port())
    peer:set_no_delay(true)
    assert.truthy(tostring(peer):find("CONNECTED", 1, true))
    peer:disconnect_from_host()
    assert.equal(Class.STATUS_NONE, peer:get_status())
    assert.equal(0, peer:get_local_port())
    assert.equal("closed", (select(2, other:receive(1))))
  end)

  it("resolves names on its way", function()
    local listener, port = listen()
    local peer = Class.new()
    assert.equal(Error.OK, peer:connect_to_host("localhost", port))
    wait_for(function() return peer:poll() ~= Error.OK or peer:get_status() == Class.STATUS_CONNECTED end)
    assert.equal(Class.STATUS_CONNECTED, peer:get_status())
    assert.equal("localhost", peer:get_connected_host())
    listener:accept():close()
  end)

  it("connects again after it was disconnected", function()
    local peer = connect()
    peer:disconnect_from_host()
    local listener, port = listen()
    assert.equal(Error.OK, peer:connect_to_host("127.0.0.1", port))
    local other = assert(listener:accept())
    wait_for(function() peer:poll() return peer:get_status() == Class.STATUS_CONNECTED end)
    assert.equal(Error.OK, peer:put_data("again"))
    assert.equal("again", other:receive(5))
  end)

  it("says that nobody listens", function()
    local listener, port = listen()
    listener:close()
    local peer = Class.new()
    assert.equal(Error.OK, peer:connect_to_host("127.0.0.1", port))
    wait_for(function() return peer:get_status() == Class.STATUS_ERROR end)
    local code, message = peer:poll()
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.truthy(message:find("refused", 1, true), message)
    assert.equal(Error.ERR_CONNECTION_ERROR, (peer:put_data("x")))
    assert.equal(Error.ERR_CONNECTION_ERROR, (peer:get_data(1)))
    assert.equal(Error.ERR_CONNECTION_ERROR, (peer:get_partial_data(1)))
  end)

  for _, host in ipairs({ "", "http://127.0.0.1", "127.0.0.1:80", "user@host", "a b", "host/path", "[::1", "a\0b" }) do
    it("refuses the host '" .. host:gsub("%z", "\\0") .. "'", function()
      local code, message = Class.new():connect_to_host(host, 80)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.equal("string", type(message))
    end)
  end
  for _, port in ipairs({ 0, -1, 65536, 2 ^ 40 }) do
    it("refuses the port " .. port, function()
      assert.equal(Error.ERR_INVALID_PARAMETER, (Class.new():connect_to_host("127.0.0.1", port)))
    end)
  end
  it("raises on wrong types, with the argument named", function()
    local peer = Class.new()
    local calls = {
      { function() peer:connect_to_host() end, "bad argument #1 to 'connect_to_host' (string expected, got no value)" },
      { function() peer:connect_to_host("h", "1") end, "#2 to 'connect_to_host' (number expected, got string)" },
      { function() peer:connect_to_host("h", 80.5) end, "number has no integer representation" },
      { function() peer:put_data(3) end, "bad argument #1 to 'put_data' (string expected, got number)" },
      { function() peer:get_data("3") end, "bad argument #1 to 'get_data' (number expected, got string)" },
      { function() peer:set_no_delay(1) end, "bad argument #1 to 'set_no_delay' (boolean expected, got number)" },
    }
    for _, call in ipairs(calls) do
      local ok, message = pcall(call[1])
      assert.is_false(ok)
      assert.truthy(message:find(call[2], 1, true), message)
    end
  end)

  it("gives what was asked for, or nothing and takes nothing", function()
    local peer, other = connect()
    assert.same({ Error.OK, "" }, { peer:get_partial_data(10) })
    assert.same({ Error.OK, "" }, { peer:get_data(0) })
    other:send("he\0llo")
    arrived(peer, 6)
    local code, data, message = peer:get_data(7)
    assert.same({ Error.ERR_BUSY, "" }, { code, data })
    assert.equal("string", type(message))
    assert.equal(6, peer:get_available_bytes())
    assert.same({ Error.OK, "he\0" }, { peer:get_data(3) })
    assert.same({ Error.OK, "ll" }, { peer:get_partial_data(2) })
    assert.same({ Error.OK, "o" }, { peer:get_partial_data(100) })
    assert.equal(Error.ERR_INVALID_PARAMETER, (peer:get_data(-1)))
    assert.equal(Error.ERR_INVALID_PARAMETER, (peer:get_partial_data(-1)))
  end)

  it("tells the end from nothing there yet", function()
    local peer, other = connect()
    other:send("tail")
    other:close()
    arrived(peer, 4)
    local code, data = peer:get_data(10)
    assert.same({ Error.ERR_FILE_EOF, "tail" }, { code, data })
    code, data = peer:get_partial_data(10)
    assert.same({ Error.ERR_FILE_EOF, "" }, { code, data })
    assert.equal(Error.OK, peer:poll())
    assert.equal(Class.STATUS_NONE, peer:get_status())
    assert.equal(Error.ERR_FILE_EOF, (peer:get_data(1)))
    assert.equal(Error.ERR_UNCONFIGURED, (peer:put_data("x")))
  end)

  it("hands out what came before the end although poll has seen that", function()
    local peer, other = connect()
    other:send("tail")
    other:close()
    arrived(peer, 4)
    for _ = 1, 5 do
      assert.equal(Error.OK, peer:poll())
    end
    assert.equal(Class.STATUS_CONNECTED, peer:get_status())
    assert.same({ Error.OK, "tail" }, { peer:get_data(4) })
  end)

  it("finds a reset connection", function()
    local peer, other = connect()
    other:setoption("linger", { on = true, timeout = 0 })
    other:close()
    local code, message
    wait_for(function()
      code, message = peer:poll()
      return code ~= Error.OK
    end)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.equal("string", type(message))
    assert.equal(Class.STATUS_ERROR, peer:get_status())
    assert.equal(Error.ERR_CONNECTION_ERROR, (peer:put_data("x")))
  end)

  it("sends all of put_data, in order, however slowly the other end reads", function()
    local peer, other = connect()
    local first, second = ("a"):rep(6000000), ("b"):rep(6000000)
    assert.equal(Error.OK, peer:put_data(first))
    assert.equal(Error.OK, peer:put_data(second))
    local code, sent = peer:put_partial_data("behind")
    assert.same({ Error.OK, 0 }, { code, sent })
    code = peer:put_data(("c"):rep(16777216))
    assert.equal(Error.ERR_BUSY, code)
    other:settimeout(0)
    local received, size = {}, 0
    wait_for(function()
      local data, _, partial = other:receive(1000000)
      received[#received + 1] = data or partial
      size = size + #received[#received]
      assert.equal(Error.OK, peer:poll())
      return size == #first + #second
    end)
    assert.is_true(table.concat(received) == first .. second)
    other:settimeout(10)
    assert.same({ Error.OK, 6 }, { peer:put_partial_data("behind") })
    assert.equal("behind", other:receive(6))
  end)

  it("closes the connection when it is collected", function()
    local peer, other = connect()
    assert.equal(Error.OK, peer:put_data("last words"))
    peer = nil -- luacheck: ignore
    for _ = 1, 3 do
      collectgarbage()
    end
    assert.equal("last words", other:receive(10))
    assert.equal("closed", (select(2, other:receive(1))))
  end)
end)

describe("StreamPeerTLS", function()
  local Class = httpclient.StreamPeerTLS

  it("has the reference's statuses on class and object", function()
    local statuses = { STATUS_DISCONNECTED = 0, STATUS_HANDSHAKING = 1, STATUS_CONNECTED = 2, STATUS_ERROR = 3,
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
    for _, wrong in ipairs({ 3, "x", {}, io.stdout, httpclient.null, httpclient.X509Certificate.new() }) do
      local ok, message = pcall(function() tls:connect_to_stream(wrong, "localhost") end)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1 to 'connect_to_stream' (StreamPeer expected", 1, true), message)
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
    assert.equal(Error.ERR_INVALID_PARAMETER, (Class.new():connect_to_stream(peer, "https://localhost")))
    assert.equal(Error.ERR_INVALID_PARAMETER, (Class.new():connect_to_stream(peer, "a\0b")))
    assert.equal(Error.OK, (Class.new():connect_to_stream(peer, "", httpclient.TLSOptions.client_unsafe())))
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
    identity = { base = base, key = base .. ".key", certificate = base .. ".pem", pem = file:read("*a") }
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
  local server = assert(ssl.wrap(other, { mode = "server", protocol = "any", key = id.key, certificate = id.certificate,
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

-- A script's own stream over a StreamPeerTCP: moves at most `limit` bytes at once, and counts its calls.
local function wrapped(peer, limit)
  local stream = { calls = 0 }
  function stream:put_partial_data(data)
    self.calls = self.calls + 1
    return peer:put_partial_data(data:sub(1, limit))
  end
  function stream:get_partial_data(count)
    self.calls = self.calls + 1
    return peer:get_partial_data(math.min(count, limit))
  end
  function stream.get_available_bytes() return peer:get_available_bytes() end
  function stream:disconnect_from_host()
    self.closed = true
    peer:disconnect_from_host()
  end
  return stream
end

local streams = {
  { "a StreamPeerTCP", function(peer) return peer end },
  { "a table with the methods", function(peer) return wrapped(peer, 100000) end },
  { "a table that moves a few bytes at once", function(peer) return wrapped(peer, 7) end },
}

for _, case in ipairs(streams) do
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

describe("a stream of the script's own", function()
  -- Runs a TLS handshake over `stream` until it ends, and gives the failure.
  local function failure_over(stream)
    local tls = httpclient.StreamPeerTLS.new()
    local code, message = tls:connect_to_stream(stream, "localhost")
    if code == Error.OK then
      wait_for(function()
        code, message = tls:poll()
        return code ~= Error.OK
      end)
    end
    return message, code
  end
  local function returns(...)
    local results, count = { ... }, select("#", ...)
    local unpack = table.unpack or unpack -- luacheck: ignore
    return function() return unpack(results, 1, count) end
  end
  local takes = function(_, data) return Error.OK, #data end

  local nothing = returns(Error.OK, "")
  local function more(_, count)
    return Error.OK, ("x"):rep(count + 1)
  end
  local function raise()
    error("on purpose", 0)
  end

  -- What is wrong, put_partial_data, get_partial_data, a part of the message, other methods.
  local cases = {
    { "raises in put_partial_data", raise, nothing, "on purpose" },
    { "raises no text", function() error({}) end, nothing, "error" },
    { "raises in get_partial_data", takes, raise, "on purpose" },
    { "yields", function() coroutine.yield() end, nothing, "yield" },
    { "answers with nothing", returns(), returns(), "no Error" },
    { "answers with a text for the Error", returns("0", 1), nothing, "no Error" },
    { "sends more than there was", returns(0, 1e9), nothing, "number of bytes" },
    { "sends less than nothing", returns(0, -1), nothing, "number of bytes" },
    { "sends half a byte", returns(0, 0.5), nothing, "number of bytes" },
    { "reads more than it was asked for", takes, more, "more than was asked" },
    { "reads a number", takes, returns(0, 5), "no string" },
    { "answers with an Error and a text", returns(27, 0, "cable cut"), nothing, "cable cut" },
    { "is not connected", takes, nothing, "not connected", { get_status = returns(0) } },
    { "fails in poll", takes, nothing, "on purpose", { poll = raise } },
    { "ends at once", takes, returns(Error.ERR_FILE_EOF, ""), "" },
  }
  for _, case in ipairs(cases) do
    it("that " .. case[1] .. " is a failure with a message, never more", function()
      local stream = { put_partial_data = case[2], get_partial_data = case[3] }
      for name, method in pairs(case[5] or {}) do
        stream[name] = method
      end
      local message, code = failure_over(stream)
      assert.not_equal(Error.OK, code)
      assert.truthy(message:find(case[4], 1, true), message)
    end)
  end

  it("can't use the stream that runs over it out of its own methods", function()
    local tls, problem = httpclient.StreamPeerTLS.new(), nil
    local stream = { get_partial_data = returns(0, "") }
    function stream.put_partial_data(_, data)
      local ok, message = pcall(tls.poll, tls)
      problem = not ok and message
      return Error.OK, #data
    end
    assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
    tls:poll()
    assert.truthy(problem and problem:find("at work", 1, true), tostring(problem))
  end)

  it("is let go when the stream over it is", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local stream = { put_partial_data = takes, get_partial_data = returns(0, "") }
      weak[stream] = true
      local tls = httpclient.StreamPeerTLS.new()
      assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
      tls:poll()
    end
    for _ = 1, 5 do
      collectgarbage()
    end
    assert.is_nil(next(weak))
  end)

  it("works from coroutines that are gone by the next call", function()
    local tls = httpclient.StreamPeerTLS.new()
    local stream = { calls = 0, put_partial_data = takes }
    function stream:get_partial_data()
      self.calls = self.calls + 1
      return Error.OK, ""
    end
    for i = 1, 10 do
      coroutine.wrap(function()
        if i == 1 then
          assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
        end
        assert.equal(Error.OK, tls:poll())
      end)()
      collectgarbage()
    end
    assert.is_true(stream.calls >= 9)
  end)
end)
