-- stream: a response as soon as its head is in, and what follows as it comes.
local httpclient = require("httpclient")
local pipe = require("spec.support.pipe")
local serve = require("spec.support.serve")
local served = require("spec.support.served")
local steps = require("spec.support.steps")

local Error, stream = httpclient.Error, httpclient.stream
local play = steps(after_each)
local with_server = served(after_each)
local chunk, head = steps.chunk, steps.head
-- No test waits longer for what does not come.
local SOON = { idle_timeout = 20, response_timeout = 20 }

local function gate(name)
  return { "gate", name }
end

local function all_of(iterator)
  local list = {}
  for value in iterator do list[#list + 1] = value end
  return list
end

describe("stream", function()
  it("gives what is left as JSON", function()
    local server = play({ head(), "{\"a\":", gate("rest"), "[1,2]}" }, { head(), "xx[true]" },
      { steps.chunked, chunk("[1,") }, { head(), "[1" })
    local response = assert(stream(server.url(), SOON))
    server.open("rest")
    assert.same({ a = { 1, 2 } }, (response:json()))
    response = assert(stream(server.url(), SOON))
    assert.equal("xx", response:read(2))
    assert.same({ true }, (response:json()))
    for _ = 1, 2 do -- one is cut off, and one is no JSON
      local value, message = assert(stream(server.url(), SOON)):json()
      assert.is_nil(value)
      assert.is_string(message)
    end
  end)

  it("comes back with the head, before anything else is there", function()
    local server = play({ head("x/y"), gate("body"), "hello", gate("more"), " world" })
    local response = assert(stream(server.url("/p"), SOON))
    assert.equal(200, response.status)
    assert.is_true(response.ok)
    assert.equal("x/y", response.headers["content-type"])
    assert.same({ "x/y" }, response:header_values("Content-Type"))
    assert.equal(server.url("/p"), response.url)
    server.open("body")
    assert.equal("hello", response:read())
    server.open("more")
    assert.equal(" world", response:read())
    assert.is_nil(response:read())
    assert.same({ n = 1 }, { n = select("#", response:read()) })
  end)

  it("gives no more at a time than is asked for, and never nothing", function()
    local server = play({ head(), "hello world" })
    local response = assert(stream(server.url(), SOON))
    assert.equal("h", response:read(1))
    assert.equal("ello", response:read(4))
    assert.equal(" world", response:read(100))
    assert.is_nil(response:read(1))
    for _, bad in ipairs({ 0, -1, 1.5, "x", {} }) do
      assert.is_false((pcall(response.read, response, bad)))
    end
    local ok, message = pcall(response.read)
    assert.is_false(ok)
    assert.truthy(message:find("use stream:read(), with a colon", 1, true), message)
  end)

  it("iterates over chunks", function()
    local server = play({ steps.chunked, chunk("ab"), chunk("cdef"), "0\r\nX-T: 1\r\n\r\n" })
    local response = assert(stream(server.url(), SOON))
    assert.equal("abcdef", table.concat(all_of(response:chunks(3))))
    assert.equal("1", response:trailer("x-t"))
    server = play({ head(), "abcdef" })
    response = assert(stream(server.url(), SOON))
    assert.same({ "ab", "cd", "ef" }, all_of(response:chunks(2)))
  end)

  it("keeps the connection of what was read whole, and of what has no content", function()
    local empty = "HTTP/1.1 204 No\r\n\r\n"
    local server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", empty,
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } })
    local response = assert(stream(server:url(), SOON))
    assert.same({ "hi" }, all_of(response:chunks()))
    assert.is_nil(assert(stream(server:url(), SOON)):read())
    assert.is_nil(assert(stream(server:url(), { method = "HEAD", idle_timeout = 9 })):read())
    assert.is_nil(assert(stream(server:url(), SOON)):read())
    assert.equal(1, #server:requests())
  end)

  it("is done with the connection when the last piece is read", function()
    local server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" } })
    local response = assert(stream(server:url(), SOON))
    assert.equal("hi", response:read())
    assert.same({ 0, 1, 0 }, { httpclient.pool.count() })
    assert.is_nil(response:read())
    response:close()
    httpclient.pool.close_idle()
    server:requests()
  end)

  it("tells why there is no more", function()
    local server = play({ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello" })
    local response = assert(stream(server.url(), SOON))
    assert.equal("hello", response:read())
    for _ = 1, 2 do
      for _ = 1, 2 do
        local bytes, message, code, facts = response:read()
        assert.is_nil(bytes)
        assert.equal("string", type(message))
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.same({ sent = true, attempts = 1 }, facts)
      end
    end
    for _, name in ipairs({ "chunks", "lines", "events" }) do
      server = play({ steps.chunked, chunk("data: a\n\ndata") })
      response = assert(stream(server.url(), SOON))
      local ok, message = pcall(all_of, response[name](response))
      assert.is_false(ok)
      assert.equal("string", type(message))
    end
  end)

  it("fails as fetch does where no head comes", function()
    local server = play({ "nonsense" })
    local response, message, code, facts = stream(server.url(), SOON)
    assert.is_nil(response)
    assert.truthy(message)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.is_true(facts.sent)
    response, message, code = stream("ftp://localhost/")
    assert.is_nil(response)
    assert.truthy(message)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
  end)

  it("decodes, follows redirects, and has limits", function()
    local coded = pipe.gzip(("hello "):rep(100000))
    local server = with_server({ { "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
      ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"):format(#coded)
        .. coded } })
    local response = assert(stream(server:url(), SOON))
    assert.equal(1, response.redirects)
    local most, size = 0, 0
    for bytes in response:chunks() do
      most, size = math.max(most, #bytes), size + #bytes
    end
    assert.equal(600000, size)
    assert.is_true(most <= 65536)
    server = play({ head(), "12345" })
    response = assert(stream(server.url(), { body_size_limit = 4, idle_timeout = 9 }))
    local bytes, message = response:read()
    assert.is_nil(bytes)
    assert.truthy(message:find("more than 4 bytes", 1, true), message)
  end)

  it("closes the connection at once where it is broken off", function()
    local server = play({ head(), "hello", { "recv_eof" } })
    local response = assert(stream(server.url(), SOON))
    response:read(1)
    response:close()
    assert.truthy(server.script:wait(20))
    local bytes, message, code = response:read()
    assert.is_nil(bytes)
    assert.equal("the stream is closed", message)
    assert.equal(Error.ERR_UNAVAILABLE, code)
    response:close()
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("takes no more from the socket than is read", function()
    local size = 64 * 1048576
    local server = play({ ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size),
      { "send", ("x"):rep(65536), size / 65536 } })
    local response = assert(stream(server.url(), SOON))
    assert.equal(10, #response:read(10))
    collectgarbage()
    assert.is_true(collectgarbage("count") < 40000)
    local total = 10
    for bytes in response:chunks() do
      total = total + #bytes
      assert.is_true(#bytes <= 65536)
    end
    assert.equal(size, total)
  end)

  it("is gone without a trace when nobody has it any more", function()
    local server = play({ head(), "hello", { "recv_eof" } })
    local weak = setmetatable({ assert(stream(server.url(), SOON)) }, { __mode = "v" })
    assert.equal("hello", weak[1]:read())
    for _ = 1, 5 do collectgarbage() end
    assert.is_nil(weak[1])
    assert.truthy(server.script:wait(20))
    httpclient.pool.close_idle()
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("raises what a callback has raised, and ends", function()
    local server = play({ head(), "hello", { "recv_eof" } })
    local response = assert(stream(server.url(),
      { idle_timeout = 9, on_progress = function() error("mine", 0) end }))
    assert.equal("hello", response:read())
    local ok, message = pcall(response.read, response)
    assert.is_false(ok)
    assert.equal("mine", message)
    assert.is_nil(response:read())
  end)

  it("gives no coroutine that a callback has seen to another stream", function()
    local server = with_server({ { serve.answer("one"), serve.answer("two") } })
    local seen
    local first = assert(stream(server:url("/"), { on_response = function()
      seen = coroutine.running()
    end }))
    assert.equal("one", first:read())
    assert.is_nil(first:read())
    assert.equal("dead", coroutine.status(seen))
    assert.is_false((coroutine.resume(seen, error, "not mine")))
    assert.equal("two", assert(stream(server:url("/"))):read())
  end)

  it("takes what fetch takes, but for where content goes", function()
    for _, name in ipairs({ "on_data", "download_file", "resume" }) do
      local ok, message = pcall(stream, "http://localhost/", { [name] = true })
      assert.is_false(ok)
      assert.truthy(message:find("stream has no option '" .. name .. "'", 1, true), message)
    end
    local server = play({ head(), "x" })
    local heard
    local response = assert(stream(server.url(),
      { idle_timeout = 9, on_response = function(r) heard = r end }))
    assert.equal(response, heard)
  end)
end)

describe("lines", function()
  -- pieces as they are sent, the lines that they are
  local cases = {
    { { "a\nb\n" }, { "a", "b" } }, { { "a\nb" }, { "a", "b" } },
    { { "a\r\nb\r\n" }, { "a", "b" } }, { { "a\rb\r" }, { "a", "b" } },
    { { "a\r", "\nb" }, { "a", "b" } }, { { "\n" }, { "" } },
    { { "\r", "\n", "\r", "\n" }, { "", "" } }, { { "\r\r\n\n" }, { "", "", "" } },
    { { "a", "b", "\nc", "\n" }, { "ab", "c" } }, { { "a\r", "b\n" }, { "a", "b" } },
    { { "\195", "\188\n\226\130", "\172" }, { "\195\188", "\226\130\172" } }, { {}, {} },
    { { "a\n\n" }, { "a", "" } }, { { "a\0b\n" }, { "a\0b" } }, { { "a\r", "\n" }, { "a" } },
  }
  for _, case in ipairs(cases) do
    it(("of %q"):format(table.concat(case[1], "|")), function()
      local parts = { steps.chunked }
      for index, piece in ipairs(case[1]) do
        parts[#parts + 1] = chunk(piece)
        parts[#parts + 1] = gate(tostring(index))
      end
      parts[#parts + 1] = "0\r\n\r\n"
      local server = play(parts)
      local opened, lines = 0, {}
      -- one piece at a time: each is read before the next one is sent
      local response = assert(stream(server.url(), { idle_timeout = 9, on_progress = function()
        opened = opened + 1
        server.open(tostring(opened))
      end }))
      for line in response:lines() do lines[#lines + 1] = line end
      assert.same(case[2], lines)
    end)
  end

  it("and read() share what has come", function()
    local server = play({ head(), "one\r\ntwo\nrest" })
    local response = assert(stream(server.url(), SOON))
    local lines = response:lines()
    assert.equal("one", lines())
    assert.equal("two", lines())
    assert.equal("re", response:read(2))
    assert.equal("st", response:lines()())
    assert.is_nil(lines())
  end)

  it("have a limit", function()
    local server = play({ head(), ("x"):rep(100) .. "\n" .. ("y"):rep(101) })
    local response = assert(stream(server.url(), SOON))
    local lines = response:lines(100)
    assert.equal(100, #lines())
    local ok, message = pcall(lines)
    assert.is_false(ok)
    assert.truthy(message:find("more than 100 bytes", 1, true), message)
  end)
end)
