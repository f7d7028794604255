-- What each state of test_threads.c does, in a thread of its own: plain and TLS, HTTP/2, lookups, fetch, tasks. It
-- leaves a lookup and some connections behind for lua_close.
local certs = require("spec.support.certs")
local h2 = require("spec.support.h2")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local number = ...

local ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
local LAST = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
local REQUESTS, FETCHES = 3, 3

-- A server for two connections with several requests, then for connections with one.
local function serve(secure)
  local function connection(answers, answer)
    return { { "accept" }, secure and { "starttls", certs.localhost.tls() } or { "repeat", 0, {} },
      { "repeat", answers, { { "recv_until", "\r\n\r\n" }, { "send", answer } } },
      secure and { "close_notify" } or { "shutdown" }, { "close" } }
  end
  return native.script({ seconds = 60, { "repeat", 2, connection(REQUESTS, ANSWER) },
    { "repeat", FETCHES, connection(1, LAST) }, { "stall" } })
end

local function exchanges(port, options)
  local client = support.connect_port(port, options)
  local code, message = client:get_last_error()
  assert(client:get_status() == HTTPClient.STATUS_CONNECTED, code .. " " .. message)
  for _ = 1, REQUESTS do
    local outcome = support.exchange(client, "GET", "/" .. number)
    assert(outcome.body == "hello" and outcome.status == "STATUS_CONNECTED",
      support.describe(outcome))
  end
  client:close()
end

-- Streams that go on beside each other, their content in turns.
local function streams()
  local listener = assert(native.listen())
  local first, peer = h2.connect(listener)
  local clients = { first }
  for i = 2, REQUESTS do
    clients[i] = assert(first:share_connection())
  end
  peer.clients = clients
  local names = {}
  for i, client in ipairs(clients) do
    names[i] = h2.ask(client, peer).stream
    peer:send(h2.headers(names[i], h2.OK))
  end
  for _, part in ipairs({ "hel", "lo" }) do
    for _, name in ipairs(names) do
      peer:send(h2.data(name, part, part == "lo" and h2.END_STREAM or 0))
    end
  end
  for _, client in ipairs(clients) do
    support.pump(client, support.is_answered_or_failed)
    assert(support.read_all(client) == "hello")
    client:close()
  end
  peer:close()
  listener:close()
end

local plain, secure = serve(false), serve(true)
local options = httpclient.TLSOptions.client(certs.ca.cert)

exchanges(plain:port(), { host = "localhost" })
exchanges(plain:port(), { host = "127.0.0.1" })
exchanges(secure:port(), { host = "localhost", tls = options })
exchanges(secure:port(), { host = "localhost", tls = options })

if httpclient.features().http2 then streams() end

local tasks = {}
for i = 1, FETCHES do
  tasks[i] = httpclient.async(function()
    return assert(httpclient.fetch(("http://localhost:%d/"):format(plain:port()))).body
  end)
end
local response = assert(httpclient.fetch(("https://localhost:%d/"):format(secure:port()),
  { tls_options = options }))
assert(response.body == "hello")
httpclient.run()
for i = 1, FETCHES do
  assert(tasks[i]:result() == "hello")
end

assert(httpclient.query_string_from_dict({ a = number }) == "a=" .. number)

local poller, left = httpclient.Poller.new(), {}
for i = 1, 5 do
  left[i] = HTTPClient.new()
  assert(left[i]:connect_to_host("localhost", plain:port()) == 0)
  poller:add(left[i])
end
poller:wait(0.001)
rawset(_G, "left", { left, poller })
plain:stop()
secure:stop()
