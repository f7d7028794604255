-- request_completed as an object, and fields that HTTPRequest does not have.
local httpclient = require("httpclient")

local Error, HTTPRequest = httpclient.Error, httpclient.HTTPRequest

local function complete(request)
  assert.equal(Error.OK, (request:request("http://127.0.0.1:1/"))) -- nobody listens there
  httpclient.run()
end

describe("request_completed", function()
  it("tells what a handler has raised, and where, once", function()
    local request = HTTPRequest.new()
    request.request_completed:connect(function() error("of the handler", 0) end)
    local ok, message = pcall(complete, request)
    assert.is_false(ok)
    local text, traces = message:gsub("\nstack traceback:\n", "")
    assert.equal(1, traces, message)
    assert.truthy(text:find("^of the handler"), message)
  end)

  it("calls what is connected to it, in turn", function()
    local request, calls = HTTPRequest.new(), {}
    local function note(name)
      return function(result, code, headers, body)
        calls[#calls + 1] = { name, result, code, #headers, body }
      end
    end
    assert.equal(Error.OK, request.request_completed:connect(note("first")))
    assert.equal(Error.OK, request:connect("request_completed", note("second")))
    complete(request)
    local function failed(name) return { name, HTTPRequest.RESULT_CANT_CONNECT, 0, 0, "" } end
    assert.same({ failed("first"), failed("second") }, calls)
  end)

  it("is the same list as the 3.x form's", function()
    local request, count = HTTPRequest.new(), 0
    local function note() count = count + 1 end
    local signal = request.request_completed
    assert.is_false(signal:is_connected(note))
    request:connect("request_completed", note)
    assert.is_true(signal:is_connected(note))
    assert.is_true(request:is_connected("request_completed", note))
    assert.equal(Error.OK, signal:disconnect(note))
    assert.is_false(request:is_connected("request_completed", note))
    assert.same({ Error.ERR_DOES_NOT_EXIST, "the handler is not connected" },
      { signal:disconnect(note) })
    assert.same({ Error.ERR_DOES_NOT_EXIST, "the handler is not connected" },
      { request:disconnect("request_completed", note) })
    complete(request)
    assert.equal(0, count)
  end)

  it("belongs to one request", function()
    local one, other = HTTPRequest.new(), HTTPRequest.new()
    one.request_completed:connect(print)
    assert.is_false(other.request_completed:is_connected(print))
    assert.equal(one.request_completed, one.request_completed)
  end)

  it("may change while it calls", function()
    local request, calls = HTTPRequest.new(), {}
    local function once()
      calls[#calls + 1] = "once"
      request.request_completed:disconnect(once)
      request.request_completed:connect(function() calls[#calls + 1] = "later" end)
    end
    request.request_completed:connect(once)
    complete(request)
    assert.same({ "once" }, calls)
    complete(request)
    assert.same({ "once", "later" }, calls)
  end)

  it("calls for once what was connected so", function()
    local request, calls = HTTPRequest.new(), {}
    local function note(name)
      return function() calls[#calls + 1] = name end
    end
    local once = note("once")
    assert.equal(Error.OK, request.request_completed:connect(once, HTTPRequest.CONNECT_ONE_SHOT))
    assert.equal(Error.OK, request:connect("request_completed", note("old form"),
      HTTPRequest.CONNECT_ONESHOT))
    request.request_completed:connect(note("always"), HTTPRequest.CONNECT_DEFERRED)
    complete(request)
    assert.same({ "once", "old form", "always" }, calls)
    assert.is_false(request.request_completed:is_connected(once))
    calls = {}
    complete(request)
    assert.same({ "always" }, calls)
  end)

  it("lets what is called once connect itself again, or go before it was called", function()
    local request, count = HTTPRequest.new(), 0
    local function again()
      count = count + 1
      if count < 3 then
        assert.equal(Error.OK, request.request_completed:connect(again, 4))
        assert.equal(Error.OK, (request:request("http://127.0.0.1:1/")))
      end
    end
    request.request_completed:connect(again, 4)
    complete(request)
    assert.equal(3, count)
    request.request_completed:connect(again, 4)
    assert.equal(Error.OK, request.request_completed:disconnect(again))
    request.request_completed:connect(again)
    complete(request)
    complete(request)
    assert.equal(5, count)
  end)

  it("has a handler once, as in the engine", function()
    local request, count = HTTPRequest.new(), 0
    local function note() count = count + 1 end
    request.request_completed:connect(note)
    assert.same({ Error.ERR_INVALID_PARAMETER, "the handler is connected already" },
      { request.request_completed:connect(note) })
    assert.same({ Error.ERR_INVALID_PARAMETER, "the handler is connected already" },
      { request:connect("request_completed", note) })
    complete(request)
    assert.equal(1, count)
  end)

  it("refuses flags that it does not know", function()
    local request = HTTPRequest.new()
    for _, flags in ipairs({ 8, -1, 1.5, "4", {} }) do
      assert.error_matches(function() request.request_completed:connect(print, flags) end,
        "bad argument #2 to 'connect' (", 1, true)
      assert.error_matches(function() request:connect("request_completed", print, flags) end,
        "bad argument #3 to 'connect' (", 1, true)
    end
    assert.is_false(request.request_completed:is_connected(print))
  end)

  it("says what is wrong with a call", function()
    local request = HTTPRequest.new()
    local signal = request.request_completed
    for _, method in ipairs({ "connect", "disconnect", "is_connected" }) do
      assert.error_matches(function() signal[method](signal, 5) end,
        "bad argument #1 to '" .. method .. "' (function expected, got number)", 1, true)
      assert.error_matches(function() signal[method](print) end, method, 1, true)
      assert.error_matches(function() request[method](request, "no_such", print) end,
        "HTTPRequest has no signal 'no_such'", 1, true)
      assert.error_matches(function() request[method](request, "request_completed", 5) end,
        "bad argument #2 to '" .. method .. "' (function expected, got number)", 1, true)
    end
    assert.error_matches(function() request.request_completed = print end, "no field")
    assert.equal("Signal request_completed (0 connected)", tostring(signal))
  end)

  it("holds no request that is let go", function()
    local kept = setmetatable({}, { __mode = "k" })
    local signal
    do
      local request = HTTPRequest.new()
      kept[request], signal = true, request.request_completed
    end
    for _ = 1, 3 do collectgarbage() end
    assert.is_nil(next(kept))
    assert.is_false(signal:is_connected(print))
  end)
end)

describe("a field that HTTPRequest does not have", function()
  it("raises when it is read, as when it is written", function()
    local request = HTTPRequest.new()
    assert.error_matches(function() return request.time_out end,
      "HTTPRequest has no field 'time_out'", 1, true)
    assert.error_matches(function() request.time_out = 1 end,
      "HTTPRequest has no field 'time_out'", 1, true)
    assert.error_matches(function() return request[1] end, "HTTPRequest has no field '1'", 1, true)
  end)

  it("raises where the caller stands", function()
    local ok, message = pcall(function() return HTTPRequest.new().nothing end)
    assert.is_false(ok)
    assert.truthy(message:find("http_request_signal_spec.lua:", 1, true), message)
  end)
end)
