-- The other side falls silent, at every stage there is: the timeout of that stage ends it, what had
-- come is handed out, and the same object works again afterwards.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

-- The connect timeout runs while the stage is led up to, the others begin at the stage.
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local SECONDS = { connect = 0.2 * factor, response = 0.05, idle = 0.05 }

-- --- the stages

-- Each leads the client to where the other side says no more. -> the server's side, which stays open

local function accepted(client, listener)
  assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listener:port(), tls.trusting())))
  return support.accept(listener, client)
end

local function asked_proxy(client, listener)
  return support.ask_proxy(client, listener, tls.trusting())
end

local function proxy_says(text)
  return function(client, listener)
    local conn = asked_proxy(client, listener)
    assert(conn:send(text))
    return conn
  end
end

local function answered(text, options)
  options = options or {}
  return function(client, listener)
    local conn
    if options.version then
      client, conn = tls.connect({ client = client, listener = listener, tls = tls.trusting(),
        server = certs.localhost.tls({ max = options.version }) })
    else
      client, conn = support.connect(listener, { client = client })
    end
    support.request(client)
    support.head_of(client, conn)
    if text ~= "" then assert(conn:send(text)) end
    return conn
  end
end

local function inside_record(client, listener)
  local conn = answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
    { version = "1.3" })(client, listener)
  assert(conn:send_raw("\23\3\3\0\64half of a record"))
  return conn
end

local function stuck_upload(client, listener)
  local _, conn = support.connect(listener, { client = client })
  support.request(client, "POST", "/", {}, ("x"):rep(16 * 1048576))
  return conn
end

local function stuck_function(client, listener)
  local _, conn = support.connect(listener, { client = client })
  local piece = ("y"):rep(65536)
  support.request(client, "POST", "/", {}, function() return piece end)
  return conn
end

local head = "HTTP/1.1 200 OK\r\n"
local sized = head .. "Content-Length: 9\r\n\r\n"
local chunked = head .. "Transfer-Encoding: chunked\r\n\r\n"

