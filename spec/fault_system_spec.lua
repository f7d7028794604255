-- The system fails the client: name servers that say nothing or nonsense, no descriptors left, a disk that is full.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local isolated = require("spec.support.isolated")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

-- --- name servers

-- What the programs in a network of their own share: a name server at its place, and an HTTP server.
local WORLD = [[
  local native, support = require("spec_native"), require("spec.support.client")
  local httpclient = require("httpclient")
  local server = assert(native.udp(53))
  local listener = assert(native.listen({}))
  local client = httpclient.new()

  -- The answer to a query: its number and question, the flags, and the records.
  local function answer(query, flags, records)
    return query:sub(1, 2) .. flags .. "\0\1" .. string.char(0, #records) .. "\0\0\0\0" .. query:sub(13) .. table.concat(records)
  end
  local function is_about_ipv4(query) return query:find("\0\1\0\1", 13, true) ~= nil end
  local function address(a, b, c, d) return "\192\12\0\1\0\1\0\0\0\9\0\4" .. string.char(a, b, c, d) end

  -- Answers what comes until the client has left RESOLVING.
  local function resolve(name, reply)
    assert(client:connect_to_host(name, listener:port()) == 0)
    support.until_true(function()
      local query = server:recv(0.005)
      if query then
        local text = reply(query)
        if text then server:send(text) end
      end
      client:poll()
      return client:get_status() ~= client.STATUS_RESOLVING
    end)
    local code, message = client:get_last_error()
    print(support.status_name(client:get_status()), code, message)
  end

  -- The same object, with an address this time.
  local function works_again()
    client:close()
    client.connect_timeout = 0
    local _, conn = support.connect(listener, { client = client })
    client:request(0, "/", {})
    support.head_of(client, conn)
    conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    support.pump(client, client.STATUS_CONNECTED)
    print("works")
  end
]]

local servers = {
  { "says nothing, until the connect timeout", [[
      client.connect_timeout = 0.1
      resolve("silent.test", function() end)
    ]], "STATUS_CANT_RESOLVE\t24\tconnect timeout after 0.100 s\n" },
  { "says nothing, until the resolver gives up", [[ resolve("silent.test", function() end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve silent.test: .+\n" },
  { "knows no such name",
    [[ resolve("none.test", function(query) return answer(query, "\129\131", {}) end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve none.test: .+\n" },
  { "fails", [[ resolve("failing.test", function(query) return answer(query, "\129\130", {}) end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve failing.test: .+\n" },
  { "refuses",
    [[ resolve("refused.test", function(query) return answer(query, "\129\133", {}) end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve refused.test: .+\n" },
  { "has no address",
    [[ resolve("empty.test", function(query) return answer(query, "\129\128", {}) end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve empty.test: .+\n" },
  { "sends garbage", [[ resolve("garbage.test", function(query) return ("\255"):rep(200) end) ]],
    "STATUS_CANT_RESOLVE\t26\tcan't resolve garbage.test: .+\n" },
  { "cuts its answer short", [[
      resolve("short.test", function(query) return answer(query, "\129\128", { address(127, 0, 0, 1):sub(1, 9) }) end)
    ]], "STATUS_CANT_RESOLVE\t26\tcan't resolve short.test: .+\n" },
  { "answers, where it is right", [[
      resolve("right.test", function(query)
        return answer(query, "\129\128", is_about_ipv4(query) and { address(127, 0, 0, 1) } or {})
      end)
      support.pump(client, client.STATUS_CONNECTED)
      listener:accept():close()
    ]], "STATUS_CONNECT%w+\t0\t\n" },
  { "knows 40 addresses, of which the last one answers", [[
      resolve("many.test", function(query)
        local records = {}
        for i = 1, 39 do records[i] = address(127, 0, 1, i) end
        records[40] = address(127, 0, 0, 1)
        return answer(query, "\129\128", is_about_ipv4(query) and records or {})
      end)
      support.pump(client, client.STATUS_CONNECTED)
      listener:accept():close()
    ]], "STATUS_CONNECT%w+\t0\t\n" },
}

-- The resolver itself is asked for short times.
local CONFIGURATION = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"

describe("A name server that", function()
  for _, case in ipairs(servers) do
    it(case[1] .. " leads to the right state, and the client works again", function()
      local text, why = isolated.run(WORLD .. case[2] .. " works_again()",
        { resolver = CONFIGURATION })
      if not text then
        pending(why)
        return
      end
      assert.truthy(text:find("^" .. case[3] .. "works\nexit 0$"), text)
    end)
  end

  it("says nothing keeps neither other lookups from their end, nor close, nor the end of the program", function()
    local text, why = isolated.run(WORLD .. [[
      local clients, before = {}, native.monotonic()
      for i = 1, 40 do
        clients[i] = httpclient.new()
        assert(clients[i]:connect_to_host(("n%d.test"):format(i), 1) == 0)
        clients[i]:poll()
      end
      for i = 1, 40, 2 do clients[i]:close() end
      clients = nil
      collectgarbage()
      print(native.monotonic() - before < 2, native.thread_count() <= 70)
      works_again()
    ]], { resolver = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n" })
    if not text then
      pending(why)
      return
    end
    assert.equal("true\ttrue\nworks\nexit 0", text)
  end)
end)

-- --- descriptors

-- Runs fn while not one descriptor more can be had. -> what it gives
local function without_descriptors(fn)
  local held = {}
  local before = native.rlimit_nofile(96)
  repeat
    local file = io.open("/dev/null")
    held[#held + 1] = file
  until not file
  local results = { pcall(fn) }
  for i = 1, #held do held[i]:close() end
  native.rlimit_nofile(before)
  assert(results[1], results[2])
  return results[2]
end

local function settled(client)
  support.pump(client, support.is_connected_or_failed)
  local code, message = client:get_last_error()
  return { support.status_name(client:get_status()), code, message }
end

describe("Without descriptors", function()
  local listener
  setup(function() listener = assert(native.listen({})) end)
  teardown(function() listener:close() end)

  local function works_again(client)
    client:close()
    local _, conn = support.connect(listener, { client = client })
    assert.equal("hello", tls.exchange(client, conn))
    conn:close()
    client:close()
  end

  for _, host in ipairs({ "127.0.0.1", "localhost" }) do
    it("a connection to " .. host .. " is an error with its reason", function()
      local client = HTTPClient.new()
      local outcome = without_descriptors(function()
        assert.equal(Error.OK, (client:connect_to_host(host, listener:port())))
        return settled(client)
      end)
      assert.truthy(outcome[1]:find("^STATUS_CANT_"), outcome[1])
      assert.truthy(outcome[2] == Error.ERR_CANT_CONNECT or outcome[2] == Error.ERR_CANT_RESOLVE)
      assert.is_true(#outcome[3] > 20, outcome[3])
      works_again(client)
    end)
  end

  it("a lookup can be waited for all the same", function()
    local client = HTTPClient.new()
    without_descriptors(function()
      assert.equal(Error.OK, (client:connect_to_host("localhost", listener:port())))
      support.until_true(function()
        client:wait(0.02)
        return client:get_status() ~= HTTPClient.STATUS_RESOLVING
      end)
    end)
    works_again(client)
  end)

  it("a handshake trusts nobody, and says what it lacks", function()
    local client = HTTPClient.new()
    assert.equal(Error.OK,
      (client:connect_to_host("localhost", listener:port(), httpclient.TLSOptions.client())))
    local conn = support.accept(listener, client)
    assert(conn:starttls(certs.localhost.tls()))
    local outcome = without_descriptors(function()
      support.until_true(function()
        conn:handshake("step")
        client:poll()
        return support.is_connected_or_failed(client)
      end)
      return settled(client)
    end)
    assert.same({ "STATUS_TLS_HANDSHAKE_ERROR", Error.ERR_CONNECTION_ERROR },
      { outcome[1], outcome[2] }, outcome[3])
    conn:close()
    works_again(client)
  end)

  it("a connection that stands is used as ever, waiting included", function()
    local client, conn = support.connect(listener)
    local body = without_descriptors(function()
      support.request(client)
      support.until_true(function()
        client:wait(0.01)
        return conn:recv_until("\r\n\r\n", 0)
      end)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
      support.until_true(function()
        HTTPClient.wait_any({ client }, 0.01)
        return client:get_status() == HTTPClient.STATUS_BODY
      end)
      return (support.read_all(client))
    end)
    assert.equal("hello", body)
    conn:close()
    works_again(client)
  end)

  it("a file for the content is an error that leaves the content there", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local client, conn = support.connect(listener)
    tls.ask(client, conn)
    assert(conn:send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    support.pump(client, HTTPClient.STATUS_BODY)
    local outcome = without_descriptors(function()
      return { client:read_response_body_to_file(folder:file("out")) }
    end)
    assert.is_nil(outcome[1])
    assert.truthy(outcome[2]:find("open files", 1, true), outcome[2])
    assert.equal("hello", (support.read_all(client)))
    conn:close()
    works_again(client)
  end)

  it("a Poller is an error, and one that stands works", function()
    local poller = httpclient.Poller.new()
    local client, conn = support.connect(listener)
    without_descriptors(function()
      local made, why = pcall(httpclient.Poller.new)
      assert(not made and why:find("Poller", 1, true), why)
      poller:add(client)
      conn:send("stray")
      support.until_true(function()
        poller:wait(0.01)
        return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
      end)
    end)
    poller:remove(client)
    conn:close()
    works_again(client)
  end)

  it("fetch is an error with its reason, and works afterwards", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    -- The body ends with the server's close: a descriptor that its thread gave back later would be one for the client,
    -- whose connection the server could then not accept.
    local server = native.script({ { "repeat", 2, { { "accept" }, { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello" }, { "close" } } } })
    local url = ("http://127.0.0.1:%d/"):format(server:port())
    local fetch = httpclient.fetch -- loads its files, too
    local outcome = without_descriptors(function() return { fetch(url) } end)
    assert.is_nil(outcome[1])
    assert.truthy(outcome[2]:find("open files", 1, true), outcome[2])
    assert.equal(Error.ERR_CANT_CONNECT, outcome[3])
    assert.equal("hello", assert(httpclient.fetch(url)).body)
    outcome = without_descriptors(function()
      return { httpclient.fetch(url, { download_file = folder:file("file") }) }
    end)
    assert.is_nil(outcome[1])
    assert.is_true(outcome[3] ~= Error.OK and #outcome[2] > 10, outcome[2])
    assert.equal("hello", assert(httpclient.fetch(url, { download_file = folder:file("file") }))
      and tempdir.read(folder:file("file")))
    server:stop()
  end)
end)

-- --- a full disk

local DISK = [[
  local native, support = require("spec_native"), require("spec.support.client")
  local serve = require("spec.support.serve")
  local httpclient = require("httpclient")
  local disk = arg[1]
  local large = ("x"):rep(300000)
  local function read(path)
    local file = io.open(path, "rb")
    local text = file and file:read("*a")
    if file then file:close() end
    return text
  end
  local function names()
    local process = native.spawn({ "ls", "-A", disk }, { stdout = "pipe" })
    local text = process:read():gsub("\n", " ")
    process:wait()
    return text
  end
  local function answer(body) return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"1\"\r\n\r\n"):format(#body) .. body end
]]

describe("A full disk", function()
  local cases = {
    { "ends a download and leaves the old file alone there", [[
        local file = io.open(disk .. "/file", "wb")
        file:write("old")
        file:close()
        local server = serve({ { answer(large) }, { answer("small") } })
        local response, message, code = httpclient.fetch(server:url("/"), { download_file = disk .. "/file" })
        print(response, code == httpclient.Error.ERR_FILE_CANT_WRITE, message:find("space", 1, true) ~= nil)
        print(read(disk .. "/file"), names())
        httpclient.pool.close_idle()
        assert(httpclient.fetch(server:url("/"), { download_file = disk .. "/file" }))
        print(read(disk .. "/file"), names())
        server:stop()
      ]], "nil\ttrue\ttrue\nold\tfile \nsmall\tfile \nexit 0" },
    { "is RESULT_DOWNLOAD_FILE_WRITE_ERROR to HTTPRequest", [[
        local server = serve({ { answer(large) } })
        local request = httpclient.HTTPRequest.new()
        request.download_file = disk .. "/file"
        request:connect("request_completed", function(result) print(result) end)
        assert(request:request(server:url("/")) == 0)
        httpclient.run()
        print("names:" .. names())
        server:stop()
      ]], "11\nnames:\nexit 0" },
    { "stops read_response_body_to_file behind what found room", [[
        local server = serve({ { answer(large) } })
        local client = support.connect_port(server:port())
        support.request(client)
        support.pump(client, client.STATUS_BODY)
        local moved, message, code = 0
        support.until_true(function()
          local now
          now, message, code = client:read_response_body_to_file(disk .. "/file")
          return not now
        end)
        print(code == httpclient.Error.ERR_FILE_CANT_WRITE, message:find("space", 1, true) ~= nil)
        local text = read(disk .. "/file")
        print(#text > 0 and #text < #large and not text:find("[^x]"))
        -- The rest is still there: what did not find room has not been lost.
        os.remove(disk .. "/file")
        print(#text + #support.read_all(client))
        client:close()
        server:stop()
      ]], "true\ttrue\ntrue\n300000\nexit 0" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local text, why = isolated.run(DISK .. case[2], { disk = "128k" })
      if not text then
        pending(why)
        return
      end
      assert.equal(case[3], text)
    end)
  end
end)
