-- What one frame of a game costs: a task has its turn in a call of process(), and what is begun takes turns as well.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local async, process, run = httpclient.async, httpclient.process, httpclient.run

-- A task that counts its turns in `counts`, and ends them by `rest`.
local function counter(counts, rest)
  return async(function()
    while true do
      counts.turns = (counts.turns or 0) + 1
      rest()
    end
  end)
end

local rests = {
  { "coroutine.yield()", coroutine.yield },
  { "sleep(0)", function() httpclient.sleep(0) end },
  { "sleep() of less than none", function() httpclient.sleep(-1) end },
  { "next_frame()", function() httpclient.next_frame() end },
}

describe("a turn of a task", function()
  for _, rest in ipairs(rests) do
    it("is over for this process() with " .. rest[1], function()
      local counts = {}
      local task = counter(counts, rest[2])
      for frame = 1, 60 do
        process(0.05)
        assert.equal(frame, counts.turns)
      end
      process()
      process(0)
      assert.equal(62, counts.turns)
      task:cancel()
      run()
      assert.equal(62, counts.turns)
    end)

    it("comes again in run() and wait() after " .. rest[1]
      .. ", and does not take the whole processor", function()
      local counts, began = {}, native.monotonic()
      local task = counter(counts, rest[2])
      local sleeper = async(function() httpclient.sleep(0.2) return "slept" end)
      assert.equal("slept", sleeper:wait())
      async(function()
        httpclient.sleep(0.2)
        task:cancel()
      end)
      run()
      assert.equal("cancelled", task:status())
      assert.is_true(counts.turns > 10, tostring(counts.turns))
      -- It sleeps for a millisecond between two of them.
      local most = (native.monotonic() - began) * 1000 + 20
      assert.is_true(counts.turns < most, counts.turns .. " of " .. most)
    end)
  end

  it("is shared with the others, however many there are", function()
    local all = {}
    for i = 1, 100 do
      all[i] = { counts = {} }
      all[i].task = counter(all[i].counts, rests[1][2])
    end
    for _ = 1, 300 do
      process(0)
    end
    for _, one in ipairs(all) do
      assert.equal(3, one.counts.turns)
      one.task:cancel()
    end
    run()
  end)
end)

describe("next_frame", function()
  it("is refused where no frame comes", function()
    assert.error_matches(httpclient.next_frame, "next_frame() is for tasks", 1, true)
    local co = coroutine.create(httpclient.next_frame)
    local ok, message = coroutine.resume(co)
    assert.is_false(ok)
    assert.truthy(message:find("next_frame() is for tasks", 1, true), message)
    local task = async(function()
      table.sort({ 2, 1 }, function(a, b)
        httpclient.next_frame()
        return a < b
      end)
    end)
    process()
    assert.truthy(select(2, task:result()):find("does not let it yield", 1, true),
      (select(2, task:result())))
  end)

  it("ends the turn of the whole task in a handler", function()
    local frames = 0
    local request = httpclient.HTTPRequest.new()
    request.on_request_completed = function()
      for _ = 1, 3 do
        httpclient.next_frame()
        frames = frames + 1
      end
    end
    assert.equal(0, (request:request("http://127.0.0.1:1/")))
    local limit = httpclient.monotonic_time() + support.LIMIT
    local before = 0
    while frames < 3 and httpclient.monotonic_time() < limit do
      process(0.01)
      assert.is_true(frames <= before + 1)
      before = frames
    end
    assert.equal(3, frames)
  end)
end)

describe("what a frame begins", function()
  it("is begun by process(), as much as there is time for, in order", function()
    local order = {}
    for i = 1, 500 do
      async(function()
        order[#order + 1] = i
        local limit = native.monotonic() + 0.0002
        repeat until native.monotonic() >= limit
      end)
    end
    assert.equal(0, #order)
    local calls = 0
    while #order < 500 do
      process(0.004)
      calls = calls + 1
      assert.is_true(#order <= calls * 21, #order .. " in " .. calls)
    end
    for i = 1, 500 do
      assert.equal(i, order[i])
    end
    assert.is_true(calls >= 24, tostring(calls))
    run()
  end)

  it("inside a task waits for its turn too", function()
    local order = {}
    async(function()
      async(function() order[#order + 1] = "inner" end)
      order[#order + 1] = "outer"
    end)
    process()
    assert.same({ "outer" }, order)
    process()
    assert.same({ "outer", "inner" }, order)
    run()
  end)
end)

local function work(seconds)
  local limit = native.monotonic() + seconds
  repeat until native.monotonic() >= limit
end

describe("the network's part of a frame", function()
  -- Fails when it is to connect, which takes so many seconds of the Poller's time.
  local function begin_slow(port, seconds, order)
    return async(httpclient.fetch, ("http://127.0.0.1:%d/"):format(port),
      { allow_address = function()
      order[#order + 1] = "asked"
      work(seconds)
      return false
    end })
  end

  it("may be all of it: the tasks that it woke begin the next one then", function()
    local order = {}
    local task = begin_slow(1, 0.3, order)
    repeat
      process(0.2)
    until #order > 0
    assert.equal("running", task:status())
    process(0)
    assert.equal("done", task:status())
    run()
  end)

  it("is half of it where a task is left over from the last one", function()
    local order = {}
    for port = 1, 12 do
      begin_slow(port, 0.11, order)
    end
    local task = counter({}, function()
      order[#order + 1] = "turn"
      coroutine.yield()
    end)
    process(0.4)
    local before = #order
    process(0.4)
    local asked = 0
    while order[before + asked + 1] == "asked" do
      asked = asked + 1
    end
    task:cancel()
    run()
    assert.is_true(asked <= 2, table.concat(order, " ", before + 1))
  end)
end)

describe("a step that can't be divided", function()
  local waits = require("httpclient.tasks.waits")

  it("begins with the next process(), before all else, where too little time is left", function()
    local order = {}
    async(function()
      work(0.21)
      waits.for_seconds(60)
      order[#order + 1] = "step"
    end)
    for i = 1, 3 do
      async(function() order[#order + 1] = i end)
    end
    process(0.4)
    local before = #order
    for index, one in ipairs(order) do
      assert.equal(index, one)
    end
    process(0.4)
    assert.equal("step", order[before + 1])
    run()
  end)

  it("begins at once where there is time, where nobody has said how much, and at a budget's beginning",
    function()
    for _, case in ipairs({ { 0.01, 60 }, { 60 }, { 10, 1 } }) do
      local is_done = false
      async(function()
        waits.for_seconds(case[1])
        is_done = true
      end)
      process(case[2])
      assert.is_true(is_done)
    end
    local is_done = false
    async(function()
      waits.for_seconds(60)
      is_done = true
    end)
    run()
    assert.is_true(is_done)
  end)

  it("is not put off for ever", function()
    local turns, is_done = 0, false
    async(function()
      waits.for_seconds(60)
      is_done = true
    end)
    repeat
      process(0)
      turns = turns + 1
    until is_done or turns > 10
    assert.is_true(turns <= 4, tostring(turns))
  end)

  it("of a task that is cancelled never comes", function()
    local is_done = false
    local task = async(function()
      waits.for_seconds(60)
      is_done = true
    end)
    process(0)
    task:cancel()
    process(1)
    run()
    assert.is_false(is_done)
  end)
end)
