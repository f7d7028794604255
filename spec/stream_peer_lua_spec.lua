-- Streams of the script's own under a StreamPeerTLS: whatever they do is a failure with a message at the worst.
local httpclient = require("httpclient")

local Error = httpclient.Error
local peers = require("spec.support.peers")(after_each)
local wait_for = peers.wait_for

describe("a stream of the script's own", function()
  -- Runs a TLS handshake over `stream` until it ends, and gives the failure.
  local function failure_over(stream)
    local tls = httpclient.StreamPeerTLS.new()
    local code, message = tls:connect_to_stream(stream, "localhost")
    if code == Error.OK then
      wait_for(function()
        code, message = tls:poll()
        return code ~= Error.OK
      end)
    end
    return message, code
  end
  local function returns(...)
    local results, count = { ... }, select("#", ...)
    local unpack = table.unpack or unpack -- luacheck: ignore
    return function() return unpack(results, 1, count) end
  end
  local takes = function(_, data) return Error.OK, #data end

  local nothing = returns(Error.OK, "")
  local function more(_, count)
    return Error.OK, ("x"):rep(count + 1)
  end
  local function raise()
    error("on purpose", 0)
  end

  -- What is wrong, put_partial_data, get_partial_data, a part of the message, other methods.
  local cases = {
    { "raises in put_partial_data", raise, nothing, "on purpose" },
    { "raises no text", function() error({}) end, nothing, "error" },
    { "raises in get_partial_data", takes, raise, "on purpose" },
    { "yields", function() coroutine.yield() end, nothing, "yield" },
    { "answers with nothing", returns(), returns(), "no Error" },
    { "answers with a text for the Error", returns("0", 1), nothing, "no Error" },
    { "sends more than there was", returns(0, 1e9), nothing, "number of bytes" },
    { "sends less than nothing", returns(0, -1), nothing, "number of bytes" },
    { "sends half a byte", returns(0, 0.5), nothing, "number of bytes" },
    { "reads more than it was asked for", takes, more, "more than was asked" },
    { "reads a number", takes, returns(0, 5), "no string" },
    { "answers with an Error and a text", returns(27, 0, "cable cut"), nothing, "cable cut" },
    { "is not connected", takes, nothing, "not connected", { get_status = returns(0) } },
    { "fails in poll", takes, nothing, "on purpose", { poll = raise } },
    { "ends at once", takes, returns(Error.ERR_FILE_EOF, ""), "" },
  }
  for _, case in ipairs(cases) do
    it("that " .. case[1] .. " is a failure with a message, never more", function()
      local stream = { put_partial_data = case[2], get_partial_data = case[3] }
      for name, method in pairs(case[5] or {}) do
        stream[name] = method
      end
      local message, code = failure_over(stream)
      assert.not_equal(Error.OK, code)
      assert.truthy(message:find(case[4], 1, true), message)
    end)
  end

  it("can't use the stream that runs over it out of its own methods", function()
    local tls, problem = httpclient.StreamPeerTLS.new(), nil
    local stream = { get_partial_data = returns(0, "") }
    function stream.put_partial_data(_, data)
      local ok, message = pcall(tls.poll, tls)
      problem = not ok and message
      return Error.OK, #data
    end
    assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
    tls:poll()
    assert.truthy(problem and problem:find("at work", 1, true), tostring(problem))
  end)

  it("is let go when the stream over it is", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local stream = { put_partial_data = takes, get_partial_data = returns(0, "") }
      weak[stream] = true
      local tls = httpclient.StreamPeerTLS.new()
      assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
      tls:poll()
    end
    for _ = 1, 5 do
      collectgarbage()
    end
    assert.is_nil(next(weak))
  end)

  it("works from coroutines that are gone by the next call", function()
    local tls = httpclient.StreamPeerTLS.new()
    local stream = { calls = 0, put_partial_data = takes }
    function stream:get_partial_data()
      self.calls = self.calls + 1
      return Error.OK, ""
    end
    for i = 1, 10 do
      coroutine.wrap(function()
        if i == 1 then
          assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
        end
        assert.equal(Error.OK, tls:poll())
      end)()
      collectgarbage()
    end
    assert.is_true(stream.calls >= 9)
  end)
end)