-- Name, how to get there, the timeout, the state, the content that had come. With `fetch`: the answer, for fetch too.
local stages = {
  { "after it accepted a client that wants TLS", accepted, "connect",
    "STATUS_TLS_HANDSHAKE_ERROR" },
  { "as a proxy, at once", asked_proxy, "connect", "STATUS_CANT_CONNECT" },
  { "as a proxy, inside the status line", proxy_says("HTTP/1.1 2"), "connect",
    "STATUS_CANT_CONNECT" },
  { "as a proxy, inside the head", proxy_says("HTTP/1.1 200 OK\r\nVia: x\r\n"), "connect",
    "STATUS_CANT_CONNECT" },
  { "as a proxy, after a 100", proxy_says("HTTP/1.1 100 Continue\r\n\r\n"), "connect",
    "STATUS_CANT_CONNECT" },
  { "behind the tunnel", proxy_says("HTTP/1.1 200 OK\r\n\r\n"), "connect",
    "STATUS_TLS_HANDSHAKE_ERROR" },
  { "behind the tunnel, inside a record", proxy_says("HTTP/1.1 200 OK\r\n\r\n\22\3\3\0\90\2"),
    "connect",
    "STATUS_TLS_HANDSHAKE_ERROR" },
  { "without an answer", answered(""), "response", "STATUS_CONNECTION_ERROR", fetch = "" },
  { "inside the status line", answered("HTTP/1.1 20"), "response", "STATUS_CONNECTION_ERROR",
    fetch = "HTTP/1.1 20" },
  { "inside a field", answered(head .. "X: ab"), "response", "STATUS_CONNECTION_ERROR", fetch = head
    .. "X: ab" },
  { "before the blank line", answered(head .. "X: ab\r\n"), "response", "STATUS_CONNECTION_ERROR" },
  { "after a 103", answered("HTTP/1.1 103 Early\r\n\r\n"), "response", "STATUS_CONNECTION_ERROR" },
  { "before any of the content", answered(sized), "idle", "STATUS_CONNECTION_ERROR", "",
    fetch = sized },
  { "inside the content", answered(sized .. "abc"), "idle", "STATUS_CONNECTION_ERROR", "abc",
    fetch = sized .. "abc" },
  { "in content to the end", answered(head .. "\r\nabc"), "idle", "STATUS_CONNECTION_ERROR",
    "abc" },
  { "before a chunk", answered(chunked), "idle", "STATUS_CONNECTION_ERROR", "", fetch = chunked },
  { "inside a chunk size", answered(chunked .. "1"), "idle", "STATUS_CONNECTION_ERROR", "" },
  { "inside an extension", answered(chunked .. "4;a=b"), "idle", "STATUS_CONNECTION_ERROR", "" },
  { "inside a chunk", answered(chunked .. "4\r\nabc"), "idle", "STATUS_CONNECTION_ERROR", "abc",
    fetch = chunked .. "4\r\nabc" },
  { "behind a chunk", answered(chunked .. "3\r\nabc"), "idle", "STATUS_CONNECTION_ERROR", "abc" },
  { "between two chunks", answered(chunked .. "3\r\nabc\r\n"), "idle", "STATUS_CONNECTION_ERROR",
    "abc" },
  { "behind the last chunk", answered(chunked .. "3\r\nabc\r\n0\r\n"), "idle",
    "STATUS_CONNECTION_ERROR", "abc",
    fetch = chunked .. "3\r\nabc\r\n0\r\n" },
  { "inside a trailer", answered(chunked .. "3\r\nabc\r\n0\r\nT: 1"), "idle",
    "STATUS_CONNECTION_ERROR", "abc",
    fetch = chunked .. "3\r\nabc\r\n0\r\nT: 1" },
  { "without an answer, TLS 1.2", answered("", { version = "1.2" }), "response",
    "STATUS_CONNECTION_ERROR" },
  { "without an answer, TLS 1.3", answered("", { version = "1.3" }), "response",
    "STATUS_CONNECTION_ERROR" },
  { "inside the content, TLS", answered(sized .. "abc", { version = "1.3" }), "idle",
    "STATUS_CONNECTION_ERROR", "abc" },
  { "inside a record of the content", inside_record, "idle", "STATUS_CONNECTION_ERROR", "ab" },
  { "and takes nothing of an upload", stuck_upload, "idle", "STATUS_CONNECTION_ERROR" },
  { "and takes nothing of a function's content", stuck_function, "idle",
    "STATUS_CONNECTION_ERROR" },
}

-- --- the matrix

-- Polls, waits and reads until the client has left what it was in. -> content, code of the call that ended it
local function outlast(client, blocking)
  local parts, code, _ = {}, Error.OK, nil
  client.blocking_mode_enabled = blocking
  support.until_true(function()
    if client:get_status() == HTTPClient.STATUS_BODY then
      parts[#parts + 1] = client:read_response_body_chunk()
    end
    if support.is_connected_or_failed(client) and client:get_status() ~= HTTPClient.STATUS_BODY
      and client:get_status() ~= HTTPClient.STATUS_REQUESTING then
      return true
    end
    if blocking then
      code = client:poll()
    else
      code, _ = client:wait(1)
    end
    return code ~= Error.OK
  end, nil, function()
    return "the timeout; the client is in " .. support.status_name(client:get_status())
  end)
  client.blocking_mode_enabled = false
  return table.concat(parts), code
end

local function works_again(client, listener)
  client:close()
  client:set_https_proxy("", -1)
  for _, name in ipairs({ "connect_timeout", "response_timeout", "idle_timeout" }) do
    client[name] = 0
  end
  assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
  assert.same({ Error.OK, "" }, { client:get_last_error() })
  local _, conn = support.connect(listener, { client = client })
  assert.equal("hello", tls.exchange(client, conn))
  assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
  conn:close()
  client:close()
end

describe("A server that falls silent", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  for _, stage in ipairs(stages) do
    local name, reach, kind, status, content = stage[1], stage[2], stage[3], stage[4], stage[5]
    for _, blocking in ipairs({ false, true }) do
      it(name .. " runs into the " .. kind .. " timeout"
        .. (blocking and ", in blocking mode too" or ""), function()
        local client = HTTPClient.new()
        -- Only the one that fits runs, so that no other can have ended it.
        client[kind .. "_timeout"] = SECONDS[kind]
        local before = native.monotonic()
        local conn = reach(client, listener)
        local came = outlast(client, blocking)
        assert.is_true(native.monotonic() - before >= SECONDS[kind] * 0.9)
        local code, message = client:get_last_error()
        if name:find("^as a proxy") then
          message = message:gsub("^the proxy 127%.0%.0%.1:%d+: ", "")
        end
        assert.same({ status, Error.ERR_TIMEOUT,
          ("%s timeout after %.3f s"):format(kind, SECONDS[kind]), content or "" },
          { support.status_name(client:get_status()), code, message, came })
        assert.is_true(client:poll() ~= Error.OK)
        conn:close()
        works_again(client, listener)
      end)
    end
  end

  for _, stage in ipairs(stages) do
    if stage.fetch then
      it(stage[1] .. " ends a fetch with its " .. stage[3] .. " timeout", function()
        local option = stage[3] .. "_timeout"
        local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
          { "send", stage.fetch }, { "stall" } })
        finally(function() server:stop() end)
        local response, message, code = httpclient.fetch(("http://127.0.0.1:%d/"):format(server:port()), {
          [option] = SECONDS[stage[3]], headers = { Connection = "close" } })
        assert.is_nil(response)
        assert.equal(Error.ERR_TIMEOUT, code)
        assert.truthy(message:find(stage[3] .. " timeout", 1, true), message)
      end)
    end
  end
