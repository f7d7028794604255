-- What test_reentry.c runs while memory is out, or is collected all the time: exchanges in which Lua is called from
-- within. All that must be there afterwards is in `world`, so that check() can look at it.
local httpclient = require("httpclient.core")
local native = require("spec_native")

local HTTPClient, Poller = httpclient.HTTPClient, httpclient.Poller
local ANSWER = "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\n\r\nabc"
local haunted = require("spec.support.haunt")

local world = {}

local function until_true(step)
  local limit = native.monotonic() + 10
  repeat
    local value = step()
    if value then return value end
  until native.monotonic() > limit
  error("waited too long")
end

local function fail(client)
  error("the client ended: " .. select(2, client:get_last_error()), 0)
end

local function pull()
  local left = 3
  return function()
    left = left - 1
    return left >= 0 and ("p"):rep(10 + left) or nil
  end
end

-- Over TCP, by a Poller, with a body function.
local function by_poller()
  local client, poller = HTTPClient.new(), Poller.new()
  world.client, world.poller = client, poller
  assert(client:connect_to_host("127.0.0.1", world.listener:port()) == 0)
  assert(poller:add(client) == 0)
  world.conn = until_true(function()
    poller:wait(0)
    return world.listener:accept(0)
  end)
  until_true(function()
    poller:wait(0)
    return client:get_status() == HTTPClient.STATUS_CONNECTED
  end)
  assert(client:request(HTTPClient.METHOD_POST, "/", { "X-A: a" }, pull()) == 0)
  until_true(function()
    poller:wait(0)
    if client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR then fail(client) end
    return world.conn:recv_until("0\r\n\r\n", 0)
  end)
  world.conn:send(ANSWER)
  until_true(function()
    poller:wait(0.01)
    return client:get_status() == HTTPClient.STATUS_BODY
  end)
  assert(client:get_response_headers_as_dictionary().server == "s")
  assert(client:read_response_body_chunk() == "abc")
end

-- Over a stream of the script's own.
local function by_stream()
  local client = HTTPClient.new()
  local input, output = "", ""
  world.stream_client = client
  client:set_connection({
    put_partial_data = function(_, data)
      output = output .. data
      return 0, #data
    end,
    get_partial_data = function(_, size)
      local data = input:sub(1, size)
      input = input:sub(#data + 1)
      return 0, data
    end,
    get_available_bytes = function() return #input end,
    poll = function() return 0 end,
    get_status = function() return 2 end,
    get_connected_host = function() return "a.test" end,
  })
  assert(client:request(HTTPClient.METHOD_POST, "/", {}, pull()) == 0)
  until_true(function()
    client:poll()
    if client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR then fail(client) end
    return output:find("0\r\n\r\n", 1, true)
  end)
  input = ANSWER
  until_true(function()
    HTTPClient.wait_any({ client }, 0)
    if client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR then fail(client) end
    return client:get_status() == HTTPClient.STATUS_BODY
  end)
  assert(client:read_response_body_chunk() == "abc")
end

-- Nothing is at work any more, and all can be used again.
local function check()
  local ends = { world.client or false, world.stream_client or false }
  for _, client in ipairs(ends) do
    if client then
      client:poll()
      client:close()
      assert(client:get_status() == HTTPClient.STATUS_DISCONNECTED)
    end
  end
  if world.poller then
    world.poller:wait(0)
    world.poller:close()
    assert(world.poller:count() == 0)
  end
  if world.conn then world.conn:close() end
  -- A connection that nobody has accepted.
  local left = world.listener:accept(0)
  while left do
    left:close()
    left = world.listener:accept(0)
  end
  world.client, world.stream_client, world.poller, world.conn = nil, nil, nil, nil
end

-- A finalizer that comes back, and each time uses what is there. -> how often it has come; stops it
local function haunt()
  return haunted(function(count)
    local client = count % 2 == 0 and world.client or world.stream_client
    pcall(function()
      if client then
        client:get_response_headers()
        client:poll()
        client:resume_body()
      end
      if world.poller then world.poller:count() end
      local other = HTTPClient.new()
      other:set_connection({
        put_partial_data = function() return 0, 0 end,
        get_partial_data = function() return 0, "" end,
      })
      other:request(HTTPClient.METHOD_GET, "/", {})
      other:poll()
      httpclient.query_string_from_dict({ a = { 1, 2 } })
    end)
  end, 1)
end

-- LuaJIT's compiled code can't be out of memory: before 2023, lj_err_mem() took the frame of the interpreter, which was
-- an older one, and one run of thirty ended there.
local function interpret()
  if not jit then return end
  jit.off()
  jit.flush()
end

return {
  interpret = interpret,
  prepare = function() world.listener = assert(native.listen()) end,
  by_poller = by_poller,
  by_stream = by_stream,
  check = check,
  haunt = haunt,
  finish = function() world.listener:close() end,
}
