-- Downloads: a temporary neighbour that takes the file's name when it is complete, and resumption.
local httpclient = require("httpclient")
local pipe = require("spec.support.pipe")
local program = require("spec.support.program")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)
local downloads = require("spec.support.download")(before_each, after_each)
local names, tagged, cut_short, rest = downloads.names, downloads.tagged, downloads.cut_short,
  downloads.rest
local folder

before_each(function() folder = downloads.folder end)

describe("a download", function()
  it("replaces the file when it is complete", function()
    local body = ("0123456789"):rep(300000)
    for _, text in ipairs({ answer(body), "HTTP/1.1 200 OK\r\n\r\n" .. body,
      "HTTP/1.1 204 No\r\n\r\n", answer("") }) do
      local server = with_server({ { text } })
      local path = folder:write("file", "old")
      local response = assert(fetch(server:url(), { download_file = path }))
      assert.equal("", response.body)
      assert.equal(text:match("\r\n\r\n(.*)$"), tempdir.read(path))
      assert.same({ "file" }, names())
    end
  end)

  it("leaves the old file and nothing else when it fails, however", function()
    local cases = {
      cut_short("abc", "abcdef"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      answer("no gzip", "Content-Encoding: gzip\r\n"),
      answer(("x"):rep(2000)),
    }
    for index, text in ipairs(cases) do
      local server = with_server({ { text } })
      local path = folder:write("file", "old")
      local response, message = fetch(server:url(),
        { download_file = path, body_size_limit = 1000 })
      assert.is_nil(response, index)
      assert.is_string(message)
      assert.equal("old", tempdir.read(path))
      assert.same({ "file" }, names())
    end
    local server = with_server({ { { send = cut_short("abc", "abcdef"), ending = "stall" } } })
    local path = folder:write("file", "old")
    local task
    task = httpclient.async(fetch, server:url(),
      { download_file = path, on_progress = function() task:cancel() end })
    httpclient.run()
    assert.equal("cancelled", task:status())
    assert.same({ "file" }, names())
    assert.equal("old", tempdir.read(path))
  end)

  it("is not made of an error's page, which is the body as ever", function()
    local server = with_server({ { "HTTP/1.1 404 Not\r\nContent-Length: 4\r\n\r\nsome" } })
    local path = folder:write("file", "old")
    local response = assert(fetch(server:url(), { download_file = path }))
    assert.equal(404, response.status)
    assert.equal("some", response.body)
    assert.equal("old", tempdir.read(path))
    assert.same({ "file" }, names())
  end)

  it("is not made of an answer to HEAD", function()
    local server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" } })
    local path = folder:write("file", "old")
    for _, resume in ipairs({ false, true }) do
      assert.equal(200,
        assert(fetch(server:url(),
          { method = "HEAD", download_file = path, resume = resume })).status)
      assert.equal("old", tempdir.read(path))
      assert.same({ "file" }, names())
      server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" } })
    end
  end)

  it("decodes on the way", function()
    local text = ("decoded "):rep(100000)
    local server = with_server({ { answer(pipe.gzip(text), "Content-Encoding: gzip\r\n") } })
    local path = folder:file("file")
    assert(fetch(server:url(), { download_file = path }))
    assert.equal(text, tempdir.read(path))
    assert.same({ "file" }, names())
  end)

  it("says what can't be renamed, and why, when its neighbour is gone", function()
    local server = with_server({ { answer("x") } })
    local path = folder:file("file")
    local _, message, code = fetch(server:url(), { download_file = path, on_progress = function()
      os.execute(("rm '%s'/*.tmp"):format(folder.path))
    end })
    assert.equal(Error.ERR_FILE_CANT_WRITE, code)
    assert.truthy(message:find(path .. ".", 1, true) and message:find("gone", 1, true), message)
    assert.same({}, names())
  end)

  it("says when the file can't be made or named", function()
    local server = with_server({ { answer("x") } })
    local _, message, code = fetch(server:url(), { download_file = folder:file("none/file") })
    assert.equal(Error.ERR_FILE_CANT_OPEN, code)
    assert.truthy(message:find("none/file", 1, true), message)
    server = with_server({ { answer("x") } })
    _, message, code = fetch(server:url(),
      { download_file = folder:file("target"), on_progress = function()
      os.execute("mkdir -p " .. folder:file("target/full"))
    end })
    assert.equal(Error.ERR_FILE_CANT_WRITE, code, message)
    assert.truthy(message:find("^can't rename %S+ to " .. folder:file("target"):gsub("%p", "%%%0")
      .. ": %a[%a ]+$"), message)
    assert.same({ "target" }, names())
  end)

  it("that is broken off is continued with Range and If-Range", function()
    local server = with_server({ { cut_short("abc", "abcdef") }, { rest("def", 3, 6) } })
    local path = folder:write("file", "old")
    local progress = {}
    local options = { download_file = path, resume = true, on_progress = function(received, total)
      progress[#progress + 1] = { received, total }
    end }
    local response, _, code = fetch(server:url("/f"), options)
    assert.is_nil(response)
    assert.equal(Error.ERR_CONNECTION_ERROR, code)
    assert.equal("old", tempdir.read(path))
    response = assert(fetch(server:url("/f"), options))
    assert.equal(206, response.status)
    assert.equal("abcdef", tempdir.read(path))
    assert.same({ "file" }, names())
    local requests = server:requests()
    assert.is_nil(requests[1]:find("Range:", 1, true))
    assert.is_nil(requests[1]:find("Accept-Encoding", 1, true))
    assert.truthy(requests[2]:find("\r\nRange: bytes=3-\r\n", 1, true), requests[2])
    assert.truthy(requests[2]:find('\r\nIf-Range: "v1"\r\n', 1, true), requests[2])
    assert.same({ 6, 6 }, progress[#progress])
  end)

  it("starts over when the resource has changed, or can't be continued", function()
    local cases = {
      { { answer("uvwxyz", 'ETag: "v2"\r\n') }, "uvwxyz" },
      { { rest("zzz", 2, 6), answer("uvwxyz") }, "uvwxyz" },
      { { rest("xyz", 3, 6, 'ETag: "v2"\r\n'), answer("uvwxyz") }, "uvwxyz" },
      { { rest("def", 3, 6, 'Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\n') }, "abcdef" },
      { { "HTTP/1.1 206 P\r\nContent-Length: 3\r\n\r\ndef", answer("uvwxyz") }, "uvwxyz" },
      { { "HTTP/1.1 416 R\r\nContent-Range: bytes */2\r\nContent-Length: 0\r\n\r\n", answer("uv") },
        "uv" },
    }
    for index, case in ipairs(cases) do
      local server = with_server({ { cut_short("abc", "abcdef") }, case[1] })
      local path = folder:file("file")
      local options = { download_file = path, resume = true }
      assert.is_nil((fetch(server:url(), options)))
      local response, message = fetch(server:url(), options)
      assert.truthy(response, tostring(index) .. ": " .. tostring(message))
      assert.equal(case[2], tempdir.read(path))
      assert.same({ "file" }, names())
    end
  end)

  it("is continued only by a validator that names one version, and for the same URL", function()
    local date = "Sat, 01 Jan 2022 00:00:00 GMT"
    local modified = "Last-Modified: " .. date .. "\r\n"
    local function lately(seconds)
      return "Last-Modified: " .. httpclient.http_date(os.time() - seconds) .. "\r\n"
    end
    local cases = {
      { "", nil },
      { 'ETag: "v1"\r\n' .. modified, '"v1"' },
      { 'ETag: ""\r\n', '""' },
      { 'ETag: W/"weak"\r\n', nil },
      { 'ETag: W/"weak"\r\n' .. modified, nil },
      { 'ETag: v1\r\n' .. modified, nil },
      { 'ETag: "v1\r\n', nil },
      { 'ETag: "v1"\r\nETag: "v2"\r\n', nil },
      { modified, date },
      { modified .. "Date: Sat, 01 Jan 2022 00:00:01 GMT\r\n", date },
      { modified .. "Date: Sat, 01 Jan 2022 00:00:00 GMT\r\n", nil },
      { modified .. "Date: Fri, 31 Dec 2021 23:59:59 GMT\r\n", nil },
      { modified .. "Date: never\r\n", date },
      { lately(0), nil },
      { lately(-3600), nil },
      { "Last-Modified: never\r\n", nil },
      { "Last-Modified: 2022-01-01\r\n", nil },
    }
    for index, case in ipairs(cases) do
      local server = with_server({ { cut_short("abc", "abcdef", case[1]) }, { answer("uvwxyz") } })
      local options = { download_file = folder:file("file"), resume = true }
      os.remove(options.download_file)
      assert.is_nil((fetch(server:url(), options)))
      assert.equal(case[2] and 2 or 0, #names(), index)
      assert(fetch(server:url(), options))
      local request = server:requests()[2]
      assert.equal(case[2], request:match("\r\nIf%-Range: (.-)\r\n"))
      assert.same({ "file" }, names())
    end
    local server = with_server({ { cut_short("abc", "abcdef") }, { answer("uvwxyz") } })
    local options = { download_file = folder:file("file"), resume = true }
    assert.is_nil((fetch(server:url("/one"), options)))
    assert(fetch(server:url("/two"), options))
    assert.is_nil(server:requests()[2]:find("Range", 1, true))
  end)

  it("that is broken off again goes on from there", function()
    local server = with_server({ { cut_short("ab", "abcdef") },
      { 'HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 2-5/6\r\nETag: "v1"\r\n\r\ncd' }, { rest("ef", 4, 6) } })
    local path = folder:file("file")
    local options = { download_file = path, resume = true }
    assert.is_nil((fetch(server:url(), options)))
    assert.is_nil((fetch(server:url(), options)))
    assert(fetch(server:url(), options))
    assert.equal("abcdef", tempdir.read(path))
    assert.truthy(server:requests()[3]:find("Range: bytes=4-", 1, true))
  end)

  it("that got less of the rest than there is does not count as complete", function()
    local server = with_server({ { cut_short("ab", "abcdef") }, { rest("cd", 2, 6) },
      { rest("ef", 4, 6) } })
    local path = folder:file("file")
    local options = { download_file = path, resume = true }
    assert.is_nil((fetch(server:url(), options)))
    assert.is_nil((fetch(server:url(), options)))
    assert(fetch(server:url(), options))
    assert.equal("abcdef", tempdir.read(path))
  end)

  it("works through HTTPRequest as well", function()
    local server = with_server({ { cut_short("abc", "abcdef") }, { rest("def", 3, 6) } })
    local request = httpclient.HTTPRequest.new()
    request.download_file, request.resume = folder:file("file"), true
    assert(request:request(server:url()) == Error.OK)
    assert.equal(httpclient.HTTPRequest.RESULT_CONNECTION_ERROR, (request:await()))
    assert(request:request(server:url()) == Error.OK)
    local result, code, _, body = request:await()
    assert.same({ 0, 206, "" }, { result, code, body })
    assert.equal("abcdef", tempdir.read(folder:file("file")))
    assert.equal(3, request:get_downloaded_bytes())
  end)
end)

describe("the permissions of a download", function()
  local function mode_of(name)
    return (program.run({ "ls", "-l", folder:file(name) }).out:match("^%S+"):sub(1, 10))
  end

  local function chmod(mode, name)
    assert(os.execute(("chmod %s '%s'"):format(mode, folder:file(name))))
  end

  it("are those of the file that it replaces", function()
    for mode, text in pairs({ ["640"] = "-rw-r-----", ["600"] = "-rw-------",
      ["444"] = "-r--r--r--", ["755"] = "-rwxr-xr-x" }) do
      for _, options in ipairs({ { resume = false }, { resume = true }, { method = "POST" } }) do
        local server = with_server({ { answer("body", tagged) } })
        options.download_file = folder:file("file")
        os.remove(options.download_file)
        folder:write("file", "old")
        chmod(mode, "file")
        assert(fetch(server:url(), options))
        assert.equal("body", tempdir.read(options.download_file))
        assert.equal(text, mode_of("file"))
        assert.same({ "file" }, names())
      end
    end
  end)

  it("are the usual ones where there was no file, or a link", function()
    local server = with_server({ { answer("body") }, { answer("body") } })
    folder:write("plain", "")
    local usual = mode_of("plain")
    assert(fetch(server:url(), { download_file = folder:file("file") }))
    assert.equal(usual, mode_of("file"))
    folder:write("secret", "")
    chmod("600", "secret")
    os.execute(("ln -sf secret '%s'"):format(folder:file("link")))
    assert(fetch(server:url(), { download_file = folder:file("link") }))
    assert.equal(usual, mode_of("link"))
    assert.equal("-rw-------", mode_of("secret"))
  end)

  it("show nothing to others while it runs, either", function()
    for _, resume in ipairs({ false, true }) do
      local server = with_server({ { cut_short("abc", "abcdef") } })
      folder:write("file", "old")
      chmod("600", "file")
      local seen = {}
      assert.is_nil((fetch(server:url(), { download_file = folder:file("file"), resume = resume,
        on_progress = function()
        for _, name in ipairs(names()) do
          seen[#seen + 1] = mode_of(name)
        end
      end })))
      assert.is_true(#seen >= 2)
      for _, mode in ipairs(seen) do
        assert.equal("-rw-------", mode)
      end
    end
  end)
end)

describe("a program that ends in the midst of a download", function()
  -- The script is over while the server still owes the rest.
  local function leave(more, resume, fork)
    local server = with_server({ { { send = cut_short("abc", "abcdef", more),
      ending = "stall" } } })
    local path = folder:write("file", "old")
    local script = folder:write("script.lua", [[
      local httpclient = require("httpclient")
      local has_come = false
      httpclient.async(httpclient.fetch, arg[1], { download_file = arg[2], resume = arg[3] == "true", on_progress = function()
        has_come = true
      end })
      while not has_come do
        httpclient.process(0.01)
      end
      if arg[4] == "true" then
        local code = require("spec_native").fork()
        if not code then os.exit(3, true) end
        assert(code == 3 and io.popen("ls " .. arg[2] .. "*"):read("*a"):find("%.tmp\n"))
      end
    ]])
    local run = program.run(program.lua(script, server:url(), path, tostring(resume),
      tostring(fork)))
    assert.same({ 0, "", "" }, { run.code, run.out, run.err })
    os.remove(script)
    assert.equal("old", tempdir.read(path))
  end

  it("leaves nothing that can not be continued", function()
    leave(tagged, false)
    assert.same({ "file" }, names())
    leave("", true)
    assert.same({ "file" }, names())
  end)

  it("and a fork of it that ends before touches nothing", function()
    if _VERSION == "Lua 5.1" and not jit then
      return pending("os.exit of 5.1 does not close the state")
    end
    leave(tagged, false, true)
    assert.same({ "file" }, names())
  end)

  it("leaves what can be continued", function()
    leave(tagged, true)
    assert.same({ "file", "file.part", "file.part.info" }, names())
    assert.equal("abc", tempdir.read(folder:file("file.part")))
  end)
end)

describe("a download that is cut short", function()
  -- All that comes is there, the end too, before the client looks: so the look that finds the end
  -- moves content as well.
  local function cut(text, more)
    local server = with_server({ { { gate = "go", send = text, ending = "close" } } })
    local request, last = httpclient.HTTPRequest.new(), nil
    for name, value in pairs(more) do
      request[name] = value
    end
    request.on_progress = function(received)
      last = received
    end
    request:request(server:url())
    while not (server:requests()[1] or ""):find("\r\n\r\n", 1, true) do
      httpclient.process(0.01)
    end
    server:open_gate("go")
    assert(server.script:wait(60))
    local result = request:await()
    return result, request:get_downloaded_bytes(), last
  end

  it("counts all bytes that have come, wherever they go", function()
    with_server({})
    local Result = httpclient.HTTPRequest.Result
    for _, more in ipairs({ {}, { download_file = folder:file("file") },
      { download_file = folder:file("file"), resume = true } }) do
      local result, downloaded, last = cut(cut_short("abc", "abcdef"), more)
      assert.same({ Result.RESULT_CONNECTION_ERROR, 3, 3 }, { result, downloaded, last })
      result, downloaded, last = cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcd", more)
      assert.same({ Result.RESULT_CHUNKED_BODY_SIZE_MISMATCH, 4, 4 }, { result, downloaded, last })
    end
  end)

  it("counts what came of content that can't be decoded or is too long", function()
    local Result = httpclient.HTTPRequest.Result
    local result, downloaded = cut(answer("no gzip", "Content-Encoding: gzip\r\n"), {})
    assert.same({ Result.RESULT_BODY_DECOMPRESS_FAILED, 7 }, { result, downloaded })
    result, downloaded = cut("HTTP/1.1 200 OK\r\n\r\nabcdef", { body_size_limit = 5 })
    assert.same({ Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED, 6 }, { result, downloaded })
  end)
end)
