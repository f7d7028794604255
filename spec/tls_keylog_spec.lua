-- keylog_file: the lines that a look at the traffic needs, and the care for the file that holds them.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local folder
setup(function() folder = tempdir.new() end)
teardown(function() folder:close() end)

local function output(...) return program.run({ ... }).out end

local function mode_of(path) return (output("stat", "-c", "%a", path):gsub("%s+$", "")) end

local function lines_of(path)
  local lines = {}
  for line in tempdir.read(path):gmatch("[^\n]+") do
    if line:sub(1, 1) ~= "#" then lines[#lines + 1] = line end
  end
  table.sort(lines)
  return lines
end

local function exchange(path, version)
  local client, conn, outcome = tls.connect({ tls = tls.trusting(nil,
    { keylog_file = path, max_version = version }),
    server = certs.localhost.tls() })
  assert.equal("hello", tls.exchange(client, conn))
  tls.close(outcome)
end

local function refusal(path)
  local ok, message = pcall(tls.trusting, nil, { keylog_file = path })
  assert.is_false(ok)
  return message
end

describe("keylog_file", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    it("has the lines that openssl's server writes, TLS " .. version, function()
      local ours, theirs = folder:file("ours" .. version), folder:file("theirs" .. version)
      local server = assert(native.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0",
        "-naccept", "1", "-www",
        "-cert", certs.localhost.cert_file, "-key", certs.localhost.key_file, "-keylogfile", theirs,
        version == "1.2" and "-tls1_2" or "-tls1_3" }, { stdout = "pipe" }))
      finally(function() server:kill()
        server:close()
      end)
      local text = ""
      while not text:find("ACCEPT [^\n]*:%d+\n") do
        text = text .. assert(server:read_some(10), text)
      end
      local response, why = httpclient.fetch("https://127.0.0.1:"
        .. text:match("ACCEPT [^\n]*:(%d+)\n") .. "/",
        { tls_options = tls.trusting(nil,
          { keylog_file = ours, tolerate_missing_close_notify = true }) })
      assert.equal(200, response and response.status, why)
      server:wait(60)
      assert.same(lines_of(theirs), lines_of(ours))
      assert.truthy(tempdir.read(ours):find(version == "1.2" and "CLIENT_RANDOM "
        or "CLIENT_TRAFFIC_SECRET_0 ", 1, true))
    end)
  end

  it("is appended to, and for its owner alone", function()
    local path = folder:file("appended")
    exchange(path, "1.2")
    assert.equal("600", mode_of(path))
    assert.equal(1, #lines_of(path))
    exchange(path, "1.2")
    local lines = lines_of(path)
    assert.equal(2, #lines)
    for _, line in ipairs(lines) do
      assert.truthy(line:match("^CLIENT_RANDOM %x+ %x+$"), line)
    end
    assert.truthy(tempdir.read(path):match("\n$"))
  end)

  it("that others could read is made private", function()
    local path = folder:write("open", "# mine\n")
    output("chmod", "644", path)
    exchange(path, "1.3")
    assert.equal("600", mode_of(path))
    assert.equal(5, #lines_of(path))
    assert.truthy(tempdir.read(path):find("^# mine\n"))
  end)

  it("that is none is refused when the options are made", function()
    local target = folder:write("target", "")
    output("ln", "-s", target, folder:file("link"))
    output("ln", folder:write("one", ""), folder:file("other"))
    output("mkfifo", folder:file("pipe"))
    for name, words in pairs({ link = "it is a link",
      other = "no regular file of this user's alone", pipe = "pipe",
      ["no/such/folder"] = "no such file or directory", [""] = "is a directory" }) do
      local message = refusal(folder:file(name))
      assert.truthy(message:find("keylog_file: ", 1, true) and message:find(words, 1, true),
        message)
    end
    assert.equal("", tempdir.read(target))
    assert.truthy(refusal(""):find("the text is empty", 1, true))
    assert.truthy(refusal("a\0b"):find("NUL", 1, true))
    assert.truthy(refusal(5):find("string expected", 1, true))
    assert.truthy(refusal("/dev/null"):find("no regular file", 1, true))
  end)

  it("is not what the environment says", function()
    local path = folder:file("environment")
    local run = program.run(program.lua("-e", [[
      local certs, tls = require("spec.support.certs"), require("spec.support.tls")
      local client, conn, outcome = tls.connect({ tls = tls.trusting(), server = certs.localhost.tls() })
      assert(tls.exchange(client, conn) == "hello")
      tls.close(outcome)
      print("done")
    ]]), { env = { SSLKEYLOGFILE = path } })
    assert.equal("done\n", run.out, run.err)
    assert.is_nil(io.open(path))
  end)
end)
