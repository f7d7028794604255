-- Errors of tasks that nobody asks for: on_task_error, and what comes out of process() and run().
local httpclient = require("httpclient")
local program = require("spec.support.program")

local async, process, run = httpclient.async, httpclient.process, httpclient.run

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

local function assert_raises(text, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.equal(text, tostring(message):sub(1, #text))
end

-- A task that fails, in a function of its own: no register holds it behind.
local function fail(message, ask)
  local task = async(function() error(message, 0) end)
  process()
  if ask then ask(task) end
end

after_each(function()
  httpclient.on_task_error = nil
  collect()
  pcall(process)
end)

describe("a failed task", function()
  it("that is collected unasked raises out of the next process()", function()
    fail("gone wrong")
    process()
    collect()
    local ok, message = pcall(process)
    assert.is_false(ok)
    assert.truthy(message:find("^gone wrong"), message)
    process() -- once is enough
  end)

  it("that is collected unasked raises out of the next run()", function()
    fail("gone wrong")
    collect()
    assert_raises("gone wrong", run)
    run()
  end)

  it("that Ctrl-C has met, in LuaJIT, raises out of what moves it", function()
    local drivers = { run = function() run() end, process = function() process() end,
      wait = function(task) task:wait() end }
    for name, drive in pairs(drivers) do
      local task = async(function() error("script.lua:1: interrupted!", 0) end)
      if rawget(_G, "jit") then
        assert_raises("script.lua:1: interrupted!", function() drive(task) end)
      else -- there the hook is the main thread's: these words are the task's own
        drive(task)
      end
      assert.equal("failed", task:status(), name)
    end
  end)

  it("raises whatever the error was", function()
    local value = setmetatable({}, { __tostring = function() return "an object" end })
    fail(value)
    collect()
    local ok, raised = pcall(process)
    assert.same({ false, true }, { ok, rawequal(raised, value) })
    fail(nil)
    collect()
    assert_raises("an error without a message", process)
  end)

  local ways = {
    { "status", function(task) assert.equal("failed", task:status()) end },
    { "result", function(task) assert.same({ nil, "mine" }, { task:result() }) end },
    { "wait", function(task) assert.same({ nil, "mine" }, { task:wait() }) end },
    { "wait in a task", function(task)
      local other = async(function() return task:wait() end)
      run()
      assert.same({ nil, "mine" }, { other:result() })
    end },
  }
  for _, way in ipairs(ways) do
    it("is heard of by " .. way[1], function()
      fail("mine", way[2])
      collect()
      process()
    end)
  end

  it("is not heard of by status() while it runs", function()
    local function begin()
      local task = async(function() coroutine.yield() error("late", 0) end)
      process()
      assert.equal("running", task:status())
    end
    begin()
    process()
    collect()
    assert_raises("late", process)
  end)

  it("that was waited for in vain is still unasked", function()
    local function begin()
      local task = async(function() httpclient.sleep(0.01) error("late", 0) end)
      task:wait(0)
    end
    begin()
    run()
    collect()
    assert_raises("late", process)
  end)

  it("keeps what it has said until it is collected", function()
    local task = async(function() error("kept", 0) end)
    run()
    collect()
    process()
    assert.same({ nil, "kept" }, { task:result() })
  end)

  it("says nothing when the program ends", function()
    local result = program.run(program.lua("-e", [[
      local httpclient = require("httpclient")
      httpclient.async(function() error("unasked") end)
      httpclient.run()
      print("end")]]))
    assert.equal(0, result.code, result.err)
    assert.equal("end\n", result.out)
    assert.equal("", result.err)
  end)
end)

describe("on_task_error", function()
  it("hears of each at once, and nothing is raised later", function()
    local heard = {}
    function httpclient.on_task_error(task, message, trace)
      heard[#heard + 1] = { task:status(), message, trace:find("stack traceback", 1, true) ~= nil }
    end
    fail("one")
    fail("two")
    assert.same({ { "failed", "one", true }, { "failed", "two", true } }, heard)
    heard = {}
    collect()
    process()
    assert.same({}, heard)
  end)

  it("may wait, and begin other tasks", function()
    local ended
    function httpclient.on_task_error()
      httpclient.sleep(0.001)
      async(function() ended = true end)
    end
    fail("one")
    run()
    assert.is_true(ended)
  end)

  it("that fails itself raises out of process(), after all have moved", function()
    local moved
    function httpclient.on_task_error() error("of the handler", 0) end
    async(function() error("of the task", 0) end)
    async(function() moved = true end)
    assert_raises("of the handler", process)
    assert.is_true(moved)
    process()
  end)

  it("that is no function is told, and the task's error kept for who asks", function()
    httpclient.on_task_error = 5
    local task = async(function() error("of the task", 0) end)
    assert_raises("httpclient.on_task_error must be a function, got number", run)
    assert.same({ "failed", "of the task" }, { task:status(), select(2, task:result()) })
  end)

  it("hears nothing of what an HTTPRequest's handlers raise: process() does", function()
    local heard = false
    function httpclient.on_task_error() heard = true end
    local request = httpclient.HTTPRequest.new()
    request:connect("request_completed", function() error("in the handler", 0) end)
    assert.equal(0, (request:request("http://127.0.0.1:1/")))
    assert_raises("in the handler", run)
    assert.is_false(heard)
  end)
end)
