-- The examples on top of fetch and HTTPRequest: what they print, and their exit statuses.
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local ports = require("spec.support.ports")
local program = require("spec.support.program")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local unpack = table.unpack or unpack -- luacheck: compat

local CONTENT = ("0123456789"):rep(10000)
local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
local CUT_SHORT = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: "1"\r\n\r\nabc'
local REST = 'HTTP/1.1 206 Partial\r\nContent-Length: 3\r\nContent-Range: bytes 3-5/6\r\nETag: "1"\r\n\r\ndef'

local web, folder, refused

local function url(path)
  return ("http://127.0.0.1:%d%s"):format(web:port("plain"), path)
end

local function example(name, ...)
  return program.run(program.lua("examples/" .. name .. ".lua", ...))
end

-- One line that begins with the program's name: no traceback.
local function assert_one_line(name, result)
  assert.truthy(result.err:find("^" .. name .. "%.lua: [^\n]+\n$"), result.err)
end

-- On a terminal; standard output and error are one then. nil: there is no util-linux script(1).
local function on_terminal(command)
  local probe = native.spawn({ "script", "--version" })
  if not probe or probe:wait() ~= 0 then
    return nil
  end
  return program.run({ "script", "-qec", command, "/dev/null" }, { merge = true })
end

setup(function()
  folder = tempdir.new()
  local files = { ["small"] = "small\n", ["large"] = CONTENT, ["slow"] = CONTENT }
  for i = 1, 50 do
    files["page" .. i] = ("x"):rep(i)
  end
  web = nginx.start({ plain = [[
    location /moved { return 302 /small; }
    location /slow { limit_rate 200k; root {{root}}; }
    location / { root {{root}}; }]] }, { files = files })
  refused = ("http://127.0.0.1:%d/"):format(ports.free(1)[1])
end)

teardown(function()
  web:stop()
  folder:close()
end)

describe("fetch.lua", function()
  it("prints the body, from where a redirect leads to", function()
    assert.same({ code = 0, out = "small\n", err = "" }, example("fetch", url("/moved")))
  end)
  it("prints an error's page and says what the server answered, status 1", function()
    local result = example("fetch", url("/none"))
    assert.equal(1, result.code)
    assert.truthy(result.out:find("404 Not Found", 1, true), result.out)
    assert.equal(("fetch.lua: %s answered 404 Not Found\n"):format(url("/none")), result.err)
  end)
  it("says why there is no answer, status 4", function()
    local result = example("fetch", refused)
    assert.equal(4, result.code)
    assert.equal("", result.out)
    assert.truthy(result.err:find("refused", 1, true), result.err)
    assert_one_line("fetch", result)
  end)
  it("prints nothing of a body that is cut short, status 4", function()
    local server = serve({ { CUT_SHORT } })
    local result = example("fetch", server:url())
    server:stop()
    assert.equal(4, result.code)
    assert.equal("", result.out)
    assert_one_line("fetch", result)
  end)
  for what, arguments in pairs({ ["no URL"] = {}, ["two"] = { "http://a/", "http://b/" },
    ["no http URL"] = { "ftp://a/" } }) do
    it("ends with status 2 for " .. what, function()
      local result = example("fetch", arguments[1], arguments[2])
      assert.equal(2, result.code)
      assert_one_line("fetch", result)
    end)
  end
end)

