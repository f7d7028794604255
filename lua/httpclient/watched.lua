-- watched.lua: the Poller under the scheduler, made when it is first needed.
local httpclient = require("httpclient")

local watched = {}

local poller
local registered = {}  -- clients in the poller -> true
local is_busy = false

function watched.poller()
  poller = poller or httpclient.Poller.new()
  return poller
end

-- Is the Poller at work? Then a client's body function may be calling, and nobody can be taken in.
function watched.is_busy()
  return is_busy
end

-- -> true; nil and a message: the process may have no descriptor left
function watched.add(client)
  if registered[client] then
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
  registered[client] = true
  return true
end

function watched.remove(client)
  if poller and registered[client] then
    registered[client] = nil
    poller:remove(client)
  end
end

-- Polls the clients that can move, after at most the seconds. -> those that have
function watched.wait(seconds)
  if not poller then
    return {}
  end
  is_busy = true
  local ok, moved = pcall(poller.wait, poller, seconds)
  is_busy = false
  if not ok then
    error(moved, 0)
  end
  return moved
end

-- Forgets them all, and gives the descriptor back.
function watched.close()
  if poller and not is_busy then
    poller:close()
    poller, registered = nil, {}
  end
end

return watched
