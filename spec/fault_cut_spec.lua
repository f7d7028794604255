-- The connection ends or breaks behind every single byte of an answer: what had come is handed out,
-- nothing that is cut short looks whole, nothing that is whole looks cut, and the same object works
-- again afterwards.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local proxy_answers = require("spec.support.proxy_answers")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

-- --- what must come of it

local STATUS_LINE = "HTTP/1.1 200 OK\r\nX-A: b\r\n"

-- parts: what follows the head, as wire text and the content that is in it (true: all of it is content).
local shapes = {
  { name = "with a Content-Length", head = STATUS_LINE .. "Content-Length: 12\r\n\r\n",
    parts = { { "hello, world", true } },
    after = "STATUS_CONNECTED" },
  { name = "in chunks", head = STATUS_LINE .. "Transfer-Encoding: chunked\r\n\r\n",
    parts = { { "5;a=\"b\"\r\n" }, { "hello", true }, { "\r\n007\r\n" }, { ", world", true },
      { "\r\n0\r\nT: 1\r\n\r\n" } },
    after = "STATUS_CONNECTED" },
  { name = "to the end of the connection", head = STATUS_LINE .. "\r\n",
    parts = { { "hello, world", true } },
    after = "STATUS_DISCONNECTED", ends_anywhere = true },
  { name = "without content", head = "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", parts = {},
    after = "STATUS_CONNECTED" },
}
for _, shape in ipairs(shapes) do
  local texts = {}
  for i, part in ipairs(shape.parts) do texts[i] = part[1] end
  shape.answer = shape.head .. table.concat(texts)
end