describe("download.lua", function()
  local path

  before_each(function()
    path = folder:write("file", "old")
  end)
  after_each(function()
    for _, name in ipairs({ path, path .. ".part", path .. ".part.info" }) do
      os.remove(name)
    end
  end)

  local function exists(name)
    local file = io.open(name)
    return file ~= nil and file:close() ~= nil
  end

  it("writes the file and says how much it was, on standard error", function()
    local result = example("download", url("/large"), path)
    assert.equal(0, result.code, result.err)
    assert.equal("", result.out)
    assert.truthy(result.err:find("/file: 97%.7 KiB in %d+%.%d s\n$"), result.err)
    assert.equal(CONTENT, tempdir.read(path))
    assert.is_false(exists(path .. ".part") or exists(path .. ".part.info"))
  end)
  it("makes an empty file of an empty body", function()
    local server = serve({ { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } })
    local result = example("download", server:url(), path)
    server:stop()
    assert.equal(0, result.code, result.err)
    assert.equal("", tempdir.read(path))
  end)
  it("goes on where a connection was cut, and says both times what it did", function()
    local server = serve({ { CUT_SHORT }, { REST } })
    local result = example("download", server:url("/f"), path)
    assert.equal(4, result.code)
    assert.truthy(result.err:find("^download%.lua: [^\n]+\nwhat has come is kept in [^\n]+/file%.part; [^\n]+\n$"), result.err)
    assert.equal("old", tempdir.read(path))
    result = example("download", server:url("/f"), path)
    assert.equal(0, result.code, result.err)
    assert.truthy(result.err:find(": 6 B in %d+%.%d s, continued at 3 B\n$"), result.err)
    assert.equal("abcdef", tempdir.read(path))
    local requests = server:requests()
    server:stop()
    assert.truthy(requests[2]:find('\r\nRange: bytes=3-\r\nIf-Range: "1"\r\n', 1, true),
      requests[2])
  end)
  it("does not promise to go on where the server gives no name to what it sends", function()
    local server = serve({ { (CUT_SHORT:gsub("ETag[^\n]+\n", "")) } })
    local result = example("download", server:url("/f"), path)
    server:stop()
    assert.equal(4, result.code)
    assert_one_line("download", result)
    assert.is_false(exists(path .. ".part"))
  end)
  it("is ended by Ctrl-C while nothing comes, and goes on later", function()
    local server = serve({ { { send = CUT_SHORT, ending = "close", gate_after = "never" } },
      { REST } })
    local process = assert(native.spawn(program.lua("examples/download.lua", server:url("/f"),
      path),
      { stdout = "pipe", stderr = "stdout" }))
    support.until_true(function()
      return exists(path .. ".part") and #tempdir.read(path .. ".part") == 3
    end)
    process:kill(2)
    local output = process:read()
    local code = process:wait()
    process:close()
    assert.equal(130, code, output)
    assert.truthy(output:find("^download%.lua: interrupted\nwhat has come is kept in "), output)
    assert.equal("old", tempdir.read(path))
    server:open_gate("never")
    local result = example("download", server:url("/f"), path)
    server:stop()
    assert.equal(0, result.code, result.err)
    assert.equal("abcdef", tempdir.read(path))
  end)
  it("leaves the file alone when the server has nothing, status 1", function()
    local result = example("download", url("/none"), path)
    assert.equal(1, result.code)
    assert.equal(("download.lua: %s answered 404 Not Found\n"):format(url("/none")), result.err)
    assert.equal("old", tempdir.read(path))
  end)
  it("ends with status 3 where nobody listens, and for a name that does not exist", function()
    for _, address in ipairs({ refused, "http://no-such-host.invalid/" }) do
      local result = example("download", address, path)
      assert.equal(3, result.code, result.err)
      assert_one_line("download", result)
    end
  end)
  it("ends with status 5 where it can't write", function()
    local result = example("download", url("/small"), folder:file("no/such/folder"))
    assert.equal(5, result.code)
    assert.truthy(result.err:find("no/such/folder", 1, true), result.err)
    assert_one_line("download", result)
  end)
  for what, arguments in pairs({ ["no file"] = { "http://a/" }, ["no http URL"] = { "a", "b" } }) do
    it("ends with status 2 for " .. what, function()
      local result = example("download", arguments[1], arguments[2])
      assert.equal(2, result.code)
      assert_one_line("download", result)
    end)
  end

  if program.wrapper == "" then
    it("draws a bar over itself on a terminal", function()
      local result = on_terminal(("%s examples/download.lua %s %s"):format(os.getenv("LUA"),
        url("/slow"), path))
      if not result then
        return pending("there is no util-linux script(1)")
      end
      assert.equal(0, result.code, result.out)
      local drawn, widest = 0, 0
      for text in result.out:gmatch("\r(%[#*%.*%] +%d+%%  [^\r\n]*)") do
        drawn, widest = drawn + 1, math.max(widest, #text)
      end
      assert.is_true(drawn > 1, result.out)
      assert.is_true(widest < 80, result.out)
      assert.truthy(result.out:find("\r[" .. ("#"):rep(25) .. "] 100%  97.7 KiB of 97.7 KiB", 1,
        true), result.out)
      assert.truthy(result.out:find("/file: 97%.7 KiB in %d+%.%d s\r\n$"), result.out)
    end)
    it("says how much has come where nobody knows how much it will be", function()
      local server = serve({ { "HTTP/1.1 200 OK\r\n\r\nhello" } })
      local result = on_terminal(("%s examples/download.lua %s %s"):format(os.getenv("LUA"),
        server:url(), path))
      server:stop()
      if not result then
        return pending("there is no util-linux script(1)")
      end
      assert.equal(0, result.code, result.out)
      assert.truthy(result.out:find("^\r5 B[^\n]*\r\n[^\r]*/file: 5 B in "), result.out)
    end)
  end
end)

describe("parallel.lua", function()
  local function lines_of(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do
      list[#list + 1] = line
    end
    return list
  end

  it("fetches fifty, with a line for each and a sum", function()
    local result = example("parallel", url("/page"))
    assert.equal(0, result.code, result.err)
    assert.equal("", result.err)
    local lines, seen = lines_of(result.out), {}
    assert.equal(52, #lines)
    for i = 2, 51 do
      local number, size, page = lines[i]:match("^ *(%d+)  200 +(%d+) +%d+%.%d +%d+%.%d  http://[%d.:]+/page(%d+)$")
      assert.equal(i - 1, tonumber(number), lines[i])
      assert.equal(size, page)
      seen[page] = true
    end
    for i = 1, 50 do
      assert.is_true(seen[tostring(i)], i)
    end
    assert.truthy(lines[52]:find("^50 of 50 URLs answered 2xx, 1%.2 KiB in %d+%.%d%d s; one after the other: %d+%.%d%d s$"), lines[52])
  end)
  it("has six under way at a time, or as many as it is told", function()
    for jobs, arguments in pairs({ [6] = {}, [3] = { "-j", "3" }, [8] = { "-j", "8" } }) do
      local steps = {}
      for _ = 1, jobs do
        steps[#steps + 1] = { "accept" }
        steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
      end
      -- One more, which has no connection of its own.
      for _, step in ipairs({ { "select", 1 }, { "send", HELLO }, { "recv_until", "\r\n\r\n" } }) do
        steps[#steps + 1] = step
      end
      for i = 1, jobs do
        steps[#steps + 1] = { "select", i }
        steps[#steps + 1] = { "send", HELLO }
      end
      local server = native.script(steps)
      arguments[#arguments + 1] = ("http://127.0.0.1:%d/"):format(server:port())
      arguments[#arguments + 1] = tostring(jobs + 1)
      local result = example("parallel", unpack(arguments))
      server:stop()
      assert.equal(0, result.code, result.out)
      assert.truthy(result.out:find(("\n%d of %d URLs"):format(jobs + 1, jobs + 1), 1, true),
        result.out)
    end
  end)
  it("takes the URLs of a list, and says what went wrong with one, status 1", function()
    local list = folder:write("list", ("# comment\n%s\n\n  %s  \n%s\nfoo\n"):format(url("/small"),
      url("/none"), refused))
    local result = example("parallel", "-f", list, "-j", "1")
    assert.equal(1, result.code)
    local lines = lines_of(result.out)
    assert.equal(6, #lines, result.out)
    assert.truthy(lines[2]:find("^  1  200 .*/small$"), lines[2])
    assert.truthy(lines[3]:find("^  2  404 .*/none$"), lines[3])
    assert.truthy(lines[4]:find("^  3    %-  http://[^ ]+: connection refused"), lines[4])
    assert.truthy(lines[5]:find("^  4    %-  foo: only http"), lines[5])
    assert.truthy(lines[6]:find("^1 of 4 URLs answered 2xx, "), lines[6])
  end)
  for what, arguments in pairs({ ["nothing"] = {}, ["jobs that are none"] = { "-j", "x" },
    ["a count of 0"] = { "http://a/", "0" },
    ["a list that is not there"] = { "-f", "/no/such/list" } }) do
    it("ends with status 2 for " .. what, function()
      local result = example("parallel", arguments[1], arguments[2])
      assert.equal(2, result.code)
      assert.equal("", result.out)
      assert_one_line("parallel", result)
    end)
  end
end)

describe("frame_loop.lua", function()
  local frames = "^(%d+) frames in %d+%.%d%d s, %d+%.%d a second; the longest took (%d+%.%d) ms, "
    .. "(%d+%.%d) ms of a frame went to the network at most\n"

  it("goes on with its frames while a download takes its time", function()
    local path = folder:file("frames")
    local result = example("frame_loop", url("/slow"), path)
    assert.equal(0, result.code, result.err)
    assert.equal("", result.err)
    local count, longest, processed = result.out:match(frames)
    assert.is_true(tonumber(count) > 5, result.out)
    assert.is_true(tonumber(longest) >= 1000 / 60 and tonumber(longest) >= tonumber(processed),
      result.out)
    assert.truthy(result.out:find("\n200, 100000 bytes\n$"), result.out)
    assert.equal(CONTENT, tempdir.read(path))
  end)
  it("says what came back otherwise", function()
    local server = serve({ { CUT_SHORT } })
    local cases = {
      { url("/small"), 0, "\n200, 6 bytes\n$", "^$" },
      { url("/none"), 1, "\n404, %d+ bytes\n$", "^frame_loop%.lua: the server answered 404\n$" },
      { refused, 4, "network at most\n$", "^frame_loop%.lua: connection refused[^\n]*\n$" },
      { server:url(), 4, "network at most\n$", "^frame_loop%.lua: [^\n]+\n$" },
      { "foo", 2, "^$", "^frame_loop%.lua: only http[^\n]+\n$" },
    }
    for _, case in ipairs(cases) do
      local result = example("frame_loop", case[1])
      assert.equal(case[2], result.code, result.err)
      assert.truthy(result.out:find(case[3]), result.out)
      assert.truthy(result.err:find(case[4]), result.err)
    end
    server:stop()
    assert.equal(2, example("frame_loop").code)
  end)
end)
