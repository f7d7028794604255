-- The option trace: what goes on, as `curl -v` shows it, and no secret in it.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)

-- -> a trace function, and the list { { event, text } ... } that it fills
local function recorder()
  local events = {}
  return function(event, text)
    events[#events + 1] = { event, text }
  end, events
end

local function names_of(events)
  local names = {}
  for index, event in ipairs(events) do
    names[index] = event[1]
  end
  return table.concat(names, " ")
end

local function text_of(events, wanted)
  local texts = {}
  for _, event in ipairs(events) do
    if not wanted or event[1] == wanted then
      texts[#texts + 1] = event[2]
    end
  end
  return table.concat(texts, "\n--\n")
end

describe("The option trace", function()
  it("tells of connections, heads and redirects, in their order", function()
    local server = with_server({ {
      "HTTP/1.1 302 Found\r\nLocation: /b?x=1\r\nContent-Length: 0\r\n\r\n",
      answer("body", "X-Own: 1\r\n") } })
    local trace, events = recorder()
    assert(fetch(server:url("/a"), { trace = trace }))
    assert.equal("connection connection request response redirect connection request response",
      names_of(events))
    local place = ("127.0.0.1:%d"):format(server:port())
    assert.equal("connecting to " .. place, events[1][2])
    assert.equal(("connected to 127.0.0.1 port %d"):format(server:port()), events[2][2])
    assert.equal("HTTP/1.1 302 Found\nLocation: /b?x=1\nContent-Length: 0", events[4][2])
    assert.equal("302 leads to " .. server:url("/b?x=1") .. ", by GET", events[5][2])
    assert.truthy(events[6][2]:find("kept connection to " .. place, 1, true), events[6][2])
    assert.equal("HTTP/1.1 200 OK\nContent-Length: 4\nX-Own: 1", events[8][2])
    assert.is_nil(text_of(events):find("body", 1, true))
  end)

  it("shows the head of the request as it goes out", function()
    for _, options in ipairs({ {}, { form = { a = 1 } }, { method = "PUT", headers = { "X: y" } },
      { headers = { "Host: other", "User-Agent: me" } } }) do
      local server = with_server({ { { send = answer("ok"), content = options.form and 3 } } })
      local trace, events = recorder()
      options.trace = trace
      assert(fetch(server:url("/p?q"), options))
      local head = server:requests()[1]:match("^(.-)\r\n\r\n"):gsub("\r\n", "\n")
      assert.equal(head, text_of(events, "request"))
    end
  end)

  it("tells of names and TLS", function()
    local server = with_server({ { answer("ok") } }, { tls = certs.localhost, name = "localhost" })
    local trace, events = recorder()
    assert(fetch(server:url("/"),
      { trace = trace, tls_options = httpclient.TLSOptions.client_unsafe() }))
    local names = names_of(events)
    assert.truthy(names:find("connection tls tls request response", 1, true), names)
    local tls = text_of(events, "tls")
    assert.truthy(tls:find("^TLSv1%.[23], [%w_-]+, ALPN "), tls)
    assert.truthy(tls:find("certificate of .-, issued by .-, valid until %d%d%d%d%-%d%d%-%d%d"),
      tls)
  end)

  it("tells of failures", function()
    local trace, events = recorder()
    assert.is_nil((fetch("http://no-such-host.invalid/", { trace = trace })))
    assert.equal("lookup failure", names_of(events))
    assert.truthy(events[1][2]:find("no-such-host.invalid", 1, true))
  end)

  it("never tells a secret", function()
    local other = with_server({ { answer("end") } })
    local target = other:url("/?access_token=s3cret&page=2&api_key=s3cret#x")
      :gsub("//", "//bob:s3cret@")
    local server = with_server({ {
      ("HTTP/1.1 302 Found\r\nLocation: %s\r\nSet-Cookie: id=s3cret\r\nX-Session-Id: s3cret\r\n"
        .. "Link: <http://u:s3cret@h/?token=s3cret>\r\nContent-Length: 0\r\n\r\n"):format(target) } })
    local trace, events = recorder()
    assert(fetch((server:url("/?sig=s3cret"):gsub("//", "//me:s3cret@")), {
      trace = trace, headers = { "Cookie: a=s3cret", "Proxy-Authorization: Basic s3cret",
        "X-Api-Key: s3cret", "X-Amz-Security-Token: s3cret", "Referer: http://a:s3cret@h/",
        "x-auth: s3cret", "Cookie2: s3cret" } }))
    local text = text_of(events)
    assert.is_nil(text:find("s3cret", 1, true), text)
    assert.is_nil(text:find("bWU6czNjcmV0", 1, true), text) -- me:s3cret
    for _, shown in ipairs({ "Authorization: ***", "Cookie: ***", "Set-Cookie: ***", "page=2",
      "Referer: http://***@h/", "access_token=***" }) do
      assert.truthy(text:find(shown, 1, true), shown)
    end
  end)

  it("shows what a server asks for", function()
    local server = with_server({ { "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"r\"\r\n"
      .. "Content-Length: 0\r\n\r\n" } })
    local trace, events = recorder()
    assert(fetch(server:url(), { trace = trace }))
    assert.truthy(text_of(events):find('WWW-Authenticate: Basic realm="r"', 1, true))
  end)

  it("works in HTTPRequest, and ends a call with what it raises", function()
    local server = with_server({ { answer("ok") }, { answer("ok") } })
    local trace, events = recorder()
    local request = httpclient.HTTPRequest.new()
    request.trace = trace
    request:request(server:url())
    assert.equal(0, (request:await()))
    assert.truthy(names_of(events):find("request response", 1, true))
    httpclient.pool.close_idle()
    local ok, message = pcall(fetch, server:url(), { trace = function() error("mine", 0) end })
    assert.is_false(ok)
    assert.equal("mine", message)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)
end)
