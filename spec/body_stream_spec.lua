-- Bodies from files that do not say how long they are: what the kernel makes up below /proc and /sys, pipes, devices.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local wire = require("spec.support.wire")(after_each)

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
local OTHER = "HTTP/1.1 307 Other\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

local function opened(file)
  assert(file)
  finally(function() pcall(file.close, file) end)
  return file
end

-- What the client sends until the chunked body's end. -> head, content
local function receive(client, conn)
  local text = ""
  support.until_true(function()
    client:poll()
    text = text .. (conn:recv(1048576, 0) or "")
    return text:find("\r\n0\r\n\r\n$")
  end)
  local head, body = text:match("^(.-\r\n\r\n)(.*)$")
  local content = {}
  local at = 1
  while true do
    local size, behind = body:match("^(%x+)\r\n()", at)
    size = tonumber(size, 16)
    if size == 0 then
      return head, table.concat(content)
    end
    content[#content + 1] = body:sub(behind, behind + size - 1)
    at = behind + size + 2
  end
end

local function put(client, file, headers)
  assert.equal(Error.OK, (client:request(HTTPClient.METHOD_PUT, "/", headers or {}, file)))
end

-- A pipe in the file system. -> the end to read (a file of Lua), the end to write
local function make_fifo()
  local folder = tempdir.new()
  local path = folder:file("fifo")
  os.execute(("mkfifo '%s'"):format(path))
  local holder = assert(io.open(path, "r+b"))
  local reader, writer = assert(io.open(path, "rb")), assert(io.open(path, "wb"))
  holder:close()
  writer:setvbuf("no")
  finally(function()
    pcall(reader.close, reader)
    pcall(writer.close, writer)
    folder:close()
  end)
  return reader, writer
end

describe("A body file of which the system gives a wrong size", function()
  local function content_of(path)
    local file = io.open(path, "rb")
    local text = file and file:read("*a")
    if file then
      file:close()
    end
    return text
  end

  for _, path in ipairs({ "/proc/version", "/proc/filesystems",
    "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_seqnum" }) do
    it("is sent whole: " .. path, function()
      local expected = content_of(path)
      if not expected or expected == "" then
        pending("there is none here")
        return
      end
      local client, conn = wire.connect()
      put(client, opened(io.open(path, "rb")))
      local head, content = receive(client, conn)
      assert.equal(expected, content)
      assert.truthy(head:find("\r\nTransfer-Encoding: chunked\r\n", 1, true))
      assert.falsy(head:find("Content-Length", 1, true))
    end)
  end

  it("is sent from its position on, with a Content-Length that the caller gave, and again where that is asked for", function()
    local expected = content_of("/proc/version")
    if not expected then
      pending("there is no /proc here")
      return
    end
    local client, conn = wire.connect()
    local file = opened(io.open("/proc/version", "rb"))
    assert.equal(expected:sub(1, 5), file:read(5))
    put(client, file, { "Content-Length: " .. #expected - 5 })
    local text
    support.until_true(function()
      client:poll()
      text = conn:recv_until(expected:sub(6), 0)
      return text
    end)
    assert.truthy(text:find("\r\nContent-Length: " .. #expected - 5 .. "\r\n", 1, true))

    local coded = ("%x\r\n%s\r\n0\r\n\r\n"):format(#expected, expected)
    local server = serve({ { { content = #coded, send = OTHER } },
      { { content = #coded, send = OK } } })
    file:seek("set", 0)
    local response = assert(httpclient.fetch(server:url(),
      { method = "PUT", body = file, timeout = support.LIMIT }))
    assert.equal(200, response.status)
    for i, request in ipairs(server:requests()) do
      assert.equal(coded, request:match("\r\n\r\n(.*)$"), i)
    end
  end)
end)

describe("A body file that", function()
  it("is really empty has a Content-Length of 0", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local client, conn = wire.connect()
    put(client, opened(io.open(folder:write("empty", ""), "rb")))
    client:poll()
    assert.truthy(conn:recv_until("\r\n\r\n", support.LIMIT):find("\r\nContent-Length: 0\r\n", 1,
      true))
  end)

  it("is a small one has its Content-Length", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    for _, size in ipairs({ 1, 2, 4096, 65536, 65537 }) do
      local client, conn = wire.connect()
      put(client, opened(io.open(folder:write("small", ("x"):rep(size)), "rb")))
      client:poll()
      assert.truthy(conn:recv_until("\r\n\r\n", support.LIMIT):find("\r\nContent-Length: " .. size
        .. "\r\n", 1, true))
    end
  end)

  it("can not be read is refused, and the client goes on", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    local client, conn = wire.connect()
    local cases = {
      { io.open(folder:file("written"), "wb"), "body file: " },
      { io.popen("cat > /dev/null", "w"), "body file: it is not open for reading" },
      { io.open("/tmp", "rb"), "body file: is a directory" },
    }
    for _, case in ipairs(cases) do
      local code, message = client:request(HTTPClient.METHOD_PUT, "/", {}, opened(case[1]))
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find(case[2], 1, true), message)
    end
    put(client, "text")
    client:poll()
    assert.truthy(conn:recv_until("\r\n\r\ntext", support.LIMIT))
  end)
end)

describe("A pipe as body", function()
  it("is sent in chunks to its end", function()
    local client, conn = wire.connect()
    put(client, opened(io.popen("printf one; printf two", "r")))
    local head, content = receive(client, conn)
    assert.equal("onetwo", content)
    assert.truthy(head:find("\r\nTransfer-Encoding: chunked\r\n", 1, true))
    assert.equal(6, client:get_request_body_sent())
  end)

  it("is sent as it comes, and blocks no poll", function()
    local client, conn = wire.connect()
    local reader, writer = make_fifo()
    put(client, reader)
    support.head_of(client, conn)
    for _, text in ipairs({ "a", "bc", "def" }) do
      for _ = 1, 50 do
        client:poll()
      end
      assert.equal("timeout", select(2, conn:recv(1, 0)))
      writer:write(text)
      support.until_true(function()
        client:poll()
        return conn:recv_until(("%x\r\n%s\r\n"):format(#text, text), 0)
      end)
    end
    writer:close()
    support.until_true(function()
      client:poll()
      return conn:recv_until("0\r\n\r\n", 0)
    end)
  end)

  it("goes on where the script has stopped to read, whatever the C library holds of it", function()
    local client, conn = wire.connect()
    local file = opened(io.popen("printf 'first line\\nsecond line\\nthe rest'", "r"))
    assert.equal("first line", file:read("*l"))
    put(client, file)
    local _, content = receive(client, conn)
    assert.equal("second line\nthe rest", content)
    assert.is_nil(file:read(1))
  end)

  it("loses nothing to a request that is refused, or that ignores its body", function()
    local client, conn = wire.connect()
    local file = opened(io.popen("printf 'line\\nrest'", "r"))
    assert.equal("line", file:read("*l"))
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (client:request(HTTPClient.METHOD_PUT, "/", { "bad header" }, file)))
    assert.equal(Error.OK, (client:request(HTTPClient.METHOD_GET, "/", {}, file)))
    support.head_of(client, conn)
    conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    support.pump(client, HTTPClient.STATUS_CONNECTED)
    assert.equal("rest", file:read("*a"))
  end)

  for _, case in ipairs({ { 7, "the body ended before" }, { 5, "the body is longer" } }) do
    it("with another Content-Length than it has: " .. case[2], function()
      local client = wire.connect()
      put(client, opened(io.popen("printf 123456", "r")), { "Content-Length: " .. case[1] })
      support.until_true(function()
        client:poll()
        return client:get_status() ~= HTTPClient.STATUS_REQUESTING
      end)
      assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
      local _, message = client:get_last_error()
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end

  it("is sent by fetch, but not a second time", function()
    local server = serve({ { { content = #"5\r\ntext\n\r\n0\r\n\r\n", send = OK } }, { OTHER } })
    local response = assert(httpclient.fetch(server:url(),
      { method = "PUT", body = opened(io.popen("echo text", "r")), timeout = support.LIMIT }))
    assert.equal(200, response.status)
    local none, message = httpclient.fetch(server:url(),
      { method = "PUT", body = opened(io.popen("echo text", "r")), timeout = support.LIMIT })
    assert.is_nil(none)
    assert.truthy(message:find("can't give it a second time", 1, true), message)
  end)

  it("lets a wait sleep, and go on when something comes", function()
    local client, conn = wire.connect()
    local reader, writer = make_fifo()
    put(client, reader)
    local before = os.clock()
    client:wait(0.2)
    client:wait(0.2)
    assert.is_true(os.clock() - before < 0.15)
    writer:write("late")
    support.until_true(function()
      client:wait(0.05)
      return conn:recv_until("4\r\nlate\r\n", 0)
    end)
  end)
end)

describe("A device as body", function()
  it("/dev/null is empty", function()
    local client, conn = wire.connect()
    put(client, opened(io.open("/dev/null", "rb")))
    local _, content = receive(client, conn)
    assert.equal("", content)
  end)

  it("/dev/zero has no end, and no poll waits for it", function()
    local client, conn = wire.connect()
    put(client, opened(io.open("/dev/zero", "rb")))
    local received = 0
    support.until_true(function()
      client:poll()
      received = received + #(conn:recv(1048576, 0) or "")
      return received > 4194304
    end)
    assert.equal(HTTPClient.STATUS_REQUESTING, client:get_status())
  end)
end)
