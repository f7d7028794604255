-- Heads of responses at the edges of the grammar, each played whole, byte by byte and split: what is taken, what is
-- refused; and the limit of their size to the byte.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error

local OK = "HTTP/1.1 200 OK\r\n"
local LENGTH_1 = "Content-Length: 1\r\n\r\na"
local CODING = "Transfer-Encoding: chunked\r\n"
local CHUNKED = OK .. CODING .. "\r\n"
local POINTS = 20
local wire = require("spec.support.wire")(after_each)

describe("A status line", function()
  -- the line, code, reason; a Content-Length of 1 and an "a" come behind it
  local taken = {
    { "HTTP/1.1 200 OK\r\n", 200, "OK" },
    { "HTTP/1.1 200 \r\n", 200, "" },
    { "HTTP/1.1 200\r\n", 200, "" },
    { "HTTP/1.1 200\n", 200, "" },
    { "HTTP/1.1 200 OK\n", 200, "OK" },
    { "HTTP/1.1 200  two  blanks \r\n", 200, " two  blanks " },
    { "HTTP/1.1 200 \195\132\255\t\1\r\n", 200, "\195\132\255\t\1" },
    { "HTTP/1.7 200 OK\r\n", 200, "OK" },
    { "HTTP/1.1 418 I'm a teapot\r\n", 418, "I'm a teapot" },
    { "HTTP/1.1 205 Reset\r\n", 205, "Reset" },
    { "HTTP/1.1 600 x\r\n", 600, "x" },
    { "HTTP/1.1 999 x\r\n", 999, "x" },
  }
  for _, case in ipairs(taken) do
    it("can be " .. ("%q"):format(case[1]), function()
      support.split_play(case[1] .. LENGTH_1, function(outcome)
        assert.equal("STATUS_CONNECTED", outcome.status)
        assert.equal(case[2], outcome.code)
        assert.equal("a", outcome.body)
        assert.equal("", outcome.message)
      end, { ending = "keep", points = POINTS })
      wire.answered(case[1]
        .. LENGTH_1, function(client) assert.equal(case[3], client:get_response_reason()) end)
    end)
  end

  local refused = {
    "\r\nHTTP/1.1 200 OK\r\n", "\nHTTP/1.1 200 OK\r\n", " HTTP/1.1 200 OK\r\n",
    "http/1.1 200 OK\r\n", "HTTP/2 200 OK\r\n", "HTTP/2.0 200 OK\r\n", "HTTP/0.9 200 OK\r\n",
    "HTTP/1 200 OK\r\n", "HTTP/1.10 200 OK\r\n", "HTTP/1.x 200 OK\r\n", "HTTP/01.1 200 OK\r\n",
    "HTTP/1.1200 OK\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1\t200 OK\r\n", "HTTP/1.1 200OK\r\n",
    "HTTP/1.1 200\tOK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n",
    "HTTP/1.1 000 OK\r\n", "HTTP/1.1 1000 OK\r\n", "HTTP/1.1 -20 OK\r\n", "HTTP/1.1 2x0 OK\r\n",
    "HTTP/1.1\r\n", "HTTP/1.1 \r\n", "\r\n\r\n", "HTTP/1.1 200 O\rK\r\n", "HTTP/1.1 200 OK\r\r\n",
    "HTTP/1.1 200 O\0K\r\n", "HTTP/1.1 200\r", "ICY 200 OK\r\n", "<html>", "HTTPS/1.1 200 OK\r\n",
    "\0", "\255",
  }
  for _, line in ipairs(refused) do
    it("is refused when it is " .. ("%q"):format(line), function()
      support.split_play(line .. LENGTH_1, function(outcome)
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
        assert.equal(Error.ERR_CONNECTION_ERROR, outcome.error)
        assert.equal(0, outcome.code)
        assert.truthy(outcome.message:find("status line", 1, true), outcome.message)
      end, { ending = "keep", points = POINTS })
    end)
  end

  it("is refused at its first wrong byte, without waiting for its end", function()
    for _, line in ipairs({ "S", "HTTQ", "HTTP/2", "HTTP/1.1 0", "HTTP/1.1 2a", "HTTP/1.1 200x",
      "\r" }) do
      wire.answered(line, function(client)
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
      end)
    end
  end)
end)

