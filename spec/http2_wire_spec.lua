-- HTTP/2 frame by frame, against a server of the spec's own: what a server may send, and what
-- becomes of what it must not.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error

local OK, ask = h2.OK, h2.ask

local function with_peer(settings, action) return h2.with_peer(finally, settings, action) end

-- The code and the text of the client's failure.
local function failure(client)
  support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
  return client:get_last_error()
end

-- Reads until the connection or the body ends -> what came
local function read_to_failure(client)
  support.pump(client, support.is_answered_or_failed)
  return (support.read_all(client))
end

describe("An HTTP/2 client", function()
  it("begins with the preface, and pushes are off", function()
    with_peer({}, function(_, peer)
      assert.equal(h2.PREFACE, peer.preface)
      local values = {}
      for i = 1, #peer.settings.payload, 6 do
        values[h2.number(peer.settings.payload:sub(i, i + 1))] = h2.number(peer.settings.payload:sub(i + 2, i + 5))
      end
      assert.equal(0, values[2])
      assert.equal(1048576, values[4])
      assert.equal(65536, values[6])
    end)
  end)

  for _, split in ipairs({ "whole", "byte by byte" }) do
    it("takes an answer that comes " .. split, function()
      with_peer({}, function(client, peer)
        ask(client, peer)
        local answer = h2.headers(1, { { ":status", "103" }, { "link", "x" } }) ..
          h2.frame("HEADERS", 0, 1, h2.hpack({ { ":status", "200" }, { "a", "b" } })) ..
          h2.frame("CONTINUATION", h2.END_HEADERS, 1, h2.hpack({ { "c", "d" } })) ..
          h2.data(1, "hel") .. h2.frame("PING", 0, 0, "12345678") .. h2.data(1, "")
          .. h2.data(1, "lo") ..
          h2.headers(1, { { "t", "1" } }, h2.END_STREAM)
        if split == "whole" then peer:send(answer) else peer:trickle(answer) end
        support.pump(client, support.is_answered_or_failed)
        assert.same({ "a: b", "c: d" }, client:get_response_headers())
        assert.equal("hello", (support.read_all(client)))
        assert.same({ "t: 1" }, client:get_response_trailers())
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        assert.equal("12345678", peer:await("PING").payload)
      end)
    end)
  end

  it("goes on with the next request", function()
    with_peer({}, function(client, peer)
      for i = 1, 5, 2 do
        assert.equal(i, ask(client, peer).stream)
        peer:send(h2.headers(i, OK), h2.data(i, "answer " .. i, h2.END_STREAM))
        assert.equal("answer " .. i, read_to_failure(client))
      end
    end)
  end)

  -- what the server sends behind the request, what was read by then, the message
  local broken = {
    { "a reset", h2.rst(1, 8), "",
      "HTTP/2: the server ended the stream before its answer was complete (CANCEL)" },
    { "a reset with NO_ERROR and half of the content", h2.headers(1, OK) .. h2.data(1, "half")
      .. h2.rst(1, 0), "half",
      "HTTP/2: the server ended the stream before its answer was complete (NO_ERROR)" },
    { "a refusal", h2.rst(1, 7), "",
      "HTTP/2: the server ended the stream before its answer was complete (REFUSED_STREAM)" },
    { "a goodbye that leaves it out", h2.goaway(0, 2, "out of order"), "",
      "HTTP/2: the server ends the connection (INTERNAL_ERROR: out of order)" },
    { "less content than announced",
      h2.headers(1, { { ":status", "200" }, { "content-length", "5" } }) ..
      h2.data(1, "abc", h2.END_STREAM), "abc",
      "HTTP/2: the server's answer is malformed (PROTOCOL_ERROR)" },
    { "a field name with capitals", h2.headers(1, { { ":status", "200" }, { "Ab", "c" } },
      h2.END_STREAM), "",
      "HTTP/2: the server's answer is malformed (Invalid HTTP header field was received)" },
    { "a value with a line end", h2.headers(1, { { ":status", "200" }, { "a", "b\nc" } },
      h2.END_STREAM), "",
      'response head: the field "a" is malformed' },
    { "101", h2.headers(1, { { ":status", "101" } }, h2.END_STREAM), "",
      "HTTP/2: the server's answer is malformed (Invalid HTTP header field was received)" },
    { "a push", h2.frame("PUSH_PROMISE", h2.END_HEADERS, 1, h2.big_endian(2, 4)), "",
      "HTTP/2: the server broke the protocol (PROTOCOL_ERROR: PUSH_PROMISE: push disabled)" },
    { "content on no stream", h2.data(0, "x"), "",
      "HTTP/2: the server broke the protocol (PROTOCOL_ERROR: DATA: stream_id == 0)" },
  }
  for _, case in ipairs(broken) do
    it("fails for " .. case[1], function()
      with_peer({}, function(client, peer)
        ask(client, peer)
        peer:send(case[2])
        assert.equal(case[3], read_to_failure(client))
        local code, message = failure(client)
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.equal(case[4], message)
      end)
    end)
  end

  it("names a server that answers in HTTP/1.1", function()
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    local client = HTTPClient.new()
    client.http_version = "2"
    local _, conn = support.connect(listener, { client = client })
    finally(function()
      client:close()
      conn:close()
      listener:close()
    end)
    support.request(client, "GET", "/")
    h2.silent(conn, { client }):trickle("HTTP/1.1 400 Bad Request\r\n\r\n")
    assert.equal("the server does not speak HTTP/2: it answers in HTTP/1.1",
      select(2, failure(client)))
  end)

  it("tells the server of its fault before it ends the connection", function()
    with_peer({}, function(client, peer)
      ask(client, peer)
      peer:send(h2.data(0, "x"))
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      local goodbye = peer:await("GOAWAY")
      assert.equal(1, h2.number(goodbye.payload:sub(5, 8)))
    end)
  end)

  it("does not take the end of the connection for the end of the content", function()
    with_peer({}, function(client, peer)
      ask(client, peer)
      peer:send(h2.headers(1, OK), h2.data(1, "half"))
      peer:close()
      assert.equal("half", read_to_failure(client))
      assert.equal("the server closed the connection", select(2, failure(client)))
    end)
  end)

  it("hands out an answer that is complete though its connection ends", function()
    with_peer({}, function(client, peer)
      ask(client, peer)
      peer:send(h2.headers(1, OK), h2.data(1, "all", h2.END_STREAM), h2.goaway(1, 0))
      peer:close()
      assert.equal("all", read_to_failure(client))
      assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end)
  end)

  it("opens the window by what was read, and by no more", function()
    with_peer({}, function(client, peer)
      ask(client, peer)
      peer:send(h2.headers(1, OK))
      for _ = 1, 64 do
        peer:send(h2.data(1, ("x"):rep(16384)))
        peer:poll()
      end
      support.pump(client, HTTPClient.STATUS_BODY)
      for _ = 1, 20 do client:poll() end
      peer.seen = {}
      client.read_chunk_size = 600000
      local size = 0
      support.until_true(function()
        size = size + #client:read_response_body_chunk()
        return size >= 600000
      end)
      local update = peer:await("WINDOW_UPDATE")
      assert.equal(1, update.stream)
      assert.is_true(h2.number(update.payload) <= size)
    end)
  end)

  it("cancels the stream alone when it is closed, and the others go on", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      assert.equal(3, ask(other, peer).stream)
      peer:send(h2.headers(1, OK), h2.data(1, "unread"))
      client:close()
      peer.clients = { other }
      local reset = peer:await("RST_STREAM")
      assert.same({ 1, 8 }, { reset.stream, h2.number(reset.payload) })
      peer:send(h2.headers(3, OK), h2.data(3, "mine", h2.END_STREAM))
      assert.equal("mine", read_to_failure(other))
      assert.equal(HTTPClient.STATUS_CONNECTED, other:get_status())
    end)
  end)

  it("takes content that was under way for a stream that it gave up for no flood", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      ask(other, peer)
      peer:send(h2.headers(1, OK), h2.headers(3, OK))
      support.pump(client, HTTPClient.STATUS_BODY)
      other:close()
      for _ = 1, 120 do
        peer:send(h2.data(3, ("x"):rep(50)):rep(100))
        client:poll()
      end
      peer:send(h2.data(1, "mine", h2.END_STREAM))
      assert.equal("mine", read_to_failure(client))
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)
  end)

  it("keeps a stream's fault from the others", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      ask(other, peer)
      peer:send(h2.rst(1, 2), h2.headers(3, OK), h2.data(3, "mine", h2.END_STREAM))
      assert.equal("HTTP/2: the server ended the stream before its answer was complete (INTERNAL_ERROR)", select(2, failure(client)))
      assert.equal("mine", read_to_failure(other))
    end)
  end)

  it("ends all requests with their connection", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      ask(other, peer)
      peer:close()
      for _, one in ipairs({ client, other }) do
        assert.equal("the server closed the connection", select(2, failure(one)))
      end
    end)
  end)

  it("ends an upload by a reset when the answer comes early, never as if it were whole", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST",
        { "Content-Length: 1000000" }, function() return ("x"):rep(1000) end)
      peer:send(h2.headers(1, { { ":status", "413" } }), h2.data(1, "too large", h2.END_STREAM))
      assert.equal("too large", read_to_failure(client))
      assert.equal(413, client:get_response_code())
      peer.seen = {}
      local reset = peer:await("RST_STREAM")
      assert.equal(1, reset.stream)
      for _, frame in ipairs(peer.seen) do
        assert.is_true(frame.type ~= "DATA" or frame.flags == 0)
      end
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)
  end)

  it("sends content as far as the server's windows are open", function()
    with_peer({ [4] = 10 }, function(client, peer)
      ask(client, peer, "POST", {}, "0123456789abcdefghij")
      assert.equal("0123456789", peer:await("DATA").payload)
      for _ = 1, 20 do client:poll() end
      assert.is_nil(peer.conn:recv(1, 0))
      peer:send(h2.window(1, 4))
      assert.equal("abcd", peer:await("DATA").payload)
      peer:send(h2.window(1, 100))
      local last = peer:await("DATA")
      assert.same({ "efghij", h2.END_STREAM }, { last.payload, last.flags })
    end)
  end)

  it("holds content back behind Expect until a 100 comes", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", { "Expect: 100-continue" }, "content")
      for _ = 1, 20 do client:poll() end
      assert.is_nil(peer.conn:recv(1, 0))
      peer:send(h2.headers(1, { { ":status", "100" } }))
      local data = peer:await("DATA")
      assert.same({ "content", h2.END_STREAM }, { data.payload, data.flags })
      peer:send(h2.headers(1, { { ":status", "204" } }, h2.END_STREAM))
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      assert.equal(204, client:get_response_code())
    end)
  end)

  it("takes no more requests than the server allows", function()
    with_peer({ [3] = 1 }, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      assert.equal(0, other:get_free_streams())
      assert.equal(Error.ERR_BUSY, (other:request(HTTPClient.METHOD_GET, "/", {})))
      peer:send(h2.headers(1, { { ":status", "204" } }, h2.END_STREAM))
      support.pump(client, HTTPClient.STATUS_CONNECTED)
      assert.equal(1, other:get_free_streams())
      assert.equal(3, ask(other, peer).stream)
    end)
  end)

  it("lets what is under way end behind a goodbye, and begins nothing", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      ask(client, peer)
      peer:send(h2.goaway(1, 0))
      support.until_true(function()
        peer:poll()
        return other:get_status() ~= HTTPClient.STATUS_CONNECTED
      end)
      assert.equal("the server closed the idle connection (GOAWAY)",
        select(2, other:get_last_error()))
      peer:send(h2.headers(1, OK), h2.data(1, "late", h2.END_STREAM))
      peer.clients = { client }
      assert.equal("late", read_to_failure(client))
      assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end)
  end)

  it("counts neither pings nor others' bytes as signs of life of a stream", function()
    with_peer({}, function(client, peer)
      local other = peer:share()
      client.idle_timeout = 0.2
      ask(client, peer)
      ask(other, peer)
      peer:send(h2.headers(1, OK), h2.data(1, "x"), h2.headers(3, OK))
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("x", client:read_response_body_chunk())
      support.until_true(function()
        peer:send(h2.frame("PING", 0, 0, "12345678"), h2.data(3, "y"))
        peer:poll()
        other:read_response_body_chunk()
        native.sleep(0.005)
        return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
      end)
      assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
      assert.equal(HTTPClient.STATUS_BODY, other:get_status())
    end)
  end)

  it("gives up a server that answers nothing", function()
    with_peer({}, function(client, peer)
      client.response_timeout = 0.1
      ask(client, peer)
      assert.same({ Error.ERR_TIMEOUT, "response timeout after 0.100 s" }, { failure(client) })
    end)
  end)

  it("ends a connection that is flooded", function()
    for _, frame in ipairs({ h2.frame("PING", 0, 0, "12345678"), h2.settings({}), h2.data(1, ""),
      h2.window(0, 1) }) do
      with_peer({}, function(client, peer)
        ask(client, peer)
        peer:send(h2.headers(1, OK))
        support.pump(client, HTTPClient.STATUS_BODY)
        local flood = frame:rep(500)
        support.until_true(function()
          peer.conn:send_some(flood, 0)
          peer:poll()
          peer.conn:recv(65536, 0)
          client:read_response_body_chunk()
          return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
        end)
        assert.truthy(select(2, client:get_last_error()):find("HTTP/2: ", 1, true))
      end)
    end
  end)

  it("refuses a head over the limit and goes on", function()
    with_peer({}, function(client, peer)
      client.max_header_size = 1000
      local other = peer:share()
      ask(client, peer)
      ask(other, peer)
      local fields = { { ":status", "200" } }
      for i = 1, 700 do fields[#fields + 1] = { "a" .. i, ("b"):rep(60) } end
      local block = h2.hpack(fields)
      peer:send(h2.frame("HEADERS", 0, 1, block:sub(1, 16000)))
      for at = 16001, #block, 16000 do
        peer:send(h2.frame("CONTINUATION", at + 16000 > #block and h2.END_HEADERS or 0, 1,
          block:sub(at, at + 15999)))
      end
      assert.equal("response head: it is larger than the limit of 65536 bytes",
        select(2, failure(client)))
      peer:send(h2.headers(3, OK, h2.END_STREAM))
      support.pump(other, support.is_answered_or_failed)
      assert.equal(200, other:get_response_code())
    end)
  end)
end)
