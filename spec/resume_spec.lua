-- Resumption: what is put behind the part of a file that an earlier call has left, and what is not.
local httpclient = require("httpclient")
local pipe = require("spec.support.pipe")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch
local HTTPClient, HTTPRequest = httpclient.HTTPClient, httpclient.HTTPRequest

local answer = serve.answer

local folder

local function with_server(connections)
  local server = serve(connections)
  if not folder then
    folder = tempdir.new()
  end
  local mine = folder
  finally(function()
    httpclient.pool.close_idle()
    server:stop()
    mine:close()
    folder = nil
  end)
  return server
end

local function has(name)
  local file = io.open(folder:file(name), "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

-- Only what is named, of the three names that there can be.
local function assert_left(...)
  local left = {}
  for _, name in ipairs({ "file", "file.part", "file.part.info" }) do
    left[#left + 1] = has(name) and name or nil
  end
  assert.same({ ... }, left)
end

local tagged = 'ETag: "v1"\r\n'

-- The first three bytes of six.
local function cut_short(more)
  return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n" .. tagged .. (more or "") .. "\r\nabc"
end

local function partial(text, range, more)
  local line = range and ("Content-Range: %s\r\n"):format(range) or ""
  return ("HTTP/1.1 206 Partial\r\nContent-Length: %d\r\n%s%s%s\r\n"):format(#text, line, tagged,
    more or "") .. text
end

local function resume(server, more)
  local options = { download_file = folder:file("file"), resume = true, timeout = 60 }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return fetch(server:url(), options)
end

describe("a rest that does not fit to the part", function()
  local gzip = "Content-Encoding: gzip\r\n"
  local zipped = pipe.gzip("def")
  local boundary = "--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-5/6\r\n\r\ndef\r\n--b--\r\n"
  local unsized = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" .. tagged
    .. "\r\n3\r\nabc\r\n"
  local cases = {
    ["coded"] = { partial(zipped, ("bytes 3-%d/%d"):format(2 + #zipped, 3 + #zipped), gzip) },
    ["coded, of the same size"] = { partial("xyz", "bytes 3-5/6", gzip) },
    ["coded otherwise"] = { partial("xyz", "bytes 3-5/6", "Content-Encoding: br\r\n"),
      first = cut_short(gzip) },
    ["not coded, behind what was coded"] = { partial("xyz", "bytes 3-5/6"),
      first = cut_short(gzip) },
    ["the end before the beginning"] = { partial("", "bytes 3-2/6") },
    ["the end behind the whole"] = { partial("defghi", "bytes 3-8/6") },
    ["the end at the size of the whole"] = { partial("defg", "bytes 3-6/6") },
    ["of a smaller whole"] = { partial("de", "bytes 3-4/5") },
    ["of a larger whole"] = { partial("defg", "bytes 3-6/7") },
    ["from an earlier position"] = { partial("cdef", "bytes 2-5/6") },
    ["from a later position"] = { partial("ef", "bytes 4-5/6") },
    ["of less than its range"] = { partial("de", "bytes 3-5/6") },
    ["of nothing"] = { partial("", "bytes 3-5/6") },
    ["to an end behind the size known before"] = { partial("defghi", "bytes 3-8/*") },
    ["in another unit"] = { partial("def", "items 3-5/6") },
    ["without a range"] = { partial("def") },
    ["with two ranges"] = { partial("def", "bytes 3-5/6\r\nContent-Range: bytes 0-5/6") },
    ["in several parts"] = { partial(boundary, nil,
      "Content-Type: multipart/byteranges; boundary=b\r\n") },
    ["with no positions"] = { partial("def", "bytes */6") },
    ["without the end"] = { partial("def", "bytes 3-/6") },
    ["without the size"] = { partial("def", "bytes 3-5") },
    ["with a size that is no number"] = { partial("def", "bytes 3-5/6*") },
    ["with a number that nothing holds"] = { partial("def", "bytes 3-5/" .. ("9"):rep(40)) },
    ["of a whole that has no known end"] = { partial("def", "bytes 3-5/*"), first = unsized },
  }
  for what, case in pairs(cases) do
    it("is not put behind it: " .. what, function()
      local server = with_server({ { case.first or cut_short() },
        { case[1], answer("uvwxyz", tagged) } })
      assert.is_nil((resume(server)))
      assert_left("file.part", "file.part.info")
      local response, message = resume(server)
      assert.equal(200, response and response.status, message)
      assert.equal("uvwxyz", tempdir.read(folder:file("file")))
      assert_left("file")
      local asked = select(2, server:requests()[2]:gsub("\r\nRange:", ""))
      assert.equal(1, asked)
    end)
  end
end)

describe("a rest that fits to the part", function()
  local cases = {
    ["with the unit in capitals"] = { partial("def", "BYTES 3-5/6") },
    ["of a whole whose size was known before"] = { partial("def", "bytes 3-5/*") },
    ["in the identity coding"] = { partial("def", "bytes 3-5/6",
      "Content-Encoding: identity\r\n") },
    ["coded like the part"] = { partial("def", "bytes 3-5/6", "Content-Encoding: GZIP\r\n"),
      "Content-Encoding: gzip\r\n" },
    ["in chunks"] = { "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n" },
    ["to the end of the connection"] = { "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\n\r\ndef" },
  }
  for what, case in pairs(cases) do
    it("is put behind it: " .. what, function()
      local server = with_server({ { cut_short(case[2]) }, { case[1] } })
      assert.is_nil((resume(server)))
      assert.equal(206, assert(resume(server)).status)
      assert.equal("abcdef", tempdir.read(folder:file("file")))
      assert_left("file")
    end)
  end

  it("is kept as far as it came", function()
    local server = with_server({ { cut_short() },
      { "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\n" .. tagged .. "\r\nde" },
      { partial("f", "bytes 5-5/6") } })
    assert.is_nil((resume(server)))
    local response, message, code = resume(server)
    assert.is_nil(response)
    assert.truthy(message:find("less than the rest", 1, true), message)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.equal("abcde", tempdir.read(folder:file("file.part")))
    assert(resume(server))
    assert.equal("abcdef", tempdir.read(folder:file("file")))
  end)

  it("goes on with a part whose information has two lines only", function()
    local server = with_server({ { cut_short() }, { partial("def", "bytes 3-5/6") } })
    assert.is_nil((resume(server)))
    local info = tempdir.read(folder:file("file.part.info"))
    folder:write("file.part.info", assert(info:match("^[^\n]*\n[^\n]*\n")))
    assert.equal(206, assert(resume(server)).status)
    assert.equal("abcdef", tempdir.read(folder:file("file")))
  end)
end)

describe("a rest that is longer than its range", function()
  local head = "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\n" .. tagged
  local cases = {
    ["with a Content-Length"] = partial("defEXTRA", "bytes 3-5/6"),
    ["in one chunk"] = head .. "Transfer-Encoding: chunked\r\n\r\n8\r\ndefEXTRA\r\n0\r\n\r\n",
    ["in a chunk more"] = head
      .. "Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n5\r\nEXTRA\r\n0\r\n\r\n",
    ["to the end of the connection"] = head .. "\r\ndefEXTRA",
    ["without an end"] = head .. "Content-Length: 1000000\r\n\r\ndefEXTRA",
    ["and ends before the whole"] = partial("deEXTRA", "bytes 3-4/6"),
  }
  for what, text in pairs(cases) do
    it("is told as that, and nothing of it stays: " .. what, function()
      local server = with_server({ { cut_short() }, { { send = text, ending = "close" } },
        { answer("uvwxyz", tagged) } })
      assert.is_nil((resume(server)))
      local response, message, code = resume(server)
      assert.is_nil(response)
      assert.truthy(message:find("sent more than the range", 1, true), message)
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      assert_left()
      assert.equal(200, assert(resume(server)).status)
      assert.equal("uvwxyz", tempdir.read(folder:file("file")))
      assert.is_nil(server:requests()[3]:find("Range", 1, true))
    end)
  end
end)

describe("a rest in chunks that is shorter than its range", function()
  it("is told as that, and nothing of it stays", function()
    local text = "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
    local server = with_server({ { cut_short() }, { text } })
    assert.is_nil((resume(server)))
    local response, message, code = resume(server)
    assert.is_nil(response)
    assert.truthy(message:find("sent less than the range", 1, true), message)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert_left()
  end)

  it("is kept as far as it came where the last chunk is missing", function()
    local text = "HTTP/1.1 206 P\r\nContent-Range: bytes 3-5/6\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n"
    local server = with_server({ { cut_short() }, { text } })
    assert.is_nil((resume(server)))
    assert.is_nil((resume(server)))
    assert.equal("abcde", tempdir.read(folder:file("file.part")))
  end)
end)

describe("a request that has no rest", function()
  it("is any but GET: all is fetched, and what an earlier GET has left stays", function()
    for _, method in ipairs({ "POST", "PUT", "DELETE", "OPTIONS" }) do
      local server = with_server({ { cut_short() }, { answer("posted", tagged) },
        { partial("def", "bytes 3-5/6") } })
      assert.is_nil((resume(server)))
      assert.equal(200, assert(resume(server, { method = method, body = "x" })).status)
      assert.is_nil(server:requests()[2]:find("Range", 1, true), method)
      assert.equal("posted", tempdir.read(folder:file("file")))
      assert_left("file", "file.part", "file.part.info")
      assert.equal(206, assert(resume(server)).status)
      assert.equal("abcdef", tempdir.read(folder:file("file")))
    end
  end)

  it("leaves nothing to be continued when it is any but GET", function()
    local server = with_server({ { cut_short() } })
    assert.is_nil((resume(server, { body = "x" })))
    assert_left()
  end)

  it("is any but GET, through HTTPRequest as well", function()
    local server = with_server({ { cut_short() }, { answer("posted", tagged) } })
    assert.is_nil((resume(server)))
    local request = HTTPRequest.new()
    request.download_file, request.resume = folder:file("file"), true
    request:request(server:url(), {}, HTTPClient.METHOD_POST, "x")
    assert.equal(HTTPRequest.RESULT_SUCCESS, (request:await()))
    assert.is_nil(server:requests()[2]:find("Range", 1, true))
    assert.equal("posted", tempdir.read(folder:file("file")))
  end)

  it("is one that names a range itself", function()
    local server = with_server({ { cut_short() }, { partial("bc", "bytes 1-2/6") } })
    assert.is_nil((resume(server)))
    assert.equal(206, assert(resume(server, { headers = { "Range: bytes=1-2" } })).status)
    assert.equal("bc", tempdir.read(folder:file("file")))
    local request = server:requests()[2]
    assert.truthy(request:find("\r\nRange: bytes=1-2\r\n", 1, true), request)
    assert.is_nil(request:find("If-Range", 1, true))
    assert.is_nil(request:find("bytes=3-", 1, true))
  end)
end)

describe("progress of a resumed download", function()
  it("does not count the part where the answer is an error's page", function()
    local server = with_server({ { cut_short() },
      { "HTTP/1.1 404 Not\r\nContent-Length: 4\r\n\r\nsome" } })
    assert.is_nil((resume(server)))
    local last
    local response = assert(resume(server, { on_progress = function(...)
      last = { ... }
    end }))
    assert.equal("some", response.body)
    assert.same({ 4, 4, 0, 0 }, last)
    assert_left("file.part", "file.part.info")
  end)
end)

describe("a server that gives less than the rest", function()
  local connections = { { cut_short() }, { partial("d", "bytes 3-3/6") },
    { partial("ef", "bytes 4-5/6") } }

  it("is asked for what is missing, where there is another attempt", function()
    local server = with_server(connections)
    local response = assert(resume(server, { retry = { attempts = 3, backoff = 0 } }))
    assert.equal(206, response.status)
    assert.equal("abcdef", tempdir.read(folder:file("file")))
    assert.truthy(server:requests()[3]:find("\r\nRange: bytes=4-\r\n", 1, true))
    assert_left("file")
  end)

  it("fails where there is none, and the part stays", function()
    local server = with_server({ connections[1], connections[2] })
    local response, message = resume(server, { retry = { attempts = 2, backoff = 0 } })
    assert.is_nil(response)
    assert.equal("the server sent less than the rest of the file", message)
    assert_left("file.part", "file.part.info")
  end)
end)

describe("another program that downloads the same", function()
  local function fail_at_the_end(fn)
    local server = with_server({ { answer("abcdef", tagged) } })
    local response, message, code = resume(server, { on_progress = function()
      fn(folder:file("file.part"))
    end })
    assert.is_nil(response)
    assert.equal(Error.ERR_FILE_CANT_WRITE, code)
    assert.truthy(message:find(folder:file("file.part"), 1, true), message)
    return message
  end

  it("takes the part away: the path and the reason are told", function()
    local message = fail_at_the_end(os.remove)
    assert.truthy(message:find("another program", 1, true), message)
    assert_left()
  end)

  it("writes to the part: neither is taken for complete, nor gone on with", function()
    local message = fail_at_the_end(function(path)
      local file = assert(io.open(path, "ab"))
      file:write("more")
      file:close()
    end)
    assert.truthy(message:find("another program", 1, true), message)
    assert_left()
  end)
end)
