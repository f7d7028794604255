-- SOCKS 5: what is said to the proxy byte by byte, what becomes of each answer, and proxies that are not ours.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local ports = require("spec.support.ports")
local proxies = require("spec.support.proxy")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local answer = serve.answer
local keep, listen = require("spec.support.world")(after_each)

local CONNECTED = "\5\0\0\1\0\0\0\0\0\0"

after_each(function()
  httpclient.pool.close_idle()
end)

local function url_of(scheme, port, user)
  return ("%s://%s127.0.0.1:%d"):format(scheme, user and user .. "@" or "", port)
end

-- A client that has begun to connect by way of a listener of this thread. -> client, the proxy's side
local function reach(proxy, host, port, options)
  local listener = listen()
  local client = keep(HTTPClient.new())
  assert.equal(Error.OK,
    (client:set_proxy(url_of(proxy, listener:port(), options and options.user))))
  assert.equal(Error.OK, (client:connect_to_host(host, port, options and options.tls)))
  return client, keep(support.accept(listener, client)), listener
end

local function expect(client, conn, bytes)
  assert.equal(bytes, support.until_true(function()
    client:poll()
    return conn:recv_n(#bytes, 0)
  end))
end

local function fails_with(client, text, status)
  support.pump(client, support.is_connected_or_failed)
  local code, message = client:get_last_error()
  assert.equal(status or "STATUS_CANT_CONNECT", support.status_name(client:get_status()), message)
  assert.truthy(message:find(text, 1, true), message)
  assert.truthy(message:find("the proxy 127.0.0.1:", 1, true), message)
  return code, message
end

describe("A SOCKS proxy is told", function()
  local cases = {
    { "an IPv4 address", "socks5", "192.0.2.1", 80, "\5\1\0\1\192\0\2\1\0\80" },
    { "the same where it would look up", "socks5h", "192.0.2.1", 8080,
      "\5\1\0\1\192\0\2\1\31\144" },
    { "an IPv6 address", "socks5", "[2001:db8::1]", 443,
      "\5\1\0\4\32\1\13\184" .. ("\0"):rep(11) .. "\1\1\187" },
    { "the same where it would look up", "socks5h", "2001:db8::1", 443,
      "\5\1\0\4\32\1\13\184" .. ("\0"):rep(11) .. "\1\1\187" },
    { "a name", "socks5h", "Some.Name.invalid", 65535, "\5\1\0\3\17Some.Name.invalid\255\255" },
    { "the longest name", "socks5h", ("n"):rep(255), 1, "\5\1\0\3\255" .. ("n"):rep(255)
      .. "\0\1" },
    { "the address of a name that is looked up here", "socks5", "ip4.localhost", 80, nil },
  }
  for _, case in ipairs(cases) do
    it(case[1] .. " (" .. case[2] .. ")", function()
      local client, conn = reach(case[2], case[3], case[4])
      expect(client, conn, "\5\1\0")
      conn:send("\5\0")
      if case[5] then
        expect(client, conn, case[5])
      else
        expect(client, conn, "\5\1\0\4" .. ("\0"):rep(15) .. "\1\0\80")
      end
      assert.equal(HTTPClient.STATUS_CONNECTING, client:get_status())
      conn:send(CONNECTED)
      support.pump(client, HTTPClient.STATUS_CONNECTED)
    end)
  end

  it("user and password, if it wants them", function()
    local client, conn = reach("socks5h", "h.invalid", 80, { user = "us%3Aer:p%00w" })
    expect(client, conn, "\5\2\0\2")
    conn:send("\5\2")
    expect(client, conn, "\1\5us:er\3p\0w")
    conn:send("\1\0")
    expect(client, conn, "\5\1\0\3\9h.invalid\0\80")
    conn:send(CONNECTED)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
  end)

  it("none of both, if it wants neither", function()
    local client, conn = reach("socks5h", "h.invalid", 80, { user = "user:word" })
    expect(client, conn, "\5\2\0\2")
    conn:send("\5\0")
    expect(client, conn, "\5\1\0\3\9h.invalid\0\80")
  end)

  it("the longest user and password", function()
    local user, word = ("u"):rep(255), ("w"):rep(255)
    local client, conn = reach("socks5h", "h.invalid", 80, { user = user .. ":" .. word })
    expect(client, conn, "\5\2\0\2")
    conn:send("\5\2")
    expect(client, conn, "\1\255" .. user .. "\255" .. word)
  end)

  it("nothing of an address with a zone", function()
    local client = keep(HTTPClient.new())
    client:set_proxy("socks5h://127.0.0.1:1")
    local code, message = client:connect_to_host("fe80::1%lo", 80)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("zone", 1, true), message)
  end)
end)

