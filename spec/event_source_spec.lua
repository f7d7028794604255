-- EventSource: the events of a server, over one connection after the other.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local ports = require("spec.support.ports")
local steps = require("spec.support.steps")

local Error, EventSource = httpclient.Error, httpclient.EventSource
local play = steps(after_each)
local with_server = require("spec.support.served")(after_each)
local HEAD = steps.head("text/event-stream; charset=utf-8")
local OPTIONS = { idle_timeout = 20, response_timeout = 20 }

local function events_of(text, options)
  local server = play({ HEAD, text })
  options = options or {}
  options.reconnect = false
  local source, list = EventSource.new(server.url(), options), {}
  for event in source:events() do
    list[#list + 1] = event
  end
  return list, source
end

describe("The events", function()
  -- text -> type, data, id of each
  local cases = {
    { "data: a\n\n", { "message", "a", "" } },
    { "data:a\n\ndata:  b\n\n", { "message", "a", "" }, { "message", " b", "" } },
    { "data: a\ndata\ndata: b\n\n", { "message", "a\n\nb", "" } },
    { "data\n\n", { "message", "", "" } }, { "data\ndata\n\n", { "message", "\n", "" } },
    { "data: a\r\rdata: b\r\n\r\n", { "message", "a", "" }, { "message", "b", "" } },
    { "event: add\ndata: 1\n\ndata: 2\n\n", { "add", "1", "" }, { "message", "2", "" } },
    { "event: add\n\ndata: 2\n\n", { "message", "2", "" } },
    { ": comment\n\n:\n\ndata: a\n\n", { "message", "a", "" } },
    { "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", { "message", "a", "1" },
      { "message", "b", "1" }, { "message", "c", "" } },
    { "id: 1\n\nid: 2\0\ndata: a\n\n", { "message", "a", "1" } },
    { "\239\187\191data: a\n\n", { "message", "a", "" } },
    { "\239\187\191\239\187\191data: a\n\n" },
    { "data: a\n" }, { "data: a" }, { "" }, { "\n\n\n" }, { "Data: a\n\n" }, { " data: a\n\n" },
    { "unknown: x\ndata: a\n\n", { "message", "a", "" } },
    { "data: \195\188\n\n", { "message", "\195\188", "" } },
    { "retry: x\ndata: a\n\n", { "message", "a", "" } },
  }
  for _, case in ipairs(cases) do
    it(("of %q"):format(case[1]), function()
      local expected = {}
      for index = 2, #case do
        expected[index - 1] = { type = case[index][1], data = case[index][2], id = case[index][3] }
      end
      assert.same(expected, (events_of(case[1])))
      local server = play({ HEAD, case[1] })
      local list = {}
      for event in assert(httpclient.stream(server.url(), OPTIONS)):events() do
        list[#list + 1] = event
      end
      assert.same(expected, list)
    end)
  end
end)

describe("An event of many lines", function()
  local parsers = require("httpclient.stream.event_parser")

  it("is one text, however many they are", function()
    for _, count in ipairs({ 1, 2, 4095, 4096, 4097, 8192, 20000 }) do
      local parser, lines = parsers.new(), {}
      for index = 1, count do
        lines[index] = tostring(index % 7)
        assert.is_nil((parser:line("data: " .. lines[index], 1e6)))
      end
      assert.equal(table.concat(lines, "\n"), parser:line("", 1e6).data)
      assert.is_nil((parser:line("", 1e6)))
      parser:line("data: next", 1e6)
      assert.equal("next", parser:line("", 1e6).data)
    end
  end)

  it("takes not much more room than its text, though they are empty", function()
    local parser = parsers.new()
    collectgarbage()
    collectgarbage()
    local before = collectgarbage("count")
    for _ = 1, 300000 do
      parser:line("data", 1e6)
    end
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 2048)
    assert.equal(299999, #parser:line("", 1e6).data)
  end)
end)

describe("An EventSource", function()
  it("connects again with the last id, after the time that the server says", function()
    local server = play({ HEAD, "retry: 10\nid: 7\ndata: a\n\nid: 8\ndata: cut" },
      { HEAD, "data: b\n\n" }, { "HTTP/1.1 204 No\r\n\r\n" })
    local errors, opened = {}, 0
    local source = EventSource.new(server.url("/e"), { idle_timeout = 20,
      on_open = function(response)
        opened = opened + 1
        assert.equal(200, response.status)
      end,
      on_error = function(message) errors[#errors + 1] = message end })
    assert.equal(EventSource.CONNECTING, source.ready_state)
    assert.same({ type = "message", data = "a", id = "7" }, source:next())
    assert.equal(EventSource.OPEN, source.ready_state)
    assert.equal("7", source.last_event_id)
    assert.same({ type = "message", data = "b", id = "7" }, source:next())
    local event, why, code = source:next()
    assert.is_nil(event)
    assert.truthy(why:find("no more events", 1, true), why)
    assert.is_nil(code)
    assert.equal(EventSource.CLOSED, source.ready_state)
    assert.equal(2, opened)
    assert.equal(3, #errors) -- the last one says that all is over
    assert.equal(why, errors[3])
    assert.is_nil(server.received(1):find("Last-Event-ID", 1, true))
    assert.truthy(server.received(1):find("\r\nAccept: text/event-stream\r\n", 1, true))
    assert.truthy(server.received(2):find("\r\nLast-Event-ID: 7\r\n", 1, true))
    assert.truthy(server.received(3):find("\r\nLast-Event-ID: 7\r\n", 1, true))
  end)

  it("sends the user information of its URL each time", function()
    local server = play({ HEAD, "retry: 1\ndata: a\n\n" }, { HEAD, "data: b\n\n" },
      { "HTTP/1.1 204 No\r\n\r\n" })
    local source = EventSource.new(server.url():gsub("//", "//ada:secret@"), OPTIONS)
    assert.equal("a", source:next().data)
    assert.equal("b", source:next().data)
    assert.is_nil(source:next())
    for index = 1, 3 do
      assert.truthy(server.received(index):find("\r\nAuthorization: Basic YWRhOnNlY3JldA==\r\n", 1,
        true))
    end
  end)

  it("sends an id with a tab in it, but no other control character", function()
    local server = play({ HEAD, "retry: 1\nid: a\tb\ndata: a\n\n" },
      { HEAD, "id: a\1b\ndata: b\n\n" }, { "HTTP/1.1 204 No\r\n\r\n" })
    local source = EventSource.new(server.url(), OPTIONS)
    assert.equal("a\tb", source:next().id)
    assert.equal("a\1b", source:next().id)
    assert.is_nil(source:next())
    assert.truthy(server.received(2):find("\r\nLast-Event-ID: a\tb\r\n", 1, true))
    assert.is_nil(server.received(3):find("Last-Event-ID", 1, true))
  end)

  it("goes on behind the last event, whatever a field of the caller's has said at first", function()
    local server = play({ HEAD, "retry: 1\ndata: a\n\n" }, { HEAD, "id: 9\ndata: b\n\n" },
      { HEAD, "id\ndata: c\n\n" }, { "HTTP/1.1 204 No\r\n\r\n" })
    local source = EventSource.new(server.url(), { idle_timeout = 20,
      headers = { ["last-event-id"] = "7", ["X-Other"] = "x" } })
    assert.equal("7", source.last_event_id)
    for _, expected in ipairs({ { "a", "7" }, { "b", "9" }, { "c", "" } }) do
      local event = source:next()
      assert.same(expected, { event.data, event.id })
    end
    assert.is_nil(source:next())
    for connection, id in ipairs({ "7", "7", "9" }) do
      local head = server.received(connection)
      assert.truthy(head:find(("\r\nLast-Event-ID: %s\r\n"):format(id), 1, true), head)
      assert.truthy(head:find("\r\nX-Other: x\r\n", 1, true), head)
      assert.is_nil(head:find("last-event-id", 1, true))
    end
    assert.is_nil(server.received(4):lower():find("last-event-id", 1, true))
    source = EventSource.new("http://localhost", { headers = { "Last-Event-ID: 7" },
      last_event_id = "8" })
    assert.equal("8", source.last_event_id)
    source = EventSource.new("http://localhost", { headers = { "Last-Event-ID: 7" },
      last_event_id = "" })
    assert.equal("7", source.last_event_id)
  end)

  it("waits for seconds before it connects again, unless the server says another time", function()
    local server = play({ HEAD, "data: a\n\n" }, { HEAD, "data: b\n\n" })
    local source = EventSource.new(server.url(), OPTIONS)
    assert.equal("a", source:next(20).data)
    assert.equal(Error.ERR_TIMEOUT, select(3, source:next(0.5)))
    assert.equal(EventSource.CONNECTING, source.ready_state)
    source:close()
    server = play({ HEAD, "retry: 10\ndata: a\n\n" }, { HEAD, "data: b\n\n" })
    source = EventSource.new(server.url(), OPTIONS)
    assert.equal("a", source:next(20).data)
    assert.equal("b", (source:next(2.5) or {}).data)
    source:close()
  end)

  it("fails for another status or type", function()
    for _, head in ipairs({ "HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n",
      steps.head("text/plain"), steps.head("text/event-streams"),
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }) do
      local server = play({ head })
      local source = EventSource.new(server.url(), OPTIONS)
      local event, message, code = source:next()
      assert.is_nil(event)
      assert.equal("string", type(message))
      assert.is_true(code ~= nil and code ~= Error.OK)
      assert.equal(EventSource.CLOSED, source.ready_state)
      assert.is_false((pcall(source:events())))
    end
  end)

  it("fails for what no other attempt could mend", function()
    local function redirect(location)
      return ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(location)
    end
    local loop = {}
    for index = 1, 9 do
      loop[index] = redirect("/")
    end
    local cases = {
      { { redirect("ftp://example.com/") }, {}, Error.ERR_INVALID_PARAMETER, "can't be followed" },
      { loop, {}, Error.FAILED, "more than 8 redirects" },
      { { redirect("/") }, { redirect = "error" }, Error.FAILED, "refuses" },
      { {}, { headers = { ["A B"] = "c" } }, Error.ERR_INVALID_PARAMETER, "header 1" },
      { {}, { method = "TRACE", body = "x" }, Error.ERR_INVALID_PARAMETER, "TRACE" },
      { {}, { allow_address = function() return false end }, Error.ERR_UNAUTHORIZED,
        "not allowed" },
      { { tls = certs.localhost.tls() }, {}, Error.ERR_CONNECTION_ERROR, "certificate" },
    }
    for index, case in ipairs(cases) do
      local options = case[2]
      local server = case[1].tls and with_server({ {} }, case[1]) or with_server({ case[1] })
      local told = {}
      options.on_error = function(message, code, facts)
        told[#told + 1] = { message, code, facts ~= nil }
      end
      local source = EventSource.new(server:url(), options)
      local event, message, code = source:next(20)
      assert.is_nil(event, index)
      assert.equal(case[3], code, message)
      assert.truthy(message:find(case[4], 1, true), message)
      assert.equal(EventSource.CLOSED, source.ready_state)
      assert.same({ { message, code, true } }, told)
      local is_whole, raised = pcall(source:events())
      assert.same({ false, message }, { is_whole, raised })
    end
  end)

  it("waits no longer than it is told, and loses nothing", function()
    local server = play({ { "gate", "head" }, HEAD, "data: a", { "gate", "rest" }, "b\n\n",
      { "recv_eof" } })
    local source = EventSource.new(server.url(), OPTIONS)
    assert.equal(Error.ERR_TIMEOUT, select(3, source:next(0.02)))
    server.open("head")
    assert.equal(Error.ERR_TIMEOUT, select(3, source:next(0.02)))
    assert.equal(Error.ERR_TIMEOUT, select(3, source:next(0)))
    server.open("rest")
    assert.equal("ab", source:next(20).data)
    source:close()
    assert.truthy(server.script:wait(20))
    assert.equal("the source is closed", select(2, source:next()))
  end)

  it("is moved by process() where there is on_event", function()
    local server = play({ HEAD, "data: a\n\ndata: b\n\n", { "recv_eof" } })
    local list = {}
    local source
    source = EventSource.new(server.url(), { idle_timeout = 20, on_event = function(event)
      list[#list + 1] = event.data
      if #list == 2 then
        source:close()
      end
    end })
    assert.is_false((pcall(source.next, source)))
    httpclient.run()
    assert.same({ "a", "b" }, list)
    assert.truthy(server.script:wait(20))
    assert.equal(EventSource.CLOSED, source.ready_state)
  end)

  it("tries again after a cut body, and not without reconnect", function()
    local server = play({ steps.chunked:gsub("\r\n\r\n",
      "\r\nContent-Type: text/event-stream\r\n\r\n"),
      steps.chunk("retry: 10\ndata: a\n\n") }, { HEAD, "data: b\n\n" })
    local source = EventSource.new(server.url(), OPTIONS)
    assert.equal("a", source:next().data)
    assert.equal("b", source:next().data)
    source:close()
    server = play({ (steps.chunked:gsub("\r\n\r\n", "\r\nContent-Type: text/event-stream\r\n\r\n")),
      steps.chunk("data: a\n\n") })
    source = EventSource.new(server.url(), { reconnect = false })
    assert.equal("a", source:next().data)
    local _, message, code = source:next()
    assert.truthy(message)
    assert.is_true(code ~= nil)
  end)

  it("takes nothing from a line that the end has cut off", function()
    local server = play({ HEAD, "retry: 1\ndata: a\n\nretry: 99999" }, { HEAD, "data: b\n\n" })
    local source = EventSource.new(server.url(), OPTIONS)
    assert.equal("a", source:next().data)
    assert.equal("b", (source:next(10) or {}).data)
    source:close()
  end)

  it("goes on when a handler raises, which comes out of run()", function()
    local server = play({ HEAD, "retry: 1\ndata: a\n\ndata: b\n\n" }, { "HTTP/1.1 204 No\r\n\r\n" })
    local list, opened = {}, false
    local source = EventSource.new(server.url(), { idle_timeout = 20,
      on_open = function()
        opened = true
        error("of on_open", 0)
      end,
      on_event = function(event)
        list[#list + 1] = event.data
        error("of " .. event.data, 0)
      end,
      on_error = function() error("of on_error", 0) end })
    local raised = ""
    repeat
      local ok, message = pcall(httpclient.run)
      raised = raised .. (message or "")
    until ok
    assert.truthy(raised:find("of on_open.*of a.*of b.*of on_error"), raised)
    assert.is_true(opened)
    assert.same({ "a", "b" }, list)
    assert.equal(EventSource.CLOSED, source.ready_state)
  end)

  it("lets its handlers fetch and sleep", function()
    local server = play({ HEAD, "data: a\n\n" }, { "HTTP/1.1 204 No\r\n\r\n" })
    local status
    EventSource.new(server.url(), { reconnect = false, on_event = function()
      httpclient.sleep(0.001)
      status = assert(httpclient.fetch(server.url())).status
    end })
    httpclient.run()
    assert.equal(204, status)
  end)

  it("tells whether the request was sent that came to nothing", function()
    local server = play({ HEAD, "retry: 1\ndata: a\n\n" },
      { "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" })
    local told = {}
    local source = EventSource.new(server.url(), { idle_timeout = 20,
      on_error = function(_, _, facts) told[#told + 1] = facts end })
    assert.same({ type = "message", data = "a", id = "" }, source:next())
    local _, _, code, facts = source:next()
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.same({ sent = true, attempts = 1 }, facts)
    assert.same({ facts, facts }, told)
    source = EventSource.new(("http://127.0.0.1:%d/"):format(ports.free(1)[1]), { reconnect = false,
      on_error = function(_, _, of_this) told[3] = of_this end })
    _, _, code, facts = source:next(20)
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.same({ sent = false, attempts = 1 }, facts)
    assert.same(facts, told[3])
  end)

  it("tells on_error that all is over, but not who has closed it", function()
    local told, source = {}, nil
    local function on_error(message, code, facts)
      told[#told + 1] = { message, code or "none", facts.sent }
    end
    local server = play({ HEAD, "data: a\n\n" })
    EventSource.new(server.url(),
      { reconnect = false, on_event = function() end, on_error = on_error })
    httpclient.run()
    assert.same({ { "the stream has ended", "none", true } }, told)
    server = play({ HEAD, "data: a\n\n", { "recv_eof" } })
    source = EventSource.new(server.url(), { on_error = on_error,
      on_event = function() source:close() end })
    httpclient.run()
    assert.equal(1, #told)
  end)

  it("sends any method, headers and body", function()
    local list = events_of("data: a\n\n",
      { method = "POST", body = "question", headers = { Accept = "x/y" } })
    assert.equal(1, #list)
  end)

  it("says what is wrong with its arguments", function()
    assert.is_false((pcall(EventSource.new)))
    assert.is_false((pcall(EventSource.new, "http://localhost", { on_data = print })))
    local _, wrong = pcall(EventSource.new, "http://localhost", { form = { { 1, 2, 3 } } })
    assert.truthy(wrong:find("bad option 'form' of EventSource", 1, true), wrong)
    local source, message, code = EventSource.new("ftp://localhost")
    assert.is_nil(source)
    assert.truthy(message)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
  end)
end)
