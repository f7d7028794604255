-- Where a response ends, at the edges of the grammar: lengths, chunks, what comes behind, and how a read meets it.
local httpclient = require("httpclient")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error

local OK = "HTTP/1.1 200 OK\r\n"
local LENGTH_1 = "Content-Length: 1\r\n\r\na"
local CODING = "Transfer-Encoding: chunked\r\n"
local CHUNKED = OK .. CODING .. "\r\n"
local CHUNK_1 = "1\r\na\r\n0\r\n\r\n"
local POINTS = 20
local wire = require("spec.support.wire")(after_each)

describe("The framing of a response", function()
  -- head behind the status line and what follows, state behind it, body, length, chunked; method, version line
  local taken = {
    { "Content-Length: 1\r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: \t 1 \r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: 00000000000000000000000000000001\r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: 1,1,\t01 , 1\r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: 1\r\ncontent-length: 1\r\nCONTENT-LENGTH: 01\r\n\r\na", "CONNECTED", "a",
      1 },
    { "Content-Length: 1\r\nConnection: keep-alive\r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: 1\r\nConnection: Close\r\n\r\na", "DISCONNECTED", "a", 1 },
    { "Content-Length: 1\r\nConnection: x,\tcLOSE ,y\r\n\r\na", "DISCONNECTED", "a", 1 },
    { "Connection: x\r\nContent-Length: 1\r\nconnection: close\r\n\r\na", "DISCONNECTED", "a", 1 },
    { "Content-Length: 1\r\nConnection: keep-alive, close\r\n\r\na", "DISCONNECTED", "a", 1 },
    { "Content-Length: 1\r\nConnection: closed, xclose\r\n\r\na", "CONNECTED", "a", 1 },
    { "Content-Length: 0\r\nConnection: close\r\n\r\n", "DISCONNECTED", "", 0 },
    { CODING .. "\r\n" .. CHUNK_1, "CONNECTED", "a", -1, true },
    { "transfer-encoding:\tCHUNKED \r\n\r\n" .. CHUNK_1, "CONNECTED", "a", -1, true },
    { CODING .. "Connection: close\r\n\r\n" .. CHUNK_1, "DISCONNECTED", "a", -1, true },
    { CODING .. "Content-Length: 9\r\n\r\n" .. CHUNK_1, "DISCONNECTED", "a", -1, true },
    { "Content-Length: 9\r\n" .. CODING .. "\r\n" .. CHUNK_1, "DISCONNECTED", "a", -1, true },
    { "Content-Length: 0\r\n" .. CODING .. "Connection: keep-alive\r\n\r\n" .. CHUNK_1,
      "DISCONNECTED", "a", -1, true },
    { CODING .. "Content-Length: x\r\n\r\n" .. CHUNK_1, "DISCONNECTED", "a", -1, true },
    { "Connection: keep-alive\r\n\r\nabc", "DISCONNECTED", "abc", -1, ending = "shutdown" },
    { "\r\n", "DISCONNECTED", "", -1, ending = "shutdown" },
    { "Content-Length: 1\r\n\r\na", "DISCONNECTED", "a", 1, line = "HTTP/1.0 200 OK\r\n" },
    { "Content-Length: 1\r\nConnection: x, Keep-ALIVE\r\n\r\na", "CONNECTED", "a", 1,
      line = "HTTP/1.0 200 OK\r\n" },
    { "Content-Length: 1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\na", "DISCONNECTED",
      "a", 1, line = "HTTP/1.0 200 OK\r\n" },
    { CODING .. "Connection: keep-alive\r\n\r\n" .. CHUNK_1, "DISCONNECTED", "a", -1, true,
      line = "HTTP/1.0 200 OK\r\n" },
    { "Connection: keep-alive\r\n\r\nabc", "DISCONNECTED", "abc", -1, line = "HTTP/1.0 200 OK\r\n",
      ending = "shutdown" },
    { "Content-Length: 1\r\n\r\na", "CONNECTED", "a", 1, line = "HTTP/1.1 205 Reset Content\r\n" },
    { CODING .. "\r\n0\r\n\r\n", "CONNECTED", "", -1, true,
      line = "HTTP/1.1 205 Reset Content\r\n" },
    { "Content-Length: 5\r\n\r\n", "CONNECTED", "", 0, line = "HTTP/1.1 304 Not Modified\r\n" },
    { "Content-Length: x\r\n\r\n", "CONNECTED", "", 0, line = "HTTP/1.1 304 Not Modified\r\n" },
    { CODING .. "\r\n", "CONNECTED", "", 0, line = "HTTP/1.1 204 No Content\r\n" },
    { "Connection: close\r\n\r\n", "DISCONNECTED", "", 0, line = "HTTP/1.1 204 No Content\r\n" },
    { "\r\n", "DISCONNECTED", "", 0, line = "HTTP/1.0 204 No Content\r\n" },
    { CODING .. "\r\n", "CONNECTED", "", 0, method = "HEAD" },
    { "Content-Length: 99\r\n\r\n", "CONNECTED", "", 0, method = "HEAD" },
    { "\r\n", "CONNECTED", "", 0, method = "HEAD" },
    { "Connection: close\r\n\r\n", "DISCONNECTED", "", 0, method = "HEAD" },
    { "Content-Length: 5\r\n\r\n", "CONNECTED", "", 0, line = "HTTP/1.1 404 No\r\n",
      method = "HEAD" },
    { CODING .. "\r\n", "CONNECTED", "", 0, method = "CONNECT" },
    { "Content-Length: 5\r\nConnection: close\r\n\r\n", "CONNECTED", "", 0,
      line = "HTTP/1.1 299 x\r\n", method = "CONNECT" },
    { "Content-Length: 1\r\n\r\na", "CONNECTED", "a", 1, line = "HTTP/1.1 407 No\r\n",
      method = "CONNECT" },
    { CODING .. "\r\n" .. CHUNK_1, "CONNECTED", "a", -1, true, line = "HTTP/1.1 300 x\r\n",
      method = "CONNECT" },
    { "Upgrade: x\r\nConnection: Upgrade\r\n\r\n", "CONNECTED", "", 0,
      line = "HTTP/1.1 101 Switching\r\n" },
    { "Content-Length: 5\r\n\r\n", "CONNECTED", "", 0, line = "HTTP/1.1 101\r\n" },
  }
  for i, case in ipairs(taken) do
    it(("is taken, %d: %s%s%q"):format(i, case.method and case.method .. " " or "", case.line or "",
      case[1]), function()
      support.split_play((case.line or OK) .. case[1], function(outcome)
        assert.equal("STATUS_" .. case[2], outcome.status)
        assert.equal(case[3], outcome.body)
        assert.equal(case[4], outcome.length)
        assert.equal(case[5] or false, outcome.chunked)
        assert.equal(0, outcome.error)
      end, { method = case.method, path = case.method == "CONNECT" and "a:1" or "/",
        ending = case.ending or "keep", points = POINTS })
    end)
  end

  local refused = {
    "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 1, 2\r\n",
    "Content-Length: 1,\r\n", "Content-Length: ,1\r\n", "Content-Length:\r\n",
    "Content-Length: \t\r\n", "Content-Length: +1\r\n", "Content-Length: -1\r\n",
    "Content-Length: 1.0\r\n", "Content-Length: 0x1\r\n", "Content-Length: 1 1\r\n",
    "Content-Length: 1;x\r\n", "Content-Length: \"1\"\r\n", "Content-Length: one\r\n",
    "Content-Length: 1e0\r\n", "Content-Length: \194\185\r\n",
    "Content-Length: 9223372036854775808\r\n", "Content-Length: 18446744073709551617\r\n",
    "Content-Length: 99999999999999999999999\r\n", "Content-Length: 1\r\n 1\r\n",
    "Content-Length: 1\r\nContent-Length:\r\n", "Transfer-Encoding:\r\n",
    "Transfer-Encoding: ,\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, gzip\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked;a=b\r\n", "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked x\r\n",
    "Transfer-Encoding: chunked\r\n chunked\r\n",
    "Transfer-Encoding: x\r\nContent-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
  }
  for _, lines in ipairs(refused) do
    it("is refused when it is " .. ("%q"):format(lines), function()
      support.split_play(OK .. lines .. "\r\n" .. CHUNK_1, function(outcome)
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
        assert.equal("", outcome.body)
        local name = lines:find("Transfer", 1, true) and "Transfer-Encoding" or "Content-Length"
        assert.truthy(outcome.message:find(name, 1, true), outcome.message)
      end, { ending = "keep", points = POINTS })
    end)
  end

  it("may promise as much as 63 bits hold", function()
    wire.answered(OK .. "Content-Length: 9223372036854775807\r\n\r\nabc", function(client)
      assert.equal(2 ^ 63, client:get_response_body_length() + 0.0)
      assert.equal("abc", client:read_response_body_chunk())
      assert.equal(HTTPClient.STATUS_BODY, client:get_status())
    end)
  end)
end)

