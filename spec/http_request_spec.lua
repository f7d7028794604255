-- HTTPRequest: one request at a time, its completion, its properties, every Result.
local httpclient = require("httpclient")
local native = require("spec_native")
local certs = require("spec.support.certs")
local ports = require("spec.support.ports")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, HTTPClient, HTTPRequest = httpclient.Error, httpclient.HTTPClient,
  httpclient.HTTPRequest
local unpack = table.unpack or unpack -- luacheck: ignore
local Result = HTTPRequest.Result
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)

-- Runs frames until the request has completed. -> result, code, headers, body
local function frames(request, seconds)
  local completion
  local function note(...)
    completion = { ... }
  end
  request:connect("request_completed", note)
  local limit = native.monotonic() + (seconds or 60) * factor
  while not completion do
    httpclient.process(0.004)
    assert(native.monotonic() < limit, "no completion")
    native.sleep(0.0005)
  end
  request:disconnect("request_completed", note)
  return completion[1], completion[2], completion[3], completion[4]
end

local function result_of(request, ...)
  local code, message = request:request(...)
  assert.equal(Error.OK, code, message)
  return frames(request)
end

describe("an HTTPRequest", function()
  it("has the reference's properties, with setters and getters", function()
    local request = HTTPRequest.new()
    local cases = {
      { "accept_gzip", true, false, "is_accepting_gzip" },
      { "body_size_limit", -1, 10, "get_body_size_limit" },
      { "download_chunk_size", 65536, 4096, "get_download_chunk_size" },
      { "download_file", "", "/tmp/x", "get_download_file" },
      { "max_redirects", 8, -1, "get_max_redirects" },
      { "timeout", 0, 2.5, "get_timeout" },
      { "use_threads", false, true, "is_using_threads" },
    }
    for _, case in ipairs(cases) do
      local name, default, value, getter = case[1], case[2], case[3], case[4]
      assert.equal(default, request[name], name)
      assert.equal(default, request[getter](request))
      request[name] = value
      assert.equal(value, request[getter](request))
      request["set_" .. name](request, default)
      assert.equal(default, request[name])
      assert.has_error(function() request[name] = {} end)
      assert.has_error(function() request["set_" .. name](request, nil) end)
    end
    assert.has_error(function() request.no_such_field = 1 end)
    assert.has_error(function() request.on_progress = 5 end)
    assert.has_error(function() request.download_chunk_size = 255 end)
    assert.has_error(function() request.download_file = "a\0b" end)
    for _, path in ipairs({ "user://level.pck", "res://level.pck" }) do
      assert.error_matches(function() request.download_file = path end, "the engine's", 1, true)
    end
    assert.equal("HTTPRequest (idle)", tostring(request))
    assert.equal(-1, request:get_body_size())
    assert.equal(0, request:get_downloaded_bytes())
    assert.equal(HTTPClient.STATUS_DISCONNECTED, request:get_http_client_status())
  end)

  it("completes with result, code, headers and body, never from inside request()", function()
    local server = with_server({ { "HTTP/1.1 202 Yes\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello" } })
    local request, calls = HTTPRequest.new(), 0
    request.on_request_completed = function(result, code, headers, body)
      calls = calls + 1
      assert.equal(Result.RESULT_SUCCESS, result)
      assert.equal(202, code)
      assert.same({ "X-A: 1", "Content-Length: 5" }, headers)
      assert.equal("hello", body)
    end
    assert.equal(Error.OK, (request:request(server:url())))
    assert.equal("HTTPRequest (busy)", tostring(request))
    assert.equal(Error.ERR_BUSY, (request:request(server:url())))
    local status = request:get_http_client_status()
    assert.is_true(status == HTTPClient.STATUS_CONNECTING or status == HTTPClient.STATUS_CONNECTED,
      tostring(status))
    httpclient.run()
    assert.equal(1, calls)
    assert.equal(5, request:get_body_size())
    assert.equal(5, request:get_downloaded_bytes())
    assert.equal(HTTPClient.STATUS_DISCONNECTED, request:get_http_client_status())
    -- A failure that is known at once still completes later.
    local failed
    request.on_request_completed = function(result) failed = result end
    assert.equal(Error.OK, (request:request(server:url(), { "no colon" })))
    assert.is_nil(failed)
    httpclient.run()
    assert.is_number(failed)
  end)

  it("takes both call forms", function()
    local options = { tls = certs.localhost }
    local server = with_server({ { { send = answer("a"), content = 1 },
      { send = answer("b"), content = 1 } },
      { answer("c") } }, options)
    local request = HTTPRequest.new()
    -- 3.x: the boolean is there, and switches the verification off.
    assert.equal(Result.RESULT_SUCCESS,
      (result_of(request, server:url(), {}, false, HTTPClient.METHOD_POST, "x")))
    assert.equal(Result.RESULT_SUCCESS,
      (result_of(request, server:url(), nil, false, HTTPClient.METHOD_PUT, "y")))
    assert.equal(Result.RESULT_TLS_HANDSHAKE_ERROR,
      (result_of(request, server:url(), {}, HTTPClient.METHOD_GET)))
    local received = server:requests()[1]
    assert.truthy(received:find("^POST / .*\r\n\r\nxPUT / .*\r\n\r\ny$"), received)
    -- nil in its place: verified.
    server = with_server({ { answer("d") } }, options)
    assert.equal(Result.RESULT_TLS_HANDSHAKE_ERROR,
      (result_of(request, server:url(), {}, nil, HTTPClient.METHOD_POST, "x")))
  end)

  it("knows the form of 3.x by its length, too", function()
    local server = with_server({ { { send = answer("a"), content = 1 },
      { send = answer("b"), content = 1 } } })
    local request = HTTPRequest.new()
    assert.equal(Result.RESULT_SUCCESS, (result_of(request, server:url(), {}, nil, "POST", "x")))
    assert.equal(Error.OK, (request:request_raw(server:url(), {}, nil, nil, "y")))
    assert.equal(Result.RESULT_SUCCESS, (frames(request)))
    local received = server:requests()[1]
    assert.truthy(received:find("^POST / .*\r\n\r\nxGET / .*\r\n\r\ny$"), received)
  end)

  it("refuses what is no request", function()
    local request = HTTPRequest.new()
    for _, url in ipairs({ "", "ftp://h/", "/x", "http://", "http://h:0/" }) do
      local code, message = request:request(url)
      assert.equal(Error.ERR_INVALID_PARAMETER, code, url)
      assert.is_true(#message > 5)
    end
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (request:request("http://h/", {}, HTTPClient.METHOD_MAX)))
    assert.equal(Error.ERR_INVALID_PARAMETER, (request:request("http://h/", {}, -1)))
    for _, arguments in ipairs({ { 5 }, { "http://h/", 5 }, { "http://h/", {}, {} },
      { "http://h/", {}, 2, {} },
      { "http://h/", {}, 0, {} },
      { "http://h/", { 5 } } }) do
      assert.has_error(function()
        request:request((table.unpack or unpack)(arguments))
      end) -- luacheck: ignore
    end
    assert.has_error(function() request:request_raw("http://h/", {}, 2, { 256 }) end)
    assert.has_error(function() request:connect("no_such_signal", print) end)
    assert.has_error(function() request:connect("request_completed", 5) end)
    assert.has_error(function() request:await() end)
    assert.has_error(function() HTTPRequest.request({}, "http://h/") end)
    assert.equal("HTTPRequest (idle)", tostring(request))
  end)

  it("ignores the data of a GET, but not request_raw", function()
    local server = with_server({ { answer("a"), { send = answer("b"), content = 3 } } })
    local request = HTTPRequest.new()
    assert.equal(Result.RESULT_SUCCESS,
      (result_of(request, server:url(), {}, HTTPClient.METHOD_GET, "abc")))
    assert.equal(Error.OK,
      (request:request_raw(server:url(), {}, HTTPClient.METHOD_GET, { 97, 0, 255 })))
    assert.equal(Result.RESULT_SUCCESS, (frames(request)))
    local first, second = server:requests()[1]:match("^(.-\r\n\r\n)(.*)$")
    assert.is_nil(first:find("Content-Length", 1, true))
    assert.equal("a\0\255", second:sub(-3))
  end)

  it("is asked again from where it was cancelled", function()
    local server = with_server({ { { send = answer("1"), ending = "stall" } } })
    local other = with_server({ { answer("2") } })
    local request, bodies, cancelled = HTTPRequest.new(), {}, 0
    request.on_request_completed = function(_, _, _, body) bodies[#bodies + 1] = body end
    request.on_progress = function()
      if cancelled == 0 then
        cancelled = cancelled + 1
        request:cancel_request()
        assert(request:request(other:url()) == Error.OK)
      end
    end
    request:request(server:url())
    httpclient.run()
    assert.same({ "2" }, bodies)
    assert.equal(1, cancelled)
    assert.same({ 0, 0 }, { httpclient.pool.count(), (select(3, httpclient.pool.count())) })
  end)

  it("tells the upload's progress to its end", function()
    local server = with_server({ { { send = "HTTP/1.1 204 No\r\n\r\n", content = 100000 },
      answer("x") } })
    local request, seen = HTTPRequest.new(), nil
    request.on_progress = function(...) seen = { ... } end
    request:request(server:url(), {}, HTTPClient.METHOD_PUT, ("x"):rep(100000))
    httpclient.run()
    assert.same({ 100000, 100000 }, { seen[3], seen[4] })
    request:request(server:url(), {}, HTTPClient.METHOD_GET, "ignored")
    httpclient.run()
    assert.same({ 1, 1, 0, 0 }, seen)
  end)

  it("may ask again from its completion", function()
    local server = with_server({ { answer("1"), answer("2"), answer("3") } })
    local request, bodies = HTTPRequest.new(), {}
    request:connect("request_completed", function(_, _, _, body)
      bodies[#bodies + 1] = body
      if #bodies < 3 then
        assert(request:request(server:url()) == Error.OK)
      end
    end)
    request:request(server:url())
    httpclient.run()
    assert.same({ "1", "2", "3" }, bodies)
  end)

  it("is awaited inside and outside of tasks", function()
    local server = with_server({ { answer("1"), answer("2") } })
    local request = HTTPRequest.new()
    request:request(server:url())
    local result, code, headers, body = request:await()
    assert.same({ 0, 200, { "Content-Length: 1" }, "1" }, { result, code, headers, body })
    local task = httpclient.async(function()
      assert(request:request(server:url()) == Error.OK)
      return select(4, request:await())
    end)
    httpclient.run()
    assert.equal("2", task:result())
    assert.equal("2", select(4, request:await()))
  end)

  it("is cancelled at any moment, without a completion", function()
    local server = with_server({ { { send = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      ending = "stall" } },
      { answer("next") } })
    local request, calls = HTTPRequest.new(), 0
    request.on_request_completed = function() calls = calls + 1 end
    request:cancel_request()
    request:request(server:url())
    request:cancel_request()
    httpclient.process()
    assert.equal(0, calls)
    server:stop()
    server = with_server({ { { send = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      ending = "stall" } } })
    request.on_progress = function() request:cancel_request() end
    request:request(server:url())
    httpclient.run()
    assert.equal(0, calls)
    assert.equal("HTTPRequest (idle)", tostring(request))
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    assert.is_nil((request:await()))
  end)

  it("reports a callback's error through process, and goes on", function()
    local server = with_server({ { answer("1") }, { answer("2") } })
    local bad, good = HTTPRequest.new(), HTTPRequest.new()
    bad.on_request_completed = function() error("my own mistake") end
    local done
    good.on_request_completed = function() done = true end
    bad:request(server:url())
    local ok, message = pcall(httpclient.run)
    assert.is_false(ok)
    assert.truthy(message:find("my own mistake", 1, true), message)
    good:request(server:url())
    httpclient.run()
    assert.is_true(done)
    assert.equal("HTTPRequest (idle)", tostring(bad))
  end)

  it("reports errors of any kind, and of several at once", function()
    local values = { {}, false, "text", 5 }
    for count = 1, #values do
      local answers = {}
      for i = 1, count do
        answers[i] = { answer(tostring(i)) }
      end
      local server, called = with_server(answers), 0
      httpclient.pool.max_per_host = 0
      for i = 1, count do
        local request = HTTPRequest.new()
        request.on_request_completed = function()
          called = called + 1
          error(values[i], 0)
        end
        request:request(server:url())
      end
      local failures = 0
      repeat
        local ok, message = pcall(httpclient.run)
        if not ok then
          failures = failures + 1
          assert.is_true(message ~= nil and message ~= false)
        end
      until ok
      httpclient.pool.max_per_host = 6
      assert.equal(count, called)
      assert.is_true(failures >= 1)
    end
  end)

  it("calls every handler though others raise, and then raises the first error", function()
    local server = with_server({ { answer("one"), answer("two") } })
    local called = {}
    local function handler(name, raises)
      return function(_, _, _, body)
        called[#called + 1] = name .. " " .. body
        -- What a handler waits for holds up those behind it, on every Lua.
        httpclient.sleep(0.001)
        if raises then error(raises, 0) end
      end
    end
    local request = HTTPRequest.new()
    request.on_request_completed = handler("field", "the first")
    request:connect("request_completed", handler("second"))
    request:connect("request_completed", handler("third", "the second"))
    request:connect("request_completed", handler("fourth", {}))
    request:connect("request_completed", handler("last"))
    request:request(server:url())
    local ok, message = pcall(httpclient.run)
    assert.is_false(ok)
    assert.truthy(message:find("the first", 1, true), message)
    assert.is_nil(message:find("the second", 1, true), message)
    assert.same({ "field one", "second one", "third one", "fourth one", "last one" }, called)
    httpclient.run()
    -- The object is as good as new, and an error that is no text arrives as it is.
    local raised = {}
    request.on_request_completed = function() error(raised) end
    request:request(server:url())
    assert.same({ false, raised }, { pcall(httpclient.run) })
    assert.equal(9, #called)
    assert.equal("HTTPRequest (idle)", tostring(request))
    httpclient.run()
  end)

  it("uses the proxies that it is given, and no others", function()
    local server = with_server({ { answer("by proxy") } })
    local request = HTTPRequest.new()
    assert.equal(Error.OK, (request:set_http_proxy("127.0.0.1", server:port(), "u", "p")))
    local result, _, _, body = result_of(request, "http://example.test:81/x")
    assert.equal(Result.RESULT_SUCCESS, result, request:get_last_message())
    assert.equal("by proxy", body)
    local received = server:requests()[1]
    assert.truthy(received:find("^GET http://example%.test:81/x HTTP/1%.1\r\n"), received)
    assert.truthy(received:find("\r\nProxy-Authorization: Basic dTpw\r\n", 1, true), received)
    assert.equal(Error.ERR_INVALID_PARAMETER, (request:set_http_proxy("a b", 80)))
    for index, arguments in ipairs({ { 1, 80 }, { "h", "80" }, { "h", 80, 1 },
      { "h", 80, "u", true } }) do
      assert.has_error(function() request:set_https_proxy(unpack(arguments)) end,
        ("bad argument #%d to 'set_https_proxy' (%s expected, got %s)"):format(index,
          index == 2 and "integer" or "string", ({ "1", "string", "1", "boolean" })[index]))
    end
    assert.has_error(function() request:set_http_proxy("h", 80.5) end,
      "bad argument #2 to 'set_http_proxy' (integer expected, got 80.5)")
    assert.equal(Error.OK, (request:set_http_proxy("", -1)))
    assert.equal(Result.RESULT_CANT_RESOLVE, (result_of(request, "http://no-such-host.invalid/")))
  end)

  it("takes TLSOptions", function()
    local server = with_server({ { answer("a") } }, { tls = certs.localhost })
    local request = HTTPRequest.new()
    request:set_tls_options(httpclient.TLSOptions.client_unsafe())
    assert.equal(Result.RESULT_SUCCESS, (result_of(request, server:url())))
    assert.has_error(function() request:set_tls_options({}) end)
    request:set_tls_options(nil)
  end)
end)

describe("the Result of an HTTPRequest", function()
  it("has the numbers of 4.3", function()
    local expected = { [0] = "SUCCESS", "CHUNKED_BODY_SIZE_MISMATCH", "CANT_CONNECT",
      "CANT_RESOLVE", "CONNECTION_ERROR",
      "TLS_HANDSHAKE_ERROR", "NO_RESPONSE", "BODY_SIZE_LIMIT_EXCEEDED", "BODY_DECOMPRESS_FAILED",
      "REQUEST_FAILED",
      "DOWNLOAD_FILE_CANT_OPEN", "DOWNLOAD_FILE_WRITE_ERROR", "REDIRECT_LIMIT_REACHED", "TIMEOUT" }
    for value, name in pairs(expected) do
      assert.equal(value, Result["RESULT_" .. name], name)
      assert.equal(value, HTTPRequest["RESULT_" .. name], name)
      assert.equal(value, HTTPRequest.new()["RESULT_" .. name], name)
    end
    assert.equal(5, Result.RESULT_SSL_HANDSHAKE_ERROR)
    assert.has_error(function() return Result.RESULT_UNKNOWN end)
    assert.has_error(function() Result.RESULT_UNKNOWN = 1 end)
  end)

  local refused = ("http://127.0.0.1:%d/"):format(ports.free(1)[1])
  local head = "HTTP/1.1 200 OK\r\n"
  local cases = {
    { "CHUNKED_BODY_SIZE_MISMATCH", answer = head .. "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
      code = 200 },
    { "CANT_CONNECT", url = refused },
    { "CANT_RESOLVE", url = "http://no-such-host.invalid/" },
    { "CONNECTION_ERROR", answer = head .. "Content-Length: 9\r\n\r\nabc", code = 200 },
    { "CONNECTION_ERROR", answer = "garbage\r\n\r\n" },
    { "CONNECTION_ERROR", answer = { send = "", ending = "reset" } },
    { "TLS_HANDSHAKE_ERROR", answer = answer("x"), tls = certs.localhost },
    { "NO_RESPONSE", answer = { send = "", ending = "close" } },
    { "BODY_SIZE_LIMIT_EXCEEDED", answer = answer("12345"), set = { body_size_limit = 4 },
      code = 200 },
    { "BODY_DECOMPRESS_FAILED", answer = answer("nonsense", "Content-Encoding: gzip\r\n"),
      code = 200 },
    { "REQUEST_FAILED", answer = answer("x"), headers = { "no colon" } },
    { "REQUEST_FAILED",
      answer = "HTTP/1.1 302 F\r\nLocation: ftp://h/\r\nContent-Length: 0\r\n\r\n", code = 302 },
    { "DOWNLOAD_FILE_CANT_OPEN", answer = answer("x"),
      set = { download_file = "/nonexistent/folder/file" }, code = 200 },
    { "DOWNLOAD_FILE_WRITE_ERROR", answer = answer("x"), is_folder = true, code = 200 },
    { "REDIRECT_LIMIT_REACHED",
      answer = "HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
      set = { max_redirects = 0 }, code = 302 },
    { "TIMEOUT", answer = { send = "", ending = "stall" }, set = { timeout = 0.05 } },
  }
  for index, case in ipairs(cases) do
    it(("is %s (%d)"):format(case[1], index), function()
      local server = case.answer and with_server({ { case.answer } }, { tls = case.tls })
      local request = HTTPRequest.new()
      for name, value in pairs(case.set or {}) do
        request[name] = value
      end
      local folder
      if case.is_folder then -- a folder that is not empty, and was not there before, can't be replaced
        folder = tempdir.new()
        request.download_file = folder:file("target")
        request.on_progress = function()
          os.execute("mkdir -p " .. folder:file("target/full"))
        end
      end
      local result, code, headers, body = result_of(request, case.url or server:url(), case.headers)
      assert.equal(Result["RESULT_" .. case[1]], result, request:get_last_message())
      assert.equal(case.code or 0, code)
      assert.equal((case.code or 0) > 0, #headers > 0)
      assert.equal("", body)
      assert.is_true(#request:get_last_message() > 5)
      local used, idle, queued = httpclient.pool.count()
      assert.same({ 0, 0 }, { used, queued })
      assert.equal(0, idle)
      if folder then
        folder:close()
      end
    end)
  end
end)
