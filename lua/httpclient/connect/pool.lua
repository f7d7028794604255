-- pool.lua: decides who gets which connection to a place (places.lua), and who has to wait for one.
--
-- At most max_per_host connections to one place are in use at a time. A task that needs another one
-- waits its turn, in the scheduler or in a coroutine of the loop that the waiter belongs to. A call
-- that can't wait (outside of both, or inside a transfer's callback) gets one beyond the limit.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local alone = require(root .. ".connect.alone")
local kept = require(root .. ".base.kept")
local lost = require(root .. ".connect.lost")
local places = require(root .. ".connect.places")
local scheduler = require(root .. ".tasks.scheduler")
local shared = require(root .. ".connect.shared")
local waits = require(root .. ".tasks.waits")

local by_key, forget_if_empty, place_of = places.by_key, places.forget_if_empty, places.of
local now = httpclient.monotonic_time
local OK = httpclient.Error.OK
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED
local get_status, poll = httpclient.HTTPClient.get_status, httpclient.HTTPClient.poll

-- The table that scripts see as httpclient.pool; the settings are fields of it.
local pool = places.settings
-- Clients whose answers are read by scripts, which may take as long as they like -> true. They don't
-- count against max_per_host.
local apart = kept("apart", setmetatable({}, { __mode = "k" }))
-- A coroutine that waits in a foreign loop checks this often, in seconds, whether another one that
-- held a connection is gone.
local LOOK = 0.2

local function take_back_lost()
  lost.take_back(pool.discard, pool.close_idle)
end

local lost_ones = lost.list

local function sweep()
  if lost_ones[1] then
    take_back_lost()
  end
  places.close_stale()
end

-- --- finding a connection
--
-- An ask is what a caller wants: looks_later (who sends at once finds out by that whether the connection
-- stands, and asks again where it does not), fresh (a time: only a connection made since then; nil: any), shares
-- (it may turn out to be HTTP/2), home (see shared.lua), deadline, goes_beyond (the limit does not
-- apply).

local function is_full(place)
  return pool.max_per_host > 0 and place.busy >= pool.max_per_host
end

local function count_in(place)
  place.used, place.busy = place.used + 1, place.busy + 1
end

-- A line that takes no more requests stops counting against the limit, so that those still on it keep nobody out.
local function retire(place, line)
  for index, other in ipairs(place.lines) do
    if other == line then
      table.remove(place.lines, index)
      shared.observe(line, nil)
      line.is_retired = true
      place.busy = place.busy - (line.used - line.apart)
      return
    end
  end
end

local function is_young(began, ask)
  return not ask.fresh or began > ask.fresh
end

-- A stream on a connection that is in use already.
local function take_stream(place, ask)
  for index = #place.lines, 1, -1 do
    local line = place.lines[index]
    if shared.is_ending(line) then
      retire(place, line)
    elseif is_young(line.began, ask) and shared.suits(line, ask.home) and shared.room(line) > 0 then
      local client = shared.take(line, ask.home)
      if client then
        return client
      end
    end
  end
end

-- poll() notices that a connection was closed, or that the server sent something unasked.
local function is_live(client)
  poll(client)
  return get_status(client) == CONNECTED
end

