-- An answer of HTTP/2 that begins before the request has ended, and where an answer ends (RFC 9113 section 8.1).
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error

local OK, ask = h2.OK, h2.ask

local OPEN_WIDE = { [4] = 1000000000 } -- the window of a stream

local function with_peer(settings, action) return h2.with_peer(finally, settings, action) end

-- Takes content of stream 1 until its end, and opens the windows by what has come. -> how much
local function take_content(peer)
  local size = 0
  while true do
    local frame = peer:await("DATA")
    size = size + #frame.payload
    if frame.flags == h2.END_STREAM then return size end
    if #frame.payload > 0 then
      peer:send(h2.window(0, #frame.payload), h2.window(1, #frame.payload))
    end
  end
end

local function read(client)
  support.pump(client, support.is_answered_or_failed)
  return (support.read_all(client))
end

local CONTENT = ("0123456789"):rep(30000)

local function pieces()
  local at = 1
  return function()
    local piece = CONTENT:sub(at, at + 9999)
    at = at + 10000
    return piece ~= "" and piece or nil
  end
end

local bodies = {
  { "a string", function() return CONTENT end },
  { "a function", pieces },
  { "a file", function(folder)
    folder:write("body", CONTENT)
    return assert(io.open(folder.path .. "/body", "rb"))
  end },
}

describe("An answer of HTTP/2 that begins before the request has ended", function()
  for _, status in ipairs({ "200", "307", "413", "500" }) do
    for _, body in ipairs(bodies) do
      it("lets the upload of " .. body[1] .. " go on behind " .. status, function()
        local folder = tempdir.new()
        finally(function() folder:close() end)
        with_peer({}, function(client, peer)
          ask(client, peer, "POST", {}, body[2](folder))
          peer:send(h2.headers(1, { { ":status", status } }), h2.data(1, "first "))
          support.pump(client, HTTPClient.STATUS_BODY)
          assert.equal(#CONTENT, take_content(peer))
          assert.equal(#CONTENT, client:get_request_body_sent())
          peer:send(h2.data(1, "last", h2.END_STREAM))
          assert.equal("first last", read(client))
          assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        end)
      end)
    end
  end

  it("is read while content goes out, in a Poller", function()
    with_peer({}, function(client, peer)
      local poller = httpclient.Poller.new()
      finally(function() poller:close() end)
      assert(poller:add(client))
      peer.poll = function()
        poller:wait(0)
        if client:get_status() == HTTPClient.STATUS_BODY then
          peer.text = (peer.text or "") .. client:read_response_body_chunk()
        end
      end
      ask(client, peer, "POST", {}, CONTENT)
      local size = 0
      peer:send(h2.headers(1, OK))
      while size < #CONTENT do
        local piece = #peer:await("DATA").payload
        size = size + piece
        peer:send(h2.window(0, piece), h2.window(1, piece), h2.data(1, "x"))
      end
      peer:send(h2.data(1, "", h2.END_STREAM))
      support.until_true(function()
        peer:poll()
        return client:get_status() == HTTPClient.STATUS_CONNECTED
      end)
      assert.truthy(peer.text:find("^x+$"))
    end)
  end)

  it("ends the upload by a reset when it is whole, before anybody reads it", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", {}, CONTENT)
      peer:send(h2.headers(1, { { ":status", "413" } }), h2.data(1, "too large", h2.END_STREAM))
      peer.seen = {}
      local reset = peer:await("RST_STREAM")
      assert.same({ 1, 0 }, { reset.stream, h2.number(reset.payload) })
      for _, frame in ipairs(peer.seen) do
        assert.is_true(frame.type ~= "DATA" or frame.flags == 0)
      end
      assert.equal("too large", read(client))
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      assert.equal(3, ask(client, peer).stream)
    end)
  end)

  it("stays whole where the server then resets the request without an error", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", {}, CONTENT)
      peer:send(h2.headers(1, OK), h2.data(1, "enough", h2.END_STREAM), h2.rst(1, 0))
      assert.equal("enough", read(client))
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)
  end)

  -- The connection is closed with content in it that nobody has read: a send meets its end before a read does.
  it("is read though the connection takes no more of the request", function()
    with_peer(OPEN_WIDE, function(client, peer)
      local other = peer:share()
      peer:send(h2.window(0, 1000000000))
      ask(other, peer)
      ask(client, peer, "POST", {}, ("x"):rep(30000000))
      for _ = 1, 20 do client:poll() end
      peer:send(h2.headers(1, OK), h2.data(1, "mine", h2.END_STREAM),
        h2.headers(3, { { ":status", "413" } }), h2.data(3, "too large", h2.END_STREAM),
        h2.goaway(3, 0))
      peer:close()
      assert.equal("too large", read(client))
      assert.equal(413, client:get_response_code())
      assert.equal("mine", read(other))
    end)
  end)

  it("asks no body function once it is whole", function()
    with_peer({}, function(client, peer)
      local asked = 0
      ask(client, peer, "POST", {}, function()
        asked = asked + 1
        return ("x"):rep(1000)
      end)
      peer:send(h2.headers(1, OK), h2.data(1, "done", h2.END_STREAM))
      support.pump(client, support.is_answered_or_failed)
      peer:await("RST_STREAM")
      local before = asked
      for _ = 1, 20 do client:poll() end
      assert.equal("done", read(client))
      assert.equal(before, asked)
    end)
  end)

  it("tells of a body function that fails behind the head", function()
    with_peer({}, function(client, peer)
      local is_over
      ask(client, peer, "POST", {}, function()
        if is_over then error("no more of it", 0) end
        return ""
      end)
      peer:send(h2.headers(1, OK))
      support.pump(client, HTTPClient.STATUS_BODY)
      is_over = true
      client:resume_body()
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.equal("no more of it", select(2, client:get_last_error()))
    end)
  end)

  it("keeps content back that waits for a 100, for good", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", { "Expect: 100-continue" }, CONTENT)
      peer:send(h2.headers(1, { { ":status", "417" } }), h2.data(1, "no"))
      support.pump(client, HTTPClient.STATUS_BODY)
      for _ = 1, 20 do client:poll() end
      peer:send(h2.data(1, ", thanks", h2.END_STREAM))
      assert.equal("no, thanks", read(client))
      peer.seen = {}
      peer:await("RST_STREAM")
      for _, frame in ipairs(peer.seen) do assert.is_true(frame.type ~= "DATA") end
      assert.equal(0, client:get_request_body_sent())
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    end)
  end)

  it("is behind a 100 that comes together with it, and the content goes", function()
    with_peer({}, function(client, peer)
      ask(client, peer, "POST", { "Expect: 100-continue" }, "content")
      peer:send(h2.headers(1, { { ":status", "100" } }), h2.headers(1, OK))
      local data = peer:await("DATA")
      assert.same({ "content", h2.END_STREAM }, { data.payload, data.flags })
    end)
  end)
end)

describe("An answer of HTTP/2 without content", function()
  for _, case in ipairs({ { "204", "GET" }, { "304", "GET" }, { "200", "HEAD" },
    { "204", "HEAD" } }) do
    local status, method = case[1], case[2]
    local what = status .. " to " .. method

    it("ends with its stream: " .. what, function()
      with_peer({}, function(client, peer)
        ask(client, peer, method)
        -- which a 204 has none of (RFC 9110 section 8.6)
        local length = status ~= "204" and { "content-length", "5" } or nil
        peer:send(h2.headers(1, { { ":status", status }, length }))
        for _ = 1, 20 do
          client:poll()
          client:read_response_body_chunk()
        end
        assert.is_false(client:is_response_complete())
        peer:send(h2.headers(1, { { "t", "1" } }, h2.END_STREAM))
        assert.equal("", read(client))
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        assert.equal(tonumber(status), client:get_response_code())
        assert.same({ "t: 1" }, client:get_response_trailers())
      end)
    end)

    it("ends with an empty frame of content as well: " .. what, function()
      with_peer({}, function(client, peer)
        ask(client, peer, method)
        peer:send(h2.headers(1, { { ":status", status } }))
        for _ = 1, 20 do client:poll() end
        peer:send(h2.data(1, "", h2.END_STREAM))
        assert.equal("", read(client))
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      end)
    end)

    it("fails when content comes: " .. what, function()
      with_peer({}, function(client, peer)
        local other = peer:share()
        ask(client, peer, method)
        ask(other, peer)
        peer:send(h2.headers(1, { { ":status", status } }), h2.data(1, "x", h2.END_STREAM),
          h2.headers(3, OK, h2.END_STREAM))
        assert.equal("", read(client))
        support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
        assert.equal("HTTP/2: the server's answer is malformed (PROTOCOL_ERROR)",
          select(2, client:get_last_error()))
        assert.equal("", read(other))
        assert.equal(HTTPClient.STATUS_CONNECTED, other:get_status())
      end)
    end)

    it("is not waited for longer than the idle timeout: " .. what, function()
      with_peer({}, function(client, peer)
        client.idle_timeout = 0.1
        client.response_timeout = 5
        ask(client, peer, method)
        peer:send(h2.headers(1, { { ":status", status } }))
        support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
        assert.same({ Error.ERR_TIMEOUT, "idle timeout after 0.100 s" },
          { client:get_last_error() })
      end)
    end)
  end

  it("is reset when it breaks off", function()
    with_peer({}, function(client, peer)
      ask(client, peer)
      peer:send(h2.headers(1, { { ":status", "204" } }), h2.rst(1, 0))
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.equal("HTTP/2: the server ended the stream before its answer was complete (NO_ERROR)",
        select(2, client:get_last_error()))
    end)
  end)
end)
