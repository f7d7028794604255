-- The client inside other people's event loops: cqueues, luv, LuaSocket's select.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local uv = require("luv") -- here: its loop stays open to the end of the process

local HTTPClient = httpclient.HTTPClient

-- A whole exchange against a server in another thread; wait(client) is the loop's part. The polls are counted: a loop
-- that spins shows in them.
local function exchange(wait)
  local script = native.script({
    { "accept" },
    { "recv_until", "\r\n\r\n" },
    { "sleep", 0.05 },
    { "send", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde" },
    { "sleep", 0.05 },
    { "send", "fghij" },
  })
  local client = HTTPClient.new()
  finally(function()
    client:close()
    script:stop()
  end)
  client:connect_to_host("localhost", script:port())
  local parts, rounds, asked = {}, 0, false
  while client:get_status() ~= HTTPClient.STATUS_CONNECTED or not asked do
    wait(client)
    client:poll()
    if client:get_status() == HTTPClient.STATUS_CONNECTED and not asked then
      asked = true
      support.request(client)
    end
    if client:get_status() == HTTPClient.STATUS_BODY then
      parts[#parts + 1] = client:read_response_body_chunk()
    end
    rounds = rounds + 1
    assert(rounds < 60, "the loop spins")
  end
  assert.equal("abcdefghij", table.concat(parts))
end

describe("an HTTPClient", function()
  it("works in cqueues", function()
    local cqueues = require("cqueues")
    local queue = cqueues.new()
    -- No pcall: 5.1 can not yield across it. An error comes out of loop().
    queue:wrap(exchange, function(client)
      local fd = client:pollfd()
      cqueues.poll(client, 5)
      -- poll may close the descriptor: the queue has to forget it first.
      if fd then
        cqueues.cancel(fd)
      end
    end)
    local done, message = queue:loop()
    queue:close()
    assert(done, message)
  end)

  it("works in luv", function()
    exchange(function(client)
      local seconds = client:timeout()
      if seconds == 0 then
        return
      end
      local poll, timer = uv.new_poll(client:get_fd()), uv.new_timer()
      local function done()
        poll:stop()
        timer:stop()
        poll:close()
        timer:close()
      end
      poll:start(client:events(), done)
      timer:start(math.ceil((seconds or 5) * 1000), 0, done)
      uv.run()
    end)
  end)

  it("works in LuaSocket's select", function()
    local socket = require("socket")
    exchange(function(client)
      local events = client:events() or ""
      socket.select(events:find("r") and { client } or {}, events:find("w") and { client } or {}, client:timeout() or 5)
    end)
  end)
end)
