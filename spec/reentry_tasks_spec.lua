-- Every call of the Lua half out of every callback that it has: each works or raises an error that says why not, and
-- the exchange that the callback belongs to comes to its right end. docs/fetch.md has the table.
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local support = require("spec.support.client")

local HTTPClient, HTTPRequest, Error = httpclient.HTTPClient, httpclient.HTTPRequest,
  httpclient.Error
local async, fetch, process, run = httpclient.async, httpclient.fetch, httpclient.process,
  httpclient.run
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

-- --- the calls: { name, fn(w), check = fn(w) after all is over }

local calls = {
  { "fetch", function(w) assert(assert(fetch(w.inner)).body == "inner") end },
  { "async", function(w) w.later = async(fetch, w.inner) end, check = function(w)
    run()
    assert(assert(w.later:result()).body == "inner")
  end },
  { "process", function() process() end },
  { "process(0)", function() process(0) end },
  { "run", function(w)
    w.is_over = true
    run()
  end },
  { "sleep", function() httpclient.sleep(0.001) end },
  { "next_frame", function() httpclient.next_frame() end },
  { "wait for another", function(w)
    w.is_over = true
    assert(w.other:wait() == 7)
  end },
  { "wait a while for another", function(w) w.other:wait(0) end },
  { "cancel of another", function(w) assert(w.other:cancel()) end, check = function(w)
    assert(w.other:status() == "cancelled")
  end },
  { "status and result of another", function(w)
    assert(w.other:status() == "running")
    assert(select(2, w.other:result()) == "the task is still running")
  end },
  { "wait for itself", function(w) w.own:wait() end, own = true },
  { "cancel of itself", function(w) w.own:cancel() end, own = true },
  { "status and result of itself", function(w)
    assert(w.own:status() == "running")
    assert(w.own:result() == nil)
  end, own = true },
  { "another request", function(w)
    w.other_request = HTTPRequest.new()
    w.other_request.on_request_completed = function(result, code, _, body)
      w.got = { result, code, body }
    end
    assert(w.other_request:request(w.inner) == 0)
  end, check = function(w)
    run()
    assert(w.got and w.got[1] == 0 and w.got[3] == "inner")
  end },
  { "another request's await", function(w)
    local request = HTTPRequest.new()
    assert(request:request(w.inner) == 0)
    local result, _, _, body = request:await()
    assert(result == 0 and body == "inner")
  end },
  { "another request's cancel_request", function(w)
    w.other_request = HTTPRequest.new()
    w.other_request.on_request_completed = function() w.got = true end
    assert(w.other_request:request(w.inner) == 0)
    w.other_request:cancel_request()
  end, check = function(w)
    run()
    assert(not w.got)
  end },
  { "its request", function(w) w.code = w.request:request(w.inner) end, request = true },
  { "its request's await", function(w) w.request:await() end, request = true },
  { "its request's cancel_request", function(w) w.request:cancel_request() end, request = true },
  { "its request's facts", function(w)
    w.request:get_body_size()
    w.request:get_downloaded_bytes()
    w.request:get_http_client_status()
    w.request:get_last_message()
  end, request = true },
  { "set_waiter", function()
    httpclient.set_waiter(function(client, seconds) client:wait(seconds) end)
  end },
  { "set_waiter(nil)", function() httpclient.set_waiter(nil) end },
  { "an exchange by HTTPClient", function(w)
    local client = HTTPClient.new()
    assert(client:connect_to_host("127.0.0.1", w.inner_port) == 0)
    while client:get_status() < HTTPClient.STATUS_CONNECTED do client:wait(1) end
    assert(client:request(HTTPClient.METHOD_GET, "/", {}) == 0)
    while client:get_status() == HTTPClient.STATUS_REQUESTING do client:wait(1) end
    assert(support.read_all(client) == "inner")
    client:close()
  end },
  { "close_idle", function() httpclient.pool.close_idle() end },
  { "collectgarbage", function()
    collectgarbage()
    collectgarbage()
  end },
  { "an error", function() error("boom", 0) end, goes_through = true },
  { "an error that is a table", function()
    error(setmetatable({}, { __tostring = function() return "boom" end }), 0)
  end, goes_through = true },
  { "yield", function() coroutine.yield() end, goes_through = true },
}

