-- Request bodies from functions and files: framing, back-pressure, errors, Expect, early answers, large ones.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local streams = require("spec.support.streams")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

local keep = require("spec.support.kept")(after_each)

local function world(options)
  local listener = keep(assert(native.listen({})))
  local client, conn = support.connect(listener, options)
  return keep(client), keep(conn)
end

-- The options of a world, plain or over TLS.
local function over(secure)
  return secure and { tls = httpclient.TLSOptions.client_unsafe(),
    server_tls = certs.localhost.tls() } or nil
end

local function list(...)
  local parts, i = { ... }, 0
  return function()
    i = i + 1
    return parts[i]
  end
end

-- Polls till the server has the text. -> all it got
local function receive_until(client, conn, text)
  return support.until_true(function()
    client:poll()
    return conn:recv_until(text, 0)
  end)
end

local function failed(client)
  support.pump(client, support.is_answered_or_failed)
  assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
  return select(2, client:get_last_error())
end

describe("a body function", function()
  it("is sent in chunks", function()
    local client, conn = world()
    support.request(client, "POST", "/", {}, list("abc", "0123456789abcdef"))
    local head = receive_until(client, conn, "\r\n\r\n")
    assert.truthy(head:find("\r\nTransfer-Encoding: chunked\r\n", 1, true))
    assert.is_nil(head:find("Content-Length", 1, true))
    assert.equal("3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
      receive_until(client, conn, "0\r\n\r\n"))
    assert.equal(19, client:get_request_body_sent())
    conn:send(OK)
    support.pump(client, HTTPClient.STATUS_BODY)
  end)

  it("is sent as it is under a given Content-Length", function()
    local client, conn = world()
    support.request(client, "PUT", "/", { "Content-Length: 6" }, list("ab", "cd", "ef"))
    local head = receive_until(client, conn, "\r\n\r\n")
    assert.is_nil(head:find("Transfer-Encoding", 1, true))
    assert.equal("abcdef", receive_until(client, conn, "ef"))
  end)

  local wrong = {
    { "raises", function() error("out of paper") end, {}, "out of paper" },
    { "returns a number's table", function() return {} end, {}, "must return a string or nil" },
    { "returns a boolean", function() return true end, {}, "must return a string or nil" },
    { "returns a number", function() return 5 end, {}, "must return a string or nil" },
    { "returns false", function() return false end, {}, "must return a string or nil" },
    { "raises a table", function() error({}) end, {}, "body function" },
    { "raises nothing", function() error() end, {}, "body function" },
    { "raises a control byte", function() error("a\nb\0c", 0) end, {}, "a?b" },
    { "yields", function() coroutine.yield("x") end, {}, "yield" },
    { "recurses for ever", function() local function f() return f() .. "" end return f() end, {},
      "stack" },
    { "gives nothing for a length", function() end, { "Content-Length: 1" }, "ended before" },
    { "ends too early", list("ab"), { "Content-Length: 3" }, "ended before" },
    { "gives too much", function() return "abcd" end, { "Content-Length: 3" }, "longer than" },
  }
  for _, case in ipairs(wrong) do
    it("ends the request with a message when it " .. case[1], function()
      for _, blocking in ipairs({ false, true }) do
        local client = world()
        client.blocking_mode_enabled = blocking
        support.request(client, "POST", "/", case[3], case[2])
        local thread = coroutine.create(function() return failed(client) end)
        local ran, message = coroutine.resume(thread)
        assert.is_true(ran, tostring(message))
        assert.truthy(message:find(case[4], 1, true), message)
        assert.equal(Error.ERR_CONNECTION_ERROR, (client:get_last_error()))
        client:close()
      end
    end)
  end

  it("may not use its own client", function()
    local client = world()
    support.request(client, "POST", "/", {}, function()
      client:poll()
      return "x"
    end)
    assert.truthy(failed(client):find("body function", 1, true))
  end)

  it("is asked only when the socket takes more", function()
    local client, conn = world()
    local calls, piece = 0, ("x"):rep(65536)
    support.request(client, "POST", "/", {}, function()
      calls = calls + 1
      return piece
    end)
    -- Full: for a while the kernel has had no room, here or at the other end.
    support.until_true(function()
      local before = calls
      local _, ready = client:wait(0.1)
      return not ready and calls == before
    end)
    local full = calls
    for _ = 1, 200 do
      client:poll()
    end
    assert.is_true(calls < full + 20, calls .. " calls, and it was full after "
      .. full) -- a busy kernel may find a little room yet
    assert.is_true(full < 1000, tostring(full))
    local got = 0
    support.until_true(function()
      got = got + #(conn:recv(1048576, 0) or "")
      client:poll()
      return calls > full
    end)
    assert.is_true(got > 0)
  end)
end)

