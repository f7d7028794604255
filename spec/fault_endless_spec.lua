-- A server that never comes to an end: with every part of an answer that could go on for ever. It
-- is refused after a bounded number of bytes, or handed out as it comes; in both cases with little
-- memory, and without keeping anybody in one call.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local LIMIT = 65536      -- max_header_size
local PIECE = 4096       -- the server sends about this much, then the client looks
local SLACK = 131072     -- what the client may have read ahead, and the kernel hold
-- What runs under a sanitizer or valgrind does not give freed memory back.
local MEMORY = os.getenv("SPEC_TIME_FACTOR") and math.huge or 6 * 1048576

local function repeated(text)
  return (text:rep(math.max(1, math.floor(PIECE / #text))))
end

local head = "HTTP/1.1 200 OK\r\n"
local chunked = head .. "Transfer-Encoding: chunked\r\n\r\n"

-- begin: sent once; again: sent for ever; most: how many bytes the server gets rid of (default the head's limit).
local refused = {
  { "status line", begin = "HTTP/1.1 200 ", again = repeated("a") },
  { "field name", begin = head, again = repeated("a") },
  { "field value", begin = head .. "X: ", again = repeated("a") },
  { "blanks behind a value", begin = head .. "X: a", again = repeated(" ") },
  { "folded line", begin = head .. "X: a\r\n", again = repeated(" b\r\n") },
  { "fields", begin = head, again = repeated("X: a\r\n") },
  { "empty fields", begin = head, again = repeated("X:\n") },
  { "empty lines before the answer", begin = "", again = repeated("\r\n") },
  { "1xx heads", begin = "", again = repeated("HTTP/1.1 100 Continue\r\n\r\n") },
  { "1xx heads with fields", begin = "",
    again = repeated("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") },
  { "zeros of a chunk size", begin = chunked, again = repeated("0"), most = 4096 },
  { "blanks behind a chunk size", begin = chunked .. "1", again = repeated(" "), most = 4096 },
  { "chunk extension", begin = chunked .. "1;a=", again = repeated("b"), most = 4096 },
  { "quoted chunk extension", begin = chunked .. '1;a="', again = repeated("b"), most = 4096 },
  { "chunk extensions", begin = chunked .. "1", again = repeated(";a=b"), most = 4096 },
  { "extension of the last chunk", begin = chunked .. "0;", again = repeated("b"), most = 4096 },
  { "trailer name", begin = chunked .. "0\r\n", again = repeated("a") },
  { "trailer value", begin = chunked .. "0\r\nX: ", again = repeated("a") },
  { "trailers", begin = chunked .. "1\r\na\r\n0\r\n", again = repeated("X: a\r\n") },
}

-- Sends for ever, and calls look() after every piece, until that says true or `most` bytes are out. -> bytes sent
local function flood(conn, begin, again, most, look)
  local sent, before = 0, native.cputime()
  local waiting = begin
  while sent < most do
    if waiting == "" then waiting = again end
    local now = conn:send_some(waiting)
    if not now then return sent end -- the client hung up
    sent, waiting = sent + now, waiting:sub(now + 1)
    if look() then return sent end
    assert(native.cputime() - before < 10 * factor, "it takes too long")
  end
  return sent
end

local function look_at(client, consume)
  return function()
    local before = native.monotonic()
    if client:get_status() == HTTPClient.STATUS_BODY then
      consume(client:read_response_body_chunk())
    else
      client:poll()
    end
    assert(native.cputime() - before < 5 * factor, "one call took too long")
    local status = client:get_status()
    return status ~= HTTPClient.STATUS_REQUESTING and status ~= HTTPClient.STATUS_BODY
      and status ~= HTTPClient.STATUS_CONNECTING
  end
end

local function memory()
  collectgarbage()
  return native.resident_memory() + collectgarbage("count") * 1024
end

local function exchange_again(client, listener)
  client:close()
  local _, conn = support.connect(listener, { client = client })
  assert.equal("hello", tls.exchange(client, conn))
  conn:close()
  client:close()
end

describe("An endless", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  for _, case in ipairs(refused) do
    it(case[1] .. " is refused in time", function()
      local client, conn = support.connect(listener)
      support.ask(client, conn)
      local before, content = memory(), 0
      local sent = flood(conn, case.begin, case.again, 64 * 1048576, look_at(client, function(chunk)
        content = content + #chunk
      end))
      assert.equal("STATUS_CONNECTION_ERROR", support.status_name(client:get_status()))
      assert.is_true(sent <= (case.most or LIMIT) + SLACK, sent .. " bytes went out")
      assert.is_true(memory() - before < MEMORY)
      assert.is_true(content <= 1)
      local code, message = client:get_last_error()
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      assert.is_true(#message > 20, message)
      conn:close()
      exchange_again(client, listener)
    end)
  end

  it("head of a proxy is refused in time", function()
    for _, case in ipairs(refused) do
      if not case.begin:find("chunked", 1, true) then
        local client = HTTPClient.new()
        client:set_https_proxy("127.0.0.1", listener:port())
        assert.equal(Error.OK, (client:connect_to_host("example.test", 443, tls.trusting())))
        local conn = support.accept(listener, client)
        support.head_of(client, conn)
        local before = memory()
        local sent = flood(conn, case.begin, case.again, 64 * 1048576, look_at(client))
        local _, message = client:get_last_error()
        assert.equal("STATUS_CANT_CONNECT", support.status_name(client:get_status()), case[1])
        assert.truthy(message:find("proxy", 1, true), message)
        assert.is_true(sent <= LIMIT + SLACK, case[1] .. ": " .. sent .. " bytes went out")
        assert.is_true(memory() - before < MEMORY, case[1])
        conn:close()
        client:set_https_proxy("", -1)
        exchange_again(client, listener)
      end
    end
  end)

  it("head ends a fetch", function()
    local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send_some", repeated("a"), 1e6 }, { "close" } })
    local response, message, code = httpclient.fetch(("http://127.0.0.1:%d/"):format(server:port()))
    server:stop()
    assert.same({ nil, Error.ERR_CONNECTION_ERROR }, { response, code })
    assert.is_true(#message > 20, message)
  end)
end)

-- --- what may be endless

local LONG = 8 * 1048576 -- stands in for ever

local allowed = {
  { "content to the end of the connection", begin = head .. "\r\n", again = repeated("a"),
    share = 1 },
  { "chunked content", begin = chunked, again = "1000\r\n" .. ("a"):rep(4096) .. "\r\n",
    share = 4096 / 4104 },
  { "content in chunks of one byte", begin = chunked, again = repeated("1\r\na\r\n"),
    share = 1 / 6 },
  { "content in chunks of one byte with extensions", begin = chunked,
    again = repeated("1;abcdefghijkl\r\na\r\n"), share = 1 / 19 },
  { "content in one chunk", begin = chunked .. "7fffffffffffffff\r\n", again = repeated("a"),
    share = 1 },
  { "content of the greatest length", begin = head .. "Content-Length: 9223372036854775807\r\n\r\n",
    again = repeated("a"),
    share = 1 },
}

describe("Endless", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  for _, case in ipairs(allowed) do
    it(case[1] .. " is handed out as it comes, with little memory", function()
      local client, conn = support.connect(listener)
      support.ask(client, conn)
      local before, content, pure = memory(), 0, true
      local sent = flood(conn, case.begin, case.again, LONG, look_at(client, function(chunk)
        content = content + #chunk
        pure = pure and not chunk:find("[^a]")
      end))
      assert.equal("STATUS_BODY", support.status_name(client:get_status()))
      assert.is_true(sent >= LONG and pure)
      assert.is_true(content > (sent - 2 * SLACK) * case.share * 0.95 - 1, content .. " of "
        .. sent)
      assert.is_true(memory() - before < MEMORY)
      conn:close()
      exchange_again(client, listener)
    end)

    it(case[1] .. " that nobody reads stays with the server", function()
      local client, conn = support.connect(listener)
      support.ask(client, conn)
      local before, rounds, sent, waiting = memory(), 0, 0, case.begin
      -- The kernel's buffers are the limit: nothing goes out any more, however often the client polls.
      while rounds < 50 and sent < 4 * LONG do
        local now = assert(conn:send_some(waiting))
        sent, waiting = sent + now, waiting:sub(now + 1)
        if waiting == "" then waiting = case.again end
        rounds = now == 0 and rounds + 1 or 0
        assert.equal(Error.OK, (client:poll()))
      end
      assert.equal(50, rounds)
      assert.is_true(memory() - before < MEMORY)
      client:close()
      conn:close()
    end)
  end

  it("content ends a fetch at its limit", function()
    local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", chunked },
      { "send_some", repeated("1\r\na\r\n"), 1e6 }, { "close" } })
    local before = memory()
    local response, message, code = httpclient.fetch(("http://127.0.0.1:%d/"):format(server:port()),
      { body_size_limit = 100000 })
    server:stop()
    assert.is_nil(response)
    assert.is_true(code ~= Error.OK and message:find("100000", 1, true) ~= nil, message)
    assert.is_true(memory() - before < MEMORY)
  end)
end)

-- --- below TLS

local function record(kind, content)
  return ("%s\3\3%s%s%s"):format(string.char(kind), string.char(math.floor(#content / 256)),
    string.char(#content % 256), content)
end

-- A ServerHello of TLS 1.2 with a suite that needs a certificate; what follows it is the case's.
local hello = "\3\3" .. ("r"):rep(32) .. "\0" .. "\192\47" .. "\0" .. "\0\5\255\1\0\1\0"
local server_hello = record(22, "\2\0" .. string.char(math.floor(#hello / 256), #hello % 256)
  .. hello)

local handshakes = {
  { "of bytes that are no record", begin = "", again = repeated("a") },
  { "of empty handshake records", begin = "", again = record(22, "") },
  { "of changes of the cipher", begin = "", again = record(20, "\1") },
  { "of warnings", begin = "", again = record(21, "\1\90") },
  { "of unknown records", begin = "", again = record(99, "a") },
  { "with a ServerHello of 16 MB", begin = record(22, "\2\255\255\255"),
    again = record(22, ("a"):rep(4000)) },
  { "with a certificate of 16 MB", begin = server_hello .. record(22, "\11\255\255\255"),
    again = record(22, ("a"):rep(4000)) },
  { "of requests for another one", begin = "", again = record(22, "\0\0\0\0") },
}

describe("An endless handshake", function()
  local listener
  setup(function()
    listener = assert(native.listen({}))
    -- The first handshake waits until OpenSSL and the options are ready; meanwhile a flood fills the kernel's buffers.
    local client = HTTPClient.new()
    client:connect_to_host("127.0.0.1", listener:port(), true, false)
    local conn = support.accept(listener, client)
    support.until_true(function()
      client:poll()
      return conn:recv_until("\22", 0)
    end)
    client:close()
    conn:close()
  end)
  teardown(function() listener:close() end)

  for _, case in ipairs(handshakes) do
    it(case[1] .. " is a failure in time", function()
      local client = HTTPClient.new()
      client.connect_timeout = 0.5
      assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listener:port(), true, false)))
      local conn = support.accept(listener, client)
      local before = memory()
      local sent = flood(conn, case.begin, case.again, 64 * 1048576, look_at(client))
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_name(client:get_status()))
      assert.is_true(memory() - before < MEMORY)
      local code, message = client:get_last_error()
      -- What OpenSSL skips without a limit of its own, the timeout ends.
      assert.is_true(code == Error.ERR_CONNECTION_ERROR or code == Error.ERR_TIMEOUT, message)
      assert.is_true(code == Error.ERR_TIMEOUT or sent <= 2 * SLACK, sent .. " bytes went out")
      conn:close()
      exchange_again(client, listener)
    end)
  end

  it("of new keys ends soon, whatever the timeouts", function()
    local client, conn = tls.connect({ listener = listener, tls = tls.trusting(),
      server = certs.localhost.tls({ min = "1.3" }) })
    support.ask(client, conn)
    local before, updates = memory(), 0
    support.until_true(function()
      if conn:key_update() then
        conn:handshake("step")
        updates = updates + 1
      end
      client:poll()
      return client:get_status() ~= HTTPClient.STATUS_REQUESTING
    end)
    assert.equal("STATUS_CONNECTION_ERROR", support.status_name(client:get_status()))
    assert.matches("one record after the other that brings nothing",
      (select(2, client:get_last_error())))
    assert.is_true(updates > 30)
    assert.is_true(memory() - before < MEMORY)
    conn:close()
    exchange_again(client, listener)
  end)
end)
