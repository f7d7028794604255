-- What the scheduler asks of its Poller in a frame: no more clients are polled than there is time for.
local core = require("httpclient.core")
local httpclient = require("httpclient")
local support = require("spec.support.client")
local native = require("spec_native")

local HTTPClient = httpclient.HTTPClient

-- Clients that have asked, and whose answers have come.
local function answered(count)
  local clients, listener = {}, assert(native.listen({}))
  for index = 1, count do
    local client, conn = support.connect(listener)
    assert(client:request(HTTPClient.METHOD_GET, "/", {}) == 0)
    support.head_of(client, conn)
    clients[index] = { client = client, conn = conn }
  end
  finally(function()
    for _, one in ipairs(clients) do
      one.client:close()
      one.conn:close()
    end
    listener:close()
  end)
  return clients
end

describe("A round of the Poller that has no time", function()
  local COUNT = 5

  local function moved_in_rounds(poller, most)
    local seen, rounds, largest = {}, 0, 0
    support.until_true(function()
      local moved = core.poller_round(poller, 0, most)
      rounds, largest = rounds + 1, math.max(largest, #moved)
      for _, client in ipairs(moved) do
        seen[client] = true
        poller:remove(client)
      end
      local count = 0
      for _ in pairs(seen) do count = count + 1 end
      return count == COUNT
    end)
    return largest, rounds
  end

  local function poller_of(clients)
    local poller = httpclient.Poller.new()
    for _, one in ipairs(clients) do
      assert(poller:add(one.client) == 0)
    end
    return poller
  end

  it("polls one for an event, and the others in the rounds after it", function()
    local clients = answered(COUNT)
    local poller = poller_of(clients)
    poller:wait(0)
    for _, one in ipairs(clients) do
      one.conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    end
    local largest, rounds = moved_in_rounds(poller, 0)
    assert.equal(1, largest)
    assert.is_true(rounds >= COUNT)
  end)

  it("polls one that is new, and the others in the rounds after it", function()
    local clients = answered(COUNT)
    for _, one in ipairs(clients) do
      one.conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    end
    local largest = moved_in_rounds(poller_of(clients), 0)
    assert.is_true(largest <= 2, tostring(largest)) -- one by its event, one by its turn
  end)

  it("polls all where there is time", function()
    local clients = answered(COUNT)
    local poller = poller_of(clients)
    poller:wait(0)
    for _, one in ipairs(clients) do
      one.conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    end
    assert.equal(COUNT, #core.poller_round(poller, 0, 60))
  end)
end)
