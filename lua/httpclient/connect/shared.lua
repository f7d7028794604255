-- shared.lua: HTTP/2 connections that several requests use at once: who is on each, and how many more fit.
--
-- A line is one such connection. Its keeper is a client that never sends a request. It keeps the
-- connection alive between requests and makes the clients that do send some. Clients that have been
-- given back are kept as spares, since making a new one costs more than a request.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local company = require(root .. ".tasks.company")
local kept = require(root .. ".base.kept")
local scheduler = require(root .. ".tasks.scheduler")

local now, sharing_of = httpclient.monotonic_time, core.sharing_of
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED

local shared = {}

-- client -> its line. Both are weak, because the owner of the line holds it.
local line_of = kept("lines", setmetatable({}, { __mode = "kv" }))

-- Makes a line of a client that has just connected; the client is the first one on it. nil: it speaks
-- HTTP/1.1, or its connection can't be shared.
function shared.adopt(client)
  local keeper = sharing_of(client) and client:share_connection()
  if not keeper then
    return nil
  end
  local line = {
    keeper = keeper, spares = {}, used = 1, began = now(),
    apart = 0,          -- of those in use, whose answers are read by scripts (see pool.detach)
    begun = 0,          -- clients given out that have not sent their request yet ...
    is_begun = {},      -- ... and which ones they are: client -> true
    is_settled = false, -- the server's settings are in
    settler = nil,      -- the client that waits for them
    home = nil,         -- who waits for the clients in use: "tasks" (the scheduler) or "loop"
    company = nil,      -- for a loop: those who wait together
    is_retired = false, -- gets no more requests
    is_observed = false, -- see shared.observe
  }
  line_of[client] = line
  return line
end

function shared.of(client)
  return line_of[client]
end

-- Has the server ended the connection, or announced that it will?
function shared.is_ending(line)
  local sharing = sharing_of(line.keeper)
  return sharing ~= "open" and sharing ~= "settling"
end

-- How many more requests fit. Until the server has said how many it takes, one client waits for that answer, and nobody
-- else gets on.
function shared.room(line)
  if not line.is_settled then
    line.is_settled = sharing_of(line.keeper) == "open"
    if not line.is_settled then
      return line.settler and 0 or 1
    end
  end
  return line.keeper:get_free_streams() - line.begun
end

-- May a caller of this home use it? One without a home (nil) blocks and moves only itself, so it may.
function shared.suits(line, home)
  return not line.home or not home or line.home == home
end

local function enter_home(line, client, home)
  line.home = line.home or home
  if home == "loop" then
    line.company = line.company or company.new()
    company.join(line.company, client)
  end
end
shared.enter_home = enter_home

-- A client for one request; nil if there turns out to be none.
function shared.take(line, home)
  local client = table.remove(line.spares)
  while client and client:get_status() ~= CONNECTED do
    client = table.remove(line.spares)
  end
  client = client or line.keeper:share_connection()
  if not client then
    return nil
  end
  line_of[client] = line
  line.used, line.begun = line.used + 1, line.begun + 1
  line.is_begun[client] = true
  if not line.is_settled then
    line.settler = client
  end
  enter_home(line, client, home)
  return client
end

-- The client has sent its request, or won't.
function shared.note_request(client)
  local line = line_of[client]
  if line and line.is_begun[client] then
    line.is_begun[client] = nil
    line.begun = line.begun - 1
  end
end

-- Calls fn when the server takes more requests, or announces the end of the connection. The pool uses
-- this while somebody waits for a free stream or for another connection. nil: nobody waits any more.
function shared.observe(line, fn)
  if not line.home or line.is_observed == (fn ~= nil) then
    return
  end
  if line.home == "loop" then
    line.is_observed = company.observe(line.company, line.keeper, fn)
  elseif fn then
    line.is_observed = scheduler.observe(line.keeper, fn)
  else
    scheduler.unwatch(line.keeper)
    line.is_observed = false
  end
end

local function rest(line)
  shared.observe(line, nil)
  if line.company then
    company.close(line.company)
  end
  line.home, line.company = nil, nil
  for _, spare in ipairs(line.spares) do
    scheduler.unwatch(spare)
  end
end

-- Takes a client back. If its request is still under way, it is cancelled (RST_STREAM).
function shared.give_back(line, client)
  shared.note_request(client)
  line.used = line.used - 1
  if line.settler == client then
    line.settler = nil
  end
  if client:get_status() == CONNECTED then
    line.spares[#line.spares + 1] = client
  else
    scheduler.unwatch(client)
    client:close() -- the reset goes out now, whoever is left
    line_of[client] = nil
  end
  company.leave(client)
  if line.used == 0 then
    rest(line)
  end
end

-- Closes a line that nobody is on.
function shared.close(line)
  for _, spare in ipairs(line.spares) do
    scheduler.unwatch(spare)
    spare:close()
  end
  line.spares = {}
  line.keeper:close()
end

return shared
