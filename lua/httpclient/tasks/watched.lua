-- watched.lua: the Poller under the scheduler, made when it is first needed.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local core = require("httpclient.core")
local kept = require(root .. ".base.kept")

local watched = {}

local state = kept("watched", {
  poller = nil,
  registered = {},  -- clients in the poller -> true
  observers = {},
  -- of these: client that no task waits for -> fn(client), called when it has moved
  is_busy = false,
  rounds = 0,       -- how often the Poller has waited here
})

function watched.poller()
  state.poller = state.poller or httpclient.Poller.new()
  return state.poller
end

-- Is the Poller at work? Then a client's body function may be calling, and nobody can be taken in.
function watched.is_busy()
  return state.is_busy
end

-- -> true; nil and a message: the process may have no descriptor left
function watched.add(client)
  if state.registered[client] then
    return true
  end
  local ok, made = pcall(watched.poller)
  if not ok then
    return nil, made
  end
  local code, message = made:add(client)
  if code ~= 0 then
    return nil, message
  end
  state.registered[client] = true
  return true
end

function watched.remove(client)
  if state.poller and state.registered[client] then
    state.registered[client], state.observers[client] = nil, nil
    state.poller:remove(client)
  end
end

-- fn(client) is called when it has moved, until the client is removed. -> can it be watched now?
function watched.observe(client, fn)
  if state.is_busy or not watched.add(client) then
    return false
  end
  state.observers[client] = fn
  return true
end

-- Has somebody wanted to hear of the client? Then they do.
function watched.tell_observer(client)
  local fn = state.observers[client]
  if fn then
    fn(client)
  end
  return fn ~= nil
end

function watched.tell_observers()
  local clients = {} -- one that is told may stop it for others
  for client in pairs(state.observers) do
    clients[#clients + 1] = client
  end
  for _, client in ipairs(clients) do
    watched.tell_observer(client)
  end
end

-- Polls the clients that can move, after at most the seconds; with `most` at once, and for no longer
-- than that. -> those that have; true when others may have moved before, and nobody was told: where
-- the waiter has called the Poller's wait(), or memory was out
function watched.wait(seconds, most)
  local poller = state.poller
  if not poller then
    return {}
  end
  state.is_busy = true
  local ok, moved, round = pcall(core.poller_round, poller, seconds, most)
  state.is_busy = false
  if not ok then
    error(moved, 0)
  end
  local is_next = round == state.rounds + 1
  state.rounds = round
  return moved, not is_next
end

-- Forgets them all, and gives the descriptor back.
function watched.close()
  if state.poller and not state.is_busy then
    state.poller:close()
    state.poller, state.registered, state.observers, state.rounds = nil, {}, {}, 0
  end
end

return watched
