-- HTTP/2 against servers that try to cost the client more than them: heads that unfold to a thousand
-- times their size, frames that bring nothing, resets of whatever is asked for. Memory and work stay
-- in bounds, and a stream's fault is that stream's.
local httpclient = require("httpclient")
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient, Error = httpclient.HTTPClient, httpclient.Error
local OK, ask = h2.OK, h2.ask

local LIMIT = "response head: it is larger than the limit of 65536 bytes"
local MEMORY = 4 * 1048576 -- more than this no attack gets
local FRAME = 16384

local function with_peer(settings, action) return h2.with_peer(finally, settings, action) end

local function failure(client)
  support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
  return client:get_last_error()
end

-- A number of HPACK's behind so many bits of another kind (RFC 7541 section 5.1).
local function number(prefix, bits, value)
  local most = 2 ^ bits - 1
  if value < most then return string.char(prefix + value) end
  local bytes = { string.char(prefix + most) }
  value = value - most
  while value >= 128 do
    bytes[#bytes + 1] = string.char(value % 128 + 128)
    value = math.floor(value / 128)
  end
  return table.concat(bytes) .. string.char(value)
end

-- A field that goes into the table of both sides, where the next reference finds it as 62.
local function indexed(name, value)
  return "\64" .. number(0, 7, #name) .. name .. number(0, 7, #value) .. value
end

local STATUS_200 = string.char(0x88)
local NEWEST = string.char(0x80 + 62)

-- A head of that block, in as few frames as it takes.
local function head(stream, block, flags)
  local frames, at = {}, 1
  repeat
    local piece = block:sub(at, at + FRAME - 1)
    at = at + FRAME
    frames[#frames + 1] = h2.frame(#frames == 0 and "HEADERS" or "CONTINUATION",
      (at > #block and h2.END_HEADERS or 0) + (#frames == 0 and flags or 0), stream, piece)
  until at > #block
  return table.concat(frames)
end

-- The allocator of the sanitizers does not tell.
local function memory_now()
  return native.allocated_memory() or 0
end

-- Sends the bytes, and what else takes its time, while the client looks; -> the most memory that
-- this has cost
local function feed(peer, bytes)
  collectgarbage()
  collectgarbage()
  local before, most, at = memory_now(), 0, 1
  while at <= #bytes do
    local sent = peer.conn:send_some(bytes:sub(at, at + 65535), 0)
    if not sent then break end
    at = at + sent
    peer:poll()
    peer.conn:recv(65536, 0)
    most = math.max(most, memory_now() - before)
  end
  return most
end

describe("A head that unfolds", function()
  local entry = indexed("a", ("x"):rep(4000))
  local many = NEWEST:rep(6 * FRAME)

  -- what the server sends on stream 1, whose answer breaks for its size
  local bombs = {
    { "from references of one byte to a large entry",
      function() return head(1, STATUS_200 .. entry .. many) end },
    { "in the trailing fields", function()
      return h2.headers(1, OK) .. h2.data(1, "x") .. head(1, entry .. many, h2.END_STREAM)
    end },
    { "in heads of 1xx",
      function() return head(1, string.char(0x08, 3) .. "103" .. entry .. many) end },
    { "in heads of 1xx that are small each", function()
      return head(1, string.char(0x48, 3) .. "103") .. head(1, NEWEST):rep(3000)
    end },
    { "from references to the static table", function()
      return head(1, STATUS_200 .. string.char(0x80 + 16):rep(6 * FRAME))
    end },
    { "to fields without a value",
      function() return head(1, STATUS_200 .. "\0\1a\0" .. ("\0\1a\0"):rep(20000)) end },
    { "with entries that push one another out of the table", function()
      local fields = {}
      for i = 1, 30 do fields[i] = indexed("b" .. i, ("y"):rep(4000)) end
      return head(1, STATUS_200 .. table.concat(fields))
    end },
  }
  for _, bomb in ipairs(bombs) do
    it(bomb[1] .. " is refused, and costs the others nothing", function()
      with_peer({}, function(client, peer)
        local other = peer:share()
        ask(client, peer)
        ask(other, peer)
        local memory = feed(peer, bomb[2]())
        assert.is_true(memory < MEMORY, memory)
        support.until_true(function()
          peer:poll()
          client:read_response_body_chunk()
          return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
        end)
        assert.same({ Error.ERR_CONNECTION_ERROR, LIMIT }, { client:get_last_error() })
        -- The table is what both sides think it is.
        peer:send(head(3, STATUS_200 .. indexed("c", "d") .. NEWEST, h2.END_STREAM))
        support.pump(other, support.is_answered_or_failed)
        assert.same({ 200, { "c: d", "c: d" } },
          { other:get_response_code(), other:get_response_headers() })
      end)
    end)
  end

  -- What can't be read ends the connection: nobody knows the table any more.
  local unreadable = {
    { "a text of a gigabyte is announced", "\0\1a" .. number(0, 7, 2 ^ 30) .. ("x"):rep(FRAME) },
    { "a name of a gigabyte is announced", "\0" .. number(0, 7, 2 ^ 30) .. ("x"):rep(FRAME) },
    { "a number has no end", "\0\127" .. ("\255"):rep(FRAME) },
    { "an index has no end", ("\255"):rep(FRAME) },
    { "a table of a gigabyte is asked for", number(0x20, 5, 2 ^ 30) .. STATUS_200 },
    { "a text by Huffman's code is too long unfolded",
      "\0\1a" .. number(0x80, 7, 60000) .. ("\0"):rep(60000) },
  }
  for _, case in ipairs(unreadable) do
    it("is the connection's end where " .. case[1], function()
      with_peer({}, function(client, peer)
        ask(client, peer)
        local memory = feed(peer, head(1, STATUS_200 .. case[2]))
        assert.is_true(memory < MEMORY, memory)
        local code, message = failure(client)
        assert.equal(Error.ERR_CONNECTION_ERROR, code)
        assert.truthy(message:find("HTTP/2: the server broke the protocol", 1, true)
          or message == LIMIT, message)
      end)
    end)
  end
end)

-- Frames that come again and again behind the head of an answer on stream 1; the stream 3 has ended.
local floods = {
  { "PING", h2.frame("PING", 0, 0, "12345678") },
  { "answers to PING", h2.frame("PING", h2.ACK, 0, "12345678") },
  { "SETTINGS", h2.settings({}) },
  { "SETTINGS that move the windows", h2.settings({ [4] = 0 })
    .. h2.settings({ [4] = 2147483647 }) },
  { "SETTINGS that change HPACK's table", h2.settings({ [1] = 0 }) .. h2.settings({ [1] = 4096 }) },
  { "acknowledgements", h2.frame("SETTINGS", h2.ACK, 0) },
  { "resets of a stream that has ended", h2.rst(3, 8) },
  { "heads of a stream that has ended", h2.headers(3, OK) },
  { "content of a stream that has ended", h2.data(3, "x") },
  { "empty content", h2.data(1, "") },
  { "content that is padding alone", h2.frame("DATA", 8, 1, "\5\0\0\0\0\0") },
  { "priorities", h2.frame("PRIORITY", 0, 1, "\0\0\0\0\1") },
  { "frames that nobody knows", h2.frame(99, 0, 1, "abc") },
  { "window updates", h2.window(0, 1) .. h2.window(1, 1) },
  { "window updates of a stream that has ended", h2.window(3, 1) },
  { "goodbyes", h2.goaway(2147483647, 0, "soon") },
  { "goodbyes that count down", h2.goaway(5, 0) .. h2.goaway(3, 0) .. h2.goaway(1, 0) },
  { "pieces of a head, all empty", h2.frame("HEADERS", 0, 1, ""),
    h2.frame("CONTINUATION", 0, 1, "") },
  { "pieces of a head", h2.frame("HEADERS", 0, 1, "\0\1t\1u"),
    h2.frame("CONTINUATION", 0, 1, "\0\1t\1u") },
}

describe("A flood of", function()
  for _, flood in ipairs(floods) do
    for _, hears in ipairs({ "and the server reads", "and the server does not read" }) do
      it(flood[1] .. " ends the connection, " .. hears, function()
        with_peer({}, function(client, peer)
          local other = peer:share()
          ask(client, peer)
          ask(other, peer)
          peer:send(h2.headers(3, OK, h2.END_STREAM), h2.headers(1, OK))
          support.pump(client, HTTPClient.STATUS_BODY)
          support.pump(other, HTTPClient.STATUS_CONNECTED)
          if flood[3] then peer:send(flood[2]) end
          local frames = (flood[3] or flood[2]):rep(500)
          local before, most, sent = memory_now(), 0, 0
          support.until_true(function()
            sent = sent + (peer.conn:send_some(frames, 0) or 0)
            peer:poll()
            if hears == "and the server reads" then peer.conn:recv(65536, 0) end
            client:read_response_body_chunk()
            most = math.max(most, memory_now() - before)
            return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
          end)
          assert.is_true(most < MEMORY, most)
          assert.is_true(sent < 4 * 1048576, sent)
          local message = select(2, client:get_last_error())
          assert.truthy(message:find("HTTP/2: ", 1, true) or message == LIMIT, message)
        end)
      end)
    end
  end
end)

describe("A server that resets whatever is asked", function()
  after_each(function() httpclient.pool.close_idle() end)

  it("is asked twice for each request, and no more", function()
    local world = h2_tasks.start(finally)
    local tasks = world:fetch_many(40)
    local refused = 0
    for _ = 1, 2 do
      local peer = world:accept()
      for _, stream in ipairs(peer:requests(40)) do
        refused = refused + 1
        peer:send(h2.rst(stream, 7))
      end
    end
    world:expect_refused(tasks)
    world:settle()
    assert.equal(80, refused)
    assert.is_nil(world:try_accept())
    local used, _, queued = httpclient.pool.count()
    assert.same({ 0, 0 }, { used, queued })
  end)

  it("behind each head gives half an answer that is none", function()
    local world = h2_tasks.start(finally)
    local tasks = world:fetch_many(20, { method = "POST" })
    local peer = world:accept()
    for _, stream in ipairs(peer:requests(20)) do
      peer:send(h2.headers(stream, OK), h2.data(stream, "half"), h2.rst(stream, 0))
    end
    for _, task in ipairs(tasks) do
      local none, message = world:result(task)
      assert.same({ nil,
        "HTTP/2: the server ended the stream before its answer was complete (NO_ERROR)" },
        { none, message })
    end
    -- The connection is good for others.
    local task = world:fetch("/")
    peer:answer(peer:await("HEADERS").stream, "whole")
    assert.equal("whole", world:result(task).body)
  end)
end)
