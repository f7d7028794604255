-- What stands on top of fetch, over HTTP/2, against a server that sends frame by frame: streams, sessions, events,
-- retries and forms. (What is the same for both versions is in combinations_spec.lua.)
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local httpclient = require("httpclient")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local keep = require("spec.support.kept")(after_each)

local CANCEL, REFUSED_STREAM, INTERNAL_ERROR = 8, 7, 2
local EVENTS = { { ":status", "200" }, { "content-type", "text/event-stream" } }

-- fn(url, options) as a task of the world, in clear by prior knowledge.
local function run(world, fn, options)
  options = options or {}
  options.http_version = "2"
  local task = httpclient.async(fn, world:url("/"), options)
  world.tasks[#world.tasks + 1] = task
  return task
end

-- -> the stream's response, once its head is in
local function open(world, peer_of, options)
  local response, message
  run(world, function(...)
    response, message = httpclient.stream(...)
  end, options)
  local peer = peer_of or world:accept()
  local id = peer:await("HEADERS").stream
  peer:send(h2.headers(id, h2.OK))
  support.until_true(function()
    httpclient.process()
    return response or message
  end)
  return assert(response, message), peer, id
end

describe("A stream over HTTP/2", function()
  it("gives lines as they come, wherever frames part them", function()
    local world = h2_tasks.start(finally)
    local response, peer, id = open(world)
    local lines, is_over = {}, false
    run(world, function()
      local next_line = response:lines()
      local line = next_line()
      while line do
        lines[#lines + 1] = line
        line = next_line()
      end
      is_over = true
    end)
    for _, piece in ipairs({ "o", "ne\r", "\ntw", "o\n", "", "\195", "\188\r", "x" }) do
      peer:send(h2.data(id, piece))
      world:settle(2)
    end
    assert.same({ "one", "two", "ü" }, lines)
    peer:send(h2.data(id, "", h2.END_STREAM))
    support.until_true(function() httpclient.process() return is_over end)
    assert.same({ "one", "two", "ü", "x" }, lines)
  end)

  it("keeps nobody out where its server takes one request at a time", function()
    finally(function() httpclient.pool.max_per_host = 6 end)
    httpclient.pool.max_per_host = 2
    local world, open_ones, peers = h2_tasks.start(finally), {}, {}
    local task = run(world, function()
      for i = 1, 4 do
        open_ones[i] = assert(httpclient.stream(world:url("/" .. i), { http_version = "2" }))
      end
    end)
    for i = 1, 4 do
      peers[i] = world:accept({ [3] = 1 })
      local id = peers[i]:await("HEADERS").stream
      peers[i]:send(h2.headers(id, h2.OK), h2.data(id, "some"))
    end
    world:result(task)
    assert.same({ 4, 0, 0 }, { httpclient.pool.count() })
    for _, response in ipairs(open_ones) do response:close() end
    assert.same({ 0, 4, 0 }, { httpclient.pool.count() })
    -- each was given back as it had been counted
    world:fetch_many(3)
    world:settle()
    assert.same({ 2, 2, 1 }, { httpclient.pool.count() })
  end)

  it("takes no more than its window where nobody reads", function()
    local world = h2_tasks.start(finally)
    local response, peer, id = open(world)
    peer:send(h2.data(id, ("x"):rep(16384)), h2.data(id, ("x"):rep(16384)))
    world:settle()
    peer:drain()
    for _, frame in ipairs(peer.seen) do
      assert.is_false(frame.type == "WINDOW_UPDATE" and frame.stream == id)
    end
    assert.equal(16384, #response:read(16384))
    response:close()
  end)

  it("is reset at once when it is closed, and its connection goes on", function()
    local world = h2_tasks.start(finally)
    local response, peer, id = open(world)
    local other = world:fetch("/other")
    local second = peer:await("HEADERS").stream
    peer:send(h2.data(id, "begun"))
    assert.equal("begun", response:read())
    response:close()
    local reset = peer:await("RST_STREAM")
    assert.same({ id, CANCEL }, { reset.stream, h2.number(reset.payload) })
    peer:answer(second, "still there")
    assert.equal("still there", world:result(other).body)
    local _, message = response:read()
    assert.equal("the stream is closed", message)
  end)

  it("is reset when nobody has it any more, without a call of the library", function()
    local world = h2_tasks.start(finally)
    local peer, id = select(2, open(world))
    local other = world:fetch("/other")
    local second = peer:await("HEADERS").stream
    world.tasks = { other }
    peer.clients = {}
    for _ = 1, 3 do collectgarbage() end
    local reset = peer:await("RST_STREAM")
    assert.same({ id, CANCEL }, { reset.stream, h2.number(reset.payload) })
    peer:answer(second, "still there")
    assert.equal("still there", world:result(other).body)
  end)

  it("tells of a reset in the midst of it, every time, with the code's name", function()
    local world = h2_tasks.start(finally)
    local response, peer, id = open(world, nil, { retry = true })
    peer:send(h2.data(id, "begun"), h2.rst(id, INTERNAL_ERROR))
    assert.equal("begun", response:read())
    for _ = 1, 2 do
      local bytes, message, code = response:read()
      assert.is_nil(bytes)
      assert.truthy(message:find("INTERNAL_ERROR", 1, true), message)
      assert.equal(httpclient.Error.ERR_CONNECTION_ERROR, code)
    end
  end)
end)

describe("A session over HTTP/2", function()
  it("has one connection for all its requests, and closes it", function()
    local world = h2_tasks.start(finally)
    local session = httpclient.Session.new({ base_url = world:url("/"), http_version = "2" })
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = httpclient.async(session.fetch, session, "page" .. i)
    end
    local plain = world:fetch("/plain")
    local first, second = world:accept(), world:accept()
    local counts = {}
    for _, peer in ipairs({ first, second }) do
      support.until_true(function()
        peer:drain()
        return #peer.seen > 0
      end)
      local ids = {}
      for _, frame in ipairs(peer.seen) do
        if frame.type == 1 then ids[#ids + 1] = frame.stream end
      end
      counts[#counts + 1] = #ids
      for _, id in ipairs(ids) do peer:answer(id, "ok") end
    end
    table.sort(counts)
    assert.same({ 1, 3 }, counts)
    for _, task in ipairs(tasks) do assert.equal("ok", world:result(task).body) end
    assert.equal("ok", world:result(plain).body)
    assert.equal(2, select(2, httpclient.pool.count()))
    session:close()
    assert.equal(1, select(2, httpclient.pool.count()))
  end)
end)

describe("An EventSource over HTTP/2", function()
  -- -> what it hears
  local function listen(world)
    local events = {}
    local source = httpclient.EventSource.new(world:url("/"), { http_version = "2",
      on_event = function(event) events[#events + 1] = event.data end })
    finally(function() source:close() end)
    return events, source
  end

  local function until_heard(events, count)
    support.until_true(function()
      httpclient.process()
      return #events == count
    end)
  end

  it("asks again on the same connection where the stream ends", function()
    local world = h2_tasks.start(finally)
    local events, source = listen(world)
    local peer = world:accept()
    local id = peer:await("HEADERS").stream
    peer:send(h2.headers(id, EVENTS), h2.data(id, "retry: 10\nid: 7\ndata: one\n\n", h2.END_STREAM))
    id = peer:await("HEADERS").stream
    assert.equal("7", source.last_event_id)
    peer:send(h2.headers(id, EVENTS), h2.data(id, "data: two\n\n"))
    until_heard(events, 2)
    assert.same({ "one", "two" }, events)
    source:close()
    assert.equal(id, peer:await("RST_STREAM").stream)
  end)

  it("asks again where the stream is reset, or the connection has ended", function()
    local world = h2_tasks.start(finally)
    local events = listen(world)
    local peer = world:accept()
    local id = peer:await("HEADERS").stream
    peer:send(h2.headers(id, EVENTS), h2.data(id, "retry: 10\ndata: one\n\n"))
    until_heard(events, 1)
    peer:send(h2.rst(id, INTERNAL_ERROR))
    id = peer:await("HEADERS").stream
    peer:send(h2.headers(id, EVENTS), h2.data(id, "data: two\n\n"))
    until_heard(events, 2)
    peer:send(h2.goaway(id, 0))
    peer:close()
    peer = world:accept()
    id = peer:await("HEADERS").stream
    peer:send(h2.headers(id, EVENTS), h2.data(id, "data: three\n\n"))
    until_heard(events, 3)
    assert.same({ "one", "two", "three" }, events)
  end)
end)

describe("A retry over HTTP/2", function()
  local RETRY = { attempts = 3, backoff = 0 }

  it("asks again on the same connection for what was answered with 503, or reset", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch("/", { retry = RETRY })
    local peer = world:accept()
    peer:send(h2.headers(peer:await("HEADERS").stream, { { ":status", "503" } }, h2.END_STREAM))
    peer:send(h2.rst(peer:await("HEADERS").stream, INTERNAL_ERROR))
    peer:answer(peer:await("HEADERS").stream, "at last")
    assert.equal("at last", world:result(task).body)
  end)

  it("has to be asked for where a server resets what it has seen on a kept connection", function()
    local world = h2_tasks.start(finally)
    local first = world:fetch("/")
    local peer = world:accept()
    peer:answer(peer:await("HEADERS").stream, "ok")
    assert.equal("ok", world:result(first).body)
    local second = world:fetch("/")
    peer:send(h2.rst(peer:await("HEADERS").stream, INTERNAL_ERROR))
    local nothing, message, _, facts = world:result(second)
    assert.is_nil(nothing)
    assert.truthy(message:find("INTERNAL_ERROR", 1, true), message)
    assert.same({ sent = true, attempts = 1 }, facts)
  end)

  it("asks again for content that was cut off by a reset, from its beginning", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch("/", { retry = RETRY })
    local peer = world:accept()
    local id = peer:await("HEADERS").stream
    peer:send(h2.headers(id, h2.OK), h2.data(id, "lost"), h2.rst(id, INTERNAL_ERROR))
    peer:answer(peer:await("HEADERS").stream, "whole")
    assert.equal("whole", world:result(task).body)
  end)

  it("leaves alone what may have happened, but not what was refused", function()
    local world = h2_tasks.start(finally)
    local task = world:fetch("/", { retry = RETRY, method = "POST", body = "x" })
    local peer = world:accept()
    peer:send(h2.rst(peer:await("HEADERS").stream, REFUSED_STREAM))
    local second = world:accept() -- on another one
    second:send(h2.rst(second:await("HEADERS").stream, INTERNAL_ERROR))
    local nothing, message, _, facts = world:result(task)
    assert.is_nil(nothing)
    assert.truthy(message:find("INTERNAL_ERROR", 1, true), message)
    assert.is_true(facts.sent)
    assert.is_true(facts.attempts == 2)
  end)
end)

describe("A form of many parts over HTTP/2", function()
  -- The content of the next request that is sent, with the window opened as it comes.
  local function take(peer, stop_after)
    local id, parts, size = peer:await("HEADERS").stream, {}, 0
    while true do
      local frame = peer:frame()
      if frame.type == "DATA" and frame.stream == id then
        parts[#parts + 1] = frame.payload
        size = size + #frame.payload
        if frame.flags % 2 == 1 or stop_after and size >= stop_after then
          return id, table.concat(parts)
        end
        peer:send(h2.window(0, #frame.payload), h2.window(id, #frame.payload))
      end
    end
  end

  it("goes as the windows open, and again where it was refused", function()
    local world = h2_tasks.start(finally)
    local text = ("0123456789"):rep(20000)
    local folder = keep(tempdir.new())
    local path = folder:write("file", text)
    local task = world:fetch("/", { multipart = { title = "x", file = { file = path } } })
    local peer = world:accept()
    local id = take(peer, 30000)
    peer:send(h2.rst(id, REFUSED_STREAM))
    local second = world:accept()
    local again, content = take(second)
    second:answer(again, "got it")
    assert.equal("got it", world:result(task).body)
    assert.truthy(content:find(text, 1, true))
    assert.truthy(content:find('name="title"\r\n\r\nx\r\n', 1, true))
  end)
end)
