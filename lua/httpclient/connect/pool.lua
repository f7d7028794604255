-- pool.lua: who gets which connection to a place (places.lua), and who waits for one.
--
-- At most max_per_host connections to one place are in use at a time; a task that needs another one
-- waits its turn: in the scheduler, or in a coroutine of a loop that the waiter belongs to. Who can
-- not wait (a call outside of both, or one from inside a transfer's callback) gets one beyond that.
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

local forget_if_empty, place_of = places.forget_if_empty, places.of
local now = httpclient.monotonic_time
local OK = httpclient.Error.OK
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED
local get_status, poll = httpclient.HTTPClient.get_status, httpclient.HTTPClient.poll

-- What scripts see has the settings, too.
local pool = places.settings
-- Clients whose answers scripts read as they like, for as long as they like -> true: they do not
-- count against max_per_host.
local apart = kept("apart", setmetatable({}, { __mode = "k" }))
-- Who waits in a foreign loop looks so often, in seconds, whether a coroutine is gone that had a connection.
local LOOK = 0.2

local function take_back_lost()
  lost.take_back(pool.discard, pool.close_idle)
end

local function sweep()
  if lost.are_there() then
    take_back_lost()
  end
  places.close_stale()
end

-- --- what there is for one who asks
--
-- An ask: fresh (a time: only a connection made since; nil: any), shares (HTTP/2 may come of it),
-- home (see shared.lua), deadline, goes_beyond (the limit is not for this one).

local function is_full(place)
  return pool.max_per_host > 0 and place.busy >= pool.max_per_host
end

local function count_in(place)
  place.used, place.busy = place.used + 1, place.busy + 1
end

-- A line that takes no more counts no longer: whoever is on it does not keep others out.
local function retire(place, line)
  for index, other in ipairs(place.lines) do
    if other == line then
      table.remove(place.lines, index)
      shared.observe(line, nil)
      line.is_retired = true
      place.busy = place.busy - line.used
      return
    end
  end
end

local function is_young(began, ask)
  return not ask.fresh or began > ask.fresh
end

-- A stream of a connection in use.
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

-- poll() finds what has been closed, and bytes that nobody asked for.
local function is_live(client)
  poll(client)
  return get_status(client) == CONNECTED
end

local function take_kept(place, index, ask)
  local entry = places.take(place, index)
  if not is_live(entry.client) then
    if entry.line then
      shared.close(entry.line)
    else
      entry.client:close()
    end
    return nil
  elseif not entry.line then
    return entry.client
  end
  local client = shared.take(entry.line, ask.home)
  if client then
    place.lines[#place.lines + 1] = entry.line
  else
    shared.close(entry.line)
  end
  return client
end

-- The newest first: it is the one that the server has kept most likely.
local function take_live(place, ask)
  for index = #place.idle, 1, -1 do
    local entry = place.idle[index]
    if not ask.fresh or (entry.line and is_young(entry.line.began, ask)) then
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

-- Of several that connect at once each would get a connection of its own, though the first may turn
-- out to be for all of them.
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

-- -> a client that is the asker's from now on, and whether its connection stands; nil: wait
local function find(key, place, ask)
  local client = ask.shares and take_stream(place, ask)
  if client then
    count_in(place)
    return client, true
  elseif not ask.goes_beyond and is_full(place) then
    return nil
  end
  client = take_live(place, ask)
  if not client and waits_for_another(key, place, ask) then
    return nil
  end
  count_in(place)
  return client or new_client(place, ask), client ~= nil
end

local serve_queue

-- Who waits behind long streams hears at once when a connection takes more, or is about to end.
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
-- `mark`: those of a session alone.
function pool.close_idle(mark)
  take_back_lost()
  local all = {}
  for _, place in pairs(places.by_key) do
    all[#all + 1] = place
  end
  for _, place in ipairs(all) do
    drop_abandoned(place)
  end
  for key, place in pairs(places.by_key) do
    if type(mark) ~= "string" or key:sub(-#mark) == mark then
      places.close_oldest(key, place, function()
        return true
      end)
    end
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

-- Does one of the tasks that this one is a part of hold a connection? Then it waits for no other: that one may be next.
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
-- of it; fresh: see find(); task: the calling one, where that is known. -> client, whether its
-- connection stands; nil when the deadline came first. While the task waits for its turn it has a
-- field `ticket`: see leave().
function pool.acquire(key, shares, fresh, deadline, task)
  sweep()
  task = task or waits.current()
  local place = place_of(key)
  local ask = { shares = shares, fresh = fresh, deadline = deadline, home = waits.home_of(task) }
  local client, stands
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
  places.by_key[key].holders[client] = task
  return client, stands
end

local function leave_pioneers(place, client)
  if place.pioneers[client] then
    place.pioneers[client] = nil
    place.pioneer_count = place.pioneer_count - 1
  end
end

-- The client's connection stands.
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

-- A client that waits for the server's settings: see pool.settled().
function pool.is_settling(client)
  local line = shared.of(client)
  return line ~= nil and line.settler == client
end

-- They are in, or not waited for any longer.
function pool.settled(key, client)
  shared.of(client).settler = nil
  serve_queue(key, place_of(key))
end

-- The client's request is on its way, or refused.
pool.note_request = shared.note_request

local function give_back_stream(key, place, line, client)
  shared.give_back(line, client)
  if not line.is_retired then
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
      places.keep(place, { client = line.keeper, since = now(), line = line })
    else
      shared.close(line)
    end
  end
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

-- The exchange is over and the connection lives: the next one may have it.
function pool.release(key, client)
  local line, place = shared.of(client), place_of(key)
  place.holders[client] = nil
  if line then
    place.used = place.used - 1
    return give_back_stream(key, place, line, client)
  end
  if get_status(client) ~= CONNECTED or pool.idle_timeout <= 0 then
    return pool.discard(key, client)
  end
  scheduler.unwatch(client)
  count_out(place, client)
  places.keep(place, { client = client, since = now() })
  serve_queue(key, place)
  places.limit()
end

-- The client is of no more use. What it has under way ends, and its connection if that is its own.
function pool.discard(key, client)
  local line, place = shared.of(client), place_of(key)
  place.holders[client] = nil
  if line then
    place.used = place.used - 1
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

-- A script reads the answer on the client as it comes, and takes its time: the pool does not hold
-- it, and a connection of its own keeps nobody else from one. Given back as any other.
function pool.detach(key, client)
  local place = place_of(key)
  place.holders[client] = nil
  if not apart[client] and not shared.of(client) then
    apart[client] = true
    place.busy = place.busy - 1
    serve_queue(key, place)
  end
end

-- A task that ended while it waited for its turn: its place in the queue, or the client that it was just given.
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

-- For tests and the curious. -> requests in use of a connection (of one of HTTP/2 each stream counts), connections
-- kept, tasks that wait for one
function pool.count()
  take_back_lost()
  local used, queued = 0, 0
  for _, place in pairs(places.by_key) do
    used = used + place.used
    queued = queued + #place.queue
  end
  return used, places.idle_count(), queued
end

return pool
