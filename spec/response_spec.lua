-- What fetch's response says, and the limits of time that fetch has by itself.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local HTTPRequest, fetch = httpclient.HTTPRequest, httpclient.fetch
local with_server = require("spec.support.served")(after_each)

describe("fetch's response", function()
  local LINES = "A: 1\r\na: 2\r\nSet-Cookie: x=1, y\r\nB:\r\nset-cookie: z=2\r\nA: 3\r\n"

  local function check(more)
    local server = with_server({ { serve.answer("", LINES .. more) } })
    local response = assert(fetch(server:url("/")))
    assert.equal("1, 2, 3", response.headers.a)
    assert.equal("1, 2, 3", response.headers.A)
    assert.equal("x=1, y", response.headers["SET-COOKIE"])
    assert.equal("", response.headers.b)
    assert.is_nil(response.headers.c)
    assert.same({ "x=1, y", "z=2" }, response:header_values("set-cookie"))
    assert.same({ "1", "2", "3" }, response:header_values("A"))
    assert.same({ "" }, response:header_values("b"))
    assert.same({}, response:header_values("c"))
    assert.same({}, response:header_values(""))
    local ok, message = pcall(response.header_values, response)
    assert.is_false(ok)
    assert.truthy(message:find("bad argument #1 to 'header_values' (string expected, got nil)", 1,
      true), message)
  end

  it("joins values with commas, but for Set-Cookie", function()
    check("")
    check(("X: 1\r\n"):rep(100))
  end)

  it("has the trailing fields by name", function()
    local server = with_server({ { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nDigest: 1\r\nX: 2\r\ndigest: 3\r\n\r\n" } })
    local response = assert(fetch(server:url("/")))
    assert.same({ "Digest: 1", "X: 2", "digest: 3" }, response.trailers)
    assert.same({ "1, 3", "2" }, { response:trailer("DIGEST"), response:trailer("x") })
    assert.is_nil(response:trailer("a"))
  end)

  it("leaves HTTPClient's dictionary as the engine has it", function()
    local client = require("spec.support.client")
    local server = with_server({ { serve.answer("", "A: 1\r\na: 2\r\n") } })
    local c = client.connect_port(server:port())
    client.exchange(c, "GET", "/")
    assert.equal("1; 2", c:get_response_headers_as_dictionary().A)
    c:close()
  end)

  local sizes = {
    { "Content-Length: 5", 5 }, { "Content-Length: 5, 5", 5 }, { "X: 1", -1 },
    { "Content-Length: x", -1 }, { "Content-Length: 5, 6", -1 },
    { "Transfer-Encoding: chunked", -1 }, { "Content-Length: 5\r\nTransfer-Encoding: chunked", -1 },
    { "Content-Length: 5000000000", 5e9 },
  }
  for _, case in ipairs(sizes) do
    it(("says to HEAD with '%s' that the size is %.0f"):format(case[1]:gsub("\r\n", " "),
      case[2]), function()
      local head = "HTTP/1.1 200 OK\r\n" .. case[1] .. "\r\n\r\n"
      local server = with_server({ { head } })
      local totals = {}
      local response = assert(fetch(server:url("/"),
        { method = "HEAD", body = "a", body_size_limit = 10,
        on_progress = function(_, total) totals[#totals + 1] = total end }))
      assert.equal(case[2], response.body_size)
      assert.equal("", response.body)
      assert.is_true(#totals > 0)
      assert.is_true(totals[#totals] == case[2] or totals[#totals] == -1)
      server = with_server({ { head } })
      local request = HTTPRequest.new()
      request:request(server:url("/"), {}, httpclient.HTTPClient.METHOD_HEAD)
      request:await()
      assert.equal(case[2], request:get_body_size())
    end)
  end
end)

describe("fetch's own limits of time", function()
  after_each(function()
    httpclient.set_waiter(nil)
  end)

  -- What the waiter sees of the client, and how long it may wait at most.
  local function seen(act)
    local limits, longest = nil, 0
    httpclient.set_waiter(function(client, seconds)
      if client.connect_timeout then
        limits = { client.connect_timeout, client.response_timeout, client.idle_timeout }
        longest = math.max(longest, seconds or math.huge)
      end
      client:wait(60)
    end)
    act()
    return limits, longest
  end

  it("are 30 seconds to connect, and 300 for the answer and for silence", function()
    local server = with_server({ { serve.answer("a") } })
    local limits, longest = seen(function() assert(fetch(server:url("/"))) end)
    assert.same({ 30, 300, 300 }, limits)
    assert.is_true(longest > 250 and longest <= 300, tostring(longest))
  end)

  it("can be set, and switched off with 0", function()
    local server = with_server({ { serve.answer("a") } })
    local limits = seen(function()
      assert(fetch(server:url("/"),
        { connect_timeout = 0, response_timeout = 7, idle_timeout = 0 }))
    end)
    assert.same({ 0, 7, 0 }, limits)
  end)

  it("are not HTTPRequest's", function()
    local server = with_server({ { serve.answer("a") } })
    local limits = seen(function()
      local request = HTTPRequest.new()
      request:request(server:url("/"))
      request:await()
    end)
    assert.same({ 0, 0, 0 }, limits or { 0, 0, 0 })
  end)
end)

describe("The errors' constants", function()
  it("are flat in the module table too", function()
    local count = 0
    for name, value in pairs(httpclient.Error) do
      assert.equal(value, httpclient[name], name)
      count = count + 1
    end
    assert.equal(49, count)
    assert.same({ 0, 1, 24 }, { httpclient.OK, httpclient.FAILED, httpclient.ERR_TIMEOUT })
  end)
end)
