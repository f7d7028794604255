-- What the C side still needs lives, though the script has let it go: the collector runs between
-- any two steps, and what it frees is written over.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

debug.sethook() -- that of SPEC_GC: here it is known when to collect

local HTTPClient = httpclient.HTTPClient
local SIZE = 2 * 1048576 -- more than the socket takes at once

-- Collects, and fills the room that got free with other bytes.
local function churn()
  collectgarbage()
  collectgarbage()
  local rubbish = {}
  for i = 1, 3 do rubbish[i] = ("%d"):format(i):rep(SIZE) end
  for i = 4, 200 do rubbish[i] = ("%d"):format(i):rep(40) end
  return #rubbish
end

local function matter(seed, size)
  return (("%d,"):format(seed):rep(math.ceil(size / 2))):sub(1, size)
end

-- Takes in the request's content under constant collections. -> content
local function receive(client, conn, size)
  local head = support.head_of(client, conn)
  local rounds = 0
  churn()
  return support.receive_until(client, conn, function(got)
    rounds = rounds + 1
    if rounds < 3 or rounds % 40 == 0 then churn() end
    return got >= size
  end), head
end

-- Each starts the request, with all that it is made of unreachable at its end. -> the content, and how much comes
local requests = {
  { "a string", function(client)
    support.request(client, "POST", "/", { "Content-Length: " .. SIZE }, matter(1, SIZE))
    return function() return matter(1, SIZE) end, SIZE
  end },
  { "an array of bytes", function(client)
    local bytes = {}
    for i = 1, 400000 do bytes[i] = i % 251 end
    assert(client:request_raw(HTTPClient.METHOD_POST, "/", {}, bytes) == 0)
    return function()
      local parts = {}
      for i = 1, 400000 do parts[i] = string.char(i % 251) end
      return table.concat(parts)
    end, 400000
  end },
  { "a function and its pieces", function(client)
    local count = 0
    support.request(client, "POST", "/", { "Content-Length: " .. 3 * SIZE }, function()
      count = count + 1
      return count <= 3 and matter(count, SIZE) or nil
    end)
    return function() return matter(1, SIZE) .. matter(2, SIZE) .. matter(3, SIZE) end, 3 * SIZE
  end },
  { "a file", function(client)
    local file = assert(io.tmpfile())
    file:write(matter(4, SIZE))
    file:seek("set", 0)
    support.request(client, "POST", "/", {}, file)
    return function() return matter(4, SIZE) end, SIZE
  end },
}

describe("A request lives on with", function()
  for _, request in ipairs(requests) do
    for _, secure in ipairs({ false, true }) do
      it(request[1] .. " that nobody holds, TLS " .. tostring(secure), function()
        local listener = assert(native.listen({}))
        local client, conn = support.connect(listener, secure
          and { tls = httpclient.TLSOptions.client_unsafe(),
          server_tls = certs.localhost.tls() } or {})
        local expected, size = request[2](client)
        churn()
        assert.is_true(receive(client, conn, size) == expected())
        client:close()
        conn:close()
        listener:close()
      end)
    end
  end

  it("fields and URL that nobody holds", function()
    local listener = assert(native.listen({}))
    local client, conn = support.connect(listener)
    client:request(HTTPClient.METHOD_GET, "/" .. ("p"):rep(3000),
      { ("X-A: %s"):format(("v"):rep(3000)), ["X-B"] = ("w"):rep(3000) })
    churn()
    local _, head = receive(client, conn, 0)
    assert.truthy(head:find(("GET /%s HTTP/1.1\r\n"):format(("p"):rep(3000)), 1, true))
    assert.truthy(head:find(("X-A: %s\r\n"):format(("v"):rep(3000)), 1, true))
    assert.truthy(head:find(("X-B: %s\r\n"):format(("w"):rep(3000)), 1, true))
    client:close()
    conn:close()
    listener:close()
  end)
end)

describe("A connection lives on with", function()
  it("TLSOptions, certificates and names that nobody holds", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    do
      local chain = httpclient.X509Certificate.new()
      chain:load_from_string(certs.ca.cert .. "\n")
      client:connect_to_host("local" .. "host", listener:port(),
        httpclient.TLSOptions.client(chain, ("localhost"):lower(), { alpn = { "http/1" .. ".1" } }))
    end
    churn()
    local conn = support.accept(listener, client)
    churn()
    assert.is_true(support.handshake(client, conn, certs.localhost.tls()))
    churn()
    assert.equal("hello", tls.exchange(client, conn))
    client:close()
    conn:close()
    listener:close()
  end)

  it("a proxy's name and password that nobody holds", function()
    local listener = assert(native.listen({}))
    local client = HTTPClient.new()
    client:set_http_proxy(("127.0.0.%d"):format(1), listener:port(), ("u"):rep(50), ("p"):rep(50))
    assert(client:connect_to_host(("origin%d.test"):format(1), 80) == 0)
    churn()
    local conn = support.accept(listener, client)
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    support.request(client)
    churn()
    local _, head = receive(client, conn, 0)
    assert.truthy(head:find("^GET http://origin1.test/ HTTP/1.1\r\n"), head)
    assert.truthy(head:find("Proxy-Authorization: Basic ", 1, true), head)
    client:close()
    conn:close()
    listener:close()
  end)

  it("streams of the script's own that nobody holds", function()
    local client = HTTPClient.new()
    local sent, collected = {}, false
    do
      local answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      local stream = setmetatable({
        put_partial_data = function(_, data)
          sent[#sent + 1] = data
          churn()
          return 0, #data
        end,
        get_partial_data = function(_, n)
          local piece = #sent > 0 and answer:sub(1, n) or ""
          answer = answer:sub(#piece + 1)
          churn()
          return 0, piece
        end,
        get_available_bytes = function() return #sent > 0 and #answer or 0 end,
      }, { __gc = function() collected = true end })
      client:set_connection(stream)
    end
    churn()
    support.request(client, "GET", "/", { "Host: a.test" })
    support.pump(client, HTTPClient.STATUS_BODY)
    churn()
    assert.is_false(collected)
    assert.equal("hello", (support.read_all(client)))
    assert.truthy(table.concat(sent):find("^GET / HTTP/1.1\r\n"))
    client:close()
  end)

  it("a Poller whose clients nobody holds", function()
    local listener = assert(native.listen({}))
    local poller = httpclient.Poller.new()
    local conns = {}
    for i = 1, 3 do
      local client, conn = support.connect(listener)
      poller:add(client)
      conns[i] = conn
    end
    churn()
    assert.equal(3, poller:count())
    for i = 1, 3 do conns[i]:send("stray") end
    local moved = 0
    support.until_true(function()
      for _, client in ipairs(poller:wait(0.05)) do
        churn()
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
        poller:remove(client)
        moved = moved + 1
      end
      return moved == 3
    end)
    for i = 1, 3 do conns[i]:close() end
    listener:close()
  end)
end)