-- --- what is expected

local IS_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local OUT_OF_PLACE = "can't be called from inside a task or a callback"
local no_scheduler_within = { process = true, ["process(0)"] = true, run = true }
local waits_for_tasks = { ["wait for another"] = true, ["wait a while for another"] = true,
  ["wait for itself"] = true,
  ["another request's await"] = true, ["its request's await"] = true }

-- The message with which the call is refused; nil: it works. `way` is the callback, `driver` who has called it.
local function refusal(name, way, driver)
  local in_task = way.kind == "callback" or (way.kind ~= "waiter" and driver.scheduled)
  if no_scheduler_within[name] then
    return in_task and OUT_OF_PLACE or nil
  elseif name == "next_frame" then
    if way.kind == "waiter" or way.kind == "body" or not driver.scheduled then
      return "is for tasks"
    end
    return (way.below_c or (way.kind == "metamethod" and IS_51)) and "can't wait here" or nil
  elseif way.kind == "body" and driver.scheduled and waits_for_tasks[name] then
    return OUT_OF_PLACE
  elseif name == "wait for itself" or (name == "its request's await" and not way.is_completion) then
    return "a task can't wait for itself"
  end
end

-- The message with which the exchange ends; nil: it goes on to its end.
local function ending(name, way, driver)
  if name == "yield" then
    local has_place = (driver.scheduled and way.kind ~= "waiter") or driver.is_coroutine
    local can = has_place and way.kind ~= "body" and not way.below_c
      and not (way.kind == "metamethod" and IS_51)
    return not can and "yield" or nil
  elseif name == "cancel of itself" then
    return "the task was cancelled"
  elseif name == "an error that is a table" and way.kind == "body" then
    return "error in the body function"
  end
  return name:find("^an error") and "boom" or nil
end

-- --- one cell

local function new_world(way)
  local outer = with_server({ { { content = way.content, send = answer("outer") } } })
  local inner = with_server({ { answer("inner") } })
  local w = { outer = outer:url(), inner = inner:url(), inner_port = inner:port() }
  local limit = native.monotonic() + support.LIMIT
  w.other = async(function()
    repeat httpclient.sleep(0.0005) until w.is_over or native.monotonic() > limit
    return 7
  end)
  w.stop = function()
    w.is_over = true
    outer:stop()
    inner:stop()
    httpclient.pool.close_idle()
  end
  return w
end

-- What the callback does at its first call. In 5.1 nothing shows that a metamethod calls, but a pcall does.
local function hook_for(w, call, way, driver)
  local expected = refusal(call[1], way, driver)
  return function()
    w.count = (w.count or 0) + 1
    if w.count > 1 then return end
    if call.goes_through or (not expected and not (IS_51 and way.kind == "metamethod")) then
      w.is_over = call.goes_through or w.is_over
      call[2](w)
    else
      local ok, message = pcall(call[2], w)
      local is_right = ok == not expected and (ok or tostring(message):find(expected, 1, true))
      if not is_right then
        w.problem = ("expected %s, got %s"):format(expected or "success", tostring(message))
      end
    end
    w.is_over = true
  end
end

-- A message, when something is not as it should be.
local function check_after(w, call, wanted, ok, response, message)
  if not ok then response, message = nil, response end
  if w.problem then return w.problem end
  if not w.count then return "the callback was not called" end
  if not wanted and not response then return "failed: " .. tostring(message) end
  if wanted and (response or not tostring(message):find(wanted, 1, true)) then
    return ("expected the end %s, got %s %s"):format(wanted, tostring(response), tostring(message))
  end
  local ran, why = pcall(run)
  if not ran then return "run: " .. tostring(why) end
  if call.check then
    local holds, problem = pcall(call.check, w)
    if not holds then return "afterwards: " .. tostring(problem) end
  end
  if w.own and w.own:status() == "running" then return "its task is still there" end
  if IS_51 and httpclient.pool.count() ~= 0 then
    -- Nothing yields across a pcall there: what an error has left behind is found when it is collected.
    collectgarbage()
    collectgarbage()
    pcall(fetch, (w.outer:gsub("%d+/$", "1/")), { timeout = 1 })
  end
  if (httpclient.pool.count()) ~= 0 then return "a connection was not given back" end