end)

-- --- inside the handshake

-- A client, and a server that gets through to it with its first `most` bytes only. -> client, what to close
local function begin_handshake(front, back, context, options, most)
  local client = HTTPClient.new()
  client.connect_timeout = most and 0.3 or 0
  assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", front:port(), options)))
  local near = support.accept(front, client)
  local far = assert(native.connect({ port = back:port() }))
  local conn = assert(back:accept())
  assert(conn:starttls(context))
  local through, quiet = 0, 0
  -- On a loopback what was sent is there: some rounds without news are the end of the news.
  while quiet < 5 and (not most or through < most) do
    quiet = quiet + 1
    client:poll()
    local bytes = near:recv(65536, 0)
    if bytes and bytes ~= "" then
      far:send(bytes)
      quiet = 0
    end
    conn:handshake("step")
    bytes = far:recv(most and most - through or 65536, 0)
    if bytes and bytes ~= "" then
      near:send(bytes)
      through, quiet = through + #bytes, 0
    end
  end
  client:poll()
  return client, { near, far, conn }, through
end

for _, version in ipairs({ "1.2", "1.3" }) do
  it("A handshake over TLS " .. version
    .. " that stops at any of its bytes runs into the connect timeout", function()
    local front, back = assert(native.listen({})), assert(native.listen({}))
    -- With RSA the flight is always of the same size; without tickets the handshake ends with it.
    local context = native.tls_context(certs.localhost_rsa.tls({ max = version,
      session_tickets = false }))
    local options = tls.trusting()
    local whole, closing, size = begin_handshake(front, back, context, options)
    assert.equal("STATUS_CONNECTED", support.status_name(whole:get_status()))
    whole:close()
    for _, object in ipairs(closing) do object:close() end

    local clients, objects = {}, { front, back }
    for most = 0, size - 1, math.floor(size / 30) do
      local client, mine = begin_handshake(front, back, context, options, most)
      clients[#clients + 1] = client
      for _, object in ipairs(mine) do objects[#objects + 1] = object end
    end
    assert.is_true(#clients >= 30)
    local final = {}
    support.until_true(function()
      HTTPClient.wait_any(clients, 0.1)
      for i = #clients, 1, -1 do
        if clients[i]:get_status() ~= HTTPClient.STATUS_CONNECTING then
          final[#final + 1] = table.remove(clients, i)
        end
      end
      return #clients == 0
    end)
    for _, client in ipairs(final) do
      assert.same({ Error.ERR_TIMEOUT, "connect timeout after 0.300 s" },
        { client:get_last_error() })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", support.status_name(client:get_status()))
      client:close()
    end
    for _, object in ipairs(objects) do object:close() end
  end)
end
