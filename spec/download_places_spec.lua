-- Where downloads write before they are complete: what is there already, and what others put there.
local core = require("httpclient.core")
local httpclient = require("httpclient")
local pipe = require("spec.support.pipe")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch

local answer = serve.answer
local unpack = table.unpack or unpack -- luacheck: ignore

local with_server = require("spec.support.served")(after_each)
local downloads = require("spec.support.download")(before_each, after_each)
local names, tagged, cut_short, rest = downloads.names, downloads.tagged, downloads.cut_short,
  downloads.rest
local folder

before_each(function() folder = downloads.folder end)

describe("a download into a folder where others write", function()
  local function link(target, name)
    os.execute(("ln -sf '%s' '%s'"):format(target, folder:file(name)))
  end

  it("never goes through a link at its temporary name", function()
    for _, name in ipairs({ "file.part", "file.part.info" }) do
      local server = with_server({ { answer("body", tagged) }, { cut_short("abc", "abcdef") },
        { answer("body", tagged) } })
      local other = folder:write("other", '"v1"\n' .. server:url() .. "\n")
      local path = folder:file("file")
      link(other, name)
      assert.equal(200, assert(fetch(server:url(), { download_file = path, resume = true })).status)
      assert.equal("body", tempdir.read(path))
      link(other, name)
      assert.is_nil((fetch(server:url(), { download_file = path, resume = true })))
      assert.same({ "file", "file.part", "file.part.info", "other" }, names())
      link(folder:file("nowhere"), "file.part")
      assert.equal(200, assert(fetch(server:url(), { download_file = path, resume = true })).status)
      assert.equal('"v1"\n' .. server:url() .. "\n", tempdir.read(other))
      assert.is_nil(server:requests()[3]:find("Range", 1, true))
      assert.same({ "file", "other" }, names())
    end
  end)

  it("replaces a link at the file's own name, and leaves its target", function()
    local server = with_server({ { answer("body") } })
    local other = folder:write("other", "untouched")
    link(other, "file")
    assert(fetch(server:url(), { download_file = folder:file("file") }))
    assert.equal("untouched", tempdir.read(other))
    assert.equal("body", tempdir.read(folder:file("file")))
  end)

  -- Through links: what replaced a device here would replace it for all.
  for _, coding in ipairs({ "", "Content-Encoding: gzip\r\n" }) do
    it("writes to a device, and takes no place of it"
      .. (coding == "" and "" or ", what was coded too"), function()
      local body = coding == "" and "body" or pipe.gzip("body")
      for _, resume in ipairs({ false, true }) do
        local server = with_server({ { answer(body, tagged .. coding) },
          { answer(body, tagged .. coding) } })
        link("/dev/null", "null")
        link("/dev/full", "full")
        local null, full = folder:file("null"), folder:file("full")
        assert.equal(200,
          assert(fetch(server:url(), { download_file = null, resume = resume })).status)
        local response, message, code = fetch(server:url(),
          { download_file = full, resume = resume })
        assert.is_nil(response)
        assert.truthy(message:lower():find("no space left", 1, true), message)
        assert.equal(Error.ERR_FILE_CANT_WRITE, code)
        assert.same({ "full", "null" }, names())
        assert.equal("device", core.file_kind(null))
        assert.equal("device", core.file_kind(full))
      end
    end)
  end

  -- fetch, while others put a link to `other` into the place of what the core's function `name` has just looked at, or
  -- made, in call number `number` for a path that starts with `start`.
  local function fetch_beside(name, number, start, other, ...)
    local original, path_start = core[name], folder:file(start)
    core[name] = function(path, ...)
      local result, message = original(path, ...)
      if path:sub(1, #path_start) == path_start then
        number = number - 1
        if number == 0 then
          link(other, path:sub(#folder:file("") + 1))
        end
      end
      return result, message
    end
    local response, message, code = fetch(...)
    core[name] = original
    assert.is_true(number <= 0)
    return response, message, code
  end

  for _, case in ipairs({
    { "a new file", "create_new_file", 1, "file" },
    { "a new file whose content is coded", "create_new_file", 1, "file",
      coding = "Content-Encoding: gzip\r\n" },
    { "a part", "own_file_size", 2, "file.part", is_rest = true },
    { "a device", "file_kind", 1, "file", is_device = true },
    { "a device for what is coded", "file_kind", 1, "file", is_device = true,
      coding = "Content-Encoding: gzip\r\n" },
  }) do
    local what, name, number, start = unpack(case)
    it("writes to nothing that has taken the place of " .. what, function()
      local body, other = case.coding and pipe.gzip("body") or "body",
        folder:write("other", "untouched")
      local server = with_server({ { case.is_rest and cut_short("bo", "body")
        or answer(body, case.coding) }, { rest("dy", 2, 4) } })
      local options = { download_file = folder:file("file"), resume = case.is_rest }
      if case.is_device then
        link("/dev/null", "file")
      elseif case.is_rest then
        assert.is_nil((fetch(server:url(), options)))
        number = number + 1 -- that of its information
      end
      local response, message, code = fetch_beside(name, number, start, other, server:url(),
        options)
      assert.is_nil(response)
      assert.equal(Error.ERR_FILE_CANT_OPEN, code)
      assert.truthy(message:find("something else is in its place", 1, true), message)
      assert.equal("untouched", tempdir.read(other))
    end)
  end

  it("reads and writes no information that has taken the place of its own", function()
    local server = with_server({ { cut_short("bo", "body") }, { answer("body", tagged) },
      { cut_short("bo", "body") } })
    local options = { download_file = folder:file("file"), resume = true }
    assert.is_nil((fetch(server:url(), options)))
    local text = '"v2"' .. tempdir.read(folder:file("file.part.info")):sub(5)
    local other = folder:write("other", text)
    assert.equal(200,
      assert(fetch_beside("own_file_size", 1, "file.part.info", other, server:url(),
        options)).status)
    assert.is_nil(server:requests()[2]:find("Range", 1, true))
    assert.is_nil((fetch_beside("create_new_file", 1, "file.part.info", other, server:url(),
      options)))
    assert.equal(text, tempdir.read(other))
    assert.same({ "file", "other" }, names())
  end)

  it("is refused at the head of the answer where there is a folder or a pipe", function()
    local server = with_server({ { cut_short("", "abc") }, { cut_short("", "abc") } })
    os.execute(("mkdir '%s'; mkfifo '%s'"):format(folder:file("folder"), folder:file("pipe")))
    for _, name in ipairs({ "folder", "pipe" }) do
      local response, message, code = fetch(server:url(), { download_file = folder:file(name) })
      assert.is_nil(response)
      assert.truthy(message:find(name, 1, true), message)
      assert.equal(Error.ERR_FILE_CANT_OPEN, code)
    end
    assert.same({ "folder", "pipe" }, names())
  end)

  it("sends nothing of an information file that is not its own writing", function()
    local server = with_server({ { answer("body") }, { answer("body") }, { answer("body") },
      { answer("body") } })
    for _, text in ipairs({ "", "\n", '"v1"\r\n' .. server:url() .. "\n", '"v1"\0\n' .. server:url()
      .. "\n" }) do
      folder:write("file.part", "abc")
      folder:write("file.part.info", text)
      assert(fetch(server:url(), { download_file = folder:file("file"), resume = true }))
      assert.equal("body", tempdir.read(folder:file("file")))
    end
    for _, request in ipairs(server:requests()) do
      assert.is_nil(request:find("Range", 1, true))
    end
  end)

  it("is no download of two at the same time", function()
    local server = with_server({ { { send = cut_short("abc", "abcdef"), gate_after = "go",
      ending = "close" } } })
    local other = with_server({ { answer("body") } })
    local options = { download_file = folder:file("file"), resume = true }
    local second
    options.on_progress = function()
      if not second then
        options.on_progress = nil
        second = httpclient.async(fetch, other:url(), options)
      end
    end
    local first = httpclient.async(fetch, server:url(), options)
    while not second or second:status() == "running" do
      httpclient.process(0.01)
    end
    local _, message, code = second:result()
    assert.equal(Error.ERR_FILE_CANT_OPEN, code, message)
    server:open_gate("go")
    httpclient.run()
    assert.equal(Error.ERR_CONNECTION_ERROR, (select(3, first:result())))
    assert.same({ "file.part", "file.part.info" }, names())
    assert.equal("abc", tempdir.read(folder:file("file.part")))
  end)

  it("takes no part of a file that it did not ask for", function()
    local server = with_server({ { rest("def", 3, 6) }, { rest("def", 3, 6) },
      { rest("def", 3, 6) } })
    local path = folder:write("file", "old")
    for _, resume in ipairs({ false, true }) do
      local response, message, code = fetch(server:url(), { download_file = path, resume = resume })
      assert.is_nil(response)
      assert.equal(Error.ERR_CONNECTION_ERROR, code, message)
      assert.equal("old", tempdir.read(path))
      assert.same({ "file" }, names())
    end
    assert(fetch(server:url(), { download_file = path, headers = { "Range: bytes=3-" } }))
    assert.equal("def", tempdir.read(path))
  end)
end)
