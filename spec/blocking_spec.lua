-- Blocking mode: what waits for what, and that it sleeps in the kernel.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local OK = "HTTP/1.1 200 OK\r\n"
local PAUSE = 0.06

local keep = require("spec.support.kept")(after_each)

local status_of = support.status_of

-- A client in blocking mode, connected to a server in another thread that does the steps after the request's head, and
-- closes the connection behind them only where they say so.
local function world(steps, secure)
  local all = { { "accept" } }
  if secure then all[2] = { "starttls", certs.localhost.tls() } end
  all[#all + 1] = { "recv_until", "\r\n\r\n" }
  for _, step in ipairs(steps) do
    all[#all + 1] = step
  end
  all[#all + 1] = { "stall" }
  local server = keep(native.script(all))
  local client = keep(support.connect_port(server:port(),
    { tls = secure and TLSOptions.client(certs.ca.cert) or nil }))
  client.blocking_mode_enabled = true
  return client, server
end

-- What `action` returns; fails when the processor was busy meanwhile.
local function asleep(action)
  local cpu = native.cputime()
  local a, b, c = action()
  local used = native.cputime() - cpu
  assert.is_true(used < PAUSE / 2 * factor, "used the processor for " .. used .. " s")
  return a, b, c
end

for _, secure in ipairs({ false, true }) do
  local how = secure and ", over TLS" or ", plain"

  describe("poll in blocking mode" .. how, function()
    -- steps behind the request, the status, the code
    local heads = {
      { "that comes late", { { "sleep", PAUSE }, { "send", OK .. "Content-Length: 1\r\n\r\na" } },
        "BODY", 200 },
      { "in pieces",
        { { "send", "HTTP/1.1 2" }, { "sleep", PAUSE }, { "send", "00 OK\r\nContent-Le" },
          { "sleep", 0.02 },
        { "send", "ngth: 1\r\n\r\na" } }, "BODY", 200 },
      { "behind a 1xx", { { "send", "HTTP/1.1 103 Hints\r\n\r\n" }, { "sleep", PAUSE },
        { "send", OK .. "Content-Length: 1\r\n\r\na" } },
        "BODY", 200 },
      { "without a body", { { "sleep", PAUSE }, { "send", "HTTP/1.1 204 No\r\n\r\n" } },
        "CONNECTED", 204 },
      { "that ends the connection", { { "sleep", PAUSE }, { "send", "HTTP/1.0 204 No\r\n\r\n" } },
        "DISCONNECTED", 204 },
    }
    for _, case in ipairs(heads) do
      it("returns once the head is in, " .. case[1] .. ", asleep till then", function()
        local client = world(case[2], secure)
        support.request(client)
        assert.equal("STATUS_REQUESTING", status_of(client))
        local before = native.monotonic()
        assert.equal(Error.OK, (asleep(function() return client:poll() end)))
        assert.is_true(native.monotonic() - before >= PAUSE * 0.9)
        assert.equal("STATUS_" .. case[3], status_of(client))
        assert.equal(case[4], client:get_response_code())
      end)
    end

    -- steps, a part of the message
    local failures = {
      { "hangs up", { { "sleep", PAUSE }, { "close" } }, "closed" },
      { "hangs up in the head", { { "send", "HTTP/1.1 200 OK\r\nA" }, { "sleep", PAUSE },
        { "close" } }, "closed" },
      { "speaks nonsense", { { "sleep", PAUSE }, { "send", "220 ready\r\n" } }, "status line" },
      { "resets", { { "sleep", PAUSE }, { "reset" } }, "" },
    }
    for _, case in ipairs(failures) do
      it("returns when the server " .. case[1], function()
        local client = world(case[2], secure)
        support.request(client)
        local code, message = asleep(function() return client:poll() end)
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.is_true(#message > 5)
        if not secure then assert.truthy(message:find(case[3], 1, true), message) end
        assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
      end)
    end

    it("uploads all before it waits for the head", function()
      local size = 8 * 1048576
      local client = world({ { "sleep", PAUSE }, { "discard", size }, { "sleep", PAUSE },
        { "send", "HTTP/1.1 204 No\r\n\r\n" } }, secure)
      support.request(client, "POST", "/", {}, ("x"):rep(size))
      assert.equal(Error.OK, (client:poll()))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(size, client:get_request_body_sent())
    end)

    it("waits for a body function that has nothing yet", function()
      local client = world({ { "recv_until", "0\r\n\r\n" }, { "send", "HTTP/1.1 204 No\r\n\r\n" } },
        secure)
      local ready = native.monotonic() + PAUSE
      local done = false
      support.request(client, "POST", "/", {}, function()
        if native.monotonic() < ready then return "" end
        if done then return nil end
        done = true
        return "late"
      end)
      assert.equal(Error.OK, (asleep(function() return client:poll() end)))
      assert.equal(204, client:get_response_code())
      assert.equal(4, client:get_request_body_sent())
    end)

    it("waits for a 100 (Continue), then for the final head", function()
      local client = world({ { "sleep", PAUSE }, { "send", "HTTP/1.1 100 Continue\r\n\r\n" },
        { "recv_n", 7 },
        { "send", "HTTP/1.1 204 No\r\n\r\n" } }, secure)
      support.request(client, "POST", "/", { "Expect: 100-continue" }, "content")
      assert.equal(Error.OK, (asleep(function() return client:poll() end)))
      assert.equal(204, client:get_response_code())
    end)

    it("sees an answer that comes early, and stops the upload", function()
      local client = world({ { "send", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno" },
        { "stall" } }, secure)
      support.request(client, "POST", "/", {}, ("x"):rep(16 * 1048576))
      assert.equal(Error.OK, (client:poll()))
      assert.equal(413, client:get_response_code())
      assert.equal("no", client:read_response_body_chunk())
      assert.equal("STATUS_DISCONNECTED", status_of(client))
    end)
  end)

  describe("read_response_body_chunk in blocking mode" .. how, function()
    it("returns read_chunk_size bytes, then what is left, for a Content-Length", function()
      local body = ("0123456789"):rep(70)
      local client = world({ { "send", OK .. "Content-Length: 700\r\n\r\n" },
        { "send", body:sub(1, 10) }, { "sleep", PAUSE },
        { "send", body:sub(11, 300) }, { "sleep", PAUSE }, { "send", body:sub(301) } }, secure)
      client.read_chunk_size = 256
      support.request(client)
      client:poll()
      for _, range in ipairs({ { 1, 256 }, { 257, 512 }, { 513, 700 } }) do
        assert.equal(body:sub(range[1], range[2]),
          (asleep(function() return client:read_response_body_chunk() end)))
      end
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal("", client:read_response_body_chunk())
    end)

    -- head, first piece on the wire, second, the ending
    local flowing = {
      { "chunked", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", "3\r\ndef\r\n0\r\n\r\n",
        "STATUS_CONNECTED" },
      { "in the midst of a chunk", "Transfer-Encoding: chunked\r\n", "6\r\nabc", "def\r\n0\r\n\r\n",
        "STATUS_CONNECTED" },
      { "to the end of the connection", "", "abc", "def", "STATUS_DISCONNECTED" },
    }
    for _, case in ipairs(flowing) do
      it("returns as soon as there is any data, for a body " .. case[1], function()
        local client, server = world({ { "sleep", PAUSE }, { "send", OK .. case[2] .. "\r\n" },
          { "sleep", PAUSE }, { "send", case[3] },
          { "gate", "read" }, { "sleep", PAUSE }, { "send", case[4] },
          { case[2] == "" and (secure and "close_notify" or "close") or "stall" } },
          secure)
        client.read_chunk_size = 256
        support.request(client)
        client:poll()
        assert.equal("abc", (asleep(function() return client:read_response_body_chunk() end)))
        server:open_gate("read")
        assert.equal("def", (asleep(function() return client:read_response_body_chunk() end)))
        if client:get_status() == HTTPClient.STATUS_BODY then
          assert.equal("", (asleep(function() return client:read_response_body_chunk() end)))
        end
        assert.equal(case[5], status_of(client))
      end)
    end

    it("gives an empty string only at the end", function()
      local wire = OK .. "Transfer-Encoding: chunked\r\n\r\n" .. ("1;x=y\r\na\r\n"):rep(30)
        .. "0\r\nA: b\r\n\r\n"
      local client = world({ { "drip", wire, 0.0002 } }, secure)
      support.request(client)
      client:poll()
      local body = ""
      repeat
        local chunk = client:read_response_body_chunk()
        assert.is_true(chunk ~= "" or client:get_status() == HTTPClient.STATUS_CONNECTED)
        body = body .. chunk
      until client:get_status() ~= HTTPClient.STATUS_BODY
      assert.equal(("a"):rep(30), body)
      assert.same({ "A: b" }, client:get_response_trailers())
    end)

    it("hands out what came of a body that is cut short, then fails", function()
      for _, head in ipairs({ "Content-Length: 9\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nabc" }) do
        local client = world({ { "send", OK .. head }, { "sleep", PAUSE }, { "close" } }, secure)
        support.request(client)
        client:poll()
        assert.equal("abc", (asleep(function() return client:read_response_body_chunk() end)))
        assert.equal("", (asleep(function() return client:read_response_body_chunk() end)))
        assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
        assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
      end
    end)

    it("keeps to the idle timeout", function()
      for _, head in ipairs({ "Content-Length: 9\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nabc", "\r\nabc" }) do
        local client = world({ { "send", OK .. head }, { "stall" } }, secure)
        client.idle_timeout = 0.1
        support.request(client)
        client:poll()
        local before = native.monotonic()
        assert.equal("abc", (asleep(function() return client:read_response_body_chunk() end)))
        assert.equal("", (asleep(function() return client:read_response_body_chunk() end)))
        assert.equal("STATUS_CONNECTION_ERROR", status_of(client))
        assert.equal(Error.ERR_TIMEOUT, (client:get_last_error()))
        assert.equal(Error.ERR_TIMEOUT, (client:poll()))
        assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
        local passed = native.monotonic() - before
        assert.is_true(passed > 0.08 and passed < 1 * factor, tostring(passed))
      end
    end)

    it("returns at once for HEAD and for a length of 0", function()
      local client = world({ { "send", OK .. "Content-Length: 0\r\n\r\n" },
        { "recv_until", "\r\n\r\n" },
        { "send", OK .. "Content-Length: 5\r\n\r\n" }, { "stall" } }, secure)
      for _, method in ipairs({ "GET", "HEAD" }) do
        support.request(client, method)
        client:poll()
        assert.equal("STATUS_BODY", status_of(client))
        assert.equal("", client:read_response_body_chunk())
        assert.equal("STATUS_CONNECTED", status_of(client))
      end
    end)

    it("moves all of the body to a file", function()
      local folder = keep(tempdir.new())
      local client = world({ { "send", OK .. "Content-Length: 300000\r\n\r\n" },
        { "send", ("x"):rep(1000), 100 }, { "sleep", PAUSE },
        { "send", ("x"):rep(1000), 200 } }, secure)
      support.request(client)
      client:poll()
      assert.equal(300000, (client:read_response_body_to_file(folder:file("body"))))
      assert.equal("STATUS_CONNECTED", status_of(client))
      assert.equal(300000, #tempdir.read(folder:file("body")))
    end)

    it("does not wait any longer when the mode is switched off", function()
      local client = world({ { "send", OK .. "Content-Length: 900\r\n\r\n" .. ("x"):rep(300) },
        { "stall" } }, secure)
      client.read_chunk_size = 256
      support.request(client)
      client:poll()
      assert.equal(256, #client:read_response_body_chunk())
      client.blocking_mode_enabled = false
      assert.equal(44, #client:read_response_body_chunk())
      for _ = 1, 3 do
        assert.equal("", client:read_response_body_chunk())
        assert.equal(Error.OK, (client:poll()))
      end
      assert.equal("STATUS_BODY", status_of(client))
    end)

    it("goes on when signals interrupt it", function()
      local client = world({ { "sleep", PAUSE }, { "send", OK .. "Content-Length: 6\r\n\r\nabc" },
        { "sleep", PAUSE }, { "send", "def" } }, secure)
      native.interrupt_every(0.01)
      keep({ close = function() native.interrupt_every(0) end })
      support.request(client)
      assert.equal(Error.OK, (client:poll()))
      assert.equal("STATUS_BODY", status_of(client))
      assert.equal("abcdef", client:read_response_body_chunk())
    end)
  end)
end

describe("blocking mode", function()
  it("does not hold up what is not a request", function()
    local hole = native.blackhole()
    if hole then keep(hole) end
    local client = keep(HTTPClient.new())
    client.blocking_mode_enabled = true
    assert.equal(Error.ERR_UNCONFIGURED, (client:poll()))
    assert.equal("", client:read_response_body_chunk())
    if hole then
      client:connect_to_host("127.0.0.1", hole:port())
      assert.equal(Error.OK, (client:poll()))
      assert.equal("STATUS_CONNECTING", status_of(client))
    end
    client = world({ { "send", OK .. "Content-Length: 9\r\n\r\nabc" }, { "stall" } })
    assert.equal(Error.OK, (client:poll()))
    support.request(client)
    client:poll()
    assert.equal("STATUS_BODY", status_of(client))
    assert.equal(Error.OK, (client:poll()))
  end)

  it("waits for a chunk that comes in very many pieces", function()
    local client = world({ { "send", OK .. "Content-Length: 2000\r\n\r\n" },
      { "drip", ("x"):rep(2000), 0.0001 } })
    client.read_chunk_size = 4096
    support.request(client)
    client:poll()
    assert.equal(2000, #client:read_response_body_chunk())
    assert.equal("STATUS_CONNECTED", status_of(client))
  end)
end)
