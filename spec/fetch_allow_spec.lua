-- fetch's allow_address with is_public_address: a service that fetches what strangers name keeps out of the private
-- network, by whatever spelling, name or redirect it is led there.
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local serve = require("spec.support.serve")

local Error = httpclient.Error
local answer = serve.answer
local fetch = httpclient.fetch

local with_server = require("spec.support.served")(after_each)

local function expect_refused(address, ...)
  local response, message, code = fetch(...)
  assert.is_nil(response)
  assert.equal(Error.ERR_UNAUTHORIZED, code, message)
  assert.truthy(message:find("the address " .. address .. " port ", 1, true), message)
  assert.truthy(message:find("is not allowed", 1, true), message)
end

local guarded = { proxy = false, allow_address = httpclient.is_public_address }

describe("fetch with allow_address", function()
  local urls = {
    { "http://127.0.0.1/", "127.0.0.1" },
    { "http://2130706433/", "127.0.0.1" },
    { "http://0x7f.1/", "127.0.0.1" },
    { "http://0x7f000001/", "127.0.0.1" },
    { "http://0177.0.0.1/", "127.0.0.1" },
    { "http://127.1/", "127.0.0.1" },
    { "http://127.0.0.1./", "127.0.0.1" },
    { "http://localhost/", "::1" },
    { "http://LOCALHOST./", "::1" },
    { "http://any.localhost/", "::1" },
    { "http://%6cocalhost/", "::1" },
    { "http://[::1]/", "::1" },
    { "http://[0:0::0:1]/", "::1" },
    { "http://[::]/", "::" },
    { "http://0/", "0.0.0.0" },
    { "http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1" },
    { "http://[::ffff:7f00:1]/", "::ffff:127.0.0.1" },
    { "http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1" },
    { "http://[2002:7f00:1::]/", "2002:7f00:1::" },
    { "http://169.254.169.254/latest/meta-data/", "169.254.169.254" },
    { "http://[fd00:ec2::254]/", "fd00:ec2::254" },
  }
  for _, case in ipairs(urls) do
    it("refuses " .. case[1], function()
      if case[1] == "http://127.0.0.1./" then
        -- getaddrinfo knows no such name, or takes it for the address
        local response, _, code = fetch(case[1], guarded)
        assert.is_nil(response)
        assert.truthy(code == Error.ERR_UNAUTHORIZED or code == Error.ERR_CANT_RESOLVE)
        return
      end
      expect_refused(case[2], case[1], guarded)
    end)
  end

  it("refuses where a redirect leads inside", function()
    for _, case in ipairs({ { "http://127.0.0.1:9/", "127.0.0.1" }, { "http://[::1]:9/", "::1" },
      { "http://169.254.169.254/", "169.254.169.254" }, { "//0x7f.1:9/", "127.0.0.1" },
      { "http://localhost:9/", "::1" } }) do
      local server = with_server({ { ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(case[1]) } })
      expect_refused(case[2], server:url(), { proxy = false, allow_address = function(address, port)
        return port == server:port() or httpclient.is_public_address(address)
      end })
    end
  end)

  it("asks for the targets of connect_to, and for a proxy", function()
    expect_refused("127.0.0.1", "http://example.test/",
      { proxy = false, allow_address = httpclient.is_public_address,
      connect_to = { ["example.test"] = "127.0.0.1:9" } })
    local response, message, code = fetch("http://example.test/", { proxy = "http://127.0.0.1:9",
      allow_address = httpclient.is_public_address })
    assert.is_nil(response)
    assert.equal(Error.ERR_UNAUTHORIZED, code)
    assert.equal("the proxy 127.0.0.1:9: the address 127.0.0.1 port 9 is not allowed", message)
  end)

  it("does not try again what was refused", function()
    local asked = 0
    local response, _, code, facts = fetch("http://127.0.0.1:9/",
      { proxy = false, retry = { backoff = 0 },
      allow_address = function() asked = asked + 1 end })
    assert.is_nil(response)
    assert.equal(Error.ERR_UNAUTHORIZED, code)
    assert.equal(1, asked)
    assert.is_false(facts.sent)
  end)

  it("lets nobody else's connection be used, and its own again", function()
    local server = with_server({ { { send = answer("1"), ending = "keep" }, answer("2") },
      { { send = answer("3"), ending = "keep" }, answer("4") } })
    local asked = 0
    local function allow()
      asked = asked + 1
      return true
    end
    assert.equal("1", assert(fetch(server:url())).body)
    expect_refused("127.0.0.1", server:url(), guarded)
    assert.equal("2", assert(fetch(server:url())).body)
    assert.equal("3", assert(fetch(server:url(), { allow_address = allow })).body)
    assert.equal("4", assert(fetch(server:url(), { allow_address = allow })).body)
    assert.equal(1, asked)
  end)

  it("has its errors in the message", function()
    for _, fault in ipairs({ function() error("no list", 0) end, function() coroutine.yield() end,
      function() httpclient.sleep(0) end }) do
      local response, message
      httpclient.async(function()
        response, message = fetch("http://127.0.0.1:9/", { proxy = false, allow_address = fault })
      end)
      httpclient.run()
      assert.is_nil(response)
      assert.truthy(message and (message:find("error in allow_address: ", 1, true)
        or message:find("is not allowed", 1, true)), message)
    end
  end)
end)

