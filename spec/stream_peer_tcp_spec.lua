-- StreamPeerTCP: connecting, moving bytes, ends and resets.
local httpclient = require("httpclient")

local Error = httpclient.Error
local peers = require("spec.support.peers")(after_each)
local listen, connect, wait_for = peers.listen, peers.connect, peers.wait_for

local function arrived(peer, count)
  wait_for(function() return peer:get_available_bytes() >= count end)
end

describe("StreamPeerTCP", function()
  local Class = httpclient.StreamPeerTCP

  it("has the reference's statuses on class and object", function()
    for name, value in pairs({ STATUS_NONE = 0, STATUS_CONNECTING = 1, STATUS_CONNECTED = 2,
      STATUS_ERROR = 3 }) do
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
    assert.equal("", peer:get_connected_host())
    assert.equal(0, peer:get_connected_port())
    assert.equal("closed", (select(2, other:receive(1))))
  end)

  it("resolves names on its way", function()
    local listener, port = listen()
    local peer = Class.new()
    assert.equal(Error.OK, peer:connect_to_host("localhost", port))
    wait_for(function()
      return peer:poll() ~= Error.OK or peer:get_status() == Class.STATUS_CONNECTED
    end)
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

  for _, host in ipairs({ "", "http://127.0.0.1", "127.0.0.1:80", "user@host", "a b", "host/path",
    "[::1", "a\0b" }) do
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
      { function() peer:connect_to_host() end,
        "bad argument #1 to 'connect_to_host' (string expected, got no value)" },
      { function() peer:connect_to_host("h", "1") end,
        "#2 to 'connect_to_host' (number expected, got string)" },
      { function() peer:connect_to_host("h", 80.5) end, "number has no integer representation" },
      { function() peer:put_data(3) end,
        "bad argument #1 to 'put_data' (string expected, got number)" },
      { function() peer:get_data("3") end,
        "bad argument #1 to 'get_data' (number expected, got string)" },
      { function() peer:set_no_delay(1) end,
        "bad argument #1 to 'set_no_delay' (boolean expected, got number)" },
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

  it("finds the end where a script asks for the status alone, as in 3.x", function()
    local peer, other = connect()
    other:send("tail")
    other:close()
    arrived(peer, 4)
    assert.equal(Class.STATUS_CONNECTED, peer:get_status())
    assert.same({ Error.OK, "tail" }, { peer:get_partial_data(10) })
    wait_for(function() return peer:get_status() ~= Class.STATUS_CONNECTED end)
    assert.equal(Class.STATUS_NONE, peer:get_status())
    assert.equal("", peer:get_connected_host())
    assert.equal(Error.ERR_FILE_EOF, (peer:get_data(1)))
  end)

  it("sends what is queued where a script asks for the status alone", function()
    local peer, other = connect()
    assert.equal(Error.OK, peer:put_data(("a"):rep(6000000)))
    other:settimeout(0)
    local size = 0
    wait_for(function()
      local data, _, partial = other:receive(1000000)
      size = size + #(data or partial)
      assert.equal(Class.STATUS_CONNECTED, peer:get_status())
      return size == 6000000
    end)
  end)

  it("finds a reset where a script asks for the status alone", function()
    local peer, other = connect()
    other:setoption("linger", { on = true, timeout = 0 })
    other:close()
    wait_for(function() return peer:get_status() ~= Class.STATUS_CONNECTED end)
    assert.equal(Class.STATUS_ERROR, peer:get_status())
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