describe("Chunks", function()
  -- bytes, body, trailers
  local taken = {
    { "0\r\n\r\n", "" },
    { "000000000000000000000\r\n\r\n", "" },
    { "0000000000000000000000005\r\nhello\r\n0\r\n\r\n", "hello" },
    { "a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij" },
    { "1 \t \r\na\r\n0\t\r\n\r\n", "a" },
    { "1;\r\na\r\n0;\r\n\r\n", "a" },
    { "1 ; x = \"a;b\" ; y\r\na\r\n0;z\r\n\r\n", "a" },
    { "1;\"unclosed\r\na\r\n0\r\n\r\n", "a" },
    { "1;\255\1\t\r\na\r\n0\r\n\r\n", "a" },
    { "2\r\n\r\n\r\n0\r\n\r\n", "\r\n" },
    { "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n" },
    { "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "abc" },
    { "1\r\n\0\r\n0\r\n\r\n", "\0" },
    { "1\r\na\r\n0\r\nA: b\r\nA:\r\nC: \td \r\n e\r\n\r\n", "a", "A: b|A: |C: d e" },
    { "0\r\nContent-Length: 7\r\nTransfer-Encoding: x\r\nConnection: close\r\n\r\n", "",
      "Content-Length: 7|Transfer-Encoding: x|Connection: close" },
  }
  for _, case in ipairs(taken) do
    it("can be " .. ("%q"):format(case[1]), function()
      support.split_play(CHUNKED .. case[1], function(outcome)
        assert.equal("STATUS_CONNECTED", outcome.status)
        assert.equal(case[2], outcome.body)
        assert.equal(case[3] or "", table.concat(outcome.trailers, "|"))
      end, { ending = "keep", points = POINTS })
    end)
  end

  -- bytes, what was there before
  local refused = {
    { "\r\n" }, { "x\r\n" }, { "-1\r\n" }, { "+1\r\n" }, { " 1\r\n" }, { "\t1\r\n" }, { ";x\r\n" },
    { "0x1\r\n" }, { "1g\r\n" }, { "1 1\r\n" }, { "1\0\r\n" }, { "1.\r\n" },
    { "8000000000000000\r\n" }, { "10000000000000000\r\n" }, { "ffffffffffffffff\r\n" },
    { "00000000000000008000000000000000\r\n" },
    { "1\na\r\n0\r\n\r\n" }, { "1 \na" }, { "1;x\na" }, { "1;x\ry\r\na" }, { "1\r\r\na" },
    { "1;\"\r\"\r\na" }, { "1;\0\r\na" }, { "1\r\nab\r\n", "a" }, { "1\r\na\n0\r\n\r\n", "a" },
    { "1\r\na\r0\r\n\r\n", "a" }, { "1\r\na0\r\n\r\n", "a" }, { "1\r\na\r\n\r\n", "a" },
    { "1\r\na\r\ng", "a" }, { "1\r\na\r\n8000000000000000\r\n", "a" }, { "1\r\na\r\n0\n\r\n", "a" },
    { "1\r\na\r\n0\r\n\n", "a" }, { "1\r\na\r\n0\r\nA: b\n\r\n", "a" },
    { "1\r\na\r\n0\r\nA\r\n\r\n", "a" }, { "1\r\na\r\n0\r\n A: b\r\n\r\n", "a" },
    { "1\r\na\r\n0\r\nA: b\0\r\n\r\n", "a" },
    { "1\r\na\r\n0\r\nA: b\rc\r\n\r\n", "a" },
    { "1\r\na\r\n0\r\nA : b\r\n\r\n", "a" },
  }
  for _, case in ipairs(refused) do
    it("are refused when they are " .. ("%q"):format(case[1]), function()
      support.split_play(CHUNKED .. case[1], function(outcome)
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
        assert.equal(case[2] or "", outcome.body)
        assert.equal(Error.ERR_CONNECTION_ERROR, outcome.error)
        assert.same({}, outcome.trailers)
      end, { ending = "keep", points = POINTS })
    end)
  end

  it("may have a size line of 4096 bytes, and not of one more", function()
    for _, fill in ipairs({ "0", " ", ";" }) do
      for over = 0, 1 do
        local line = fill == "0" and ("0"):rep(4095 + over) .. "1" or "1" .. fill:rep(4095 + over)
        wire.answered(CHUNKED .. line .. "\r\na\r\n0\r\n\r\n", function(client)
          local body, status = support.read_all(client)
          assert.equal(over == 0 and "a" or "", body)
          assert.equal(over == 0 and HTTPClient.STATUS_CONNECTED
            or HTTPClient.STATUS_CONNECTION_ERROR, status)
        end)
      end
    end
  end)

  it("are merged up to read_chunk_size, and cut to it", function()
    local bytes = { CHUNKED }
    for _ = 1, 600 do bytes[#bytes + 1] = "1\r\nx\r\n" end
    bytes[#bytes + 1] = "3e8\r\n" .. ("y"):rep(1000) .. "\r\n0\r\n\r\n"
    wire.answered(table.concat(bytes), function(client)
      local sizes, body = {}, ""
      support.until_true(function()
        local chunk = client:read_response_body_chunk()
        assert.is_true(#chunk <= 256)
        if #chunk > 0 then sizes[#sizes + 1] = #chunk end
        body = body .. chunk
        assert.equal(#body, client:get_response_body_received())
        return client:get_status() ~= HTTPClient.STATUS_BODY
      end)
      assert.equal(("x"):rep(600) .. ("y"):rep(1000), body)
      assert.is_true(#sizes < 100, "small chunks come together")
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      assert.equal(1600, client:get_response_body_received())
    end, { properties = { read_chunk_size = 256 } })
  end)

  it("that were decoded already are cut to a read_chunk_size that was lowered", function()
    local full = io.open("/dev/full", "w")
    if not full then return pending("no /dev/full here") end
    full:close()
    wire.answered(CHUNKED .. "3e8\r\n" .. ("x"):rep(1000) .. "\r\n0\r\n\r\n", function(client)
      local code = support.until_true(function()
        return select(3, client:read_response_body_to_file("/dev/full"))
      end)
      assert.equal(Error.ERR_FILE_CANT_WRITE, code)
      client.read_chunk_size = 256
      local body = ""
      support.until_true(function()
        local chunk = client:read_response_body_chunk()
        assert.is_true(#chunk <= 256)
        body = body .. chunk
        return client:get_status() ~= HTTPClient.STATUS_BODY
      end)
      assert.equal(("x"):rep(1000), body)
    end)
  end)
end)

describe("Bytes behind a response", function()
  local stray = {
    { "a length", OK .. LENGTH_1 },
    { "chunks", CHUNKED .. CHUNK_1 },
    { "a length of 0", OK .. "Content-Length: 0\r\n\r\n" },
    { "no body by its status", "HTTP/1.1 204 No Content\r\n\r\n" },
    { "a 304 with a length", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n" },
  }
  for _, case in ipairs(stray) do
    it("with " .. case[1] .. " are no response to the next request", function()
      wire.answered(case[2] .. "HTTP/1.1 500 Evil\r\nContent-Length: 0\r\n\r\n", function(client)
        support.until_true(function() -- without a poll, which would find them already
          client:read_response_body_chunk()
          return client:get_status() ~= HTTPClient.STATUS_BODY
        end)
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
        support.request(client)
        support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
        assert.equal(0, client:get_response_code())
        local code, message = client:get_last_error()
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.truthy(message:find("unexpected bytes", 1, true), message)
      end)
    end)
  end

  it("to CONNECT are the tunnel's", function()
    wire.answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst", function(client, conn)
      assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      assert.equal(Error.OK, (client:poll()))
      assert.equal(5, client:get_connection():get_available_bytes())
      assert.same({ Error.OK, "first" }, { client:get_connection():get_partial_data(100) })
      assert.equal(Error.OK, client:get_connection():put_data("second"))
      assert.equal("second", support.until_true(function() return conn:recv_until("second", 0) end))
    end, { method = "CONNECT", path = "a:1" })
  end)

  it("that closes are dropped", function()
    wire.answered(OK .. "Connection: close\r\n" .. LENGTH_1 .. "more", function(client)
      assert.equal("a", (support.read_all(client)))
      assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
      assert.equal("", client:read_response_body_chunk())
      assert.equal(200, client:get_response_code())
    end)
  end)
end)

describe("A read", function()
  it("gives at most read_chunk_size bytes of a length, and then moves on", function()
    wire.answered(OK .. "Content-Length: 600\r\n\r\n" .. ("x"):rep(600), function(client)
      local total = 0
      support.until_true(function()
        local chunk = client:read_response_body_chunk()
        assert.is_true(#chunk <= 256)
        total = total + #chunk
        assert.equal(total < 600 and HTTPClient.STATUS_BODY or HTTPClient.STATUS_CONNECTED,
          client:get_status())
        return total == 600
      end)
      assert.equal("", client:read_response_body_chunk())
    end, { properties = { read_chunk_size = 256 } })
  end)

  it("finds nothing outside STATUS_BODY", function()
    assert.equal("", HTTPClient.new():read_response_body_chunk())
    wire.with_request(function(client) assert.equal("", client:read_response_body_chunk()) end)
  end)

  it("of an empty body finds its end", function()
    for _, case in ipairs({ { OK .. "Content-Length: 0\r\n\r\n" }, { OK .. LENGTH_1, "HEAD" },
      { CHUNKED, "HEAD" } }) do
      wire.answered(case[1]:gsub("a$", ""), function(client)
        assert.equal(HTTPClient.STATUS_BODY, client:get_status())
        client:poll()
        assert.equal(HTTPClient.STATUS_BODY, client:get_status())
        assert.equal(0, client:get_response_body_length())
        assert.is_false(client:is_response_chunked())
        assert.equal("", client:read_response_body_chunk())
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      end, { method = case[2] })
    end
  end)

  it("gives what came before a reset in a body that runs to the end, and then the error", function()
    wire.answered(OK .. "\r\nhello", function(client, conn)
      assert.equal("hello", client:read_response_body_chunk())
      conn:reset()
      support.read_all(client)
      assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
    end)
  end)
end)
