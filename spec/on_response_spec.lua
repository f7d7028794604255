-- The callbacks of fetch that see an answer as it comes: on_response its head, on_data its content.
local httpclient = require("httpclient")
local pipe = require("spec.support.pipe")
local tempdir = require("spec.support.tempdir")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

describe("on_response", function()
  it("gets the response when its head is in and its body is not", function()
    local server = with_server({ {
      "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
      { send = "HTTP/1.1 404 No\r\nX-A: b\r\nContent-Length: 3\r\n\r\n", gate_after = "body",
        ending = "keep" },
      { send = "abc" } } })
    local seen, calls
    local response = assert(fetch(server:url("/a"), { redirect = "manual",
      on_response = function(early) calls = early.status end }))
    assert.equal(302, calls)
    assert.equal(302, response.status)
    server:stop()
    server = with_server({ {
      "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
      answer("abc", "X-A: b\r\n") } })
    calls = 0
    response = assert(fetch(server:url("/a"), { on_response = function(early)
      calls, seen = calls + 1, early
      assert.same({ 200, true, "b", "", server:url("/b"), 1, 3 }, { early.status, early.ok,
        early.headers["x-a"], early.body, early.url, #early.history, early.body_size })
      assert.same({ "b" }, early:header_values("X-A"))
    end }))
    assert.equal(1, calls)
    assert.equal(response, seen)
    assert.equal("abc", response.body)
  end)

  it("ends the call with what it raises", function()
    local server = with_server({ { { send = answer("abc"), ending = "stall" } } })
    local object = {}
    local ok, message = pcall(fetch, server:url(), { on_response = function() error(object) end })
    assert.is_false(ok)
    assert.equal(object, message)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("may cancel the task that it is called in", function()
    local server = with_server({ { { send = answer("abc"), ending = "stall" } } })
    local task
    task = httpclient.async(function()
      return fetch(server:url(), { on_response = function() task:cancel() end })
    end)
    httpclient.run()
    assert.equal("cancelled", task:status())
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)
end)

describe("on_data", function()
  it("stops the transfer where it returns false", function()
    local server = with_server({ { {
      send = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" .. ("x"):rep(1000),
      ending = "stall" } } })
    local size = 0
    local response = assert(fetch(server:url(), { on_data = function(piece)
      size = size + #piece
      return size < 500
    end }))
    assert.is_true(response.stopped)
    assert.equal("", response.body)
    assert.equal(200, response.status)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("keeps the connection where what is left is little", function()
    local server = with_server({ { answer(("x"):rep(1000)), answer("next") } })
    local response = assert(fetch(server:url(), { on_data = function() return false end }))
    assert.is_true(response.stopped)
    response = assert(fetch(server:url()))
    assert.is_true(response.timings.reused)
    assert.is_nil(response.stopped)
  end)

  it("is not called again for what a coding still had to give", function()
    local packed = pipe.gzip(("some text "):rep(100000))
    local server = with_server({ { answer(packed, "Content-Encoding: gzip\r\n") } })
    local calls = 0
    local response = assert(fetch(server:url(), { on_data = function()
      calls = calls + 1
      return false
    end }))
    assert.is_true(response.stopped)
    assert.equal(1, calls)
  end)

  it("goes on after nil and any other value", function()
    for _, value in ipairs({ {}, { true }, { 0 }, { "false" } }) do
      local server = with_server({ { answer("abc") } })
      local response = assert(fetch(server:url(), { on_data = function() return value[1] end }))
      assert.is_nil(response.stopped)
    end
  end)

  it("sees what is written to a file", function()
    local folder = keep(tempdir.new())
    local path = folder:file("file")
    local text = ("some text that repeats "):rep(5000)
    local packed = pipe.gzip(text)
    for _, case in ipairs({ answer(text), answer(packed, "Content-Encoding: gzip\r\n"),
      "HTTP/1.1 200 OK\r\n\r\n" .. text }) do
      local server = with_server({ { case } })
      local parts = {}
      local response = assert(fetch(server:url(), { download_file = path, on_data = function(part)
        parts[#parts + 1] = part
      end }))
      assert.equal("", response.body)
      assert.equal(text, table.concat(parts))
      assert.equal(text, tempdir.read(path))
    end
  end)

  it("leaves the file as it was where it stops, or the answer is an error's page", function()
    local folder = keep(tempdir.new())
    local path = folder:write("file", "old")
    local server = with_server({ { answer("new") }, {
      "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\npage" } })
    local stopped = assert(fetch(server:url(), { download_file = path,
      on_data = function() return false end }))
    assert.is_true(stopped.stopped)
    assert.equal("old", tempdir.read(path))
    local page = assert(fetch(server:url(), { download_file = path, on_data = error }))
    assert.equal("page", page.body)
    assert.equal("old", tempdir.read(path))
    assert.equal("file\n", pipe({ "ls", folder.path }, ""))
  end)
end)
