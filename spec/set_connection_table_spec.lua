-- HTTP over a stream that is a table of the script's own: what serves, what fails, and how.
local httpclient = require("httpclient")
local native = require("spec_native")
local streams = require("spec.support.streams")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\n"

local status_of = support.status_of
local keep = require("spec.support.kept")(after_each)

local function over(peer)
  local client = keep(HTTPClient.new())
  client:set_connection(peer)
  return client
end

describe("a table as connection", function()
  it("is CONNECTED at once, is what get_connection gives, and serves requests", function()
    local peer = streams.served(streams.numbering)
    local client = over(peer)
    assert.equal("STATUS_CONNECTED", status_of(client))
    assert.equal(peer, client:get_connection())
    assert.equal(peer, client.connection)
    for i = 1, 3 do
      assert.equal(tostring(i), streams.ask(client))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(Error.OK, (client:poll()))
    end
    assert.truthy(peer.sent:find("\r\nHost: table.test\r\n", 1, true))
    assert.is_nil((client:get_remote_address()))
    assert.equal(-1, client:get_fd())
    client:close()
    assert.is_true(peer.closed)
    assert.is_nil(client:get_connection())
  end)

  -- methods in place of the good ones; they must not matter
  local odd = {
    { "takes three bytes at a time, and sometimes none", { put_partial_data = function(self, data)
      self.calls = self.calls + 1
      if self.calls % 2 == 0 then return 0, 0 end
      self.sent = self.sent .. data:sub(1, 3)
      return 0, math.min(3, #data)
    end } },
    { "gives one byte at a time, and sometimes none", { get_partial_data = function(self)
      self.calls = self.calls + 1
      if self.calls % 2 == 0 then return 0, "" end
      local piece = streams.numbering(self.sent):sub(self.given + 1, self.given + 1)
      self.given = self.given + #piece
      return 0, piece
    end } },
    { "gives nil for nothing", { get_partial_data = function(self, n)
      local piece = streams.numbering(self.sent):sub(self.given + 1, self.given + n)
      self.given = self.given + #piece
      return 0, piece ~= "" and piece or nil
    end } },
    { "does not count what has come", { get_available_bytes = false } },
    { "counts wrongly", { get_available_bytes = function() return -5 end } },
    { "counts in words", { get_available_bytes = function() return "many" end } },
    { "fails to count", { get_available_bytes = function() error("can't count") end } },
    { "has a status", { get_status = function() return 2 end, poll = function() return 0 end } },
    { "has no way to close", { disconnect_from_host = false } },
    { "fails to close", { disconnect_from_host = function() error("stuck") end } },
    { "tells a descriptor that is none", { get_fd = function() return -1 end } },
    { "tells a descriptor that no system has", { get_fd = function() return 2 ^ 40 end } },
    { "counts more than there can be", { get_available_bytes = function(self)
      return #streams.numbering(self.sent) > self.given and 2 ^ 40 or 0
    end } },
    { "names a port that is none", { get_connected_port = function() return 65536 end } },
    { "names a port below all", { get_connected_port = function() return 0 end } },
    { "connects at first", { get_status = function(self)
      self.asked = (self.asked or 0) + 1
      return self.asked < 4 and 1 or 2
    end } },
    { "tells a descriptor in words", { get_fd = function() return "three" end } },
  }
  for _, case in ipairs(odd) do
    it("that " .. case[1] .. " serves all the same", function()
      for _, blocking in ipairs({ false, true }) do
        local client = over(streams.served(streams.numbering, case[2]))
        client.blocking_mode_enabled = blocking
        assert.equal("1", streams.ask(client))
        assert.equal("2", streams.ask(client))
        client:close()
      end
    end)
  end

  -- methods in place of the good ones, a part of the message; each ends the request
  local bad = {
    { "raises while it sends", { put_partial_data = function() error("no ink") end }, "no ink" },
    { "raises a table while it sends", { put_partial_data = function() error({}) end }, "stream" },
    { "raises while it receives", { get_partial_data = function() error("no paper") end,
      get_available_bytes = false }, "no paper" },
    { "raises in poll", { poll = function() error("no power") end }, "no power" },
    { "raises in get_status", { get_status = function() error("no state") end }, "no state" },
    { "answers sending with an Error",
      { put_partial_data = function() return Error.ERR_CONNECTION_ERROR, 0, "line cut" end },
      "line cut" },
    { "answers receiving with an Error",
      { get_partial_data = function() return Error.FAILED, "" end, get_available_bytes = false },
      "get_partial_data" },
    { "answers sending with nothing", { put_partial_data = function() end }, "put_partial_data" },
    { "answers sending with a string", { put_partial_data = function() return "ok" end },
      "put_partial_data" },
    { "says that it sent more than there was",
      { put_partial_data = function(_, d) return 0, #d + 1 end }, "put_partial_data" },
    { "says that it sent less than nothing", { put_partial_data = function() return 0, -1 end },
      "put_partial_data" },
    { "says that it sent half a byte", { put_partial_data = function() return 0, 0.5 end },
      "put_partial_data" },
    { "gives more than was asked for",
      { get_partial_data = function(_, n) return 0, ("x"):rep(n + 1) end,
        get_available_bytes = false }, "more than was asked" },
    { "gives a table",
      { get_partial_data = function() return 0, {} end, get_available_bytes = false },
      "get_partial_data" },
    { "gives a number",
      { get_partial_data = function() return 0, 5 end, get_available_bytes = false },
      "get_partial_data" },
    { "answers receiving with nothing",
      { get_partial_data = function() end, get_available_bytes = false }, "get_partial_data" },
    { "yields", { put_partial_data = function() coroutine.yield() end }, "stream's method" },
    { "answers poll with an Error",
      { poll = function() return Error.ERR_CONNECTION_ERROR, "cable pulled" end }, "cable pulled" },
    { "answers poll with an Error alone",
      { poll = function() return Error.ERR_CONNECTION_ERROR end }, "stream's poll: " },
    { "answers with a code that is no Error",
      { put_partial_data = function() return -7, 0, "code from below" end }, "code from below" },
    { "answers with a code above all Errors",
      { put_partial_data = function() return 4711, 0, "code from above" end }, "code from above" },
    { "loses its method to send", { put_partial_data = function(self)
      self.put_partial_data = nil
      return 0, 1
    end }, "put_partial_data: there is no such method any more" },
    { "loses its method to receive", { get_partial_data = function(self)
      self.get_partial_data = nil
      return 0, ""
    end, get_available_bytes = false }, "get_partial_data: there is no such method any more" },
    { "has a status that is none", { get_status = function() return 12345 end }, "not connected" },
    { "has a status below all", { get_status = function() return -2 end }, "not connected" },
    { "is not connected", { get_status = function() return 3 end }, "not connected" },
    { "ends", { get_partial_data = function() return Error.ERR_FILE_EOF, "" end,
      get_available_bytes = false }, "closed" },
    { "names a host that is none", { get_connected_host = function() return "a b\r\nX: y" end },
      false },
  }
  for _, case in ipairs(bad) do
    it("that " .. case[1]
      .. " ends in CONNECTION_ERROR with a message, never in a Lua error", function()
      for _, blocking in ipairs({ false, true }) do
        local client = over(streams.served(streams.numbering, case[2]))
        client.blocking_mode_enabled = blocking
        if case[3] then
          local ran, body, message, code
          local thread = coroutine.create(function() return streams.ask(client) end)
          ran, body, message, code = coroutine.resume(thread)
          assert.is_true(ran, tostring(body))
          assert.equal("dead", coroutine.status(thread))
          assert.is_nil(body)
          assert.equal(Error.ERR_CONNECTION_ERROR, code)
          assert.truthy(message:find(case[3], 1, true), message)
          assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
        else
          local code, message = client:request(HTTPClient.METHOD_GET, "/", {})
          assert.equal(Error.ERR_INVALID_PARAMETER, code)
          assert.truthy(message:find("host", 1, true), message)
        end
        client:close()
      end
    end)
  end

  it("that uses its own client is refused there, and the client goes on", function()
    local client, refusals = nil, 0
    local peer = streams.served(streams.numbering)
    for _, name in ipairs({ "put_partial_data", "get_partial_data", "get_available_bytes",
      "get_connected_host" }) do
      local method = peer[name]
      peer[name] = function(...)
        for _, call in ipairs({ "poll", "close", "read_response_body_chunk", "wait" }) do
          if not pcall(client[call], client) then refusals = refusals + 1 end
        end
        if not pcall(client.set_connection, client, nil) then refusals = refusals + 1 end
        return method(...)
      end
    end
    client = over(peer)
    assert.equal("1", streams.ask(client))
    assert.is_true(refusals >= 15, tostring(refusals))
    assert.equal("STATUS_CONNECTED", status_of(client))
  end)

  it("works in a Poller, in wait and in wait_any, without spinning", function()
    local silent = true
    local peer = streams.served(function(sent) return silent and "" or streams.numbering(sent) end)
    local client = over(peer)
    support.request(client)
    client:poll()
    local cpu = native.cputime()
    assert.same({ Error.OK, false }, { client:wait(0.1) })
    assert.same({}, HTTPClient.wait_any({ client }, 0.1))
    local poller = httpclient.Poller.new()
    poller:add(client)
    poller:wait(0.1)
    assert.is_true(native.cputime() - cpu < 0.15 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1))
    silent = false
    support.until_true(function()
      poller:wait(1)
      return client:get_status() == HTTPClient.STATUS_BODY
    end)
    poller:remove(client)
    assert.equal("1", (support.read_all(client)))
  end)

  it("sees bytes and the end between requests", function()
    local extra = ""
    local client = over(streams.served(function(sent) return streams.numbering(sent) .. extra end))
    assert.equal("1", streams.ask(client))
    assert.equal(Error.OK, (client:poll()))
    extra = "stray"
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    local ended = false
    local peer = streams.served(streams.numbering)
    local receive = peer.get_partial_data
    function peer:get_partial_data(n)
      if ended then return Error.ERR_FILE_EOF, "" end
      return receive(self, n)
    end
    client = over(peer)
    assert.equal("1", streams.ask(client))
    ended = true
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
  end)

  it("ends a body to its end", function()
    local peer = streams.served(function(sent)
      return sent ~= "" and OK .. "\r\nall of it" or ""
    end)
    local receive = peer.get_partial_data
    function peer:get_partial_data(n)
      local code, data = receive(self, n)
      if data == "" and self.sent ~= "" then return Error.ERR_FILE_EOF, "" end
      return code, data
    end
    local client = over(peer)
    assert.equal("all of it", streams.ask(client))
    assert.equal("STATUS_DISCONNECTED", status_of(client))
    assert.is_true(peer.closed)
  end)

  it("gets the framing of a body function's chunks whole, however little it takes at a time",
    function()
    local expected = "5\r\nhello\r\n1\r\n \r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    for most = 1, 40 do
      local peer = streams.served(function(sent)
        return sent:find("0\r\n\r\n$") and streams.numbering("\r\n\r\n") or ""
      end)
      function peer:put_partial_data(data)
        self.sent = self.sent .. data:sub(1, most)
        return 0, math.min(most, #data)
      end
      local client = over(peer)
      local left = { "hello", " ", "0123456789abcdef" }
      support.request(client, "POST", "/", {}, function() return table.remove(left, 1) end)
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal(expected, peer.sent:match("\r\n\r\n(.*)$"))
      assert.equal(22, client:get_request_body_sent())
    end
  end)

  it("sends body functions and large bodies", function()
    local function whole(sent)
      return sent:find("0\r\n\r\n$") and streams.numbering("\r\n\r\n") or ""
    end
    local peer = streams.served(whole)
    local client = over(peer)
    local left = { "abc", "def" }
    support.request(client, "POST", "/", {}, function() return table.remove(left, 1) end)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.truthy(peer.sent:find("\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 1, true), peer.sent)
    client:close()
    local large = ("0123456789abcdef"):rep(65536 / 4)
    peer = streams.served(function(sent)
      return sent:sub(-#large) == large and streams.numbering("\r\n\r\n") or ""
    end)
    client = over(peer)
    support.request(client, "POST", "/", {}, large)
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.is_true(peer.sent:sub(-#large) == large)
  end)
end)