-- what the proxy says in turn, each behind what it has to hear before; what the message has of it
local METHOD = "\5\0"
local rude = {
  { "no method", { "\5\255" }, "wants a user name" },
  { "no method, though it was told a user", { "\5\255" }, "neither a user name", "u:w" },
  { "user and password, of whom it was told none", { "\5\2" }, "not offered (2)" },
  { "GSSAPI", { "\5\1" }, "not offered (1)" },
  { "HTTP", { "HTTP/1.1 400 Bad Request\r\n\r\n" }, "speaks HTTP" },
  { "SOCKS 4", { "\0\90\0\0\0\0\0\0" }, "SOCKS 4" },
  { "TLS", { "\21\3\3\0\2\2\40" }, "not SOCKS 5" },
  { "garbage", { ("garbage"):rep(1000) }, "not SOCKS 5 (it begins with byte 103)" },
  { "an answer to what was not asked", { "\5\0" .. CONNECTED }, "before it was asked" },
  { "that the user is none", { "\5\2", "\1\1" }, "refused the user name", "u:w" },
  { "that at once", { "\5\2\1\0" }, "before it was asked", "u:w" },
  { "yes to the user in another version", { "\5\2", "\5\0" }, "version 5, not 1", "u:w" },
  { "a reply in another version", { METHOD, "\4\0\0\1" }, "SOCKS 4" },
  { "a reply with a reserved byte", { METHOD, "\5\0\1\1\0\0\0\0\0\0" }, "reserved" },
  { "a reply with an unknown kind of address", { METHOD, "\5\0\0\2\0\0\0\0\0\0" },
    "unknown kind (2)" },
  { "nothing", { "" }, "without an answer" },
  { "half of its choice", { "\5" }, "inside its answer" },
  { "half of its yes to the user", { "\5\2", "\1" }, "inside its answer", "u:w" },
  { "no reply", { METHOD, "" }, "without an answer" },
  { "half of a reply", { METHOD, "\5\0\0\1\0\0\0" }, "inside its answer" },
  { "half of a reply with a name", { METHOD, "\5\0\0\3\255abc" }, "inside its answer" },
  { "a short refusal", { METHOD, "\5\5" }, "was refused (reply 5)" },
}
for reply, words in pairs({ "in general", "rules", "network", "host can't be reached",
  "was refused",
  "time to live", "command", "kind of address", [9] = "reply 9", [255] = "reply 255" }) do
  rude[#rude + 1] = { "reply " .. reply,
    { METHOD, "\5" .. string.char(reply) .. "\0\1\0\0\0\0\0\0" }, words }
end