local function take_kept(place, index, ask)
  local entry = places.take(place, index)
  local looks_later = ask.looks_later and not entry.line and get_status(entry.client) == CONNECTED
  if not looks_later and not is_live(entry.client) then
    if entry.line then
      shared.close(entry.line)
    else
      entry.client:close()
    end
    return nil
  elseif not entry.line then
    return entry.client
  end
  -- The server may have lowered its limit to nothing since. Nobody is on the connection, so nobody loses it.
  local client = shared.room(entry.line) > 0 and shared.take(entry.line, ask.home)
  if client then
    place.lines[#place.lines + 1] = entry.line
  else
    shared.close(entry.line)
  end
  return client
end

-- The newest first, since the server has most likely kept that one.
local function take_live(place, ask)
  for index = #place.idle, 1, -1 do
    local entry = place.idle[index]
    if entry and (not ask.fresh or entry.line and is_young(entry.line.began, ask)) then
      local client = take_kept(place, index, ask)
      if client then
        return client
      end
    end
  end
end

local function is_settling(place, ask)
  for _, line in ipairs(place.lines) do
    if line.settler and is_young(line.began, ask) and shared.suits(line, ask.home) then
      return true
    end
  end
  return false
end

-- If several connected at once, each would get a connection of its own, although the first may turn
-- out to serve them all.
local function waits_for_another(key, place, ask)
  if not ask.shares or ask.goes_beyond then
    return false
  end
  local has_pioneer = place.pioneer_count > 0 and not place.is_scattered
    and not alone.is(key)
  return has_pioneer or is_settling(place, ask)
end

local function new_client(place, ask)
  local client = httpclient.HTTPClient.new()
  if ask.shares then
    place.pioneers[client] = true
    place.pioneer_count = place.pioneer_count + 1
  end
  return client
end

-- As find() would for who looks later, may have any connection and shares none, where the first that it looks at will
-- do. -> the entry; nil: see there
local function take_usual(place)
  if place.queue[1] or is_full(place) then
    return nil
  end
  local entry = places.take_newest(place)
  if entry then
    count_in(place)
  end
  return entry
end

-- As find(), which counts what this gives.
local function look_for(key, place, ask)
  local client = ask.shares and take_stream(place, ask)
  if client then
    return client, true
  elseif not ask.goes_beyond and is_full(place) then
    return nil
  end
  client = take_live(place, ask)
  if client then
    return client, true
  elseif waits_for_another(key, place, ask) then
    return nil
  end
  return new_client(place, ask), false
end

-- -> a client, now the caller's, and whether it is connected; nil: the caller has to wait. (The place is in use from
-- the start: a finalizer may run meanwhile, and what it calls may forget places where nothing is.)
local function find(key, place, ask)
  place.used = place.used + 1
  local client, stands = look_for(key, place, ask)
  if client then
    place.busy = place.busy + 1
  else
    place.used = place.used - 1
  end
  return client, stands
end

local serve_queue

-- Callers who wait behind long streams are told at once when a connection takes more, or is about to end.
local function observe_lines(key, place)
  if not place.lines[1] then
    return
  end
  local fn = place.queue[1] and function()
    serve_queue(key, place)
  end or nil
  for _, line in ipairs(place.lines) do
    shared.observe(line, fn)
  end
end

function serve_queue(key, place)
  while place.queue[1] do
    local ticket = place.queue[1]
    local client, stands = find(key, place, ticket.ask)
    if not client then
      break
    end
    table.remove(place.queue, 1)
    ticket.client, ticket.stands = client, stands
    place.holders[client] = ticket.task
    if ticket.signal then
      ticket.signal:raise()
    else
      scheduler.wake(ticket.task)
    end
  end
  observe_lines(key, place)
  forget_if_empty(key, place)
end

-- --- waiting one's turn

-- -> true; false when the deadline came first
local function wait_in_scheduler(ticket, deadline)
  while not ticket.client do
    if waits.wait_for(nil, deadline) == "timeout" and not ticket.client then
      return false
    end
  end
  return true
end