-- A name server that answers with one address the first time it is asked, and with others after that.
local REBINDING = [[
  local native, support = require("spec_native"), require("spec.support.client")
  local httpclient = require("httpclient")
  local server = assert(native.udp(53))
  local listener = assert(native.listen({ host = "127.0.0.2" }))
  local answers, asked, connections = { %s }, 0, 0

  local function play_name_server()
    local query = server:recv(0.002)
    if not query then return end
    local is_ipv4 = query:find("\0\1\0\1", 13, true)
    local kind, data = "\0\1", ""
    if is_ipv4 then asked = asked + 1 end
    local index = math.min(is_ipv4 and asked or math.max(asked, 1), #answers)
    data = answers[index][is_ipv4 and 1 or 2] or ""
    kind = is_ipv4 and "\0\1" or "\0\28"
    local record = data ~= "" and "\192\12" .. kind .. "\0\1\0\0\0\0\0" .. string.char(#data) .. data or ""
    server:send(query:sub(1, 2) .. "\129\128\0\1\0" .. (data ~= "" and "\1" or "\0") .. "\0\0\0\0" .. query:sub(13) .. record)
  end

  local function get()
    local task = httpclient.async(function()
      local response, message, code = httpclient.fetch(("http://rebind.test:%%d/"):format(listener:port()),
        { proxy = false, allow_address = function(address)
            return address == "127.0.0.2" or httpclient.is_public_address(address)
          end })
      print(response and response.body or message, code)
    end)
    local conn
    support.until_true(function()
      httpclient.process()
      play_name_server()
      conn = conn or listener:accept(0)
      if conn and conn:recv_until("\r\n\r\n", 0) then
        conn:send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
        conn:close()
        conn = nil
        connections = connections + 1
      end
      return task:status() == "done"
    end)
  end
  get()
  get()
  print(connections)
]]

describe("A name server that answers with a private address the second time", function()
  local cases = {
    { "an IPv4 address", [[{ "\127\0\0\2" }, { "\127\0\0\1" }]], "127.0.0.1" },
    { "an IPv4-mapped one", [[{ "\127\0\0\2" }, { "", ("\0"):rep(10) .. "\255\255\127\0\0\2" }]],
      "::ffff:127.0.0.2" },
    { "one of NAT64",
      [[{ "\127\0\0\2" }, { "", "\0\100\255\155" .. ("\0"):rep(8) .. "\127\0\0\2" }]],
      "64:ff9b::7f00:2" },
  }
  for _, case in ipairs(cases) do
    it("gets nowhere with " .. case[1], function()
      local text, why = isolated.run(REBINDING:format(case[2]) .. " os.exit(0, false)",
        { resolver = "nameserver 127.0.0.1\n", ends_open = true })
      if not text then
        pending(why)
        return
      end
      local first, second, connections = text:match("^([^\n]*)\n([^\n]*)\n([^\n]*)\n")
      assert.equal("hi\tnil", first, text)
      assert.truthy(second:find("the address " .. case[3] .. " port ", 1, true), text)
      assert.truthy(second:find("is not allowed\t" .. Error.ERR_UNAUTHORIZED, 1, true), text)
      assert.equal("1", connections)
    end)
  end
end)
