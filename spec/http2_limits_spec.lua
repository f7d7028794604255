-- HTTP/2: what is under way at a time. Limits and windows that a server takes back, whose turn it is, who is woken, and
-- what is the last request of a connection.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient, pool = httpclient.HTTPClient, httpclient.pool
local OK, ask = h2.OK, h2.ask

local STREAMS, WINDOW = 3, 4 -- of the settings
local PIECE = ("x"):rep(16384)

after_each(function()
  pool.max_per_host = 6
  pool.close_idle()
end)

local function start() return h2_tasks.start(finally) end
local function with_peer(settings, action) return h2.with_peer(finally, settings, action) end

-- Has a frame of that type come?
local function has_seen(peer, kind)
  for _, frame in ipairs(peer.seen) do
    if frame.type == kind then return true end
  end
  return false
end

describe("A server that takes fewer streams than before", function()
  it("ends none that is under way, and gets no new one before there is room", function()
    pool.max_per_host = 1
    local world = start()
    local tasks = world:fetch_many(3)
    local peer = world:accept({ [STREAMS] = 5 })
    local streams = peer:requests(3)
    peer:send(h2.settings({ [STREAMS] = 1 }))
    peer:await("SETTINGS")
    local late = world:fetch_many(3)
    peer.seen = {}
    for i = 1, 2 do
      peer:answer(streams[i], "old")
      assert.equal("old", world:result(tasks[i]).body)
      peer:drain()
      assert.is_false(has_seen(peer, 1))
    end
    assert.same({ 1, 0, 3 }, { pool.count() })
    peer:answer(streams[3], "old")
    assert.equal("old", world:result(tasks[3]).body)
    local first = peer:await("HEADERS").stream
    peer:drain()
    assert.same({ 1, 0, 2 }, { pool.count() })
    peer:send(h2.settings({ [STREAMS] = 5 }))
    for _, stream in ipairs({ first, peer:await("HEADERS").stream,
      peer:await("HEADERS").stream }) do
      peer:answer(stream, "new")
    end
    for _, task in ipairs(late) do assert.equal("new", world:result(task).body) end
    assert.is_nil(world:try_accept())
  end)

  it("gets those that began before it spoke one after the other", function()
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    local client = HTTPClient.new()
    client.http_version = "2"
    local _, conn = support.connect(listener, { client = client })
    local others = { assert(client:share_connection()), assert(client:share_connection()) }
    local peer = h2.silent(conn, { client, others[1], others[2] })
    finally(function()
      for _, one in ipairs(peer.clients) do one:close() end
      peer:close()
      listener:close()
    end)
    peer:send(h2.settings({ [STREAMS] = 1 }))
    native.sleep(0.02)
    for _, one in ipairs(peer.clients) do support.request(one, "GET", "/") end
    peer:read(#h2.PREFACE)
    local asked = {}
    for i = 1, 3 do
      asked[i] = peer:await("HEADERS").stream
      if i == 1 then peer:send(h2.frame("SETTINGS", h2.ACK, 0)) end
      for _ = 1, 20 do peer:poll() end
      peer:send(h2.headers(asked[i], { { ":status", "204" } }, h2.END_STREAM))
    end
    assert.same({ 1, 3, 5 }, asked)
    for _, one in ipairs(peer.clients) do
      support.pump(one, HTTPClient.STATUS_CONNECTED)
      assert.equal(204, one:get_response_code())
    end
  end)

  it("takes as much of an upload as a window holds that was below nothing", function()
    with_peer({ [WINDOW] = 20 }, function(client, peer)
      ask(client, peer, "POST", {}, ("0123456789"):rep(4))
      assert.equal(20, #peer:await("DATA").payload)
      local function is_held_back(...)
        peer:send(...)
        peer.seen = {}
        peer:send(h2.frame("PING", 0, 0, "12345678"))
        peer:await("PING")
        assert.is_false(has_seen(peer, "DATA"))
      end
      is_held_back(h2.settings({ [WINDOW] = 0 })) -- 20 below nothing
      is_held_back(h2.window(1, 15))
      is_held_back(h2.settings({ [WINDOW] = 5 })) -- nothing
      peer:send(h2.window(1, 3))
      assert.equal("012", peer:await("DATA").payload)
      is_held_back(h2.settings({ [WINDOW] = 1 }), h2.window(1, 4))
      peer:send(h2.settings({ [WINDOW] = 100 }))
      local last = peer:await("DATA")
      assert.same({ "34567890123456789", h2.END_STREAM }, { last.payload, last.flags })
    end)
  end)
end)

describe("A turn over HTTP/2", function()
  -- The server of the long answer has always more of it at hand: each piece that is taken is made
  -- good at once, in big frames. Whoever read as long as something came would never come back.
  it("comes for a small answer beside one without end", function()
    local world, taken, done = start(), 0, nil
    local peer, long
    world:fetch("/long", { on_data = function(piece)
      taken = taken + #piece
      if done or taken > 67108864 then return false end
      for _ = 1, math.ceil(#piece / #PIECE) do peer:send(h2.data(long, PIECE)) end
    end })
    local small = world:fetch("/small")
    peer = world:accept()
    local streams = peer:requests(2)
    long = streams[1]
    peer:send(h2.headers(long, OK), h2.data(long, PIECE):rep(12))
    support.until_true(function()
      httpclient.process()
      return taken > 1048576
    end)
    peer:answer(streams[2], "small")
    assert.equal("small", world:result(small).body)
    done = true
    assert.is_true(taken < 16777216, taken)
  end)

  it("comes for a small answer in a Poller, in which another is always ready", function()
    with_peer({}, function(client, peer)
      local other, poller = peer:share(), httpclient.Poller.new()
      finally(function() poller:close() end)
      ask(client, peer)
      ask(other, peer)
      assert(poller:add(client))
      assert(poller:add(other))
      peer:send(h2.headers(1, OK), h2.data(1, PIECE):rep(12))
      local rounds, answered
      support.until_true(function()
        for _, one in ipairs(poller:wait(1)) do
          if one == other then return other:get_status() == HTTPClient.STATUS_CONNECTED end
          local piece = client:read_response_body_chunk()
          if #piece > 0 then peer:send(h2.data(1, PIECE):rep(math.ceil(#piece / #PIECE))) end
        end
        rounds = (rounds or 0) + 1
        if rounds == 20 then
          peer:send(h2.headers(3, { { ":status", "204" } }, h2.END_STREAM))
          answered = true
        end
        assert.is_true(rounds < 60)
      end)
      assert.is_true(answered)
    end)
  end)

  it("comes for a small upload beside one without end", function()
    local world, done = start(), nil
    local long = world:fetch("/long", { method = "POST",
      body = function() return not done and PIECE or nil end })
    local peer = world:accept({ [WINDOW] = 2147483647 })
    peer:send(h2.window(0, 1073741824))
    local first = peer:await("HEADERS").stream
    peer:await("DATA")
    local small = world:fetch("/small", { method = "POST", body = ("y"):rep(100000) })
    local second, size, beside = peer:await("HEADERS").stream, 0, 0
    repeat
      local data = peer:await("DATA")
      if data.stream == second then size = size + #data.payload else beside = beside + #data.payload end
    until size == 100000
    assert.is_true(beside < 8388608, beside)
    peer:answer(second, "small")
    assert.equal("small", world:result(small).body)
    done = true
    repeat local data = peer:await("DATA") until data.flags == h2.END_STREAM
    peer:answer(first, "long")
    assert.equal("long", world:result(long).body)
  end)
end)

describe("wait_any over clients of one connection", function()
  local function with_three(action)
    with_peer({}, function(client, peer)
      local clients = { client, peer:share(), peer:share() }
      for _, one in ipairs(clients) do ask(one, peer) end
      for _ = 1, 20 do peer:poll() end
      return action(clients, peer)
    end)
  end

  local function indices(clients, seconds)
    local found = {}
    for _, one in ipairs(HTTPClient.wait_any(clients, seconds)) do
      for i, client in ipairs(clients) do
        if client == one then found[#found + 1] = i end
      end
    end
    return found
  end

  it("gives the one whose answer has come, and no other", function()
    with_three(function(clients, peer)
      for _, i in ipairs({ 2, 3, 1 }) do
        peer:send(h2.headers(2 * i - 1, OK))
        assert.same({ i }, indices(clients, 10))
        assert.equal(HTTPClient.STATUS_BODY, clients[i]:get_status())
        assert.same({}, indices(clients, 0.01))
      end
      for _, i in ipairs({ 3, 1, 2 }) do
        peer:send(h2.data(2 * i - 1, "some"))
        assert.same({ i }, indices(clients, 10))
        assert.equal("some", clients[i]:read_response_body_chunk())
      end
      peer:send(h2.data(3, "", h2.END_STREAM))
      assert.same({ 2 }, indices(clients, 10))
    end)
  end)

  it("gives all whose answers came at once", function()
    with_three(function(clients, peer)
      peer:send(h2.headers(5, OK), h2.headers(1, OK))
      assert.same({ 1, 3 }, indices(clients, 10))
    end)
  end)

  it("sleeps while frames come that are for none of them", function()
    with_three(function(clients, peer)
      assert.same({}, indices(clients, 0.01))
      local cpu, began = native.cputime(), native.monotonic()
      for _ = 1, 5 do
        peer:send(h2.frame("PING", 0, 0, "12345678"), h2.window(0, 1))
        assert.same({}, indices(clients, 0.1))
      end
      assert.is_true(native.monotonic() - began >= 0.5)
      assert.is_true(native.cputime() - cpu < 0.2)
    end)
  end)

  it("misses nothing that another's read has taken off the descriptor", function()
    with_three(function(clients, peer)
      peer:send(h2.headers(1, OK))
      assert.same({ 1 }, indices(clients, 10))
      peer:send(h2.headers(3, OK), h2.headers(5, OK, h2.END_STREAM))
      native.sleep(0.02)
      assert.equal("", clients[1]:read_response_body_chunk())
      local began = native.monotonic()
      assert.same({ 1, 2 }, indices({ clients[2], clients[3] }, 10))
      assert.is_true(native.monotonic() - began < 5)
    end)
  end)

  it("wakes all of them when their connection ends", function()
    with_three(function(clients, peer)
      peer:close()
      assert.same({ 1, 2, 3 }, indices(clients, 10))
      for _, one in ipairs(clients) do
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, one:get_status())
      end
    end)
  end)
end)

describe("The last request of a connection of HTTP/2", function()
  it("is the one that says so: others run to their end, and no further one begins", function()
    with_peer({}, function(client, peer)
      local other, third = peer:share(), peer:share()
      ask(client, peer)
      local head = ask(other, peer, "GET", { "Connection: close" })
      assert.is_nil(head.payload:find("close", 1, true))
      assert.equal(0, third:get_free_streams())
      peer:send(h2.headers(3, OK), h2.data(3, "last", h2.END_STREAM))
      support.pump(other, support.is_answered_or_failed)
      assert.equal("last", (support.read_all(other)))
      assert.equal("STATUS_DISCONNECTED", support.status_of(other))
      peer:send(h2.headers(1, OK), h2.data(1, "first", h2.END_STREAM))
      support.pump(client, support.is_answered_or_failed)
      assert.equal("first", (support.read_all(client)))
      peer.clients = {}
      assert.equal(0, h2.number(peer:await("GOAWAY").payload:sub(5, 8)))
    end)
  end)

  it("sends the next one over another connection", function()
    local world = start()
    local task = world:fetch("/", { headers = { Connection = "close" } })
    local peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "one")
    assert.equal("one", world:result(task).body)
    assert.same({ 0, 0, 0 }, { pool.count() })
    local next_task = world:fetch("/")
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "two")
    assert.equal("two", world:result(next_task).body)
  end)

  it("is tried on two connections, and no more, where each says goodbye to all", function()
    local world = start()
    local tasks = world:fetch_many(5, { method = "POST" })
    for _ = 1, 2 do
      local peer = world:accept()
      peer:requests(5)
      peer:send(h2.goaway(0, 0))
    end
    world:expect_refused(tasks)
    world:settle()
    assert.is_nil(world:try_accept())
    assert.same({ 0, 0, 0 }, { pool.count() })
  end)
end)

describe("A request's head of HTTP/2", function()
  it("may be larger than one frame, and than nghttp2's own limit", function()
    local world = start()
    local value = ("v"):rep(150000)
    local task = world:fetch("/", { headers = { ["X-Large"] = value } })
    local peer = world:accept()
    local frame = peer:await("HEADERS")
    local stream, size = frame.stream, #frame.payload
    while frame.flags % 8 < h2.END_HEADERS do
      frame = peer:frame()
      assert.same({ "CONTINUATION", stream }, { frame.type, frame.stream })
      size = size + #frame.payload
    end
    assert.is_true(size > 90000, size)
    peer:answer(stream, "x")
    assert.equal("x", world:result(task).body)
  end)
end)
