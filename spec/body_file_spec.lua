-- read_response_body_to_file: to a path, to an open file, and what goes wrong.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

-- A client in BODY. -> client, conn, folder
local function world(head, body)
  local listener = assert(native.listen({}))
  local client, conn = support.connect(listener)
  local folder = tempdir.new()
  finally(function()
    client:close()
    conn:close()
    listener:close()
    folder:close()
  end)
  support.ask(client, conn)
  assert(conn:send("HTTP/1.1 200 OK\r\n" .. head .. "\r\n\r\n" .. body))
  support.pump(client, HTTPClient.STATUS_BODY)
  return client, conn, folder
end

-- Moves till the body's end. -> bytes moved, or nil, message, code
local function move_all(client, target)
  local total = 0
  while client:get_status() == HTTPClient.STATUS_BODY do
    client:wait(1)
    local moved, message, code = client:read_response_body_to_file(target)
    if not moved then
      return nil, message, code
    end
    total = total + moved
  end
  return total
end

describe("read_response_body_to_file", function()
  local body = ("0123456789abcdef"):rep(20000)
  local framings = {
    { "Content-Length: 320000", body },
    { "Transfer-Encoding: chunked", "4e200\r\n" .. body .. "\r\n0\r\n\r\n" },
  }
  for _, case in ipairs(framings) do
    for _, blocking in ipairs({ false, true }) do
      it(("writes a path, %s, blocking mode %s"):format(case[1], tostring(blocking)), function()
        local client, _, folder = world(case[1], case[2])
        client.blocking_mode_enabled = blocking
        local path = folder:write("out", "what stood there before")
        assert.equal(320000, move_all(client, path))
        assert.equal(body, tempdir.read(path))
        assert.equal(320000, client:get_response_body_received())
        assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
      end)
    end
  end

  it("appends on later calls", function()
    local client, conn, folder = world("Content-Length: 4", "ab")
    assert.equal(2, client:read_response_body_to_file(folder:file("out")))
    assert.equal(0, client:read_response_body_to_file(folder:file("out")))
    conn:send("cd")
    assert.equal(2, move_all(client, folder:file("out")))
    assert.equal("abcd", tempdir.read(folder:file("out")))
  end)

  it("writes an open file behind what is there", function()
    local client, _, folder = world("Content-Length: 2", "ab")
    local file = assert(io.open(folder:file("out"), "wb"))
    file:write("<")
    assert.equal(2, move_all(client, file))
    file:write(">")
    file:close()
    assert.equal("<ab>", tempdir.read(folder:file("out")))
  end)

  it("reports a full disk", function()
    local full = io.open("/dev/full", "wb")
    if not full then
      return
    end
    finally(function() full:close() end)
    for _, target in ipairs({ "/dev/full", full }) do
      local client = world("Content-Length: 2", "ab")
      local moved, message, code = client:read_response_body_to_file(target)
      assert.is_nil(moved)
      assert.equal("string", type(message))
      assert.equal(Error.ERR_FILE_CANT_WRITE, code)
    end
  end)

  for _, kind in ipairs({ "path", "file" }) do
    it("reports a pipe without a reader, and its signal does not reach the program: "
      .. kind, function()
      local client, conn, folder = world("Content-Length: 4", "ab")
      local target = folder:file("pipe")
      os.execute(("mkfifo '%s'"):format(target))
      local reader, file = assert(io.open(target, "r+"))
      if kind == "file" then
        file = assert(io.open(target, "wb"))
        file:setvbuf("no") -- lest its close writes once more
        finally(function() file:close() end)
      end
      assert.equal(2, client:read_response_body_to_file(file or target))
      reader:close()
      native.sigpipe_default()
      conn:send("cd")
      local moved, message, code = move_all(client, file or target)
      assert.is_nil(moved)
      assert.truthy(message:find("can't write the file", 1, true), message)
      assert.equal(Error.ERR_FILE_CANT_WRITE, code)
    end)
  end

  it("reports a path that can not be written, and keeps the body", function()
    local client, _, folder = world("Content-Length: 2", "ab")
    local moved, message, code = client:read_response_body_to_file(folder:file("no/such"))
    assert.is_nil(moved)
    assert.equal("string", type(message))
    assert.is_true(code ~= Error.OK)
    assert.equal("ab", (support.read_all(client)))
  end)

  it("refuses a path with a NUL byte, and keeps the body and the file before", function()
    local client, conn, folder = world("Content-Length: 4", "ab")
    assert.equal(2, client:read_response_body_to_file(folder:file("out")))
    local moved, message, code = client:read_response_body_to_file(folder:file("out") .. "\0x")
    assert.is_nil(moved)
    assert.truthy(message:find("NUL byte", 1, true), message)
    assert.equal(Error.ERR_FILE_BAD_PATH, code)
    assert(conn:send("cd"))
    assert.equal(2, move_all(client, folder:file("out")))
    assert.equal("abcd", tempdir.read(folder:file("out")))
  end)

  it("reports a body cut short, after writing what came", function()
    local client, conn, folder = world("Content-Length: 9", "ab")
    conn:close()
    local moved, message, code = move_all(client, folder:file("out"))
    assert.is_nil(moved)
    assert.truthy(message:find("cut short", 1, true), message)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.equal("ab", tempdir.read(folder:file("out")))
  end)

  it("needs a body, and a path or a file", function()
    local client = HTTPClient.new()
    local moved, _, code = client:read_response_body_to_file("unused")
    assert.is_nil(moved)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.has_error(function() client:read_response_body_to_file(12) end)
    assert.has_error(function() client:read_response_body_to_file() end)
  end)
end)
