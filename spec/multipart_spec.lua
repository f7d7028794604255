-- Forms of many parts on the wire: heads, sizes, and what can be sent again. What real servers make of
-- them is in multipart_servers_spec.
local httpclient = require("httpclient")
local multipart = require("httpclient.message.multipart")
local native = require("spec_native")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = serve.answer
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

-- How many bytes the form has.
local function size_of(given)
  local body = assert(multipart.new(given))
  return type(body) == "string" and #body or body.size
end

-- What is sent: head, content with the boundary written as B, and the boundary.
local function sent(given)
  local server = with_server({ { { send = answer("ok"), content = size_of(given) } } })
  assert.equal("ok", assert(fetch(server:url(), { multipart = given })).body)
  local head, content = server:requests()[1]:match("^(.-\r\n\r\n)(.*)$")
  local boundary = head:match("multipart/form%-data; boundary=([^\r]+)\r\n")
  local at = 1
  local parts = {}
  while true do
    local from, to = content:find(boundary, at, true)
    parts[#parts + 1] = content:sub(at, from and from - 1)
    if not from then
      break
    end
    at = to + 1
  end
  return head, table.concat(parts, "B"), boundary
end

describe("The option multipart", function()
  it("writes parts in their order", function()
    local head, content, boundary = sent({
      { name = "a", value = "1" }, { name = "b", value = true }, { name = "c", value = 1.5 },
      { name = "d", value = 12 }, { name = "e", value = "x", type = "text/csv" },
      { name = "f", value = "raw", filename = "f.txt" } })
    assert.truthy(head:find("^POST "), head)
    local start = '--B\r\nContent-Disposition: form-data; name='
    assert.equal(start .. '"a"\r\n\r\n1\r\n' .. start .. '"b"\r\n\r\ntrue\r\n'
      .. start .. '"c"\r\n\r\n1.5\r\n' .. start .. '"d"\r\n\r\n12\r\n'
      .. start .. '"e"\r\nContent-Type: text/csv\r\n\r\nx\r\n'
      .. start .. '"f"; filename="f.txt"\r\nContent-Type: application/octet-stream\r\n\r\nraw\r\n'
      .. "--B--\r\n", content)
    assert.truthy(head:find("\r\nContent-Length: " .. #content - 7 + 7 * #boundary .. "\r\n", 1,
      true), head)
  end)

  it("takes a map, sorted by name, with arrays and parts in it", function()
    local _, content = sent({ z = "last", a = { "1", "2" }, m = { value = "x", filename = "n" } })
    local names = {}
    for name in content:gmatch('name="([^"]*)"') do
      names[#names + 1] = name
    end
    assert.same({ "a", "a", "m", "n", "z" }, names)
  end)

  it("may be empty, and is never guessed", function()
    local _, content, first = sent({})
    assert.equal("--B--\r\n", content)
    local _, _, second = sent({})
    assert.not_equal(first, second)
    assert.is_true(#first >= 32 and #first <= 70)
  end)

  it("escapes names as browsers do", function()
    local _, content = sent({ { name = 'a"b\r\nc\nd\\%', value = "v\n\"",
      filename = "x\"y\nz\195\188" } })
    assert.truthy(content:find('name="a%22b%0D%0Ac%0D%0Ad\\%"; filename="x%22y%0Az\195\188"\r\n', 1,
      true), content)
    assert.truthy(content:find('\r\n\r\nv\n"\r\n--B--', 1, true), content)
  end)

  it("takes files by path, open, and from a function", function()
    local folder = keep(tempdir.new())
    local path = folder:write("photo.jpg", "jpeg")
    local empty = folder:write("empty", "")
    local file = assert(io.open(folder:write("other", "skip:rest"), "rb"))
    file:seek("set", 5)
    local head, content = sent({ { name = "p", file = path, type = "image/jpeg" },
      { name = "e", file = empty }, { name = "o", file = file } })
    file:close()
    assert.truthy(content:find('name="p"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\njpeg\r\n',
      1, true), content)
    assert.truthy(content:find('filename="empty"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--B',
      1, true), content)
    assert.truthy(content:find('filename="blob"\r\nContent-Type: application/octet-stream\r\n\r\nrest\r\n',
      1, true), content)
    assert.truthy(head:find("\r\nContent-Length: ", 1, true), head)
    local pieces = { "abc", "", "def" }
    head, content = sent({ { name = "f", size = 6, file = function()
      return table.remove(pieces, 1)
    end } })
    assert.truthy(content:find("\r\n\r\nabcdef\r\n--B--", 1, true), content)
    assert.truthy(head:find("\r\nContent-Length: ", 1, true), head)
  end)

  -- What is sent of a form whose size is not known.
  local function sent_in_chunks(given)
    local script = keep(native.script({ { "accept" }, { "recv_until", "\r\n\r\n" },
      { "recv_until", "\r\n0\r\n\r\n" }, { "send", answer("ok") }, { "close" } }))
    local response = assert(fetch(("http://127.0.0.1:%d/"):format(script:port()),
      { multipart = given }))
    assert.equal("ok", response.body)
    httpclient.pool.close_idle()
    return script:received(1)
  end

  it("goes in chunks where a size is not known", function()
    local pieces = { "abc" }
    local pipe = assert(io.popen("printf data"))
    local request = sent_in_chunks({ { name = "pipe", file = pipe, filename = "p" },
      { name = "f", file = function() return table.remove(pieces) end } })
    pipe:close()
    assert.truthy(request:find("\r\nTransfer-Encoding: chunked\r\n", 1, true), request)
    assert.is_nil(request:find("Content-Length", 1, true))
    assert.truthy(request:find("\r\n4\r\ndata\r\n", 1, true), request)
    assert.truthy(request:find("\r\n3\r\nabc\r\n", 1, true), request)
  end)

  it("sends what a file of no size has", function()
    local file = io.open("/proc/self/status", "rb")
    if file then
      for _, content in ipairs({ "/proc/self/status", file }) do
        assert.truthy(sent_in_chunks({ { name = "p", file = content } })
          :find("Name:", 1, true))
      end
      file:close()
    end
    file = io.open("/sys/kernel/mm/transparent_hugepage/enabled", "rb") -- says that it has 4096
    if file then
      assert.truthy(sent_in_chunks({ { name = "p", file = file } }):find("never", 1, true))
      file:close()
    end
  end)

  it("sends nothing of a file that stands beyond its end", function()
    local folder = keep(tempdir.new())
    local file = assert(io.open(folder:write("short", "short"), "rb"))
    file:seek("set", 100)
    local head, content = sent({ { name = "o", file = file } })
    file:close()
    assert.truthy(content:find("\r\n\r\n\r\n--B--", 1, true), content)
    assert.truthy(head:find("\r\nContent-Length: ", 1, true), head)
  end)

  it("raises for what is no form", function()
    local closed = io.tmpfile()
    closed:close()
    for _, case in ipairs({
      { { "x" }, "part 1 is no table" },
      { { {} }, "part 1 needs a name" },
      { { { name = "a" } }, "part 1 takes 'value' or 'file'" },
      { { { name = "a", value = 1, file = "x" } }, "part 1 takes 'value' or 'file'" },
      { { { name = "a", value = {} } }, "part 1 has a value that is no string" },
      { { { name = "a", value = 0 / 0 } }, "part 1 has a value" },
      { { { name = "a", file = closed } }, "part 1 has a file that is no path" },
      { { { name = "a", value = "", type = "a\r\nb" } }, "part 1 has a type that is none" },
      { { { name = "a", value = "", filname = "a" } }, "part 1 has no field 'filname'" },
      { { { name = "a", file = print, size = -1 } }, "part 1 has a size that is none" },
      { { { name = "a", value = "" }, b = "c" }, "an array and a map at once" },
      { { [{}] = "c" }, "a name must be a string" },
      { { { name = "a", value = "" }, nil, { name = "b", value = "" } },
        "part 2 is missing in front of another one" },
      { { a = { "x", nil, "y" } }, "the array 'a' lacks element 2" },
      { { a = { nil, "y" } }, "the array 'a' lacks element 1" },
      { { a = { "x", name = "b" } }, "the array 'a' has names beside its elements" },
    }) do
      local ok, message = pcall(function()
        fetch("http://h/", { multipart = case[1] })
      end)
      assert.is_false(ok)
      assert.truthy(message:find("multipart_spec.lua:%d+: bad option 'multipart' of fetch %("),
        message)
      assert.truthy(message:find(case[2], 1, true), message)
    end
    local ok, message = pcall(fetch, "http://h/", { multipart = {},
      headers = { "content-type: x/y" } })
    assert.is_false(ok)
    assert.truthy(message:find("fetch takes 'multipart' or a header Content-Type, not both", 1,
      true),
      message)
    for name, value in pairs({ body = "x", form = {}, json = 1 }) do
      ok, message = pcall(fetch, "http://h/", { multipart = {}, [name] = value })
      assert.is_false(ok)
      assert.equal(("fetch takes '%s' or 'multipart', not both"):format(name), message)
    end
  end)

  it("takes paths in UTF-8, where Lua's own io takes none either", function()
    local folder = keep(tempdir.new())
    local plain = folder:write("plain", "gr\195\188n")
    local name = "gr\195\182\195\159e \230\151\165.txt"
    assert.equal(0, assert(native.spawn({ "cp", plain, folder:file(name) })):wait())
    local _, content = sent({ { name = "f", file = folder:file(name) } })
    assert.truthy(content:find('filename="' .. name .. '"', 1, true), content)
    assert.truthy(content:find("\r\n\r\ngr\195\188n\r\n", 1, true), content)
    local response, message = fetch("http://127.0.0.1:1/", { multipart = {
      { name = "f", file = folder:file("fehlt " .. name) } } })
    assert.is_nil(response)
    assert.truthy(message:find("fehlt " .. name, 1, true), message)
  end)

  it("says which file is not there, before anything is sent", function()
    local server = with_server({ { answer("never") } })
    for _, path in ipairs({ "/no/such/file", "/" }) do
      local response, message, code, facts = fetch(server:url(), { multipart = {
        { name = "a", file = path } } })
      assert.is_nil(response)
      assert.equal(Error.ERR_FILE_CANT_OPEN, code)
      assert.truthy(message:find(path, 1, true), message)
      assert.is_false(facts.sent)
    end
    assert.same({}, server:requests())
  end)
end)

describe("A form that is sent again", function()
  local moved = "HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"

  -- The two contents that a server gets that sends the client on, each read to its end.
  local function sent_twice(parts)
    local size = size_of(parts)
    local server = with_server({ { { send = moved, content = size },
      { send = answer("ok"), content = size } } })
    local response, message, code = fetch(server:url("/a"), { multipart = parts })
    return response, message, code, server
  end

  it("is the same again", function()
    local folder = keep(tempdir.new())
    local path = folder:write("a", ("a"):rep(200000))
    local file = assert(io.open(folder:write("b", "skip:rest"), "rb"))
    file:seek("set", 5)
    local response, message, _, server = sent_twice({ { name = "a", file = path },
      { name = "b", file = file } })
    file:close()
    assert(response, message)
    assert.equal("ok", response.body)
    local first, second = server:requests()[1]:match(
      "^POST /a .-\r\n\r\n(.*)POST /b .-\r\n\r\n(.*)$")
    assert.equal(#first, #second)
    assert.is_true(first == second)
    assert.is_true(#first > 200000)
    assert.truthy(first:find("\r\n\r\nrest\r\n", 1, true))
  end)

  it("is the same again after a 503 and a cut answer", function()
    local folder = keep(tempdir.new())
    local file = assert(io.open(folder:write("b", "skip:rest"), "rb"))
    file:seek("set", 5)
    local parts = { { name = "a", file = folder:write("a", ("a"):rep(200000)) },
      { name = "b", file = file } }
    local size = size_of(parts)
    local server = with_server({
      { { send = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", content = size,
        ending = "keep" }, { send = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
          content = size } },
      { { send = answer("ok"), content = size } } })
    local response, message = fetch(server:url("/a"), { multipart = parts, timeout = 60,
      retry = { backoff = 0, methods = { "POST" } } })
    file:close()
    assert(response, message)
    assert.equal("ok", response.body)
    local bodies = {}
    for body in (table.concat(server:requests())
      .. "POST /a "):gmatch("\r\n\r\n(%-%-.-)POST /a ") do
      bodies[#bodies + 1] = body
    end
    assert.equal(3, #bodies)
    assert.is_true(bodies[1] == bodies[2] and bodies[2] == bodies[3])
    assert.is_true(#bodies[1] == size)
  end)

  it("can't come twice from a function, which the error says", function()
    local pieces = { "abc" }
    local response, message, code = sent_twice({ { name = "mine", size = 3, file = function()
      return table.remove(pieces)
    end } })
    assert.is_nil(response)
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("the part 'mine' comes from a function", 1, true), message)
  end)
end)

describe("A part that changes while it is sent", function()
  it("is an error when it becomes shorter", function()
    local folder = keep(tempdir.new())
    local path = folder:write("a", ("a"):rep(3000000))
    local server = with_server({ { { send = answer("ok"), gate = "never" } } })
    local response, message = fetch(server:url(), { multipart = { { name = "a", file = path } },
      on_progress = function()
        folder:write("a", "")
      end })
    assert.is_nil(response)
    assert.is_string(message)
  end)
end)