-- The content in the first `size` bytes of the answer.
local function content_of(shape, size)
  local left, content = size - #shape.head, {}
  for _, part in ipairs(shape.parts) do
    if left <= 0 then break end
    if part[2] then content[#content + 1] = part[1]:sub(1, left) end
    left = left - #part[1]
  end
  return table.concat(content)
end

local function expected(shape, size, is_orderly)
  local is_whole = size == #shape.answer and not shape.ends_anywhere
  local is_end = shape.ends_anywhere and is_orderly and size >= #shape.head
  local fine = is_whole or is_end
  return {
    status = fine and shape.after or "STATUS_CONNECTION_ERROR",
    error = fine and Error.OK or Error.ERR_CONNECTION_ERROR,
    content = content_of(shape, size),
    has_response = size >= #shape.head,
  }
end

-- --- what came of it

-- Reads to the state behind the answer.
local function conclude(client)
  local parts = {}
  support.until_true(function()
    local status = client:get_status()
    if status == HTTPClient.STATUS_BODY then
      parts[#parts + 1] = client:read_response_body_chunk()
    elseif status ~= HTTPClient.STATUS_REQUESTING then
      return true
    else
      client:poll()
    end
  end)
  local content = table.concat(parts)
  local code, message = client:get_last_error()
  if code ~= Error.OK then
    assert.is_true(#message > 15, message)
    assert.equal(code, (client:poll()))
    assert.equal("", client:read_response_body_chunk())
  end
  return { status = support.status_name(client:get_status()), error = code, content = content,
    has_response = client:has_response() }
end

local endings = {
  { name = "FIN", is_orderly = true, run = function(conn) conn:close() end },
  { name = "half-close", is_orderly = true, run = function(conn) conn:shutdown() end },
  { name = "reset", run = function(conn) conn:reset() end },
}

describe("An answer", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  for _, shape in ipairs(shapes) do
    for _, ending in ipairs(endings) do
      it(shape.name .. " that is cut by a " .. ending.name
        .. " behind any of its bytes is never taken for another", function()
        local client = HTTPClient.new() -- the same object all the time
        for size = 0, #shape.answer do
          local _, conn = support.connect(listener, { client = client })
          support.ask(client, conn)
          if size > 0 then assert(conn:send(shape.answer:sub(1, size))) end
          -- What is whole before the end comes is kept, and the end found at the next look.
          local early = size == #shape.answer and not shape.ends_anywhere and conclude(client)
          ending.run(conn)
          local outcome = early or conclude(client)
          assert.same(expected(shape, size, ending.is_orderly), outcome, "behind byte " .. size)
          if early then
            support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
          end
          conn:close()
        end
        client:close()
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
      end)
    end
  end
end)

-- --- the same over TLS

local tls_endings = {
  { name = "close_notify", is_orderly = true, run = function(conn)
    conn:close_notify()
    conn:close()
  end },
  { name = "FIN alone", run = function(conn) conn:close() end },
  { name = "reset", run = function(conn) conn:reset() end },
  { name = "fatal alert in plain text", run = function(conn)
    conn:send_raw("\21\3\3\0\2\2\40")
    conn:close()
  end },
}

describe("An answer over TLS", function()
  local listener, context, options
  setup(function()
    listener = assert(native.listen({}))
    context = native.tls_context(certs.localhost.tls())
    options = tls.trusting() -- one object: its sessions are resumed, which is quicker
  end)
  teardown(function() listener:close() end)

  for index, shape in ipairs(shapes) do
    for _, ending in ipairs(tls_endings) do
      it(shape.name .. " that is cut by " .. ending.name
        .. " behind any of its records is never taken for another", function()
        local client = HTTPClient.new()
        local step = index == 3 and 3 or 6
        for size = 0, #shape.answer + step - 1, step do
          size = math.min(size, #shape.answer)
          local _, conn = tls.connect({ client = client, listener = listener, tls = options,
            server = context })
          support.ask(client, conn)
          -- Few records: a new connection may send some ten segments before the first of them is acknowledged, and what
          -- it has not sent a reset takes away.
          local piece = math.max(1, math.ceil(size / 6))
          for at = 1, size, piece do
            assert(conn:send(shape.answer:sub(at, math.min(size, at + piece - 1))))
          end
          local early = size == #shape.answer and not shape.ends_anywhere and conclude(client)
          ending.run(conn)
          local outcome = early or conclude(client)
          assert.same(expected(shape, size, ending.is_orderly), outcome, "behind byte " .. size)
          conn:close()
        end
        client:close()
      end)
    end
  end
end)

-- --- through fetch

describe("fetch", function()
  for _, shape in ipairs(shapes) do
    it("of an answer " .. shape.name
      .. " that is cut behind any of its bytes is an error or whole", function()
      local connections = {}
      for size = 0, #shape.answer do
        connections[#connections + 1] = { { send = shape.answer:sub(1, size), ending = "close" } }
      end
      local server = serve(connections)
      finally(function() server:stop() end)
      for size = 0, #shape.answer do
        local response, message, code = httpclient.fetch(server:url("/"), { method = "POST" })
        local goal = expected(shape, size, true)
        if goal.error == Error.OK then
          assert.equal(goal.content, assert(response, message).body)
        else
          assert.same({ nil, goal.error }, { response, code }, "behind byte " .. size)
          assert.is_true(#message > 20, message)
        end
        httpclient.pool.close_idle()
      end
    end)
  end
end)

-- --- half-close

describe("A server that sends no more", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  it("before it has answered an upload is an error, not a wait", function()
    local client, conn = support.connect(listener)
    support.request(client, "POST", "/", {}, ("x"):rep(8 * 1048576))
    support.head_of(client, conn)
    conn:shutdown()
    assert.same({ status = "STATUS_CONNECTION_ERROR", error = Error.ERR_CONNECTION_ERROR,
      content = "", has_response = false },
      conclude(client))
    client:close()
    conn:close()
  end)

  it("behind an early answer has given it all the same", function()
    local client, conn = support.connect(listener)
    support.request(client, "POST", "/", {}, ("x"):rep(8 * 1048576))
    support.head_of(client, conn)
    assert(conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"))
    conn:shutdown()
    assert.same({ status = "STATUS_DISCONNECTED", error = Error.OK, content = "no",
      has_response = true }, conclude(client))
    assert.equal(413, client:get_response_code())
    client:close()
    conn:close()
  end)

  it("before the request went out gets none", function()
    local client, conn = support.connect(listener)
    conn:shutdown()
    support.request(client)
    assert.equal("STATUS_CONNECTION_ERROR", conclude(client).status)
    assert.equal("", conn:recv_all())
    client:close()
    conn:close()
  end)
end)

-- --- proxies

describe("A proxy that answers CONNECT with", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  local function ask_proxy(client)
    return support.ask_proxy(client, listener, tls.trusting())
  end

  for _, case in ipairs(proxy_answers) do
    for _, how in ipairs({ "whole", "byte by byte" }) do
      it(case[1] .. ", " .. how
        .. ", is CANT_CONNECT, and no byte of a handshake goes out", function()
        local client = HTTPClient.new()
        local conn = ask_proxy(client)
        if how == "whole" then
          if case[2] ~= "" then conn:send(case[2]) end
        else
          for byte in case[2]:gmatch("[%z\1-\255]") do
            conn:send(byte)
            client:poll()
          end
        end
        conn:shutdown()
        support.pump(client, support.is_connected_or_failed)
        local code, message = client:get_last_error()
        assert.same({ "STATUS_CANT_CONNECT", Error.ERR_CANT_CONNECT },
          { support.status_name(client:get_status()), code }, message)
        assert.truthy(message:find("proxy", 1, true), message)
        assert.truthy(not case[3] or message:find(case[3], 1, true), message)
        local rest = conn:recv_all()
        assert.is_true(rest == "" or rest == nil, "the proxy got more bytes")
        conn:close()
        -- The next connection, through the tunnel this time.
        client:close()
        conn = ask_proxy(client)
        assert(conn:send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"))
        assert.is_true(support.handshake(client, conn, certs.localhost.tls()))
        assert.equal("hello", tls.exchange(client, conn))
        client:close()
        conn:close()
      end)
    end
  end

  it("a refusal before it has taken the whole request is heard", function()
    local client = HTTPClient.new()
    -- More than a connection takes that nobody reads.
    client:set_https_proxy("127.0.0.1", listener:port(), "u", ("p"):rep(16 * 1048576))
    assert.equal(Error.OK, (client:connect_to_host("localhost", 443, tls.trusting())))
    local conn = support.accept(listener, client)
    assert(conn:recv(100))
    client:poll()
    assert(conn:send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"))
    conn:shutdown()
    conn:close()
    support.pump(client, support.is_connected_or_failed)
    local code, message = client:get_last_error()
    assert.same({ "STATUS_CANT_CONNECT", Error.ERR_CANT_CONNECT },
      { support.status_name(client:get_status()), code }, message)
    assert.truthy(message:find("407", 1, true), message)
    assert.is_nil(message:find("ppp", 1, true))
    client:close()
  end)

  it("a tunnel behind which nobody speaks TLS is a handshake's failure", function()
    local client = HTTPClient.new()
    local conn = ask_proxy(client)
    assert(conn:send("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n"))
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_name(client:get_status()))
    client:close()
    conn:close()
  end)
end)
