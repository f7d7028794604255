-- A spec file for runner_spec: its test leaves what LEAVE says.
local native = require("spec_native")
local program = require("spec.support.program")

local ways = {}

function ways.nothing() end

function ways.name()
  os.tmpname()
end

function ways.name_of_a_child()
  program.run(program.lua("-e", "os.tmpname()"))
end

function ways.folder()
  native.mkdtemp()
end

function ways.process()
  os.execute("sleep 1000 &")
end

-- Ends when the daemon is there to be seen: in the midst of an exec a process has no environment.
function ways.daemon()
  os.execute([[
    setsid sleep 1000 &
    until [ "$(ps -o comm= -p $!)" = sleep ]; do :; done
    [ ! -d /proc/self ] || until grep -qsz SPEC_JOB "/proc/$!/environ"; do :; done]])
end

-- Says on a connection who is there to be stopped, and stays.
function ways.itself()
  local conn = assert(native.connect({ port = tonumber(os.getenv("LEAVE_PORT")) }))
  local process = assert(native.spawn({ "sh", "-c",
    "setsid sleep 1000 & echo $!; exec sleep 1000" }, { stdout = "pipe" }))
  conn:send(process:read_some())
  process:read(1000)
end

-- The file of each `finally` goes, and the test fails with what the second has to say.
function ways.several_finally()
  for i = 1, 3 do
    local name = os.tmpname()
    finally(function()
      os.remove(name)
      assert(i ~= 2, "the second failed")
    end)
  end
end

it("leaves something", ways[os.getenv("LEAVE")])