-- Takes connections back from coroutines that nobody will resume.
local function drop_abandoned(place)
  local tasks_there = {}
  for _, task in pairs(place.holders) do
    tasks_there[#tasks_there + 1] = task
  end
  for _, task in ipairs(tasks_there) do
    waits.drop_if_abandoned(task)
  end
end

-- Closes every connection that is not in use. One held by a coroutine that nobody will resume counts as not in use.
-- `mark`: only those of one session.
function pool.close_idle(mark)
  take_back_lost()
  local keys, all = {}, {}
  for key, place in pairs(by_key) do
    keys[#keys + 1], all[#all + 1] = key, place
  end
  for _, place in ipairs(all) do
    drop_abandoned(place)
  end
  for _, key in ipairs(keys) do
    local place = (type(mark) ~= "string" or key:sub(-#mark) == mark) and by_key[key]
    if place then
      places.close_oldest(key, place, function()
        return true
      end)
    end
  end
end

-- Can one of the connections become free while the caller waits? Not if all their holders are below
-- the caller on its own stack.
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

-- In a coroutine of a foreign loop, which watches the signal. -> as above; nil: there is nothing left
-- to wait for
local function wait_in_loop(place, ticket, deadline)
  ticket.signal = core.Signal.new()
  while not ticket.client and has_moving_holder(place) do
    waits.wait_for(ticket.signal, math.min(deadline or math.huge, now() + LOOK))
    if not ticket.client then
      drop_abandoned(place)
    end
    if deadline and now() >= deadline and not ticket.client then
      return false
    end
  end
  ticket.signal:close()
  return ticket.client and true
end

-- -> as find(); nil when the deadline came first
local function wait_for_turn(key, place, task, ask)
  local ticket = { task = task, ask = ask }
  task.ticket = ticket
  table.insert(place.queue, ticket)
  observe_lines(key, place)
  local is_granted
  if waits.is_scheduled() then
    is_granted = wait_in_scheduler(ticket, ask.deadline)
  else
    is_granted = wait_in_loop(place, ticket, ask.deadline)
  end
  if is_granted == false then
    return nil
  end
  task.ticket = nil
  if is_granted == nil then
    leave_queue(place, ticket)
    ask.goes_beyond = true
    return find(key, place, ask)
  end
  -- Some time has gone by.
  if ticket.stands and not shared.of(ticket.client) and not is_live(ticket.client) then
    ticket.client:close()
    return ticket.client, false
  end
  return ticket.client, ticket.stands
end

-- Does one of the tasks that this one is part of hold a connection? Then it must not wait, since it
-- might wait for itself.
local function has_holder_above(task)
  local above = task and (task.parent or task.host)
  while above and not above.is_holder do
    above = above.parent or above.host
  end
  return above ~= nil
end

local function can_wait(place)
  return waits.is_scheduled() or (waits.may_pause() and has_moving_holder(place))
end

-- --- what transfers call

-- A client for the calling task, which must give it back by release() or discard(). It has a
-- connection to the place, or is to connect, and says so by connected(). shares: HTTP/2 may come
-- of it; fresh, looks_later: see above; task: the calling one, where that is known. -> client, whether its
-- connection stands; nil when the deadline came first. While the task waits for its turn it has a
-- field `ticket`: see leave(). (What comes behind these two is for release().)
function pool.acquire(key, shares, fresh, deadline, task, looks_later)
  sweep()
  task = task or waits.current()
  local place = by_key[key] or place_of(key)
  local entry = looks_later and not shares and not fresh and take_usual(place)
  if entry then
    place.holders[entry.client] = task
    return entry.client, true, entry
  end
  local ask = { shares = shares, fresh = fresh, deadline = deadline, home = waits.home_of(task),
    looks_later = looks_later }
  local client, stands
  place = by_key[key] or place_of(key) -- which a finalizer may have seen empty since
  if not place.queue[1] then
    client, stands = find(key, place, ask)
  end
  if not client then
    drop_abandoned(place)
    place = place_of(key)
    if not place.queue[1] then
      client, stands = find(key, place, ask)
    end
  end
  if not client then
    if can_wait(place) and not has_holder_above(task) then
      client, stands = wait_for_turn(key, place, task, ask)
      if not client then
        return nil
      end
    else
      ask.goes_beyond = true
      client, stands = find(key, place, ask)
    end
  end
  by_key[key].holders[client] = task
  return client, stands
end

local function leave_pioneers(place, client)
  if place.pioneers[client] then
    place.pioneers[client] = nil
    place.pioneer_count = place.pioneer_count - 1
  end
end

-- The caller has connected the client.
function pool.connected(key, client)
  local place = place_of(key)
  if not place.pioneers[client] then
    return
  end
  leave_pioneers(place, client)
  place.is_scattered = nil
  local line = shared.adopt(client)
  if line then
    place.lines[#place.lines + 1] = line
    shared.enter_home(line, client, waits.home_of(waits.current()))
  else
    alone.remember(key)
  end
  serve_queue(key, place)
end

-- Does the client wait for the server's settings? Then see pool.settled().
function pool.is_settling(client)
  local line = shared.of(client)
  return line ~= nil and line.settler == client
end

-- The settings have come, or the client waits no longer.
function pool.settled(key, client)
  shared.of(client).settler = nil
  serve_queue(key, place_of(key))
end

-- The client's request has been sent, or was refused.
pool.note_request = shared.note_request

local function give_back_stream(key, place, line, client)
  shared.give_back(line, client)
  if apart[client] then
    apart[client], line.apart = nil, line.apart - 1
  elseif not line.is_retired then
    place.busy = place.busy - 1
  end
  if not line.is_retired and shared.is_ending(line) then
    retire(place, line)
  end
  if line.used == 0 then
    local is_kept = not line.is_retired and pool.idle_timeout > 0
    retire(place, line)
    line.is_retired = false
    if is_kept then
      places.keep(place, { client = line.keeper, since = nil, line = line })
    else
      shared.close(line)
    end
  end
  place.used = place.used - 1
  serve_queue(key, place)
  places.limit()
end

local function count_out(place, client)
  place.used = place.used - 1
  if apart[client] then
    apart[client] = nil
  else
    place.busy = place.busy - 1
  end
end

-- The exchange is over, and the connection is good for the next one. `entry`: what acquire() has given with it, or nil.
function pool.release(key, client, entry)
  local line, place = shared.of(client), by_key[key] or place_of(key)
  place.holders[client] = nil
  if line then
    return give_back_stream(key, place, line, client)
  end
  if get_status(client) ~= CONNECTED or pool.idle_timeout <= 0 then
    return pool.discard(key, client)
  end
  scheduler.unwatch(client)
  entry = entry or { client = client, since = nil }
  count_out(place, client)
  places.keep(place, entry)
  if place.queue[1] or place.lines[1] then
    serve_queue(key, place)
  end
  places.limit()
end

-- The client is of no more use. Its request is cancelled, and its connection closed if nobody shares it.
function pool.discard(key, client)
  local line, place = shared.of(client), place_of(key)
  place.holders[client] = nil
  if line then
    if get_status(client) == CONNECTED then
      shared.note_request(client)
    end
    return give_back_stream(key, place, line, client)
  end
  count_out(place, client)
  if place.pioneers[client] then
    place.is_scattered = place.is_scattered or client:get_last_error() ~= OK or nil
    leave_pioneers(place, client)
  end
  scheduler.unwatch(client)
  client:close()
  serve_queue(key, place)
end

-- A script reads the answer on this client and may take its time. So the pool does not hold the
-- client, and its connection, or its stream where that is shared, stops counting against the limit.
-- It is given back like any other.
function pool.detach(key, client)
  local line, place = shared.of(client), place_of(key)
  place.holders[client] = nil
  if apart[client] then
    return
  end
  apart[client] = true
  if line then
    line.apart = line.apart + 1
  end
  if not (line and line.is_retired) then
    place.busy = place.busy - 1
  end
  serve_queue(key, place)
end

-- For a task that ended while it waited for its turn: gives up its place in the queue, or the client it was just given.
function pool.leave(key, ticket)
  local place = place_of(key)
  if ticket.signal then
    ticket.signal:close()
  end
  if ticket.client then
    return pool.discard(key, ticket.client)
  end
  leave_queue(place, ticket)
  serve_queue(key, place)
end

-- For tests and the curious. -> requests that have a connection (on HTTP/2 each stream counts), idle connections that
-- are kept, tasks that wait for one
function pool.count()
  take_back_lost()
  local used, queued = 0, 0
  for _, place in pairs(by_key) do
    used = used + place.used
    queued = queued + #place.queue
  end
  return used, places.idle_count(), queued
end

return pool
