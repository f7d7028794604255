-- The pool over HTTP/2, frame by frame: who shares a connection, who waits, and what comes of it
-- when a stream or the connection ends.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local native = require("spec_native")
local support = require("spec.support.client")

local Error, pool = httpclient.Error, httpclient.pool

local REFUSED, CANCEL, NO_ERROR, CALM = 7, 8, 0, 11
local MAX_STREAMS, WINDOW = 3, 4

after_each(function()
  pool.max_per_host, pool.max_idle, pool.idle_timeout = 6, 32, 60
  pool.close_idle()
end)

local function start() return h2_tasks.start(finally) end

describe("The pool with HTTP/2", function()
  it("lets nobody share before the server has said how many it takes", function()
    local world = start()
    local tasks = world:fetch_many(4)
    local conn = support.until_true(function() return world:try_accept() end)
    local peer = h2_tasks.peer(world, conn)
    peer:read(#h2.PREFACE)
    local first = peer:await("HEADERS").stream
    peer:drain()
    for _, frame in ipairs(peer.seen) do assert.not_equal("HEADERS", frame.type) end
    assert.same({ 2, 0, 2 }, { pool.count() })
    peer:send(h2.settings({ [MAX_STREAMS] = 100 }))
    local streams = peer:requests(3)
    for _, stream in ipairs({ first, streams[1], streams[2], streams[3] }) do
      peer:answer(stream, "x")
    end
    for _, task in ipairs(tasks) do assert.equal("x", world:result(task).body) end
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("has no more streams than the server takes, and serves in order", function()
    pool.max_per_host = 1
    local world, order = start(), {}
    for i = 1, 6 do
      world:fetch("/" .. i, { on_data = function() order[#order + 1] = i end })
    end
    local peer = world:accept({ [MAX_STREAMS] = 2 })
    local streams = peer:requests(2)
    peer:drain()
    assert.same({ 2, 0, 4 }, { pool.count() })
    for _ = 1, 4 do
      peer:answer(table.remove(streams, 1), "x")
      streams[#streams + 1] = peer:await("HEADERS").stream
    end
    for _, stream in ipairs(streams) do peer:answer(stream, "x") end
    for _, task in ipairs(world.tasks) do world:result(task) end
    assert.same({ 1, 2, 3, 4, 5, 6 }, order)
    assert.is_nil(world:try_accept())
  end)

  it("takes further connections where the server has fewer streams than 1.1 would have connections",
    function()
      pool.max_per_host = 3
      local world = start()
      world:fetch_many(7)
      local peers, streams = {}, {}
      for i = 1, 3 do
        peers[i] = world:accept({ [MAX_STREAMS] = 1 })
        streams[i] = peers[i]:await("HEADERS").stream
      end
      world:settle()
      assert.same({ 3, 0, 4 }, { pool.count() })
      assert.is_nil(world:try_accept())
      for _ = 1, 3 do
        for i = 1, 3 do
          if streams[i] then
            peers[i]:answer(streams[i], "x")
            world:settle(10)
            streams[i] = select(2, pool.count()) == 0 and peers[i]:await("HEADERS").stream
          end
        end
      end
      for i = 1, 3 do
        if streams[i] then peers[i]:answer(streams[i], "x") end
      end
      for _, task in ipairs(world.tasks) do assert.equal(200, world:result(task).status) end
    end)

  it("leaves a kept connection on which the server takes no more", function()
    local world = start()
    local first = world:fetch("/")
    local peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "x")
    world:result(first)
    peer:send(h2.settings({ [MAX_STREAMS] = 0 }))
    local task = world:fetch("/")
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "elsewhere")
    assert.equal("elsewhere", world:result(task).body)
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("ends a cancelled request alone", function()
    local world = start()
    local tasks = world:fetch_many(3)
    local peer = world:accept()
    local streams = peer:requests(3)
    assert.same({ 3, 0, 0 }, { pool.count() })
    tasks[2]:cancel()
    local reset = peer:await("RST_STREAM")
    assert.same({ streams[2], CANCEL }, { reset.stream, h2.number(reset.payload) })
    assert.same({ 2, 0, 0 }, { pool.count() })
    peer:answer(streams[1], "one")
    peer:answer(streams[3], "three")
    assert.equal("one", world:result(tasks[1]).body)
    assert.equal("three", world:result(tasks[3]).body)
    assert.same({ 0, 1, 0 }, { pool.count() })
    local again = world:fetch("/")
    peer:answer(peer:await("HEADERS").stream, "again")
    assert.equal("again", world:result(again).body)
  end)

  it("frees the window of a cancelled request", function()
    local world = start()
    local task = world:fetch("/", { on_data = function() httpclient.sleep(60) end })
    local other = world:fetch("/other")
    local peer = world:accept()
    local streams = peer:requests(2)
    local piece = ("x"):rep(16384)
    peer:send(h2.headers(streams[1], h2.OK), h2.data(streams[1], piece))
    peer:drain()
    for _ = 1, 20 do peer:send(h2.data(streams[1], piece)) end
    peer:drain()
    task:cancel()
    peer:await("RST_STREAM")
    -- What was held is given back with what comes: the sum of all updates is the whole window.
    for _ = 1, 20 do peer:send(h2.data(streams[1], piece)) end
    peer:answer(streams[2], "x")
    assert.equal("x", world:result(other).body)
    peer:drain()
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("ends one whose time is over alone", function()
    local world = start()
    local late = world:fetch("/late", { timeout = 0.5 })
    local slow = world:fetch("/slow", { response_timeout = 0.6 })
    local good = world:fetch("/good")
    local peer = world:accept()
    local streams = peer:requests(3)
    local _, message, code = world:result(late)
    assert.same({ "timeout after 0.5 s", Error.ERR_TIMEOUT }, { message, code })
    _, message, code = world:result(slow)
    assert.same({ "response timeout after 0.600 s", Error.ERR_TIMEOUT }, { message, code })
    local ended = {}
    for _ = 1, 2 do ended[peer:await("RST_STREAM").stream] = true end
    assert.same({ [streams[1]] = true, [streams[2]] = true }, ended)
    peer:answer(streams[3], "good")
    assert.equal("good", world:result(good).body)
  end)

  it("keeps no more than it may, and none for longer", function()
    local world = start()
    pool.max_idle = 0
    local task = world:fetch("/")
    local peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "x")
    world:result(task)
    assert.same({ 0, 0, 0 }, { pool.count() })
    peer:await("GOAWAY")
    pool.max_idle, pool.idle_timeout = 32, 0
    task = world:fetch("/")
    peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "x")
    world:result(task)
    assert.same({ 0, 0, 0 }, { pool.count() })
    peer:await("GOAWAY")
  end)

  it("hands over 421", function()
    local world = start()
    local task = world:fetch("/")
    local peer = world:accept()
    peer:send(h2.headers(peer:await("HEADERS").stream, { { ":status", "421" } }, h2.END_STREAM))
    assert.equal(421, world:result(task).status)
  end)
end)

describe("A request that the server did not act on", function()
  it("goes out once more on another connection, whatever its method", function()
    local world = start()
    local task = world:fetch("/", { body = "content" })
    local other = world:fetch("/other")
    local first = world:accept()
    local streams = first:requests(2)
    first:send(h2.rst(streams[1], REFUSED))
    local second = world:accept()
    local stream = second:await("HEADERS").stream
    assert.equal("content", second:await("DATA").payload)
    second:answer(stream, "done")
    assert.equal("done", world:result(task).body)
    first:answer(streams[2], "other")
    assert.equal("other", world:result(other).body)
  end)

  it("goes out no third time", function()
    local world = start()
    local task = world:fetch("/", { body = "content" })
    for _ = 1, 2 do
      local peer = world:accept()
      peer:send(h2.rst(peer:await("HEADERS").stream, REFUSED))
    end
    local none, message, code = world:result(task)
    assert.same({ Error.ERR_CONNECTION_ERROR,
      "HTTP/2: the server ended the stream before its answer was complete (REFUSED_STREAM)" },
      { code, message })
    assert.is_nil(none)
    world:settle()
    assert.is_nil(world:try_accept())
  end)

  it("shares the other connection with those that were refused, too", function()
    local world = start()
    local tasks = world:fetch_many(10, { method = "POST" })
    local first = world:accept()
    for _, stream in ipairs(first:requests(10)) do first:send(h2.rst(stream, REFUSED)) end
    local second = world:accept()
    for _, stream in ipairs(second:requests(10)) do second:answer(stream, "x") end
    for _, task in ipairs(tasks) do assert.equal("x", world:result(task).body) end
    assert.is_nil(world:try_accept())
  end)

  it("goes elsewhere when it came behind GOAWAY, and what was seen runs to its end", function()
    local world = start()
    local tasks = world:fetch_many(3, { method = "POST" })
    local first = world:accept()
    local streams = first:requests(3)
    first:send(h2.goaway(streams[1], NO_ERROR))
    local second = world:accept()
    for _, stream in ipairs(second:requests(2)) do second:answer(stream, "second") end
    first:answer(streams[1], "first")
    assert.equal("first", world:result(tasks[1]).body)
    assert.equal("second", world:result(tasks[2]).body)
    assert.equal("second", world:result(tasks[3]).body)
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("goes elsewhere when the connection ends with the goodbye, in the midst of an upload",
    function()
    local world = start()
    local task = world:fetch("/", { method = "POST", body = ("x"):rep(30000000) })
    local peer = world:accept({ [WINDOW] = 1000000000 })
    peer:send(h2.window(0, 1000000000))
    peer:await("HEADERS")
    world:settle()
    peer:send(h2.goaway(0, NO_ERROR))
    peer:close()
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "fine")
    assert.equal("fine", world:result(task).body)
  end)

  it("goes elsewhere from the first goodbye on", function()
    local world = start()
    local task = world:fetch("/1")
    local first = world:accept()
    local stream = first:await("HEADERS").stream
    first:send(h2.goaway(2147483647, NO_ERROR))
    world:settle()
    local other = world:fetch("/2")
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "second")
    assert.equal("second", world:result(other).body)
    first:send(h2.goaway(stream, NO_ERROR))
    first:answer(stream, "first")
    assert.equal("first", world:result(task).body)
  end)

  it("does not wait for those that end on a connection that takes no more", function()
    pool.max_per_host = 2
    local world = start()
    world:fetch_many(6)
    local first = world:accept()
    first:requests(6)
    first:send(h2.goaway(2147483647, NO_ERROR))
    world:settle()
    local task = world:fetch("/new")
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "new")
    assert.equal("new", world:result(task).body)
  end)

  it("that waits behind long answers goes elsewhere as soon as their connection takes no more",
    function()
    pool.max_per_host = 1
    local world = start()
    local long, waiting = world:fetch("/long"), world:fetch("/waiting")
    local first = world:accept({ [MAX_STREAMS] = 1 })
    local stream = first:await("HEADERS").stream
    first:send(h2.headers(stream, h2.OK), h2.data(stream, "some"))
    world:settle()
    assert.same({ 1, 0, 1 }, { pool.count() })
    first:send(h2.goaway(2147483647, NO_ERROR))
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "second")
    assert.equal("second", world:result(waiting).body)
    assert.equal("running", long:status())
    first:send(h2.data(stream, " more", h2.END_STREAM))
    assert.equal("some more", world:result(long).body)
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("goes there too when the goodbye comes with the content of the long one", function()
    pool.max_per_host = 1
    local world = start()
    local reads, first, stream = 0, nil, nil
    local long = world:fetch("/long", { on_data = function()
      reads = reads + 1
      if reads == 1 then
        first:send(h2.data(stream, "more"), h2.goaway(2147483647, NO_ERROR))
        native.sleep(0.02)
      end
    end })
    local waiting = world:fetch("/waiting")
    first = world:accept({ [MAX_STREAMS] = 1 })
    stream = first:await("HEADERS").stream
    first:send(h2.headers(stream, h2.OK), h2.data(stream, "some"))
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "second")
    assert.equal("second", world:result(waiting).body)
    assert.equal("running", long:status())
  end)

  it("goes out at once when the server takes more than it said before", function()
    pool.max_per_host = 1
    local world = start()
    local tasks = world:fetch_many(5)
    local peer = world:accept({ [MAX_STREAMS] = 1 })
    local streams = peer:requests(1)
    world:settle()
    assert.same({ 1, 0, 4 }, { pool.count() })
    peer:send(h2.settings({ [MAX_STREAMS] = 3 }))
    for _ = 1, 2 do streams[#streams + 1] = peer:await("HEADERS").stream end
    world:settle()
    assert.same({ 3, 0, 2 }, { pool.count() })
    peer:send(h2.settings({ [MAX_STREAMS] = 10 }))
    for _ = 1, 2 do streams[#streams + 1] = peer:await("HEADERS").stream end
    for _, one in ipairs(streams) do peer:answer(one, "x") end
    for _, task in ipairs(tasks) do assert.equal("x", world:result(task).body) end
    assert.is_nil(world:try_accept())
    assert.same({ 0, 1, 0 }, { pool.count() })
  end)

  it("fails where its body can't be sent again", function()
    local world, asked = start(), 0
    local task = world:fetch("/", { method = "POST", body = function()
      asked = asked + 1
      return asked == 1 and "piece" or nil
    end })
    local peer = world:accept()
    local stream = peer:await("HEADERS").stream
    peer:await("DATA")
    peer:send(h2.rst(stream, REFUSED))
    local none, message = world:result(task)
    assert.is_nil(none)
    assert.truthy(message:find("REFUSED_STREAM", 1, true), message)
  end)

  it("fails once a part of the answer was handed out", function()
    local world = start()
    local task = world:fetch("/")
    local peer = world:accept()
    local stream = peer:await("HEADERS").stream
    peer:send(h2.headers(stream, h2.OK), h2.data(stream, "half"))
    world:settle(5)
    peer:send(h2.rst(stream, REFUSED))
    local none, _, code = world:result(task)
    assert.same({ nil, Error.ERR_CONNECTION_ERROR }, { none, code })
    assert.is_nil(world:try_accept())
  end)

  it("that asks for 1.1 fails where HTTP/2 alone is wanted", function()
    local world = start()
    local task = world:fetch("/")
    local peer = world:accept()
    peer:send(h2.rst(peer:await("HEADERS").stream, 13))
    local none, message = world:result(task)
    assert.is_nil(none)
    assert.truthy(message:find("HTTP_1_1_REQUIRED", 1, true), message)
    assert.is_nil(world:try_accept())
  end)
end)

describe("A connection of HTTP/2 that dies", function()
  it("takes idempotent requests with it once", function()
    local world = start()
    local warm = world:fetch("/")
    local first = world:accept()
    first:answer(first:await("HEADERS").stream, "x")
    world:result(warm)
    local get, post = world:fetch("/get"), world:fetch("/post", { method = "POST" })
    first:requests(2)
    first:close()
    local second = world:accept()
    local none, message = world:result(post)
    assert.is_nil(none)
    assert.equal("the server closed the connection", message)
    second:await("HEADERS")
    second:close()
    none, message = world:result(get)
    assert.same({ nil, "the server closed the connection" }, { none, message })
    world:settle()
    assert.is_nil(world:try_accept())
  end)

  it("tells the reason of its GOAWAY to all that it ends", function()
    local world = start()
    local tasks = world:fetch_many(3, { method = "POST" })
    local peer = world:accept()
    local streams = peer:requests(3)
    peer:send(h2.goaway(streams[3], CALM, "slow down"))
    peer:close()
    for _, task in ipairs(tasks) do
      local none, message = world:result(task)
      assert.is_nil(none)
      assert.truthy(message:find("ENHANCE_YOUR_CALM", 1, true), message)
    end
    assert.same({ 0, 0, 0 }, { pool.count() })
  end)

  it("is found out before the next request, when it is kept", function()
    local world = start()
    local task = world:fetch("/")
    local peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "x")
    world:result(task)
    peer:send(h2.goaway(1, NO_ERROR))
    peer:close()
    local post = world:fetch("/", { method = "POST" })
    local second = world:accept()
    second:answer(second:await("HEADERS").stream, "y")
    assert.equal("y", world:result(post).body)
  end)
end)