-- The server's steps for a client with or without a user, who asks for h.invalid.
local function steps_of(sayings, user, way)
  local steps = { { "accept" } }
  local hears = user and 4 or 3
  for _, bytes in ipairs(sayings) do
    steps[#steps + 1] = { "recv_n", hears }
    if bytes ~= "" then
      steps[#steps + 1] = { way or "send", bytes }
    end
    hears = bytes == "\5\2" and 5 or 16
  end
  return steps
end

local function set_proxy(port, user, scheme)
  local client = keep(HTTPClient.new())
  assert.equal(Error.OK, (client:set_proxy(url_of(scheme or "socks5h", port, user))))
  return client
end

describe("A SOCKS proxy that answers", function()
  for _, case in ipairs(rude) do
    for _, way in ipairs({ "send", "drip" }) do
      local early = case[3]:find("before it was asked", 1, true)
      if way == "send" or not early and #table.concat(case[2]) < 300 then
        it(case[1] .. " is refused (" .. way .. ")", function()
          local steps = steps_of(case[2], case[4], way)
          steps[#steps + 1] = { "shutdown" }
          steps[#steps + 1] = { "stall" }
          local server = keep(assert(native.script(steps)))
          local client = set_proxy(server:port(), case[4])
          assert.equal(Error.OK, (client:connect_to_host("h.invalid", 80)))
          local code, message = fails_with(client, case[3])
          assert.equal(Error.ERR_CANT_CONNECT, code)
          assert.is_nil(message:find("u:w", 1, true), message)
        end)
      end
    end
  end
end)

-- replies that are good, and what belongs to the host behind them
local HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local good = {
  { "an IPv4 address", CONNECTED },
  { "an IPv6 address", "\5\0\0\4" .. ("x"):rep(18) },
  { "a name", "\5\0\0\3\5namedxx" },
  { "a name of no bytes", "\5\0\0\3\0xx" },
  { "the longest name", "\5\0\0\3\255" .. ("n"):rep(257) },
}

describe("A SOCKS proxy's reply with", function()
  for _, case in ipairs(good) do
    it(case[1] .. " opens the way, whole and split at every byte", function()
      local whole = case[2]
      for at = 0, #whole, math.max(1, math.floor(#whole / 40)) do
        local listener = listen()
        local client = set_proxy(listener:port(), "u:w")
        assert.equal(Error.OK, (client:connect_to_host("h.invalid", 80)))
        local conn = support.accept(listener, client)
        expect(client, conn, "\5\2\0\2")
        conn:send("\5")
        client:poll()
        conn:send("\2")
        expect(client, conn, "\1\1u\1w")
        conn:send("\1")
        client:poll()
        conn:send("\0")
        expect(client, conn, "\5\1\0\3\9h.invalid\0\80")
        if at > 0 then conn:send(whole:sub(1, at)) end
        client:poll()
        if at < #whole then
          assert.equal(HTTPClient.STATUS_CONNECTING, client:get_status())
          conn:send(whole:sub(at + 1))
        end
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        support.answer(client, conn, HEAD)
        assert.equal("hi", (support.read_all(client)))
        conn:close()
        client:close()
        listener:close()
      end
    end)
  end

  it("bytes behind it hands them to the TLS with the host", function()
    local listener = listen()
    local client = set_proxy(listener:port())
    client:connect_to_host("h.invalid", 443, tls.trusting("localhost"))
    local conn = keep(support.accept(listener, client))
    expect(client, conn, "\5\1\0")
    conn:send("\5\0")
    expect(client, conn, "\5\1\0\3\9h.invalid\1\187")
    conn:send(CONNECTED .. "HTTP/1.1 what is no TLS\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
  end)

  it("bytes behind it hands them to the connection, which wants none before its request", function()
    local listener = listen()
    local client = set_proxy(listener:port())
    client:connect_to_host("h.invalid", 80)
    local conn = keep(support.accept(listener, client))
    expect(client, conn, "\5\1\0")
    conn:send("\5\0")
    expect(client, conn, "\5\1\0\3\9h.invalid\0\80")
    conn:send(CONNECTED .. HEAD)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
  end)
end)

describe("A SOCKS proxy that falls silent", function()
  local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
  for name, sayings in pairs({ ["at once"] = {}, ["inside its choice"] = { "\5" },
    ["behind the user"] = { "\5\2" }, ["inside its yes"] = { "\5\2", "\1" },
    ["behind its yes"] = { "\5\2", "\1\0" }, ["inside its reply"] = { "\5\0", "\5\0\0\3\9a" } }) do
    it(name .. " ends in the connect timeout, and is named", function()
      local steps = steps_of(sayings, "u:w")
      steps[#steps + 1] = { "stall" }
      local server = keep(assert(native.script(steps)))
      local client = set_proxy(server:port(), "u:w")
      client.connect_timeout = 0.2 * factor
      client:connect_to_host("h.invalid", 80)
      local code = fails_with(client, "connect timeout")
      assert.equal(Error.ERR_TIMEOUT, code)
    end)
  end
end)

describe("A host with several addresses", function()
  it("is tried at the next one when the proxy can't reach the first", function()
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 22 },
      { "send", "\5\4\0\1\0\0\0\0\0\0" }, { "close" },
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 10 },
      { "send", CONNECTED }, { "recv_until", "\r\n\r\n" }, { "send", HEAD }, { "close" } })))
    local response = assert(httpclient.fetch("http://twice.localhost/",
      { proxy = url_of("socks5", server:port()), timeout = 20 }))
    assert.equal("hi", response.body)
    assert.equal("\5\1\0\5\1\0\4" .. ("\0"):rep(15) .. "\1\0\80", server:received(1))
    assert.equal("\5\1\0\5\1\0\1\127\0\0\1\0\80", server:received(2):sub(1, 13))
  end)

  it("fails when all of them do, with the reason of the first", function()
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 22 },
      { "send", "\5\4\0\1\0\0\0\0\0\0" }, { "close" },
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 10 },
      { "send", "\5\5\0\1\0\0\0\0\0\0" }, { "close" } })))
    local client = set_proxy(server:port(), nil, "socks5")
    client:connect_to_host("twice.localhost", 80)
    fails_with(client, "host can't be reached (reply 4); 2 addresses tried")
  end)

  it("is not tried again where the proxy's rules forbid it", function()
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 22 },
      { "send", "\5\2\0\1\0\0\0\0\0\0" }, { "close" } })))
    local client = set_proxy(server:port(), nil, "socks5")
    client:connect_to_host("twice.localhost", 80)
    fails_with(client, "rules")
    assert.equal(1, server:connections())
  end)

  it("goes on in a Poller, whose descriptors change on the way", function()
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 22 },
      { "send", "\5\4\0\1\0\0\0\0\0\0" }, { "close" },
      { "accept" }, { "recv_n", 3 }, { "drip", METHOD }, { "recv_n", 10 },
      { "drip", CONNECTED }, { "recv_until", "\r\n\r\n" }, { "send", HEAD }, { "close" } })))
    local client = set_proxy(server:port(), nil, "socks5")
    local poller = keep(httpclient.Poller.new())
    client:connect_to_host("twice.localhost", 80)
    poller:add(client)
    support.until_true(function()
      poller:wait(5)
      return client:get_status() == HTTPClient.STATUS_CONNECTED
    end)
    client:request(HTTPClient.METHOD_GET, "/", {})
    support.until_true(function()
      poller:wait(5)
      return client:has_response()
    end)
    assert.equal("hi", (support.read_all(client)))
  end)
