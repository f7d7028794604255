-- An answer that comes before its request was sent is nobody's: it is never taken for the next
-- request's, however it was sent. Client and server are in one thread, so that nothing is left to
-- chance.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
-- SPEC_FEWER: where each connection takes long, so many times fewer.
local TRIES = math.floor(500 / (tonumber(os.getenv("SPEC_FEWER")) or 1))

local FIRST = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
local EARLY = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly"

-- How the early answer comes behind the first one.
local ways = {
  ["with it"] = function(conn) assert(conn:send(FIRST .. EARLY)) end,
  ["after it"] = function(conn)
    assert(conn:send(FIRST))
    assert(conn:send(EARLY))
  end,
  ["behind urgent data"] = function(conn)
    assert(conn:send(FIRST))
    assert(conn:send_urgent("!"))
    assert(conn:send(EARLY))
  end,
  ["when the first one was read"] = function(conn)
    assert(conn:send(FIRST))
    return function() assert(conn:send(EARLY)) end
  end,
  ["behind urgent data, when the first one was read"] = function(conn)
    assert(conn:send(FIRST))
    return function()
      assert(conn:send_urgent("!"))
      assert(conn:send(EARLY))
    end
  end,
}

local function read_answer(client)
  support.pump(client, support.is_answered_or_failed)
  return (support.read_all(client))
end

-- How the next request goes out.
local looks = {
  poll = function(client) client:poll() end,
  wait = function(client) client:wait(0) end,
  ["a Poller"] = function(client)
    local poller = httpclient.Poller.new()
    poller:add(client)
    poller:wait(0)
    poller:close()
  end,
}

-- One connection. -> was the early answer taken? `exchanges`: how many go before.
local function is_taken(listener, options, way, look, exchanges)
  local client, conn = support.connect(listener, options)
  for _ = 2, exchanges do
    support.ask(client, conn)
    assert(conn:send(FIRST))
    assert(read_answer(client) == "first")
  end
  support.ask(client, conn)
  local later = way(conn)
  assert(read_answer(client) == "first")
  if later then later() end
  local answer
  if client:get_status() == HTTPClient.STATUS_CONNECTED
    and client:request(HTTPClient.METHOD_GET, "/", {}) == 0 then
    look(client)
    if client:get_status() ~= HTTPClient.STATUS_CONNECTION_ERROR then
      answer = read_answer(client)
    end
  end
  client:close()
  conn:close()
  return answer == "early"
end

local function count_taken(tries, options, way, look)
  local listener = assert(native.listen({}))
  local taken = 0
  for i = 1, tries do
    if is_taken(listener, options, way, look, i % 6 + 1) then taken = taken + 1 end
  end
  listener:close()
  return taken
end

describe("an early answer", function()
  for name, way in pairs(ways) do
    for where, look in pairs(looks) do
      it(("that comes %s is never the next request's: %s"):format(name, where), function()
        assert.equal(0, count_taken(TRIES, {}, way, look))
      end)
    end

    it(("that comes %s is never the next request's: over TLS"):format(name), function()
      local server = certs.localhost.tls()
      local options = { host = "localhost", tls = httpclient.TLSOptions.client(certs.ca.cert),
        server_tls = server }
      assert.equal(0, count_taken(math.ceil(TRIES / 5), options, way, looks.poll))
    end)
  end
end)
