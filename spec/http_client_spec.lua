-- The HTTPClient object: its properties, its scope, its end; and finalizers that run while it works.
local finalizer = require("httpclient.base.finalizer")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\n"

local status_of = support.status_of
local _, listen, world = require("spec.support.world")(after_each)

-- Every step of the collector is a whole cycle, until the test ends.
local function collect_whole_cycles(finally)
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 100000)
  finally(function()
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
    collectgarbage("restart")
  end)
end

describe("the object", function()
  it("has its properties as fields and by setter and getter", function()
    local client = HTTPClient.new()
    for _, case in ipairs({
      { "read_chunk_size", 65536, 4096 }, { "max_header_size", 65536, 1000 },
      { "connect_timeout", 0, 1.5 }, { "response_timeout", 0, 2 }, { "idle_timeout", 0, 0.25 },
    }) do
      local name, default, value = case[1], case[2], case[3]
      assert.equal(default, client[name])
      client[name] = value
      assert.equal(value, client["get_" .. name](client))
      client["set_" .. name](client, default)
      assert.equal(default, client[name])
    end
    assert.is_false(client.blocking_mode_enabled)
    client:set_blocking_mode(true)
    assert.is_true(client.blocking_mode_enabled)
    client.blocking_mode_enabled = false
    assert.is_false(client:is_blocking_mode_enabled())
    assert.is_nil(client.connection)
  end)

  it("keeps its properties through close and connect", function()
    local client = HTTPClient.new()
    client.read_chunk_size, client.idle_timeout = 256, 9
    local _, conn = support.connect(listen(), { client = client })
    client:close()
    assert.same({ 256, 9 }, { client.read_chunk_size, client.idle_timeout })
    conn:close()
  end)

  -- what is done, a part of the message
  local wrong = {
    { "an unknown field", function(c) c.no_such = 1 end, "no_such" },
    { "a method's name", function(c) c.poll = 1 end, "poll" },
    { "a number for a field's name", function(c) c[1] = 1 end, "number" },
    { "a small read_chunk_size", function(c) c.read_chunk_size = 255 end,
      "read_chunk_size must be from 256 to 16777216" },
    { "a large read_chunk_size", function(c) c:set_read_chunk_size(16777217) end,
      "read_chunk_size must be from 256" },
    { "a read_chunk_size that is no number", function(c) c.read_chunk_size = "256" end,
      "read_chunk_size: number expected, got string" },
    { "a read_chunk_size with a fraction", function(c) c.read_chunk_size = 256.5 end, "integer" },
    { "a max_header_size of 0", function(c) c.max_header_size = 0 end, "max_header_size" },
    { "a negative timeout", function(c) c.connect_timeout = -1 end, "connect_timeout" },
    { "nil for a boolean", function(c) c.blocking_mode_enabled = nil end,
      "blocking_mode_enabled: boolean expected, got nil" },
    { "a number for a boolean", function(c) c:set_blocking_mode(1) end,
      "boolean expected, got number" },
    { "no stream", function(c) c.connection = 5 end,
      "connection: StreamPeer expected, got number" },
    { "an empty table as stream", function(c) c:set_connection({}) end,
      "StreamPeer expected, got table" },
    { "a call without the object", function(c) c.poll() end, "HTTPClient expected, got no value" },
    { "a call on another object", function(c) c.poll(httpclient.TLSOptions.client()) end,
      "HTTPClient expected, got TLSOptions" },
    { "a proxy host that is no string", function(c) c:set_http_proxy({}, 1) end,
      "string expected, got table" },
  }
  for _, case in ipairs(wrong) do
    it("raises for " .. case[1], function()
      local client = HTTPClient.new()
      local ok, message = pcall(case[2], client)
      assert.is_false(ok)
      assert.truthy(message:find(case[3], 1, true), message)
    end)
  end

  it("gives nil for an unknown field", function()
    assert.is_nil(HTTPClient.new().no_such)
    assert.equal(HTTPClient.METHOD_POST, HTTPClient.new().METHOD_POST)
  end)

  it("closes at the end of its scope, and stays usable", function()
    local load = loadstring or load
    local scope = load("local make, use = ... local client <close> = make() use(client)")
    if not scope then return end -- before 5.4
    local kept, conn
    scope(function()
      kept, conn = world()
      return kept
    end, function(client) assert.equal("STATUS_CONNECTED", status_of(client)) end)
    assert.equal("", conn:recv())
    assert.equal("STATUS_DISCONNECTED", status_of(kept))
    assert.equal(Error.ERR_UNCONFIGURED, (kept:poll()))
    local _, second = support.connect(listen(), { client = kept })
    second:close()
    kept:close()
  end)

  it("is not closed by a finalizer while it makes strings of what it holds", function()
    local client, ran = HTTPClient.new(), 0
    local function litter()
      for _ = 1, 200 do
        local function finalize()
          ran = ran + 1
          pcall(client.close, client)
        end
        finalizer(finalize)
      end
    end
    local fields = {}
    for i = 1, 20 do fields[i] = ("X-%d: %s\r\n"):format(i, ("v"):rep(i)) end
    collect_whole_cycles(finally)
    for _, name in ipairs({ "get_response_headers", "get_response_headers_as_dictionary",
      "get_response_reason",
      "read_response_body_chunk" }) do
      collectgarbage()
      collectgarbage("stop")
      local _, conn = support.connect(listen(), { client = client })
      support.answer(client, conn, "HTTP/1.1 200 Very fine\r\n" .. table.concat(fields)
        .. "Content-Length: 30000\r\n\r\n" .. ("x"):rep(30000))
      native.wait_fd(client:get_fd(), "r", 5)
      litter()
      collectgarbage("restart")
      -- A finalizer may close it between two calls, and then nothing is left to read; never within one.
      for _ = 1, 2 do client[name](client) end
      collectgarbage("stop")
      conn:close()
    end
    collectgarbage()
    assert.is_true(ran > 100, tostring(ran))
  end)

  it("gives each byte once, though a finalizer reads while a string is made", function()
    local client, conn = world()
    local pieces, wanted, ran = {}, {}, 0
    for i = 1, 300 do wanted[i] = ("piece %03d "):format(i) .. ("."):rep(246) end
    client.read_chunk_size = 256
    support.answer(client, conn, OK .. "Content-Length: " .. 256 * #wanted .. "\r\n\r\n"
      .. table.concat(wanted))
    client.blocking_mode_enabled = true -- for pieces of just that size
    local function finalize()
      ran = ran + 1
      local ok, piece = pcall(client.read_response_body_chunk, client)
      if ok and piece ~= "" then pieces[#pieces + 1] = piece end
    end
    collect_whole_cycles(finally)
    collectgarbage()
    while client:get_status() == HTTPClient.STATUS_BODY do
      collectgarbage("stop")
      finalizer(finalize)
      collectgarbage("restart")
      local piece = client:read_response_body_chunk()
      if piece ~= "" then pieces[#pieces + 1] = piece end
    end
    assert.is_true(ran > 10, tostring(ran))
    table.sort(pieces)
    assert.is_true(table.concat(wanted) == table.concat(pieces))
  end)

  it("ends its connection when it is collected", function()
    local client, conn = world()
    support.answer(client, conn, OK .. "Content-Length: 9\r\n\r\nabc")
    client = nil -- luacheck: ignore
    for _ = 1, 4 do collectgarbage() end
    assert.equal("", conn:recv())
  end)
end)