describe("The fields of a head", function()
  -- lines, the fields as they are given
  local taken = {
    { "A:b\r\n", "A: b" },
    { "A:\t b \t\r\n", "A: b" },
    { "A:\r\nB: \r\n", "A: |B: " },
    { "a: 1\r\nA: 2\r\n", "a: 1|A: 2" },
    { "A: b:c::\r\n", "A: b:c::" },
    { "A: b\tc\r\n", "A: b\tc" },
    { "A: \128\255\r\n", "A: \128\255" },
    { "!#$%&'*+-.^_`|~9z: x\r\n", "!#$%&'*+-.^_`|~9z: x" },
    { "A: b\nC: d\r\n", "A: b|C: d" },
    { "A: b\r\n c\r\n\td\r\n", "A: b c d" },
    { "A: b\n  c\n", "A: b c" },
    { "A: b\r\n \r\n", "A: b" },
    { "A:\r\n b\r\n", "A: b" },
    { "A: b \r\n  c \r\n", "A: b c" },
  }
  for _, case in ipairs(taken) do
    it("can be " .. ("%q"):format(case[1]), function()
      support.split_play(OK .. case[1] .. LENGTH_1, function(outcome)
        assert.equal("STATUS_CONNECTED", outcome.status)
        assert.equal(case[2] .. "|Content-Length: 1", table.concat(outcome.headers, "|"))
        assert.equal("a", outcome.body)
      end, { ending = "keep", points = POINTS })
    end)
  end

  local refused = {
    "A\r\n", "A b\r\n", ":\r\n", ": b\r\n", "A : b\r\n", "A\t: b\r\n", " A: b\r\n", "\tA: b\r\n",
    " \r\n", "A\0: b\r\n", "A: b\0\r\n", "A: b\rc\r\n", "A: b\r\r\n", "\rA: b\r\n", "A(: b\r\n",
    "A/B: c\r\n", "\195\164: b\r\n", "A\127: b\r\n", "\1: b\r\n", "\"A\": b\r\n",
    "A: b\r\n c\0\r\n", "A: b\r\n c\rd\r\n", "A: b\r\nC\r\n",
  }
  for _, lines in ipairs(refused) do
    it("are refused when they are " .. ("%q"):format(lines), function()
      support.split_play(OK .. lines .. LENGTH_1, function(outcome)
        assert.equal("STATUS_CONNECTION_ERROR", outcome.status)
        assert.equal(0, outcome.code)
        assert.truthy(outcome.message:find("header", 1, true), outcome.message)
      end, { ending = "keep", points = POINTS })
    end)
  end

  it("may be very many, in the dictionary too", function()
    local lines, count = {}, 1000
    for i = 1, count do lines[i] = ("Name-%d: %d\r\nname-%d: again\r\n"):format(i, i, i) end
    wire.answered(OK .. table.concat(lines) .. "Content-Length: 0\r\n\r\n", function(client)
      assert.equal(2 * count + 1, #client:get_response_headers())
      local dictionary, names = client:get_response_headers_as_dictionary(), 0
      for _ in pairs(dictionary) do names = names + 1 end
      assert.equal(count + 1, names)
      for i = 1, count do assert.equal(i .. "; again", dictionary["Name-" .. i]) end
      assert.equal("7; again", dictionary["NAME-7"])
      assert.equal("7, again", client:get_response_header("nAME-7"))
    end)
  end)

  it("make a dictionary that has no other fields, and lists of values", function()
    wire.answered(OK
      .. "__index: x\r\nLink: <a>, <b>\r\nLINK:\r\nSet-Cookie: a=b, c\r\nContent-Length: 0\r\n\r\n",
      function(client)
      local dictionary = client:get_response_headers_as_dictionary()
      assert.equal("x", dictionary.__index)
      assert.is_nil(dictionary.Lin)
      assert.is_nil(dictionary[1])
      assert.is_nil(dictionary[""])
      assert.equal("<a>, <b>; ", dictionary.link)
      assert.equal("<a>, <b>, ", client:get_response_header("link"))
      assert.same({ "a=b, c" }, client:get_response_header_values("SET-COOKIE"))
      assert.same({}, client:get_response_header_values("none"))
      dictionary.Link = nil
      assert.equal("<a>, <b>; ", client:get_response_headers_as_dictionary().Link)
    end)
  end)

  it("make a dictionary of this response, whatever the ones before it said", function()
    local long = ("v"):rep(41)
    for _, value in ipairs({ "a", "b", "a", "", long, "ab", long:sub(1, 40), long:sub(1, 39) .. "w",
      "a" }) do
      wire.answered(OK .. "Field: " .. value .. "\r\nContent-Length: 0\r\n\r\n", function(client)
        assert.same({ Field = value, ["Content-Length"] = "0" },
          client:get_response_headers_as_dictionary())
      end)
    end
  end)
end)

describe("max_header_size", function()
  local HEAD = OK .. "A: " .. ("x"):rep(300) .. "\r\nContent-Length: 1\r\n\r\n"

  local function outcome_with(limit, bytes)
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    local client = HTTPClient.new()
    client.max_header_size = limit
    local outcomes = {}
    for _, pieces in ipairs({ { bytes }, { bytes:sub(1, #bytes - 1), bytes:sub(-1) },
      { bytes:sub(1, 1), bytes:sub(2) } }) do
      local outcome = support.play(listener, pieces, { client = client, ending = "keep" })
      outcomes[#outcomes + 1] = outcome.status .. " " .. outcome.body .. " "
        .. table.concat(outcome.trailers, "|")
    end
    listener:close()
    assert.equal(outcomes[1], outcomes[2])
    assert.equal(outcomes[1], outcomes[3])
    return outcomes[1]
  end

  it("counts the head to its last byte, and not the body", function()
    assert.equal("STATUS_CONNECTED a ", outcome_with(#HEAD, HEAD .. "a"))
    assert.equal("STATUS_CONNECTION_ERROR  ", outcome_with(#HEAD - 1, HEAD .. "a"))
  end)

  it("counts bare LF as they come", function()
    local head = HEAD:gsub("\r", "")
    assert.equal("STATUS_CONNECTED a ", outcome_with(#head, head .. "a"))
    assert.equal("STATUS_CONNECTION_ERROR  ", outcome_with(#head - 1, head .. "a"))
  end)

  it("counts all 1xx heads together, and the final one for itself", function()
    local interim = "HTTP/1.1 103 Early\r\nLink: " .. ("y"):rep(100) .. "\r\n\r\n"
    local three = interim .. interim .. "HTTP/1.1 100\r\n\r\n"
    assert.equal("STATUS_CONNECTED a ", outcome_with(#HEAD, interim .. interim .. HEAD .. "a"))
    local final = OK .. LENGTH_1
    assert.equal("STATUS_CONNECTED a ", outcome_with(#three, three .. final))
    assert.equal("STATUS_CONNECTION_ERROR  ", outcome_with(#three - 1, three .. final))
  end)

  it("counts the trailer section with its last empty line", function()
    local trailers = "A: " .. ("z"):rep(300) .. "\r\nB: c\r\n\r\n"
    local bytes = CHUNKED .. "1\r\na\r\n0\r\n" .. trailers
    assert.equal("STATUS_CONNECTED a A: " .. ("z"):rep(300) .. "|B: c",
      outcome_with(#trailers, bytes))
    assert.equal("STATUS_CONNECTION_ERROR a ", outcome_with(#trailers - 1, bytes))
  end)

  it("is 65536 at first, and no size of a head is special below it", function()
    local listener = assert(native.listen({ host = "127.0.0.1" }))
    finally(function() listener:close() end)
    local function head_of(size)
      local rest = "\r\nContent-Length: 5\r\n\r\n"
      return OK .. "A: " .. ("x"):rep(size - #OK - 3 - #rest) .. rest
    end
    for _, size in ipairs({ 4091, 4092, 4095, 4096, 4097, 8191, 8192, 8193, 65535, 65536,
      65537 }) do
      local outcome = support.play(listener, { head_of(size) .. "hello" }, { ending = "keep" })
      assert.equal(size <= 65536 and "STATUS_CONNECTED" or "STATUS_CONNECTION_ERROR",
        outcome.status, tostring(size))
      assert.equal(size <= 65536 and "hello" or "", outcome.body)
    end
  end)

  it("ends a head, 1xx and trailers that have no end", function()
    local endless = {
      OK .. ("A: b\r\n"):rep(2000), OK .. "A: " .. ("x"):rep(10000),
      ("HTTP/1.1 100\r\n\r\n"):rep(1000), "HTTP/1.1 200 " .. ("x"):rep(10000), CHUNKED .. "0\r\n"
        .. ("A: b\r\n"):rep(2000), CHUNKED .. "0\r\nA: " .. ("x"):rep(10000), OK .. "A: b\r\n"
        .. (" c\r\n"):rep(4000),
    }
    for i, bytes in ipairs(endless) do
      wire.answered(bytes, function(client)
        support.read_all(client)
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status(), tostring(i))
      end, { properties = { max_header_size = 4096 } })
    end
  end)
end)
