-- The runner of the tests: what a job leaves behind is seen, named and taken away; a run that is
-- stopped ends what it started.
local kept = require("spec.support.kept")
local native = require("spec_native")
local program = require("spec.support.program")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local keep = kept(after_each)

-- Names below /tmp in the environment keep the runner from mounting on it.
local mounts = { ["with a /tmp of its own, where it may have one,"] = "",
  ["without a mount"] = "/tmp/none/?.lua" }

local function environment(leave, more)
  local env = { LEAVE = leave, LUA_PATH = "", TMPDIR = keep(tempdir.new()).path,
    BUILD = program.build() }
  for name, value in pairs(more or {}) do
    env[name] = value
  end
  return env
end

local function argv()
  return { "spec/run", os.getenv("LUA") .. ":spec/support/leaver.lua" }
end

local function run(leave, more)
  local env = environment(leave, more)
  env.SPEC_GRACE = "1"
  local result = program.run(argv(), { env = env, merge = true })
  assert.equal("", program.run({ "ls", "-A", env.TMPDIR }).out)
  return result
end

local function is_alive(pid)
  return program.run({ "ps", "-o", "stat=", "-p", pid }).out:find("^[^Z]") ~= nil
end

for what, path in pairs(mounts) do
  describe("a job " .. what, function()
    it("passes when it leaves nothing", function()
      local result = run("nothing", { LUA_PATH = path })
      assert.equal(0, result.code, result.out)
      assert.truthy(result.out:find("\n1 passed, 0 failed\n$"), result.out)
    end)
    for leave, name in pairs({ name = "lua_%w+", name_of_a_child = "lua_%w+",
      folder = "httpclient%-spec%.%w+" }) do
      it("fails when it leaves a file, which is named: " .. leave, function()
        local result = run(leave, { LUA_PATH = path })
        assert.equal(1, result.code)
        assert.truthy(result.out:find("left behind: /[^\n]*/" .. name .. "\n"), result.out)
        assert.truthy(result.out:find("\n1 passed, 1 failed\n$"), result.out)
      end)
    end
    for _, leave in ipairs({ "process", "daemon" }) do
      it("fails when it leaves a process, which is named and ended: " .. leave, function()
        local result = run(leave, { LUA_PATH = path })
        assert.equal(1, result.code)
        local pid = result.out:match("left running: (%d+) sleep 1000\n")
        assert.truthy(pid, result.out)
        assert.is_false(is_alive(pid))
        assert.truthy(result.out:find("\n1 passed, 1 failed\n$"), result.out)
      end)
    end
  end)
end

-- See spec/support/windows/host.py.
describe("a command for wine", function()
  local again = "note: ended with status 1 before it began; run once more\n"
  local runner = "spec/support/run.lua" -- by which a spec is known

  -- What a shell does with this script: the output, and the status.
  local function host(script, ...)
    local place = keep(tempdir.new()).path .. "/been"
    local command = { "spec/support/windows/host.py", "sh", "-c", script, place, ... }
    local result = program.run(command, { merge = true })
    return result.out, result.code
  end

  it("that is a spec and ended before it began is run once more", function()
    local out, code = host('[ -e "$0" ] && echo fine && exit; >"$0"; exit 1', runner)
    assert.equal(again .. "fine\n", out)
    assert.equal(0, code)
    out, code = host("echo none; exit 1", runner)
    assert.equal("none\n" .. again .. "none\n", out)
    assert.equal(1, code)
  end)

  it("that ended later has failed", function()
    local out, code = host([[echo it; python3 -c 'import os, socket
stream = socket.create_connection(("127.0.0.1", int(os.environ["SPEC_HOST"])))
stream.sendall(b"1\n5\nbegun")
assert stream.recv(9) == b"1\n2\nok"'; exit 3]], runner)
    assert.equal("it\n", out)
    assert.equal(3, code)
  end)

  it("that is another program may fail, and has its own output alone", function()
    local out, code = host('echo "$WINEDEBUG" it; exit 3')
    assert.equal((os.getenv("WINEDEBUG") or "") .. " it\n", out)
    assert.equal(3, code)
  end)
end)

describe("a test", function()
  it("has all its functions for the end called, whichever fail", function()
    local result = run("several_finally")
    assert.equal(1, result.code)
    assert.truthy(result.out:find("the second failed", 1, true), result.out)
    assert.falsy(result.out:find("left behind", 1, true), result.out)
    assert.truthy(result.out:find("\n0 passed, 1 failed\n$"), result.out)
  end)
end)

describe("a run", function()
  for name, signal in pairs({ SIGHUP = 1, SIGINT = 2, SIGTERM = 15 }) do
    it("that " .. name
      .. " ends takes with it what its jobs have started, and its files", function()
      local listener = keep(native.listen({}))
      local env = environment("itself", { LEAVE_PORT = tostring(listener:port()) })
      local runner = keep(assert(native.spawn(argv(),
        { env = env, stdout = "pipe", stderr = "stdout" })))
      local conn = keep(assert(listener:accept()))
      local daemon = assert(conn:recv_until("\n")):match("%d+")
      assert.is_true(is_alive(daemon))
      runner:kill(signal)
      runner:read()
      assert.equal(128 + signal, runner:wait())
      support.until_true(function() return not is_alive(daemon) end)
      assert.equal("", conn:recv_all()) -- the job itself
      assert.equal("", program.run({ "ls", "-A", env.TMPDIR }).out)
    end)
  end

  local function checkout(script)
    local folder = keep(tempdir.new())
    local commands = [[
      cp --parents spec/run spec/support/leftovers.sh spec/support/apart "$1" && cp "$2" "$1/job" && cd "$1" && git init -q . &&
      chmod +x job && mkdir build && echo >build/flags && echo /build/ >.gitignore && git add -A && env -u SPEC_JOB spec/run c:./job]]
    local job = keep(tempdir.new()):write("job", "#!/bin/sh\n" .. script
      .. "\necho 1 passed, 0 failed\n")
    return program.run({ "sh", "-c", commands, "sh", folder.path, job }, { merge = true })
  end
  local has_git = native.spawn({ "git", "--version" }, { stdout = "pipe" })
  local without_git = not (has_git and has_git:wait() == 0)

  it("that leaves the checkout as it was passes", function()
    if without_git then return pending("there is no git") end
    local result = checkout(":")
    assert.truthy(result.out:find("\n1 passed, 0 failed\n$"), result.out)
  end)
  it("that leaves a file in the checkout, or a changed one, fails and names it", function()
    if without_git then return pending("there is no git") end
    local result = checkout("echo >>spec/run; echo >new")
    assert.truthy(result.out:find("\nAM spec/run\n", 1, true), result.out)
    assert.truthy(result.out:find("\n?? new\n", 1, true), result.out)
    assert.truthy(result.out:find("\n1 passed, 1 failed\n$"), result.out)
  end)
end)
