-- Content that comes faster than it is read: one receive takes what several reads hand out.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local OK = "HTTP/1.1 200 OK\r\n"
local opened = {}

after_each(function()
  for i = #opened, 1, -1 do
    opened[i]()
    opened[i] = nil
  end
end)

-- A client with a response's head, from a server in another thread that does the steps behind the request's head.
local function world(steps, blocking)
  local all = { { "accept" }, { "recv_until", "\r\n\r\n" } }
  for _, step in ipairs(steps) do all[#all + 1] = step end
  local server = native.script(all)
  local client = support.connect_port(server:port())
  client.blocking_mode_enabled = blocking
  opened[#opened + 1] = function()
    client:close()
    server:stop()
  end
  support.request(client)
  support.pump(client, HTTPClient.STATUS_BODY)
  return client
end

local function read_all(client)
  local parts = {}
  while client:get_status() == HTTPClient.STATUS_BODY do
    local part = client:read_response_body_chunk()
    if part == "" then client:wait(5) end
    parts[#parts + 1] = part
  end
  return table.concat(parts)
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
  describe("content from a sender that is ahead" .. (blocking and ", in blocking mode" or ""), function()
    it("is taken off the connection for several reads at once", function()
      local body = body_of(1000000)
      local client = world({ { "send", OK .. "Content-Length: 1000000\r\n\r\n" .. body }, { "recv_until", "\r\n\r\n" } },
        blocking)
      client.read_chunk_size = 4096
      local parts, ahead = {}, 0
      local function read()
        parts[#parts + 1] = client:read_response_body_chunk()
        assert.is_true(#parts[#parts] > 0 and #parts[#parts] <= 4096)
      end
      support.until_true(function() return client.connection:get_available_bytes() > 50000 end, nil, "much of the body")
      read() -- what came with the head
      while client:timeout() ~= 0 do read() end
      assert.is_true(#parts > 4 and #parts < 8, "it begins after a few reads: " .. #parts)
      while client:timeout() == 0 do
        read()
        ahead = ahead + 1
      end
      assert.is_true(ahead > 5, "reads without the connection: " .. ahead)
      parts[#parts + 1] = read_all(client)
      assert.is_true(table.concat(parts) == body)
      assert.equal("STATUS_CONNECTED", support.status_of(client))
    end)

    local size = 3000000
    local body = body_of(size)
    local framings = {
      ["with a length"] = { OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body, "CONNECTED" },
      ["in chunks"] = { OK .. "Transfer-Encoding: chunked\r\n\r\n" .. chunked(body, 7001), "CONNECTED" },
      ["until the end"] = { OK .. "\r\n" .. body, "DISCONNECTED" },
    }
    for name, case in pairs(framings) do
      for _, chunk in ipairs({ 1000, 65536, 100000, 700000 }) do
        it("comes whole, " .. name .. ", in reads of " .. chunk, function()
          local last = case[2] == "CONNECTED" and { "recv_until", "\r\n\r\n" } or { "close" }
          local client = world({ { "send", case[1] }, last }, blocking)
          client.read_chunk_size = chunk
          assert.is_true(read_all(client) == body)
          assert.equal("STATUS_" .. case[2], support.status_of(client))
        end)
      end
    end

    it("ends where the body ends: what stands behind it is no answer", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body .. "x" },
        { "recv_until", "\r\n\r\n" } }, blocking)
      assert.is_true(read_all(client) == body)
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      assert.truthy(select(2, client:get_last_error()):find("unexpected bytes", 1, true))
    end)

    it("that is cut is handed out before the failure shows", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size + 1 .. "\r\n\r\n" .. body }, { "close" } }, blocking)
      assert.is_true(read_all(client) == body)
      assert.equal("STATUS_CONNECTION_ERROR", support.status_of(client))
      assert.truthy(select(2, client:get_last_error()):find("3000000 of 3000001 bytes", 1, true))
    end)

    it("may be read in smaller pieces half way", function()
      local client = world({ { "send", OK .. "Content-Length: " .. size .. "\r\n\r\n" .. body }, { "recv_until", "\r\n\r\n" } },
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
      parts[#parts + 1] = read_all(client)
      assert.is_true(table.concat(parts) == body)
    end)
  end)
end