end)

describe("socks5:// and socks5h://", function()
  it("differ in who looks a name up", function()
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "stall" }, { "accept" }, { "recv_n", 3 }, { "stall" } })))
    local client = set_proxy(server:port(), nil, "socks5")
    client:connect_to_host("no.such.invalid", 80)
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_CANT_RESOLVE", support.status_name(client:get_status()))
    local code, message = client:get_last_error()
    assert.equal(Error.ERR_CANT_RESOLVE, code)
    assert.truthy(message:find("^can't resolve no.such.invalid"), message)
  end)

  it("name the proxy whose own name can't be found", function()
    local client = keep(HTTPClient.new())
    client:set_proxy("socks5h://no.such.invalid")
    client:connect_to_host("h", 80)
    support.pump(client, support.is_connected_or_failed)
    assert.equal("STATUS_CANT_RESOLVE", support.status_name(client:get_status()))
    assert.truthy(select(2, client:get_last_error()):find("^the proxy no.such.invalid:1080: "))
  end)

  it("show a name that only the proxy knows to it alone", function()
    local origin = keep(serve({ { answer("hi") } }))
    local server = keep(assert(native.script({
      { "accept" }, { "recv_n", 3 }, { "send", METHOD }, { "recv_n", 4 + 1 + 18 + 2 },
      { "send", CONNECTED }, { "tunnel", origin:port() } })))
    local response = assert(httpclient.fetch("http://known.only.invalid:8080/",
      { proxy = url_of("socks5h", server:port()), timeout = 20 }))
    assert.equal("hi", response.body)
    assert.equal(url_of("socks5h", server:port()), response.proxy)
    assert.truthy(origin:requests()[1]:find("\r\nHost: known.only.invalid:8080\r\n", 1, true))
    assert.truthy(origin:requests()[1]:find("^GET / HTTP"))
  end)
