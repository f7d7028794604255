-- Between requests a connection is not looked at again at once. What the server does is found all
-- the same, however soon it comes: here the server is in the same process and loses no time.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local rounds = 50

local function exchange(client, conn)
  support.request(client)
  support.head_of(client, conn)
  conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
  support.pump(client, HTTPClient.STATUS_BODY)
  assert(client:read_response_body_chunk() == "hi")
end

--- A client that has just read a whole answer, and the server's end of its connection. Behind some
-- exchanges it knows when its socket is empty, and how long a send takes.
local function used_connection(listener, exchanges)
  local client, conn = support.connect(listener)
  for _ = 1, exchanges or 1 do exchange(client, conn) end
  return client, conn
end

local disturbances = {
  ["bytes"] = function(conn) conn:send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") end,
  ["the end"] = function(conn) conn:close() end,
}

local looks = {
  ["the next poll"] = function(client) client:poll() end,
  ["a second poll"] = function(client, disturb)
    client:poll()
    disturb()
    client:poll()
  end,
  ["the poll that would send a request"] = function(client)
    support.request(client)
    client:poll()
  end,
  ["wait"] = function(client) client:wait(10) end,
  ["a Poller"] = function(client, _, poller)
    poller:add(client)
    support.request(client)
    poller:wait(10)
  end,
}

describe("a quiet connection", function()
  for what, disturb in pairs(disturbances) do
    for where, look in pairs(looks) do
      it(("that gets %s is found out by %s"):format(what, where), function()
        local listener = assert(native.listen({}))
        finally(function() listener:close() end)
        for round = 1, rounds do
          local client, conn = used_connection(listener, round % 2 == 0 and 8 or 1)
          local function now() disturb(conn) end
          if where ~= "a second poll" then now() end
          look(client, now, httpclient.Poller.new())
          local status = client:get_status()
          client:close()
          conn:close()
          assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, status)
        end
      end)
    end
  end

  -- Both are due in the same round of the Poller, which has seen that neither has an event. The one
  -- that became due last is polled first.
  for what, disturb in pairs(disturbances) do
    it(("that gets %s from within another client's body function is found out"):format(what),
      function()
      local listener = assert(native.listen({}))
      finally(function() listener:close() end)
      local poller = httpclient.Poller.new()
      local client, conn = used_connection(listener)
      local other, other_conn = used_connection(listener)
      poller:add(client)
      poller:add(other)
      local pieces = 0
      support.request(client)
      assert(other:request(HTTPClient.METHOD_POST, "/", {}, function()
        pieces = pieces + 1
        if pieces == 1 then
          disturb(conn)
          native.wait_fd(client:get_fd(), "r", 5)
        end
        return pieces < 3 and "x" or nil
      end) == 0)
      for _ = 1, 10 do poller:wait(0) end
      assert.equal(3, pieces)
      assert.equal("STATUS_CONNECTION_ERROR", support.status_of(client))
      other:close()
      client:close()
      conn:close()
      other_conn:close()
    end)
  end
end)
