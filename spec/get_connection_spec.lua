-- Taking a client's stream over: get_connection, and the bytes that the client held.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTLS = httpclient.StreamPeerTLS
local OK = "HTTP/1.1 200 OK\r\n"

local head_of, status_of = support.head_of, support.status_of
local keep, listen = require("spec.support.world")(after_each)

describe("get_connection", function()
  it("is nil where there is none", function()
    local client = keep(HTTPClient.new())
    assert.is_nil(client:get_connection())
    client:connect_to_host("no-such-host.invalid", 1)
    support.pump(client, HTTPClient.STATUS_CANT_RESOLVE)
    assert.is_nil(client:get_connection())
    local second, conn = support.connect(listen())
    support.request(second)
    head_of(second, conn)
    conn:send("HTTP/1.0 204 No\r\n\r\n")
    support.pump(second, HTTPClient.STATUS_DISCONNECTED)
    assert.is_nil(second:get_connection())
    conn:close()
  end)

  it("gives the same object again and again", function()
    local client, conn = support.connect(listen())
    assert.equal(client:get_connection(), client:get_connection())
    assert.truthy(tostring(client:get_connection()):find("^StreamPeerTCP"))
    conn:close()
    client:close()
  end)

  -- name, method, url, headers, answer
  local takeovers = {
    { "101", "GET", "/", { "Upgrade: x", "Connection: upgrade" },
      "HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
    { "a 2xx to CONNECT", "CONNECT", "h.test:25", {},
      "HTTP/1.1 200 Yes\r\nContent-Length: 4\r\n\r\n" },
  }
  for _, case in ipairs(takeovers) do
    it("hands out the bytes behind " .. case[1] .. " first, then the stream's", function()
      for _, blocking in ipairs({ false, true }) do
        local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
          { "send", case[5] .. "first" },
          { "recv_until", "go" }, { "send", " second" }, { "recv_eof" } })
        local client = support.connect_port(server:port())
        client.blocking_mode_enabled = blocking
        support.request(client, case[2], case[3], case[4])
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        -- Polls take nothing away and find nothing wrong: the bytes are the new protocol's.
        for _ = 1, 3 do assert.equal(Error.OK, (client:poll())) end
        local peer = client:get_connection()
        assert.is_true(peer:get_available_bytes() >= 5)
        assert.same({ Error.OK, "fir" }, { peer:get_partial_data(3) })
        assert.equal(Error.OK, (peer:put_data("go")))
        local rest = ""
        support.until_true(function()
          local code, data = peer:get_partial_data(100)
          assert.equal(Error.OK, code)
          rest = rest .. data
          return rest == "st second"
        end)
        client:close()
        server:stop()
      end
    end)

    it("hands out the bytes behind " .. case[1] .. " however they are cut", function()
      local listener = listen()
      local answer = case[5] .. "first"
      for at = 1, #answer - 1, 3 do
        local client, conn = support.connect(listener)
        support.request(client, case[2], case[3], case[4])
        head_of(client, conn)
        conn:send(answer:sub(1, at))
        client:poll()
        conn:send(answer:sub(at + 1))
        support.pump(client, HTTPClient.STATUS_CONNECTED)
        local got = ""
        support.until_true(function()
          got = got .. select(2, client:get_connection():get_partial_data(100))
          return #got >= 5
        end)
        assert.equal("first", got)
        client:close()
        conn:close()
      end
    end)
  end

  it("after CONNECT can carry TLS of the script's own, and requests over it", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    support.request(client, "CONNECT", "localhost:443")
    head_of(client, conn)
    conn:send("HTTP/1.1 200 Yes\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    local tls = StreamPeerTLS.new()
    assert.equal(Error.OK,
      (tls:connect_to_stream(client:get_connection(), "localhost",
        httpclient.TLSOptions.client(certs.ca.cert))))
    client:set_connection(tls)
    assert.equal("STATUS_CONNECTED", status_of(client))
    support.request(client, "GET", "/", { "Host: localhost" })
    conn:starttls(certs.localhost.tls())
    local done, head
    support.until_true(function()
      client:poll()
      if not done then
        done = conn:handshake("step")
        return false
      end
      head = conn:recv_until("\r\n\r\n", 0)
      return head
    end, nil, function() return status_of(client) .. " " .. select(2, client:get_last_error()) end)
    assert.truthy(head:find("\r\nHost: localhost\r\n", 1, true), head)
    conn:send(OK .. "Content-Length: 2\r\n\r\nhi")
    support.pump(client, HTTPClient.STATUS_BODY)
    assert.equal("hi", (support.read_all(client)))
  end)

  it("that the script disconnects is CONNECTION_ERROR at the next poll", function()
    local client, conn = support.connect(listen())
    client:get_connection():disconnect_from_host()
    assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
    conn:close()
  end)
end)
