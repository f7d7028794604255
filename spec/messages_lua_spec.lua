-- What the Lua half says of wrong calls: the same as the core, and at the line of the caller.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")
local support = require("spec.support.messages")

local HTTPRequest, async, fetch = httpclient.HTTPRequest, httpclient.async, httpclient.fetch
local fails = support.fails
local with_server = require("spec.support.served")(after_each)

local function response()
  local server = with_server({ { serve.answer("") } })
  return assert(fetch(server:url("/")))
end

-- The methods that take nothing but their object, or take it first.
local function methods_of(class)
  local names = {}
  for name, value in pairs(class) do
    if type(value) == "function" and name ~= "new" and not name:find("^__") then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function task_class()
  return getmetatable(async(function() end))
end

-- class, how many methods at least, its name, what messages call an object
local classes = {
  { function() return HTTPRequest end, 30, "HTTPRequest", "request" },
  { task_class, 4, "Task", "task" },
  { function() return require("httpclient.message.response").methods end, 3, "Response",
    "response" },
}

for _, case in ipairs(classes) do
  describe("The methods of " .. case[3], function()
    it("say to use a colon, and their name, when they are called with a dot", function()
      local class = case[1]()
      local names = methods_of(class)
      assert.truthy(#names >= case[2], #names)
      for _, name in ipairs(names) do
        for _, self in ipairs(support.wrong_selves) do
          for _, message in ipairs(fails(class[name], self.n, self[1], "example.com", 80)) do
            local got = self.text == "nil" and "no value" or self.text
            local expected = ("calling '%s' on bad self (%s expected, got %s"):format(name, case[3],
              got)
            assert.equal(expected, message:sub(1, #expected))
            local hint = ("): use %s:%s(), with a colon (':')"):format(case[4], name)
            assert.equal(hint, message:sub(-#hint))
          end
        end
      end
    end)
  end)
end

describe("Wrong arguments of the Lua half", function()
  local request = HTTPRequest.new()
  local thread = coroutine.create(function() end)
  local cases = {
    { fetch, { 5 }, "bad argument #1 to 'fetch' (string expected, got number)" },
    { fetch, { httpclient.HTTPClient.new() },
      "bad argument #1 to 'fetch' (string expected, got HTTPClient)" },
    { fetch, { "http://a/", 5 }, "bad argument #2 to 'fetch' (table expected, got number)" },
    { fetch, { "http://a/", { no_such = 1 } }, "fetch has no option 'no_such'" },
    { fetch, { "http://a/", { tls_options = request } },
      "bad option 'tls_options' of fetch (TLSOptions expected, got HTTPRequest)" },
    { fetch, { "http://a/", { method = 99 } },
      "bad option 'method' of fetch (there is no method 99)" },
    { fetch, { "http://a/", { headers = { 5 } } },
      "bad option 'headers' of fetch (header 1 must be a string, got number)" },
    { fetch, { "http://a/", { headers = { "A: 1", nil, "B: 2" } } },
      "bad option 'headers' of fetch (the array of headers has a gap)" },
    { fetch, { "http://a/", { headers = { A = 1.5 } } }, "bad option 'headers' of fetch "
      .. "(the value of header 'A' must be a string or an integer, got number)" },
    { fetch, { "http://a/", { retry = { methods = "GET" } } }, "bad option 'retry' of fetch "
      .. "(retry.methods must be a table of methods' names or numbers, got string)" },
    { fetch, { "http://a/", { form = { a = print } } },
      "bad option 'form' of fetch (field 'a': a value of type function can not be written)" },
    { fetch, { "http://a/", { query = { a = 0 / 0 } } },
      "bad option 'query' of fetch (field 'a': an infinity or NaN can not be written)" },
    { async, { 5 }, "bad argument #1 to 'async' (function expected, got number)" },
    { async, {}, "bad argument #1 to 'async' (function expected, got nil)" },
    { httpclient.sleep, { "1" }, "bad argument #1 to 'sleep' (number expected, got string)" },
    { httpclient.sleep, { 0 / 0 }, "bad argument #1 to 'sleep' (number expected, got NaN)" },
    { fetch, { "http://a/", { idle_timeout = 1e19 } },
      "bad option 'idle_timeout' of fetch (0 or more seconds expected, got 1e+19)" },
    { httpclient.process, { -1 }, "bad argument #1 to 'process' (0 or more seconds are needed)" },
    { httpclient.set_waiter, { 5 },
      "bad argument #1 to 'set_waiter' (function or nil expected, got number)" },
    { request.request, { request, 5 },
      "bad argument #1 to 'request' (string expected, got number)" },
    { request.request, { request, "http://a/", 5 },
      "bad argument #2 to 'request' (table expected, got number)" },
    { request.request, { request, "http://a/", { 5 } },
      "bad argument #2 to 'request' (header 1 must be a string, got number)" },
    { request.request, { request, "http://a/", {}, {} },
      "bad argument #3 to 'request' (integer or string expected, got table)" },
    { request.request, { request, "http://a/", {}, true, {} },
      "bad argument #4 to 'request' (integer or string expected, got table)" },
    { request.request, { request, "http://a/", {}, 2, 5 },
      "bad argument #4 to 'request' (string, function or file expected, got number)" },
    { request.request, { request, "http://a/", {}, true, 2, thread },
      "bad argument #5 to 'request' (string, function or file expected, got thread)" },
    { request.request_raw, { request, "http://a/", {}, 2, { 256 } },
      "bad argument #4 to 'request_raw' (element 1 is no integer from 0 to 255)" },
    { request.request_raw, { request, "http://a/", {}, 2, { 65, nil, 66 } }, "bad argument #4 to "
      .. "'request_raw' (a body's table must be an array of integers from 0 to 255)" },
    { request.request_raw, { request, "http://a/", {}, true, 2, { bytes = { 65 } } },
      "bad argument "
      .. "#5 to 'request_raw' (a body's table must be an array of integers from 0 to 255)" },
    { httpclient.fetch_all, { { "http://a/", nil, "http://b/" } },
      "bad argument #1 to 'fetch_all' (entry 2 is missing)" },
    { httpclient.fetch_all, { { [1] = "http://a/", [9] = "http://b/" } },
      "bad argument #1 to 'fetch_all' (entry 2 is missing)" },
    { httpclient.fetch_all, { { url = "http://a/" } },
      "bad argument #1 to 'fetch_all' (entry 1 is missing)" },
    { httpclient.fetch_all, { { "http://a/", jobs = 2 } }, "bad argument #1 to 'fetch_all' "
      .. "('jobs' belongs into a table of its own, behind the list)" },
    { fetch, { "http://a/", { accept_encoding = { "gzip", nil, "br" } } }, "bad option "
      .. "'accept_encoding' of fetch (true, false, or a list of \"gzip\", \"deflate\", \"br\", "
      .. "\"zstd\" and \"identity\" expected, got table)" },
    { request.set_timeout, { request, -1 },
      "bad argument #1 to 'set_timeout' (timeout must be 0 or more seconds, got -1)" },
    { request.set_accept_gzip, { request },
      "bad argument #1 to 'set_accept_gzip' (accept_gzip must be a boolean, got nil)" },
    { request.set_http_proxy, { request, 5 },
      "bad argument #1 to 'set_http_proxy' (string expected, got 5)" },
    { request.set_http_proxy, { request, "h" },
      "bad argument #2 to 'set_http_proxy' (integer expected, got no value)" },
    { request.set_https_proxy, { request, "h", "80" },
      "bad argument #2 to 'set_https_proxy' (integer expected, got string)" },
    { request.set_tls_options, { request, httpclient.CryptoKey.new() },
      "bad argument #1 to 'set_tls_options' (TLSOptions expected, got CryptoKey)" },
    { request.connect, { request, "request_completed" },
      "bad argument #2 to 'connect' (function expected, got nil)" },
    { request.connect, { request, "completed", print }, "HTTPRequest has no signal 'completed'" },
    { request.connect, { request, "request_completed", print, {} },
      "bad argument #3 to 'connect' (integer expected, got table)" },
    { function(value) request.auth = value end, { { "ada" } }, "HTTPRequest.auth needs a user and "
      .. "a password, strings without control characters", true },
    { function(value) request.auth = value end, { { "a:b", "c" } },
      "HTTPRequest.auth's user can't hold a ':' in Basic credentials", true },
    { function(value) request.retry = value end, { { times = 3 } },
      "HTTPRequest.retry has no field 'times'", true },
    { request.set_retry, { request, { attempts = "3" } }, "bad argument #1 to 'set_retry' "
      .. "(retry.attempts must be a whole number from 1 on, got string)" },
    { function(value) httpclient.pool.max_per_host = value end, { "6" },
      "httpclient.pool.max_per_host must be a number of connections, or 0 for no limit, got string",
      true },
    { function(value) httpclient.pool.max_idle = value end, { 0 / 0 },
      "httpclient.pool.max_idle must be a number of connections, got NaN", true },
    { function(value) httpclient.pool.idle_timeout = value end, { -1 },
      "httpclient.pool.idle_timeout must be 0 or more seconds, got number", true },
    { function(value) httpclient.pool.max_perhost = value end, { 6 },
      "httpclient.pool has no field 'max_perhost' to write", true },
    { function(value) request.timeout = value end, { "1" },
      "HTTPRequest.timeout must be 0 or more seconds, got string", true },
  }
  for _, case in ipairs(cases) do
    it("are told: " .. case[3], function()
      if case[4] then
        local ok, message = pcall(case[1], support.unpack(case[2], 1, 6))
        assert.is_false(ok)
        assert.truthy(message:find("messages_lua_spec.lua:%d+: "), message)
        assert.truthy(message:find(case[3], 1, true), message)
        return
      end
      for _, message in ipairs(fails(case[1], 6, support.unpack(case[2], 1, 6))) do
        assert.equal(case[3], message)
      end
    end)
  end

  it("say to use a dot where a function was called with a colon", function()
    local Session = httpclient.Session
    local EventSource, CookieJar = httpclient.EventSource, httpclient.CookieJar
    for _, case in ipairs({
      { function() httpclient:fetch("http://a/") end, "string", "httpclient", "fetch" },
      { function() httpclient:stream("http://a/") end, "string", "httpclient", "stream" },
      { function() httpclient:async(print) end, "function", "httpclient", "async" },
      { function() httpclient:sleep(1) end, "number", "httpclient", "sleep" },
      { function() httpclient:fetch_all({}) end, "table", "httpclient", "fetch_all" },
      { function() Session:new({}) end, "table or nil", "Session", "new" },
      { function() CookieJar:new() end, "string or nil", "CookieJar", "new" },
      { function() EventSource:new("http://a/") end, "string", "EventSource", "new" },
    }) do
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.equal(("bad argument #1 to '%s' (%s expected, got %s): use %s.%s(), with a dot ('.')")
        :format(case[4], case[2], case[3], case[3], case[4]), message:match("^%S+:%d+: (.*)$"))
    end
  end)

  it("are told of tasks and responses", function()
    local task, answer = async(function() end), response()
    for _, message in ipairs(fails(task.wait, 2, task, "1")) do
      assert.equal("bad argument #1 to 'wait' (number or nil expected, got string)", message)
    end
    for _, name in ipairs({ "header_values", "trailer" }) do
      for _, message in ipairs(fails(answer[name], 2, answer, 5)) do
        assert.equal(("bad argument #1 to '%s' (string expected, got number)"):format(name),
          message)
      end
    end
    httpclient.run()
  end)

  it("leave alone what a table of fields raises by itself", function()
    local raised = {}
    local fields = setmetatable({}, { __pairs = function() error(raised, 0) end })
    local ok, message = pcall(fetch, "http://a/", { form = fields })
    assert.is_false(ok)
    assert.equal(raised, message)
  end)
end)
