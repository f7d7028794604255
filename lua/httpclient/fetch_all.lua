-- fetch_all.lua: many requests, some at a time, and what came of each in the order of the list. The list may grow
-- meanwhile: on_each adds what it has found.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local array = require(root .. ".base.array")
local call = require(root .. ".call")
local check = require(root .. ".base.check")
local drive = require(root .. ".tasks.drive")
local scheduler = require(root .. ".tasks.scheduler")
local task_class = require(root .. ".tasks.task")
local waits = require(root .. ".tasks.waits")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER
local JOBS = 8
-- A level that nobody has called: the error has no place of its own.
local NOWHERE = 1e6
local known = { jobs = true, on_each = true }

local fetch_all = {}

local function check_options(given, level)
  for name in pairs(given) do
    if not known[name] then
      error(("fetch_all has no option '%s'"):format(tostring(name)), level + 1)
    end
  end
  local jobs = given.jobs or JOBS
  if type(jobs) ~= "number" or jobs < 1 or jobs % 1 ~= 0 then
    error("bad option 'jobs' of fetch_all (a whole number from 1 on expected)", level + 1)
  elseif given.on_each ~= nil and type(given.on_each) ~= "function" then
    error("bad option 'on_each' of fetch_all (a function expected)", level + 1)
  end
  return jobs
end

-- What would be passed over without a word.
local function check_list(list, level)
  local count, missing = array.look(list)
  for name in pairs(known) do
    if list[name] ~= nil then
      check.fail(1, "fetch_all",
        ("'%s' belongs into a table of its own, behind the list"):format(name), level + 1)
    end
  end
  if missing or count == 0 and next(list) ~= nil then
    check.fail(1, "fetch_all", ("entry %d is missing"):format(missing or 1), level + 1)
  end
end

-- Takes in what the list has by now: { url, options }, checked. A level of nobody's: the error has no place.
local function take_entries(state, level)
  local list, entries = state.list, state.entries
  for index = #entries + 1, #list do
    local entry = list[index]
    if type(entry) == "string" then
      entry = { entry }
    elseif type(entry) ~= "table" or type(entry[1]) ~= "string"
      or (entry[2] ~= nil and type(entry[2]) ~= "table") then
      check.fail(1, "fetch_all", ("entry %d is neither a URL nor { url, options }"):format(index),
        level + 1)
    end
    local url, given = entry[1], entry[2]
    if state.prepare then
      url, given = state.prepare(url, given)
    end
    call.check("fetch", url, given, level + 1)
    entries[index] = { url, given }
  end
end

-- -> as call.transfer(). Options that are wrong are the caller's of fetch_all, who is told in run().
local function transfer_of(state, index)
  local url, given = state.entries[index][1], state.entries[index][2]
  local ok, t, why = pcall(call.transfer, "fetch", url, given or {}, state.scope, NOWHERE)
  if not ok then
    state.is_wrong = type(t) == "string"
    error(state.is_wrong and ("entry %d: %s"):format(index, t) or t, 0)
  end
  return t, why
end

local start_workers

-- on_each has been called.
local function take_more(state)
  if #state.list > #state.entries and not state.is_over then
    local ok, why = pcall(take_entries, state, NOWHERE)
    if not ok then
      state.is_wrong = true
      error(why, 0)
    end
    start_workers(state)
  end
end

-- -> response, or nil and what there is to know of the failure
local function outcome_of(state, index)
  local t, why, code = transfer_of(state, index)
  if not t then
    return nil, why, code or INVALID, { sent = false, attempts = 0 }
  end
  return call.finish(t)
end

local function fetch_one(state, index)
  local response, message, code, facts = outcome_of(state, index)
  if not response then
    facts.error = code
  end
  state.responses[index], state.messages[index] = response or false, message
  state.failures[index] = facts
  if state.on_each then
    state.on_each(index, response or false, message, facts)
    take_more(state)
  end
end

local function work(state)
  while state.taken < #state.entries and not state.is_over do
    state.taken = state.taken + 1
    fetch_one(state, state.taken)
  end
  state.working = state.working - 1
end

-- As many tasks as there is work for, up to `jobs`.
function start_workers(state)
  for _ = 1, math.min(state.jobs - state.working, #state.entries - state.taken) do
    local worker = scheduler.new_scheduled(work, state)
    state.workers[#state.workers + 1], state.working = worker, state.working + 1
    scheduler.wake(worker)
  end
end

local function stop(state)
  state.is_over = true
  for _, worker in ipairs(state.workers) do
    task_class.cancel(worker)
  end
end

-- In a task of its own: what ends that ends the workers.
local function work_all(state)
  local me = waits.current()
  me.on_abort = function()
    stop(state)
  end
  start_workers(state)
  for _, worker in ipairs(state.workers) do -- which may become more
    task_class.wait(worker)
    if worker.state == "failed" then
      error(worker.results[2], 0)
    end
  end
  me.on_abort = nil
end

-- `prepare(url, options)` -> what is asked for, see Session; `scope`: see call.transfer()
function fetch_all.run(list, given, prepare, scope, level)
  if type(list) ~= "table" or check.owner_of("fetch_all", list) then
    check.fail_type(1, "fetch_all", "table", list, level + 1)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, "fetch_all", "table", given, level + 1)
  end
  given = given or {}
  local jobs = check_options(given, level + 1)
  check_list(list, level + 1)
  local state = { list = list, entries = {}, prepare = prepare, scope = scope, jobs = jobs,
    responses = {}, messages = {}, failures = {}, taken = 0, working = 0, workers = {},
    on_each = given.on_each }
  take_entries(state, level + 1)
  local ended = drive(work_all, state)
  if ended.state ~= "done" then
    error(ended.results[2], state.is_wrong and level + 1 or 0)
  end
  return state.responses, state.messages, state.failures
end

-- fetch_all(list [, { jobs = 8, on_each = fn }]) -> array with a response or false for each; messages, and what else is
-- known of failures, by the same index. See docs/sessions.md.
function fetch_all.call(list, given)
  local responses, messages, failures = fetch_all.run(list, given, nil, nil, 2)
  return responses, messages, failures
end

return fetch_all