describe("a body file", function()
  for _, secure in ipairs({ false, true }) do
    it("goes out from its position to its end, TLS " .. tostring(secure), function()
      local folder = tempdir.new()
      local file = assert(io.open(folder:write("body", "0123456789"), "rb"))
      finally(function()
        file:close()
        folder:close()
      end)
      local client, conn = world(over(secure))
      assert.equal("0123", file:read(4))
      support.request(client, "PUT", "/", {}, file)
      local head = receive_until(client, conn, "\r\n\r\n")
      assert.truthy(head:find("\r\nContent-Length: 6\r\n", 1, true))
      assert.equal("456789", receive_until(client, conn, "789"))
      assert.equal(6, client:get_request_body_sent())
    end)
  end

  for _, secure in ipairs({ false, true }) do
    it("that becomes shorter on its way ends the request, TLS " .. tostring(secure), function()
      local folder = tempdir.new()
      local path = folder:write("body", ("x"):rep(16 * 1048576))
      local file = assert(io.open(path, "rb"))
      finally(function()
        file:close()
        folder:close()
      end)
      local client, conn = world(over(secure))
      support.request(client, "PUT", "/", {}, file)
      receive_until(client, conn, "\r\n\r\n")
      assert(io.open(path, "wb")):close()
      support.until_true(function()
        client:poll()
        conn:recv(1048576, 0)
        return client:get_status() ~= HTTPClient.STATUS_REQUESTING
      end)
      assert.truthy(failed(client):find("shorter than it was", 1, true))
    end)
  end

  it("must be open", function()
    local client = world()
    local file = io.tmpfile()
    file:close()
    assert.has_error(function() client:request(HTTPClient.METHOD_PUT, "/", {}, file) end)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)

end)

describe("Expect: 100-continue", function()
  local function expecting()
    local client, conn = world()
    support.request(client, "POST", "/", { "Expect: 100-continue" }, "content")
    receive_until(client, conn, "\r\n\r\n")
    client:poll()
    assert.equal("timeout", select(2, conn:recv(1, 0)))
    return client, conn
  end

  it("sends the content after a 100", function()
    local client, conn = expecting()
    conn:send("HTTP/1.1 100 Continue\r\n\r\n")
    assert.equal("content", receive_until(client, conn, "content"))
  end)

  it("keeps the content back after a final status", function()
    local client, conn = expecting()
    conn:send("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    support.read_all(client)
    assert.equal(417, client:get_response_code())
    assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    assert.equal("", conn:recv_all())
  end)

  it("does not take the silence that it asked for as idleness", function()
    local client, conn = world()
    client.idle_timeout = 0.2
    support.request(client, "POST", "/", { "Expect: 100-continue" }, "content")
    local before = native.monotonic()
    support.until_true(function()
      assert.equal(Error.OK, (client:wait(2)))
      return conn:recv_until("content", 0)
    end)
    assert.is_true(native.monotonic() - before > 0.8)
  end)

  it("asks no body function before the 100", function()
    local client, conn = world()
    local calls = 0
    support.request(client, "POST", "/", { "Expect: 100-continue" }, function()
      calls = calls + 1
      return calls == 1 and "piece" or nil
    end)
    receive_until(client, conn, "\r\n\r\n")
    for _ = 1, 5 do client:poll() end
    assert.equal(0, calls)
    conn:send("HTTP/1.1 100 Continue\r\n\r\n")
    assert.equal("5\r\npiece\r\n0\r\n\r\n", receive_until(client, conn, "0\r\n\r\n"))
  end)

  it("without content waits for nothing", function()
    local client, conn = world()
    support.request(client, "POST", "/", { "Expect: 100-continue" })
    receive_until(client, conn, "\r\n\r\n")
    conn:send(OK)
    support.pump(client, HTTPClient.STATUS_BODY)
    support.read_all(client)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)

  it("goes on with a 100 that comes when the content is under way, and skips others", function()
    local client, conn = expecting()
    conn:send("HTTP/1.1 103 Hints\r\n\r\n")
    client:poll()
    assert.equal("timeout", select(2, conn:recv(1, 0.02)))
    conn:send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
    receive_until(client, conn, "content")
    conn:send("HTTP/1.1 100 Continue\r\n\r\n" .. OK)
    support.pump(client, HTTPClient.STATUS_BODY)
    support.read_all(client)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)

  it("sends the content after a second of silence", function()
    local client, conn = expecting()
    local before = native.monotonic()
    support.until_true(function()
      client:wait(2)
      return conn:recv_until("content", 0)
    end)
    local passed = native.monotonic() - before
    assert.is_true(passed > 0.8 and passed < 5, tostring(passed))
  end)
end)

describe("an early answer", function()
  it("stops the upload and ends the connection after the body", function()
    local client, conn = world()
    support.request(client, "POST", "/", {}, ("x"):rep(32 * 1048576))
    receive_until(client, conn, "\r\n\r\n")
    conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    support.pump(client, HTTPClient.STATUS_BODY)
    local body, status = support.read_all(client)
    assert.equal("no", body)
    assert.equal(413, client:get_response_code())
    assert.equal(HTTPClient.STATUS_DISCONNECTED, status)
    assert.is_true(client:get_request_body_sent() < 32 * 1048576)
  end)

  for _, framed in ipairs({ false, true }) do
    it("stops a body function, which is not asked again, Content-Length "
      .. tostring(framed), function()
      local client, conn = world()
      local calls = 0
      support.request(client, "POST", "/", framed and { "Content-Length: 1000000000" }
        or {}, function()
        calls = calls + 1
        return ("x"):rep(100000)
      end)
      receive_until(client, conn, "\r\n\r\n")
      conn:send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
      support.pump(client, HTTPClient.STATUS_BODY)
      local before = calls
      assert.equal("no", (support.read_all(client)))
      assert.equal(before, calls)
      assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end)
  end

  it("without a body of its own ends the connection, too", function()
    local client, conn = world()
    support.request(client, "POST", "/", {}, ("x"):rep(32 * 1048576))
    receive_until(client, conn, "\r\n\r\n")
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_DISCONNECTED)
    assert.equal(204, client:get_response_code())
  end)

  it("is read although the server hangs up on the upload", function()
    for _, ending in ipairs({ "close", "shutdown" }) do
      local client, conn = world()
      support.request(client, "POST", "/", {}, ("x"):rep(32 * 1048576))
      receive_until(client, conn, "\r\n\r\n")
      while conn:recv(1048576, 0) do end
      conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
      conn[ending](conn)
      support.pump(client, support.is_answered_or_failed)
      assert.equal(413, client:get_response_code(), ending)
      assert.equal("no", (support.read_all(client)))
      client:close()
      conn:close()
    end
  end)
end)

