-- EventSource: what the server gets, at first and when it is asked again.
local httpclient = require("httpclient")
local steps = require("spec.support.steps")
local tempdir = require("spec.support.tempdir")

local Error, EventSource = httpclient.Error, httpclient.EventSource
local play = steps(after_each)
local HEAD = steps.head("text/event-stream")
local ENDED = "HTTP/1.1 204 No\r\n\r\n"

-- A connection that takes the body up to this text, sends one event, and ends.
local function one(last)
  return { { "recv_until", last }, HEAD, "retry: 1\ndata: a\n\n" }
end

local function body_of(server, index)
  return server.received(index):match("\r\n\r\n(.*)$")
end

local function field_of(server, index, name)
  return server.received(index):match("\r\n" .. name .. ": ([^\r]*)\r\n")
end

-- The options' request is answered with one event, and can't be made again.
local function assert_once(server, options)
  local errors = {}
  options.idle_timeout = 20
  options.on_error = function(message, code) errors[#errors + 1] = { message, code } end
  local source = assert(EventSource.new(server.url(), options))
  assert.equal("a", source:next(20).data)
  local event, message, code = source:next(20)
  assert.is_nil(event)
  assert.truthy(message:find("can't give it a second time", 1, true), message)
  assert.equal(Error.ERR_INVALID_PARAMETER, code)
  assert.equal(EventSource.CLOSED, source.ready_state)
  assert.same({ { message, code } }, errors)
end

describe("An EventSource sends", function()
  local folder
  before_each(function()
    folder = tempdir.new()
    folder:write("body", "head-question")
  end)
  after_each(function()
    folder:close()
  end)

  it("its method, headers and body, each time", function()
    local server = play(one("question"), { { "recv_until", "question" }, ENDED })
    local source = EventSource.new(server.url("/q"), { method = "PUT", body = "question",
      last_event_id = "5", headers = { accept = "x/y", ["X-One"] = "1" }, idle_timeout = 20 })
    assert.equal("5", source.last_event_id)
    assert.equal("a", source:next(20).data)
    assert.is_nil(source:next(20))
    for index = 1, 2 do
      local text = server.received(index)
      assert.truthy(text:find("^PUT /q HTTP/1.1\r\n"), text)
      assert.same({ "1", "x/y", "no-store", "5", "8" }, { field_of(server, index, "X%-One"),
        field_of(server, index, "accept"), field_of(server, index, "Cache%-Control"),
        field_of(server, index, "Last%-Event%-ID"), field_of(server, index, "Content%-Length") })
      assert.is_nil(text:find("Accept: text/event-stream", 1, true))
      assert.equal("question", body_of(server, index))
    end
  end)

  it("a file again from where it stood", function()
    local server = play(one("question"), { { "recv_until", "question" }, ENDED })
    local file = assert(io.open(folder:file("body"), "rb"))
    finally(function() file:close() end)
    assert(file:seek("set", 5))
    local source = EventSource.new(server.url(), { body = file, idle_timeout = 20 })
    assert.equal("a", source:next(20).data)
    assert.is_nil(source:next(20))
    assert.equal("question", body_of(server, 1))
    assert.equal("question", body_of(server, 2))
  end)

  it("multipart with an open file again, with the boundary of its field", function()
    local server = play(one("--\r\n"), { { "recv_until", "--\r\n" }, ENDED })
    local file = assert(io.open(folder:file("body"), "rb"))
    finally(function() file:close() end)
    assert(file:seek("set", 5))
    local source = EventSource.new(server.url(), { multipart = { part = { file = file } },
      idle_timeout = 20 })
    assert.equal("a", source:next(20).data)
    assert.is_nil(source:next(20))
    local boundary = field_of(server, 2, "Content%-Type"):match("boundary=(.*)$")
    local body = body_of(server, 2)
    assert.equal("--" .. boundary, body:match("^[^\r]*"))
    assert.truthy(body:find("\r\n\r\nquestion\r\n--", 1, true), body)
    assert.equal(body_of(server, 1), body)
  end)

  it("nothing in the place of a function's body, which is gone", function()
    local pieces = { "quest", "ion" }
    local server = play({ { "recv_until", "\r\n0\r\n\r\n" }, HEAD, "retry: 1\ndata: a\n\n" })
    assert_once(server, { body = function() return table.remove(pieces, 1) end })
  end)

  it("nothing in the place of a pipe's, and of a part's", function()
    local pipe = assert(io.popen("printf question", "r"))
    finally(function() pipe:close() end)
    assert_once(play(one("\r\n0\r\n\r\n")), { body = pipe })
    local pieces = { "question" }
    assert_once(play(one("--\r\n")), { multipart = { part = {
      file = function() return table.remove(pieces, 1) end, size = 8 } } })
  end)

  it("no more once the file has been closed", function()
    local server = play(one("question"))
    local file = assert(io.open(folder:file("body"), "rb"))
    local source = EventSource.new(server.url(), { body = file, idle_timeout = 20 })
    assert.equal("a", source:next(20).data)
    file:close()
    local event, message, code = source:next(20)
    assert.is_nil(event)
    assert.equal("the file of the body has been closed", message)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
  end)

  it("no credentials that are given twice", function()
    local ok, message = pcall(EventSource.new, "http://localhost/", { bearer = "t",
      headers = { Authorization = "mine" } })
    assert.is_false(ok)
    assert.truthy(message:find("not both", 1, true), message)
  end)
end)
