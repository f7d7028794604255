-- company.lua: clients of one connection whose coroutines wait in a loop that is not ours.
--
-- They have one descriptor, which not every loop lets two wait for, and the step of one takes the
-- bytes of all. So they stand in one Poller. One of the coroutines leads: it waits for the Poller.
-- The others wait for a Signal each, and are told when their client has moved, or when it is
-- their turn to lead.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local kept = require(root .. ".base.kept")

local now = httpclient.monotonic_time
-- Who follows looks so often, in seconds, whether the one who leads is gone.
local LOOK = 0.5

local company = {}

local company_of = kept("company", setmetatable({}, { __mode = "kv" }))

function company.new()
  return {
    poller = nil,
    is_in = {},       -- client in the poller -> true
    signals = {},     -- client that follows -> its Signal
    observers = {},   -- client that nobody waits for -> fn(client), called when it has moved
    moved = {},       -- client -> true: its next wait is over
    leader = nil,     -- the client that waits for the poller, ...
    coroutines = setmetatable({}, { __mode = "v" }), -- ... and there at "leader" who waits
  }
end

function company.join(self, client)
  company_of[client] = self
end

function company.of(client)
  return company_of[client]
end

local function add(self, client)
  if not self.is_in[client] then
    self.poller = self.poller or httpclient.Poller.new()
    if self.poller:add(client) ~= 0 then
      return false
    end
    self.is_in[client] = true
  end
  return true
end

local function remove(self, client)
  if self.is_in[client] then
    self.is_in[client] = nil
    self.poller:remove(client)
  end
end

local function note_moved(self, client)
  local signal = self.signals[client]
  self.moved[client] = true
  remove(self, client)
  if signal then
    signal:raise()
  end
end

-- Polls those that can move, and wakes their coroutines. What a client has is taken when its
-- coroutine gets to it: until then, and until its next wait, it is out of the poller.
local function round(self)
  for _, client in ipairs(self.poller:wait(0)) do
    local observer = self.observers[client]
    if observer then
      observer(client)
    else
      note_moved(self, client)
    end
  end
  -- Again with each round, which silences it, until the one who leads has heard it.
  if self.leader and self.moved[self.leader] then
    core.wake_poller(self.poller)
  end
end

-- A client of it has made a step of its own, which may have moved others.
function company.notice(client)
  local self = company_of[client]
  if self and self.poller and self.poller:timeout() == 0 then
    round(self)
  end
end

-- fn(client) is called when it has moved, until it is nil. -> is it watched?
function company.observe(self, client, fn)
  local is_watched = fn ~= nil and add(self, client)
  self.observers[client] = is_watched and fn or nil
  if not is_watched then
    remove(self, client)
  end
  return is_watched
end

-- Somebody has to lead.
local function hand_over(self)
  local _, signal = next(self.signals)
  if signal and not self.leader then
    signal:raise()
  end
end

local function has_leader(self)
  local co = self.coroutines.leader
  if self.leader and (not co or coroutine.status(co) == "dead") then
    self.leader = nil
  end
  return self.leader ~= nil
end

local function lead(self, client, deadline, call_waiter)
  self.leader, self.coroutines.leader = client, coroutine.running()
  local ok, message = call_waiter(self.poller, deadline)
  if self.leader == client then
    self.leader = nil
  end
  round(self)
  return ok, message
end

local function follow(self, client, deadline, call_waiter)
  local signal, own = core.Signal.new(), client:timeout()
  self.signals[client] = signal
  local ok, message = call_waiter(signal, math.min(deadline or math.huge, now() + (own or LOOK),
    now() + LOOK))
  self.signals[client] = nil
  signal:close()
  company.notice(client)
  return ok, message
end

-- Waits until the client has moved, or the deadline has come. call_waiter(object, deadline) is
-- outside.call_waiter. -> true; false and a message: the waiter has raised it
function company.wait(self, client, deadline, call_waiter)
  local ok, message = true, nil
  if not add(self, client) then
    return call_waiter(client, deadline)
  end
  round(self)
  while ok and not self.moved[client] and not (deadline and now() >= deadline) do
    local go_on = has_leader(self) and follow or lead
    ok, message = go_on(self, client, deadline, call_waiter)
  end
  self.moved[client] = nil
  hand_over(self)
  return ok, message
end

-- The client is in nobody's use any more.
function company.leave(client)
  local self = company_of[client]
  if not self then
    return
  end
  company.notice(client)
  company_of[client] = nil
  self.moved[client], self.signals[client] = nil, nil
  if self.leader == client then
    self.leader = nil
  end
  remove(self, client)
  hand_over(self)
end

-- All have left.
function company.close(self)
  if self.poller then
    self.poller:close()
    self.poller = nil
  end
end

return company
