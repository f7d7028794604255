-- Short bodies of requests, which go out behind their head as one with it: whole, once, and counted.
local httpclient = require("httpclient")
local streams = require("spec.support.streams")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local POST = HTTPClient.METHOD_POST
local answer = require("spec.support.serve").answer
local keep, listen = require("spec.support.world")(after_each)
local with_server = require("spec.support.served")(after_each)

-- A stream of the script's own that takes so many bytes at a time, and answers when `size` bytes of content are there.
local function taking(limit, size)
  return streams.served(function(sent)
    local from = select(2, sent:find("\r\n\r\n", 1, true))
    return from and #sent - from >= size and "HTTP/1.1 204 No Content\r\n\r\n" or ""
  end, {
    put_partial_data = function(self, data)
      local piece = data:sub(1, limit)
      self.sent = self.sent .. piece
      return 0, #piece
    end,
  })
end

local function body_of(size)
  local pieces = {}
  for i = 1, size do pieces[i] = string.char(i % 251) end
  return table.concat(pieces)
end

describe("The body of a POST", function()
  for _, size in ipairs({ 1, 200, 511, 512, 513, 2000 }) do
    it(("arrives whole and is counted, %d bytes of it, whatever the stream takes at once"):format(size),
      function()
      local body = body_of(size)
      for _, limit in ipairs({ 1, 7, 150, 1000000 }) do
        local peer, before = taking(limit, size), 0
        local client = keep(HTTPClient.new())
        client:set_connection(peer)
        support.request(client, "POST", "/", { "X: y" }, body)
        assert.equal(0, client:get_request_body_sent())
        support.until_true(function()
          client:poll()
          local head = select(2, peer.sent:find("\r\n\r\n", 1, true)) or #peer.sent
          local sent = client:get_request_body_sent()
          assert.equal(#peer.sent - head, sent)
          assert.is_true(sent >= before)
          before = sent
          return client:get_response_code() == 204
        end)
        local head, content = peer.sent:match("^(.-\r\n\r\n)(.*)$")
        assert.equal(body, content)
        assert.equal(tostring(size), head:match("\r\nContent%-Length: (%d+)\r\n"))
        assert.equal(size, client:get_request_body_sent())
      end
    end)
  end

  it("waits for a 100 where one is asked for, however short it is", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    support.request(client, "POST", "/", { "Expect: 100-continue" }, "short")
    local head = support.head_of(client, conn)
    assert.truthy(head:find("\r\nContent-Length: 5\r\n", 1, true))
    client:poll()
    assert.equal(0, client:get_request_body_sent())
    conn:send("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    support.pump(client, support.is_answered_or_failed)
    assert.equal(417, client:get_response_code())
    assert.equal(0, client:get_request_body_sent())
  end)

  it("that an early answer cuts is not gone on with", function()
    local peer = streams.served(function(sent)
      return #sent >= 150 and "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n" or ""
    end, {
      put_partial_data = function(self, data)
        local piece = data:sub(1, math.max(0, math.min(#data, 160 - #self.sent)))
        self.sent = self.sent .. piece
        return 0, #piece
      end,
    })
    local client = keep(HTTPClient.new())
    client:set_connection(peer)
    support.request(client, "POST", "/", {}, ("x"):rep(500))
    support.pump(client, support.is_answered_or_failed)
    assert.equal(413, client:get_response_code())
    client:read_response_body_chunk()
    assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    assert.equal(160, #peer.sent)
    local head = select(2, peer.sent:find("\r\n\r\n", 1, true))
    assert.equal(160 - head, client:get_request_body_sent())
  end)

  it("is followed by the next request, of whatever size", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    for _, size in ipairs({ 100, 5000, 512, 0, 513, 1 }) do
      local body = body_of(size)
      assert.equal(0, (client:request(POST, "/", {}, body)))
      body = nil -- luacheck: ignore
      collectgarbage()
      support.head_of(client, conn)
      assert.equal(body_of(size), support.receive(client, conn, size))
      conn:send("HTTP/1.1 204 No Content\r\n\r\n")
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      assert.equal(size, client:get_request_body_sent())
    end
  end)

  it("is not in the head that a trace shows", function()
    local shown = {}
    local server = with_server({ { { send = answer("ok"), content = 18 } } })
    assert(httpclient.fetch(server:url("/"), { method = "POST", body = "none of the head's",
      trace = function(event, text) shown[#shown + 1] = event .. text end }))
    local all = table.concat(shown, "\n")
    assert.truthy(all:find("POST / HTTP/1.1", 1, true))
    assert.is_nil(all:find("none of the head", 1, true))
  end)
end)
