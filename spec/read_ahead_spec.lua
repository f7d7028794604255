-- Content that comes faster than it is read: one receive takes what several reads hand out.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\n"
local keep = require("spec.support.kept")(after_each)

-- A client with a response's head, from a server in another thread that does the steps behind the request's head.
local function world(steps, blocking)
  local all = { { "accept" }, { "recv_until", "\r\n\r\n" } }
  for _, step in ipairs(steps) do all[#all + 1] = step end
  local server = keep(native.script(all))
  local client = keep(support.connect_port(server:port()))
  client.blocking_mode_enabled = blocking
  support.request(client)
  support.pump(client, HTTPClient.STATUS_BODY)
  return client
end

-- No two places are alike.
local function body_of(size)
  local parts, length = {}, 0
  while length < size do
    local part = ("%d,"):format(length)
    parts[#parts + 1] = part
    length = length + #part
  end
  return table.concat(parts):sub(1, size)
end

local function chunked(body, size)
  local parts = {}
  for at = 1, #body, size do
    local data = body:sub(at, at + size - 1)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#data, data)
  end
  return table.concat(parts) .. "0\r\n\r\n"
end

for _, blocking in ipairs({ false, true }) do
  describe("content from a sender that is ahead"
    .. (blocking and ", in blocking mode" or ""), function()
    -- A client with all of a body on its connection; and reads until one takes more off it than it
    -- hands out, or all is read.
    local function read_some(body, prepare)
      local client = world({ { "send", OK .. "Content-Length: " .. #body .. "\r\n\r\n" .. body },
        { "recv_until", "\r\n\r\n" } },
        blocking)
      local connection = client.connection
      client.read_chunk_size = 4096
      prepare(client)
      local parts, left = { client:read_response_body_chunk() }, 0
      support.until_true(function()
        left = connection:get_available_bytes()
        return left > 50000 and left >= #body - 4096
      end, nil, "all of the body")
      local took, got
      repeat
        local before = connection:get_available_bytes()
        parts[#parts + 1] = client:read_response_body_chunk()
        took, got = before - connection:get_available_bytes(), #parts[#parts]
        assert.is_true(got > 0 and got <= 4096)
      until took > got or client:get_status() ~= HTTPClient.STATUS_BODY
      local count = #parts
      parts[#parts + 1] = (support.read_all(client))
      assert.is_true(table.concat(parts) == body)
      assert.equal("STATUS_CONNECTED", support.status_of(client))
      return took, count
    end

    it("is taken off the connection for several reads at once", function()
      local took, count = read_some(body_of(60000), function() end)
      assert.equal(8 * 4096, took)
      assert.is_true(count < 8, "after a few reads: " .. count)
    end)

    it("stays there where a loop may watch the descriptor", function()
      for _, name in ipairs({ "get_fd", "pollfd" }) do
        local _, count = read_some(body_of(60000),
          function(client) assert(client[name](client)) end)
        assert.is_true(count > 14, name .. ": " .. count)
      end
      local poller = httpclient.Poller.new()
      local _, count = read_some(body_of(60000), function(client)
        poller:add(client)
        poller:get_fd()
      end)
      assert.is_true(count > 14, "a Poller's descriptor: " .. count)
    end)

    local size = 3000000
    local body = body_of(size)
    local framings = {
      ["with a length"] = { OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body, "CONNECTED" },
      ["in chunks"] = { OK .. "Transfer-Encoding: chunked\r\n\r\n" .. chunked(body, 7001),
        "CONNECTED" },
      ["until the end"] = { OK .. "\r\n" .. body, "DISCONNECTED" },
    }
    for name, case in pairs(framings) do
      for _, chunk in ipairs({ 1000, 65536, 100000, 700000 }) do
        it("comes whole, " .. name .. ", in reads of " .. chunk, function()
          local last = case[2] == "CONNECTED" and { "recv_until", "\r\n\r\n" } or { "close" }
          local client = world({ { "send", case[1] }, last }, blocking)
          client.read_chunk_size = chunk
          assert.is_true(support.read_all(client) == body)
          assert.equal("STATUS_" .. case[2], support.status_of(client))
        end)
      end
    end

    it("ends where the body ends: what stands behind it is no answer", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body
        .. "x" },
        { "recv_until", "\r\n\r\n" } }, blocking)
      assert.is_true(support.read_all(client) == body)
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.truthy(select(2, client:get_last_error()):find("unexpected bytes", 1, true))
    end)

    it("that is cut is handed out before the failure shows", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size + 1 .. "\r\n\r\n" .. body },
        { "close" } }, blocking)
      assert.is_true(support.read_all(client) == body)
      assert.equal("STATUS_CONNECTION_ERROR", support.status_of(client))
      assert.truthy(select(2, client:get_last_error()):find("3000000 of 3000001 bytes", 1, true))
    end)

    it("may be read in smaller pieces half way", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body },
        { "recv_until", "\r\n\r\n" } },
        blocking)
      local parts, read = {}, 0
      while read < size / 2 do
        parts[#parts + 1] = client:read_response_body_chunk()
        read = read + #parts[#parts]
      end
      client.read_chunk_size = 300
      for _ = 1, 20 do
        local part = client:read_response_body_chunk()
        assert.is_true(#part <= 300)
        parts[#parts + 1] = part
      end
      client.read_chunk_size = 1000000
      parts[#parts + 1] = (support.read_all(client))
      assert.is_true(table.concat(parts) == body)
    end)
  end)
end