describe("a large upload", function()
  local SIZE, PIECE = 64 * 1048576, 1048576
  local block = {}
  for i = 1, 4096 do
    block[i] = ("%08d"):format(i * 7919) .. ("\0\r\n\255"):rep(62)
  end
  block = table.concat(block):sub(1, PIECE)

  -- Every received byte is compared with what stands at its place.
  local function check(options, make_body)
    local client, conn = world(options)
    local body, done = make_body()
    support.request(client, "POST", "/", { "Content-Length: " .. ("%d"):format(SIZE) }, body)
    receive_until(client, conn, "\r\n\r\n")
    local got = 0
    support.until_true(function()
      client:poll()
      local bytes = conn:recv(PIECE, 0)
      if bytes and bytes ~= "" then
        local at = got % PIECE
        local expected = block:sub(at + 1, at + #bytes)
        if #expected < #bytes then
          expected = expected .. block:sub(1, #bytes - #expected)
        end
        if bytes ~= expected then
          error("wrong bytes behind " .. got)
        end
        got = got + #bytes
      end
      return got == SIZE
    end)
    conn:send(OK)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal(SIZE, client:get_request_body_sent())
    done()
  end

  local function from_function()
    local left = SIZE / PIECE
    return function()
      left = left - 1
      return left >= 0 and block or nil
    end, function() end
  end

  local function from_file()
    local file = assert(io.tmpfile())
    for _ = 1, SIZE / PIECE do
      file:write(block)
    end
    file:seek("set", 0)
    return file, function() file:close() end
  end

  for name, make in pairs({ ["a function"] = from_function, ["a file"] = from_file }) do
    it("arrives whole from " .. name .. ", plain", function() check(nil, make) end)
    it("arrives whole from " .. name .. ", TLS", function()
      check({ tls = httpclient.TLSOptions.client_unsafe(), server_tls = certs.localhost.tls() },
        make)
    end)
  end
end)

describe("a request that is refused", function()
  it("leaves the client connected", function()
    local client = world()
    local code = client:request(HTTPClient.METHOD_TRACE, "/", {}, list("x"))
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  end)
end)

-- A go of the client's is 1 MiB at the most, and here ends with the body; the answer is there when it looks next.
describe("an answer to all of a body is no early one", function()
  local SIZE = 1048576
  local answered = "\r\n\r\n" .. ("x"):rep(SIZE)
  local function serve(sent)
    return sent:sub(-#answered) == answered and "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
      or ""
  end

  local bodies = {
    ["a string"] = function() return ("x"):rep(SIZE) end,
    ["a file"] = function()
      local file = assert(io.tmpfile())
      file:write(("x"):rep(SIZE))
      file:seek("set", 0)
      return file
    end,
    ["a function"] = function()
      local left = { ("x"):rep(SIZE) }
      return function() return table.remove(left) end
    end,
  }
  for name, make in pairs(bodies) do
    it(name, function()
      local client = HTTPClient.new()
      client:set_connection(streams.served(serve))
      support.request(client, "PUT", "/", { "Content-Length: " .. SIZE }, make())
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("hi", (support.read_all(client)))
      assert.equal(SIZE, client:get_request_body_sent())
      assert.equal("STATUS_CONNECTED", support.status_of(client))
      client:close()
    end)
  end
end)
