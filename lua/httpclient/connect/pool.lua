-- pool.lua: connections kept for the next request to the same place: origin, TLS options and proxy.
--
-- At most max_per_host connections to one place are in use at a time; a task that needs another one
-- waits its turn: in the scheduler, or in a coroutine of a loop that the waiter belongs to. Who can
-- not wait (a call outside of both, or one from inside a transfer's callback) gets one beyond that.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local kept = require(root .. ".base.kept")
local scheduler = require(root .. ".tasks.scheduler")
local waits = require(root .. ".tasks.waits")

local now = httpclient.monotonic_time
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED

-- The script's settings; a half that is loaded anew finds what the script has set.
local pool = kept("pool", {
  max_per_host = 6,   -- connections in use to one place; 0: no limit
  max_idle = 32,      -- connections kept in all
  idle_timeout = 60,  -- seconds that a connection is kept
})

local state = kept("places", { idle_count = 0, by_key = {} })
local places = state.by_key   -- key -> { idle = { { client, since } ... }, used = n, queue = { ticket ... },
                              --         holders = { [client or granted ticket] = task } }
-- Who waits in a foreign loop looks so often, in seconds, whether a coroutine is gone that had a connection.
local LOOK = 0.2

local function place_of(key)
  local place = places[key]
  if not place then
    place = { idle = {}, used = 0, queue = {}, holders = {} }
    places[key] = place
  end
  return place
end

local function forget_if_empty(key, place)
  if place.used == 0 and #place.idle == 0 and #place.queue == 0 then
    places[key] = nil
  end
end

local function take_idle(place, index)
  state.idle_count = state.idle_count - 1
  return table.remove(place.idle, index)
end

-- The place's idle connections from the oldest on, as long as `expendable` says so, are closed.
local function close_oldest(key, place, expendable)
  while place.idle[1] and expendable(place.idle[1]) do
    take_idle(place, 1).client:close()
  end
  forget_if_empty(key, place)
end

local function sweep()
  if state.idle_count == 0 then
    return
  end
  local oldest = now() - pool.idle_timeout
  for key, place in pairs(places) do
    if place.idle[1] and place.idle[1].since <= oldest then
      close_oldest(key, place, function(idle)
        return idle.since <= oldest
      end)
    end
  end
end

-- The one that has been kept longest of all, whatever its place.
local function close_oldest_of_all()
  local key, place
  for other_key, other in pairs(places) do
    if other.idle[1] and (not place or other.idle[1].since < place.idle[1].since) then
      key, place = other_key, other
    end
  end
  take_idle(place, 1).client:close()
  forget_if_empty(key, place)
end

-- The newest first: it is the one that the server has kept most likely. poll() finds what has been closed, and bytes
-- that nobody asked for.
local function take_live(place)
  while #place.idle > 0 do
    local client = take_idle(place, #place.idle).client
    client:poll()
    if client:get_status() == CONNECTED then
      return client
    end
    client:close()
  end
end

-- -> true; false when the deadline came first
local function wait_in_scheduler(ticket, deadline)
  while not ticket.granted do
    if waits.wait_for(nil, deadline) == "timeout" and not ticket.granted then
      return false
    end
  end
  return true
end

-- Coroutines that nobody resumes any more give back what they had.
local function drop_abandoned(place)
  local tasks_there = {}
  for _, task in pairs(place.holders) do
    tasks_there[#tasks_there + 1] = task
  end
  for _, task in ipairs(tasks_there) do
    waits.drop_if_abandoned(task)
  end
end

-- Closes every connection that is not in use. What a coroutine holds that nobody resumes any more is in nobody's use.
function pool.close_idle()
  local all = {}
  for _, place in pairs(places) do
    all[#all + 1] = place
  end
  for _, place in ipairs(all) do
    drop_abandoned(place)
  end
  for key, place in pairs(places) do
    close_oldest(key, place, function()
      return true
    end)
  end
end

-- Will one of the connections be free while the caller waits? Not if all belong to what stands below it on the stack.
local function has_moving_holder(place)
  for _, task in pairs(place.holders) do
    if waits.can_move(task) then
      return true
    end
  end
  return false
end

local function leave_queue(place, ticket)
  for index, other in ipairs(place.queue) do
    if other == ticket then
      table.remove(place.queue, index)
      return
    end
  end
end

-- In a coroutine of a foreign loop, which watches the signal. -> as above; nil where nothing is to
-- be waited for any more
local function wait_in_loop(place, ticket, deadline)
  ticket.signal = core.Signal.new()
  while not ticket.granted and has_moving_holder(place) do
    waits.wait_for(ticket.signal, math.min(deadline or math.huge, now() + LOOK))
    if not ticket.granted then
      drop_abandoned(place)
    end
    if deadline and now() >= deadline and not ticket.granted then
      return false
    end
  end
  ticket.signal:close()
  return ticket.granted
end

local function wait_for_turn(place, task, deadline)
  local ticket = { task = task }
  task.ticket = ticket
  table.insert(place.queue, ticket)
  local is_granted
  if waits.is_scheduled() then
    is_granted = wait_in_scheduler(ticket, deadline)
  else
    is_granted = wait_in_loop(place, ticket, deadline)
  end
  if is_granted ~= false then
    place.holders[ticket], task.ticket = nil, nil
  end
  if is_granted == nil then
    leave_queue(place, ticket)
    place.used = place.used + 1
  end
  return is_granted ~= false
end

-- Passes the right to a connection on to the first in the queue, or gives it back.
local function pass_on(key, place)
  local ticket = table.remove(place.queue, 1)
  if ticket then
    ticket.granted = true
    place.holders[ticket] = ticket.task
    if ticket.signal then
      ticket.signal:raise()
    else
      scheduler.wake(ticket.task)
    end
    return
  end
  place.used = place.used - 1
  forget_if_empty(key, place)
end

-- Does one of the tasks that this one is a part of hold a connection? Then it waits for no other: that one may be next.
local function has_holder_above(task)
  local above = task and (task.parent or task.host)
  while above and not above.is_holder do
    above = above.parent or above.host
  end
  return above ~= nil
end

-- A connection to the place, or a new client, for the calling task, which must give it back by release() or discard().
-- fresh: not one that has been used. -> client, whether it has been used; nil when the deadline came first. While the
-- task waits for its turn it has a field `ticket`: see leave().
function pool.acquire(key, fresh, deadline)
  sweep()
  local task, place = waits.current(), place_of(key)
  local function is_full()
    return pool.max_per_host > 0 and place.used >= pool.max_per_host
  end
  if is_full() then
    drop_abandoned(place)
    place = place_of(key)
  end
  local can_wait = waits.is_scheduled() or waits.may_pause() and has_moving_holder(place)
  if is_full() and can_wait and not has_holder_above(task) then
    if not wait_for_turn(place, task, deadline) then
      return nil
    end
  else
    place.used = place.used + 1
  end
  local client = not fresh and take_live(place)
  local is_used = client and true or false
  client = client or httpclient.HTTPClient.new()
  place.holders[client] = task
  return client, is_used
end

-- The exchange is over and the connection lives: the next one may have it.
function pool.release(key, client)
  scheduler.unwatch(client)
  if client:get_status() ~= CONNECTED or pool.idle_timeout <= 0 then
    return pool.discard(key, client)
  end
  local place = place_of(key)
  place.holders[client] = nil
  table.insert(place.idle, { client = client, since = now() })
  state.idle_count = state.idle_count + 1
  pass_on(key, place)
  if state.idle_count > pool.max_idle then
    sweep()
  end
  while state.idle_count > math.max(0, pool.max_idle) do
    close_oldest_of_all()
  end
end

-- The connection is of no more use.
function pool.discard(key, client)
  scheduler.unwatch(client)
  client:close()
  local place = place_of(key)
  place.holders[client] = nil
  pass_on(key, place)
end

-- A task that ended while it waited for its turn: its place in the queue, or the right that it was just given.
function pool.leave(key, ticket)
  local place = place_of(key)
  if ticket.signal then
    ticket.signal:close()
  end
  if ticket.granted then
    place.holders[ticket] = nil
    return pass_on(key, place)
  end
  leave_queue(place, ticket)
  forget_if_empty(key, place)
end

-- For tests and the curious. -> connections in use, kept, tasks that wait for one
function pool.count()
  local used, queued = 0, 0
  for _, place in pairs(places) do
    used = used + place.used
    queued = queued + #place.queue
  end
  return used, state.idle_count, queued
end

return pool
