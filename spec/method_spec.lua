-- Methods by number and by name: what goes over the wire, and what follows from the method.
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local support = require("spec.support.client")

local HTTPClient, HTTPRequest, Error, fetch = httpclient.HTTPClient, httpclient.HTTPRequest,
  httpclient.Error, httpclient.fetch
local with_server = require("spec.support.served")(after_each)
local wire = require("spec.support.wire")(after_each)
local EMPTY = "HTTP/1.1 204 No\r\n\r\n"
local NO_TOKENS = { "", "A B", "A\r\nB: c", "A\0", "A/B", "A:B", "G\195\132T", '"GET"', "GET ",
  "\t" }

-- The head of a request that a connected client sends, without the lines that are always there.
local function head_of(method, path, body, send)
  local client, conn = wire.connect()
  local code, message = client[send or "request"](client, method, path or "/", {}, body)
  if code ~= Error.OK then
    return nil, message, code, client
  end
  local head = support.head_of(client, conn)
  return (head:gsub("User%-Agent: [^\r]*\r\n", ""):gsub("Accept: [^\r]*\r\n",
    ""):gsub("Host: [^\r]*\r\n", "")), client, conn
end

describe("HTTPClient takes a method by name", function()
  for name, number in pairs(HTTPClient.Method) do
    if number < HTTPClient.METHOD_MAX then
      it(name .. ", as by number", function()
        local path = number == HTTPClient.METHOD_CONNECT and "h:1" or "/"
        local token = name:match("^METHOD_(.*)$")
        local head = head_of(token, path)
        assert.equal(token .. " " .. path, head:match("^(.-) HTTP"))
        assert.equal(head_of(number, path), head)
      end)
    end
  end

  for _, token in ipairs({ "PROPFIND", "get", "head", "M-SEARCH", "X", "!#$%&'*+-.^_`|~", "1",
    ("A"):rep(5000) }) do
    it("as it is: " .. token:sub(1, 20), function()
      assert.equal(token .. " / HTTP/1.1\r\n\r\n", (head_of(token)))
      assert.equal(token .. " /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        (head_of(token, "/x", "abc")))
    end)
  end

  it("and goes by it: no body with GET, CONNECT and TRACE, \"*\" with OPTIONS", function()
    assert.equal("GET / HTTP/1.1\r\n\r\n", (head_of("GET", "/", "abc")))
    assert.equal("GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
      (head_of("GET", "/", "abc", "request_raw")))
    assert.equal("OPTIONS * HTTP/1.1\r\n\r\n", (head_of("OPTIONS", "*")))
    for _, case in ipairs({ { "TRACE", "/", "abc" }, { "CONNECT", "h:1", "abc" },
      { "CONNECT", "/" }, { "options", "*" } }) do
      local head, message, code = head_of(case[1], case[2], case[3])
      assert.is_nil(head)
      assert.equal(Error.ERR_INVALID_PARAMETER, code, message)
    end
  end)

  it("and reads no body behind HEAD", function()
    local outcome = support.play(assert(native.listen({ host = "127.0.0.1" })),
      { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" },
      { method = HTTPClient.METHOD_HEAD, ending = "keep" })
    local _, client, conn = head_of("HEAD")
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("", (support.read_all(client)))
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    assert.equal(outcome.length, client:get_response_body_length())
  end)

  it("and refuses what is no token, with nothing sent", function()
    for _, token in ipairs(NO_TOKENS) do
      local head, message, code, client = head_of(token)
      assert.is_nil(head)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.equal("the method is no token", message)
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end
    assert.has_error(function() head_of(true) end)
    assert.equal(Error.ERR_INVALID_PARAMETER, (select(3, head_of(10))))
  end)
end)

describe("fetch and HTTPRequest take a method by name", function()
  it("as it is", function()
    for _, token in ipairs({ "PROPFIND", "delete", "GET", "M-SEARCH" }) do
      local server = with_server({ { EMPTY } })
      assert.equal(204, assert(fetch(server:url("/p"), { method = token })).status)
      assert.equal(token .. " /p HTTP/1.1", server:requests()[1]:match("^[^\r]*"))
      server = with_server({ { EMPTY } })
      local request = HTTPRequest.new()
      assert.equal(Error.OK, (request:request(server:url("/p"), {}, token)))
      assert.equal(HTTPRequest.RESULT_SUCCESS, (request:await()))
      assert.equal(token .. " /p HTTP/1.1", server:requests()[1]:match("^[^\r]*"))
    end
  end)

  it("and refuse what is no token before they connect", function()
    for _, token in ipairs(NO_TOKENS) do
      local response, message, code = fetch("http://127.0.0.1:1/", { method = token })
      assert.is_nil(response)
      assert.same({ "the method is no token", Error.ERR_INVALID_PARAMETER }, { message, code })
      assert.same({ code, message },
        { HTTPRequest.new():request("http://127.0.0.1:1/", {}, token) })
    end
  end)

  it("and follow redirects by it", function()
    for _, case in ipairs({ { 302, "PROPFIND", "PROPFIND" }, { 303, "PROPFIND", "GET" },
      { 303, "HEAD", "HEAD" }, { 302, "POST", "GET" },
      { 301, "post", "post" }, { 307, "POST", "POST" } }) do
      local server = with_server({ { ("HTTP/1.1 %d F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"):format(case[1]), EMPTY } })
      assert(fetch(server:url("/a"), { method = case[2] }))
      assert.equal(case[3] .. " /b", server:requests()[1]:match("\r\n\r\n(%S+ %S+)"))
    end
  end)

  local function ends_on_a_dead_connection(method)
    local server = with_server({ { serve.answer("1"), { ending = "close" } }, { EMPTY } })
    assert(fetch(server:url("/")))
    local response = fetch(server:url("/"), { method = method })
    return response == nil
  end

  it("and send what is idempotent once more where a kept connection has died", function()
    for _, method in ipairs({ "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "QUERY", "PROPFIND",
      "REPORT", "SEARCH" }) do
      assert.is_false(ends_on_a_dead_connection(method), method)
    end
    for _, method in ipairs({ "POST", "PATCH", "get", "MKCOL", "LOCK" }) do
      assert.is_true(ends_on_a_dead_connection(method), method)
    end
  end)
end)
