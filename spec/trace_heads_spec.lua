-- The option trace and the heads that no response shows: of HTTP/2, of CONNECT, of 1xx; and no secret in them.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local nginx = require("spec.support.nginx")
local proxies = require("spec.support.proxy")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)
local TRUSTING = httpclient.TLSOptions.client(certs.ca.cert)
local AGENT = httpclient._VERSION:gsub("^httpclient ", "lua-httpclient/")

-- -> a trace function, and the list { "event\ntext" ... } that it fills
local function recorder()
  local events = {}
  return function(event, text)
    events[#events + 1] = event .. "\n" .. text
  end, events
end

-- Those of requests and responses.
local function heads(events)
  local found = {}
  for _, event in ipairs(events) do
    if event:find("^request\n") or event:find("^response\n") then
      found[#found + 1] = event
    end
  end
  return found
end

describe("The option trace shows", function()
  it("the 1xx heads before an answer", function()
    local server = with_server({ { "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n"
      .. "Set-Cookie: a=s3cret\r\n\r\nHTTP/1.1 102 \r\n\r\n" .. answer("ok") } })
    local trace, events = recorder()
    assert(fetch(server:url(), { trace = trace }))
    local shown = heads(events)
    assert.equal(
      "response\nHTTP/1.1 103 Early Hints\nLink: </a>; rel=preload\nSet-Cookie: ***", shown[2])
    assert.equal("response\nHTTP/1.1 102 ", shown[3])
    assert.equal("response\nHTTP/1.1 200 OK\nContent-Length: 2", shown[4])
    assert.equal(4, #shown)
  end)

  it("a 100 between the head and the body of a request", function()
    local server = with_server({ { { send = "HTTP/1.1 100 Continue\r\n\r\n", ending = "keep" },
      { send = answer("ok"), content = 1 } } })
    local trace, events = recorder()
    -- the second "request" of the script is what the 100 asks for: its body has the end of a head
    assert(fetch(server:url(), { trace = trace, body = "\r\n\r\nx",
      headers = { Expect = "100-continue" } }))
    assert.equal("response\nHTTP/1.1 100 Continue", heads(events)[2])
  end)

  it("them by HTTP/2, and all fields of its request, those that are added too", function()
    local world = h2_tasks.start(finally)
    local trace, events = recorder()
    local task = world:fetch("/path?token=s3cret&a=1",
      { trace = trace, method = "POST", body = "body",
      headers = { "X-Own: 1", "Cookie: a=s3cret", "Authorization: Bearer s3cret" } })
    local peer = world:accept()
    local stream = peer:await("HEADERS").stream
    peer:send(h2.headers(stream, { { ":status", "103" }, { "link", "</a>" } }))
    peer:answer(stream, "ok", { { "set-cookie", "a=s3cret" } })
    assert.equal("ok", world:result(task).body)
    assert.same({
      "request\nPOST /path?token=***&a=1 HTTP/2\nhost: " .. world:url():match("//(.-)/")
        .. "\nx-own: 1\ncookie: ***\nauthorization: ***\naccept-encoding: "
        .. events[3]:match("\naccept%-encoding: ([^\n]*)") .. "\ncontent-length: 4\nuser-agent: "
        .. events[3]:match("\nuser%-agent: ([^\n]*)") .. "\naccept: */*",
      "response\nHTTP/2 103 \nlink: </a>",
      "response\nHTTP/2 200 \nset-cookie: ***",
    }, heads(events))
    assert.truthy(events[3]:find("user-agent: " .. AGENT, 1, true), events[3])
  end)

  it("what a proxy is asked for, and why it refuses", function()
    local proxy = with_server({ { "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 403 No\r\nX-Why: because\r\n"
      .. "Content-Length: 0\r\n\r\n" } })
    local trace, events = recorder()
    assert.is_nil((fetch("https://host.test:8443/", { trace = trace,
      proxy = proxy:url():gsub("//", "//user:s3cret@") })))
    local shown = heads(events)
    assert.truthy(shown[1]:find("^request\nCONNECT host%.test:8443 HTTP/1%.1\n"
      .. "Host: host%.test:8443\nUser%-Agent: [^\n]+\nProxy%-Authorization: %*%*%*$"), shown[1])
    assert.equal("response\nHTTP/1.1 103 Hints", shown[2])
    assert.equal("response\nHTTP/1.1 403 No\nX-Why: because\nContent-Length: 0", shown[3])
    local all = table.concat(events, "\n")
    assert.is_nil(all:find("s3cret", 1, true), all)
    assert.is_nil(all:find("dXNlcjpzM2NyZXQ", 1, true), all)
    assert.truthy(events[#events]:find("^failure\n"), events[#events])
  end)

  it("what comes behind the content", function()
    local server = with_server({ { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "0\r\nX-Sum: 1\r\nX-Token: s3cret\r\n\r\n" } })
    local trace, events = recorder()
    assert(fetch(server:url(), { trace = trace }))
    assert.equal("trailers\nX-Sum: 1\nX-Token: ***", events[#events])
  end)

  it("nothing of a client to the next one who has it", function()
    local server = with_server({ { answer("a"), "HTTP/1.1 103 H\r\n\r\n" .. answer("b"),
      answer("c") } })
    local trace, events = recorder()
    assert(fetch(server:url("/1"), { trace = trace }))
    assert(fetch(server:url("/2")))
    assert(fetch(server:url("/3"), { trace = trace }))
    local shown = table.concat(heads(events), "\n")
    assert.is_nil(shown:find("/2", 1, true), shown)
    assert.is_nil(shown:find("103", 1, true), shown)
    assert.truthy(shown:find("GET /3", 1, true), shown)
  end)
end)

describe("Through proxies of others the option trace shows", function()
  local server
  setup(function()
    server = nginx.start({ one = { tls = certs.localhost, http2 = true,
      body = "location / { return 200 'here'; }" } })
  end)
  teardown(function() server:stop() end)
  after_each(function() httpclient.pool.close_idle() end)

  local function traced(proxy, user)
    local trace, events = recorder()
    local response = assert(fetch(("https://localhost:%d/x"):format(server:port("one")), {
      trace = trace, tls_options = TRUSTING, timeout = 30,
      proxy = ("http://%slocalhost:%d"):format(user or "", proxy:port()) }))
    assert.equal("here", response.body)
    local all = table.concat(events, "\n")
    assert.is_nil(all:find("s3cret", 1, true), all)
    return heads(events), response
  end

  if proxies.has("tinyproxy") then
    it("the tunnel that Basic credentials open", function()
      local proxy = proxies.tinyproxy({ user = "user", password = "s3cret" })
      finally(function() proxy:stop() end)
      local shown, response = traced(proxy, "user:s3cret@")
      assert.truthy(shown[1]:find("^request\nCONNECT localhost:%d+ HTTP/1%.1\n.*"
        .. "Proxy%-Authorization: %*%*%*"), shown[1])
      assert.truthy(shown[2]:find("^response\nHTTP/1%.[01] 200 "), shown[2])
      assert.truthy(shown[3]:find("GET /x HTTP/" .. response.http_version, 1, true), shown[3])
      assert.equal(4, #shown)
    end)
  end

  if proxies.has("squid") then
    it("a refusal that asks for a Digest, and the second try", function()
      local proxy = proxies.squid({ user = "user", password = "s3cret", auth = "digest" })
      finally(function() proxy:stop() end)
      local shown = traced(proxy, "user:s3cret@")
      assert.truthy(shown[2]:find("^response\nHTTP/1%.1 407 .*\nProxy%-Authenticate: Digest"),
        shown[2])
      assert.truthy(shown[3]:find("^request\nCONNECT .*\nProxy%-Authorization: %*%*%*"), shown[3])
      assert.truthy(shown[4]:find("^response\nHTTP/1%.1 200 "), shown[4])
    end)
  end
end)
