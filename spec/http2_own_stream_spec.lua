-- HTTP/2 over a stream that is a table of the script's own, which several clients share.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local HTTPClient = httpclient.HTTPClient

local OK = h2.OK

-- A script's own stream that takes all, and gives what `given` holds.
local function own_stream(during)
  local stream = { given = {} }
  function stream.get_status() return 2 end
  function stream.poll() return 0 end
  function stream.put_partial_data(_, data)
    during("put")
    return 0, #data
  end
  function stream.get_partial_data(self)
    during("get")
    return 0, table.remove(self.given, 1) or ""
  end
  function stream.get_available_bytes(self) return self.given[1] and #self.given[1] or 0 end
  function stream.disconnect_from_host() during("close") end
  return stream
end

-- Writes into what was freed just now.
local function fill_memory()
  local texts = {}
  for i = 1, 8 do texts[i] = ("?"):rep(65536 - 64 * i) end
  return #texts
end

describe("A connection of HTTP/2 over a script's own stream", function()
  for _, what in ipairs({ "poll", "close", "request", "wait", "read_response_body_chunk",
    "get_connection" }) do
    it("is not entered again by another client's " .. what, function()
      local client, other, calls = HTTPClient.new(), nil, 0
      local stream = own_stream(function()
        if not other then return end
        calls = calls + 1
        pcall(other[what], other, HTTPClient.METHOD_GET, "/", {})
        collectgarbage()
      end)
      client.http_version = "2"
      client:set_connection(stream)
      other = assert(client:share_connection())
      stream.given = { h2.settings({}), h2.headers(1, OK), h2.data(1, "x", h2.END_STREAM) }
      support.request(client, "GET", "/")
      for _ = 1, 5 do client:poll() end
      assert.equal("x", (support.read_all(client)))
      assert.is_true(calls > 0)
      client:close()
      other:close()
    end)
  end

  -- What is handed over may be content of any client on the connection, whose memory goes with it.
  it("hands over what it holds of a client that a finalizer ends before the method has it",
    function()
    local folder = tempdir.new()
    local file = assert(io.open(folder:write("body", ("x"):rep(50000)), "rb"))
    local client, sent = HTTPClient.new(), {}
    local stream, is_full, looks = own_stream(function() end), false, 0
    finally(function()
      client:close()
      file:close()
      folder:close()
    end)
    function stream.put_partial_data(_, data)
      if is_full then return 0, 0 end
      sent[#sent + 1] = data
      return 0, #data
    end
    client.http_version = "2"
    client:set_connection(stream)
    local other = assert(client:share_connection())
    stream.given = { h2.settings({}) }
    for _ = 1, 3 do client:poll() end
    support.request(other, "POST", "/", {}, file)
    is_full = true
    for _ = 1, 3 do other:poll() end
    is_full = false
    -- The method is looked up by a function of the script's, which may do anything.
    local put = stream.put_partial_data
    stream.put_partial_data = nil
    setmetatable(stream, { __index = function(_, name)
      if name ~= "put_partial_data" then return nil end
      looks = looks + 1
      if looks == 2 then -- the first may be for a frame's head alone
        other = nil
        collectgarbage()
        collectgarbage()
        fill_memory()
      end
      return put
    end })
    support.request(client, "GET", "/")
    for _ = 1, 20 do client:poll() end
    assert.is_nil(other)
    local size = 0
    for run in table.concat(sent):gmatch("xxxx+") do size = size + #run end
    assert.equal(50000, size)
  end)

  it("keeps the stream for the client that is left", function()
    local other
    do
      local client, stream = HTTPClient.new(), own_stream(function() end)
      client.http_version = "2"
      client:set_connection(stream)
      other = assert(client:share_connection())
      stream.given = { h2.settings({}), h2.headers(1, OK, h2.END_STREAM) }
    end
    collectgarbage()
    collectgarbage()
    support.request(other, "GET", "/")
    for _ = 1, 5 do other:poll() end
    assert.equal(200, other:get_response_code())
    other:close()
  end)
end)
