-- Back-pressure of streams as the server sees it: where nobody reads, its socket takes no more, whatever the loop does
-- meanwhile; each read makes room for about as much.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local SIZE = 256 * 1048576
local PIECE = ("x"):rep(65536)

-- What the kernels of both ends hold at most: a server that could send more has a client that reads ahead.
local HELD_MOST = 64 * 1048576

local listener, conn, task

after_each(function()
  if task then task:cancel() end
  if conn then conn:close() end
  if listener then listener:close() end
  task, conn, listener = nil, nil, nil
  httpclient.pool.close_idle()
end)

-- A stream whose head has come. -> response
local function open()
  listener = assert(native.listen({ host = "127.0.0.1" }))
  task = httpclient.async(httpclient.stream, ("http://127.0.0.1:%d/"):format(listener:port()),
    { idle_timeout = 60 })
  conn = support.until_true(function()
    httpclient.process()
    return listener:accept(0)
  end)
  support.until_true(function()
    httpclient.process()
    return conn:recv_until("\r\n\r\n", 0)
  end)
  assert(conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(SIZE)))
  support.until_true(function()
    httpclient.process()
    return task:status() == "done"
  end)
  return assert(task:result())
end

-- Sends until nothing has gone for many rounds of the loop: even then the kernels may find room for a piece more.
-- -> bytes
local function fill()
  local total, idle = 0, 0
  while idle < 100 and total < SIZE do
    local sent = conn:send_some(PIECE)
    total, idle = total + sent, sent == 0 and idle + 1 or 0
    if sent == 0 then
      httpclient.process()
      native.sleep(0.0005)
    end
  end
  return total
end

local function read(response, size)
  local left = size
  while left > 0 do
    left = left - #assert(response:read(left))
  end
end

describe("The server of a stream that nobody reads", function()
  it("can send no more than the kernels hold, and goes on as it is read", function()
    local response = open()
    local first = fill()
    first = first + fill()
    assert.is_true(first < HELD_MOST, first)
    collectgarbage()
    local before = collectgarbage("count")
    read(response, first)
    local second = fill()
    assert.is_true(second > 0 and second < HELD_MOST, second)
    collectgarbage()
    assert.is_true(collectgarbage("count") < before + 4096) -- KiB
    response:close()
  end)

  it("sees the end at once when the stream is closed", function()
    local response = open()
    assert.is_true(fill() > 0)
    response:close()
    support.until_true(function()
      local _, why = conn:recv(1, 0)
      return why ~= "timeout"
    end)
  end)

  it("is not read by lines() beyond the line that is asked for", function()
    local response = open()
    assert(conn:send("one\ntwo\n"))
    assert.equal("one", response:lines()())
    assert.is_true(fill() + fill() < HELD_MOST)
    assert.equal("two", response:lines()())
    response:close()
  end)
end)
