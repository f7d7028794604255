-- What each state of test_reload.c does: it leaves a TLS client between two requests, clients that
-- look up names, a poller, and a task in the middle of a body. go_on() uses all of that once more,
-- when other states have been closed.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
local PART = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"

local function serve(secure, answer, times)
  return native.script({ seconds = 60, { "repeat", 40, {
    { "accept" }, secure and { "starttls", certs.localhost.tls() } or { "repeat", 0, {} },
    { "repeat", times, { { "recv_until", "\r\n\r\n" }, { "send", answer } } },
    { "close" } } } })
end

local options = httpclient.TLSOptions.client(certs.ca.cert)
local secure, cut = serve(true, ANSWER, 1000), serve(false, PART, 1)

local function exchange(client)
  local outcome = support.exchange(client, "GET", "/")
  assert(outcome.body == "hello" and outcome.status == "STATUS_CONNECTED",
    support.describe(outcome))
end

local client = support.connect_port(secure:port(), { host = "localhost", tls = options })
exchange(client)

local poller, left = httpclient.Poller.new(), {}
local function leave()
  local one = HTTPClient.new()
  assert(one:connect_to_host(("a%d.invalid"):format(#left), cut:port()) == 0)
  poller:add(one)
  left[#left + 1] = one
end

local function read_part()
  return httpclient.async(function()
    local response, message = httpclient.fetch(("http://127.0.0.1:%d/"):format(cut:port()))
    assert(not response and message:find("5 of 10"), message)
    return true
  end)
end

for _ = 1, 3 do leave() end
local task = read_part()
httpclient.process(0)

rawset(_G, "secure", secure) -- as long as the state
rawset(_G, "go_on", function()
  exchange(client)
  leave()
  poller:wait(0.001)
  assert(task:wait())
  task = read_part()
  httpclient.process(0)
  collectgarbage()
end)