end

-- SPEC_FEWER: where each connection takes long, so many times fewer, others out of each way.
local fewer, tested = tonumber(os.getenv("SPEC_FEWER")) or 1, 0

local function test_all(way, driver, cell)
  local problems = {}
  tested = tested + 1
  for index, call in ipairs(calls) do
    if (index + tested) % fewer == 0
      and (not call.own or (driver.scheduled and way.kind ~= "waiter"))
      and (not call.request or way.is_request) then
      local w = new_world(way)
      finally(function() httpclient.set_waiter(nil) end)
      local problem = cell(w, call)
      httpclient.set_waiter(nil)
      w.stop()
      pcall(run)
      if problem then problems[#problems + 1] = call[1] .. ": " .. problem end
    end
  end
  assert.same({}, problems)
end

-- --- fetch

local function pull(hook)
  local count = 0
  return function()
    count = count + 1
    if count == 2 then hook() end
    return count < 3 and "x" or nil
  end
end

local ways = {
  { "on_data", kind = "callback", options = function(hook) return { on_data = hook } end },
  { "on_progress", kind = "callback", options = function(hook) return { on_progress = hook } end },
  { "a body function", kind = "body", content = 2, options = function(hook)
    return { body = pull(hook), headers = { "Content-Length: 2" } }
  end },
  { "the waiter", kind = "waiter", options = function(hook)
    httpclient.set_waiter(function(client, seconds)
      hook()
      client:wait(seconds)
    end)
    return {}
  end },
  { "__index of the options", kind = "metamethod", options = function(hook)
    return setmetatable({}, { __index = function(_, name)
      if name == "query" then hook() end
    end })
  end },
  { "__pairs of the query", kind = "metamethod", below_c = true, options = function(hook)
    return { query = setmetatable({}, { __pairs = function(fields)
      hook()
      return next, fields, nil
    end }) }
  end },
}

local function resume_to_the_end(fn)
  local co, deadline = coroutine.create(fn), native.monotonic() + support.LIMIT
  local results
  repeat
    results = { coroutine.resume(co) }
    if not results[1] then error(results[2], 0) end
    assert(native.monotonic() < deadline, "it hangs")
  until coroutine.status(co) == "dead"
  return results[2], results[3]
end

local function process_until(is_done)
  support.until_true(function()
    process()
    return is_done()
  end)
end

local drivers = {
  { "fetch", fn = function(_, fn) return fn() end },
  { "fetch in a coroutine", is_coroutine = true,
    fn = function(_, fn) return resume_to_the_end(fn) end },
  { "run", scheduled = true, fn = function(w, fn)
    w.own = async(fn)
    run()
    return w.own:result()
  end },
  { "process", scheduled = true, is_waiting = false, fn = function(w, fn)
    w.own = async(fn)
    process_until(function() return w.own:status() ~= "running" end)
    return w.own:result()
  end },
  { "wait", scheduled = true, is_waiting = false, fn = function(w, fn)
    w.own = async(fn)
    return w.own:wait()
  end },
}

describe("Every call of tasks is answered or refused out of", function()
  for _, way in ipairs(ways) do
    for _, driver in ipairs(drivers) do
      if way.kind ~= "waiter"
        or driver.is_waiting ~= false then -- the waiter may have nothing to do there
        it(("%s, called by %s"):format(way[1], driver[1]), function()
          test_all(way, driver, function(w, call)
            local options = way.options(hook_for(w, call, way, driver))
            return check_after(w, call, ending(call[1], way, driver), pcall(driver.fn, w, function()
              local response, message = fetch(w.outer, options)
              if response and response.body ~= (options.on_data and "" or "outer") then
                return nil, "a wrong body"
              end
              return response, message
            end))
          end)
        end)
      end
    end
  end
end)

-- --- HTTPRequest

local request_ways = {
  { "on_request_completed", kind = "callback", is_completion = true, set = function(request, hook)
    request.on_request_completed = hook
  end },
  { "a connected handler", kind = "callback", is_completion = true, set = function(request, hook)
    request:connect("request_completed", hook)
  end },
  { "on_progress", kind = "callback",
    set = function(request, hook) request.on_progress = hook end },
  { "a body function", kind = "body", content = 2, set = function() end },
}

local request_drivers = {
  { "run", scheduled = true, fn = function() run() end },
  { "process", scheduled = true, fn = function(_, is_done) process_until(is_done) end },
  { "await", scheduled = true, fn = function(w, is_done)
    w.request:await()
    if not is_done() then run() end -- the handlers
  end },
}

-- How a request ends in which this was called: completions that are seen, what run() raises.
local function request_ending(call, way)
  local is_error = call[1]:find("^an error") ~= nil
  local fails = way.kind == "body" and call.goes_through
  if call[1] == "its request's cancel_request" and not way.is_completion then return "none" end
  if is_error and way.kind ~= "body" then return way.is_completion and "seen" or "none", "boom" end
  return fails and "failed" or "seen"
end

local function request_cell(w, call, way, driver)
  local request, completions = HTTPRequest.new(), {}
  w.request = request
  local hook = hook_for(w, call, way, driver)
  way.set(request, hook)
  request:connect("request_completed", function(result, code, _, body)
    completions[#completions + 1] = { result, code, body }
  end)
  local is_pulled = way.kind == "body"
  assert(request:request(w.outer, is_pulled and { "Content-Length: 2" } or {}, is_pulled and "POST"
    or "GET",
    is_pulled and pull(hook) or nil) == Error.OK)
  local how, raised = request_ending(call, way)
  local ok, message = pcall(driver.fn,
    w, function() return completions[1] or how == "none" and w.count end)
  local ran, later = pcall(run)
  if not ran then ok, message = ran, later end
  if ok == (raised ~= nil) or (raised and not tostring(message):find(raised, 1, true)) then
    return ("expected %s to be raised, got %s"):format(tostring(raised), tostring(message))
  end
  local first = completions[1] or {}
  local got = first[1] == nil and "none" or first[1] == 0 and first[3] == "outer" and "seen"
    or "failed"
  if got ~= how then
    return ("expected completion %s, got %s, result %s"):format(how, got, tostring(first[1]))
  end
  if call[1] == "its request" then
    local last = completions[2]
    local has_worked = w.code == Error.OK and last and last[3] == "inner"
    if way.is_completion and not has_worked then return "no second request" end
    if not way.is_completion and w.code ~= Error.ERR_BUSY then
      return "not busy, but " .. tostring(w.code)
    end
  end
  return check_after(w, call, nil, true, true)
end

describe("Every call of tasks is answered or refused out of an HTTPRequest's", function()
  for _, way in ipairs(request_ways) do
    way.is_request = true
    for _, driver in ipairs(request_drivers) do
      it(("%s, called by %s"):format(way[1], driver[1]), function()
        test_all(way, driver, function(w, call)
          if call.own then return nil end -- nobody has its task
          return request_cell(w, call, way, driver)
        end)
      end)
    end
  end
end)

describe("A waiter that waits by itself", function()
  it("loses nothing of what the Poller has told it", function()
    finally(function() httpclient.set_waiter(nil) end)
    local server = with_server({ { answer("one") }, { answer("two") } })
    httpclient.set_waiter(function(client, seconds)
      for _ = 1, 3 do client:wait(math.min(seconds or 0.05, 0.05)) end
    end)
    local tasks = { async(fetch, server:url()), async(fetch, server:url()) }
    run()
    for _, task in ipairs(tasks) do assert(task:result()) end
  end)
end)