end)

for _, name in ipairs({ "microsocks", "dante" }) do
  if not proxies.has(name) then
    pending(name .. " is not there")
  else
    describe(name, function()
      it("carries plain requests and TLS, to names and addresses", function()
        local proxy = keep(proxies[name]())
        local host = ports.every_loopback()
        local origin = keep(serve({ { answer("a") }, { answer("b") }, { answer("c") } },
          { host = host }))
        local secure = keep(serve({ { answer("d"), answer("e") } },
          { host = host, tls = certs.localhost.tls() }))
        local secure_url = ("https://localhost:%d/"):format(secure:port())
        local named = origin:url():gsub("127.0.0.1", "localhost")
        for _, case in ipairs({ { "socks5", origin:url(), "a" }, { "socks5h", origin:url(), "b" },
          { "socks5h", named, "c" } }) do
          local options = { proxy = url_of(case[1], proxy:port()), timeout = 20 }
          assert.equal(case[3], assert(httpclient.fetch(case[2], options)).body)
          httpclient.pool.close_idle()
        end
        local options = { proxy = url_of("socks5h", proxy:port()), tls_options = tls.trusting(),
          timeout = 20 }
        assert.equal("d", assert(httpclient.fetch(secure_url, options)).body)
        assert.equal("e", assert(httpclient.fetch(secure_url, options)).body)
      end)

      it("says that nobody is there", function()
        local proxy = keep(proxies[name]())
        local client = set_proxy(proxy:port())
        client:connect_to_host("127.0.0.1", 1)
        fails_with(client, "refused (reply 5)")
      end)
    end)
  end
end

if proxies.has("microsocks") then
  describe("microsocks", function()
    it("lets in whom it knows, and nobody else", function()
      local proxy = keep(proxies.microsocks({ user = "us:er", password = "p@w/" }))
      local origin = keep(serve({ { answer("a") } }))
      local url = url_of("socks5h", proxy:port(), "us%3Aer:p%40w%2F")
      assert.equal("a", assert(httpclient.fetch(origin:url(), { proxy = url, timeout = 20 })).body)
      for user, text in pairs({ ["us%3Aer:wrong"] = "refused the user name",
        [""] = "wants a user" }) do
        local response, message, code = httpclient.fetch(origin:url(), { timeout = 20,
          proxy = url_of("socks5h", proxy:port(), user ~= "" and user) })
        assert.is_nil(response)
        assert.equal(Error.ERR_CANT_CONNECT, code)
        assert.truthy(message:find(text, 1, true), message)
        assert.is_nil(message:find("wrong", 1, true), message)
      end
    end)
  end)
end
