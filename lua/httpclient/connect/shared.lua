-- shared.lua: connections of HTTP/2: whose streams are under way on each, and how many more it takes.
--
-- A line is one such connection. Its keeper is a client that never asks for anything: it keeps the
-- connection between two requests, and makes the clients that do. Those that have been given back
-- are kept for the next request, since making one costs more than a request.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local httpclient = require(root)
local company = require(root .. ".tasks.company")
local kept = require(root .. ".base.kept")
local scheduler = require(root .. ".tasks.scheduler")

local now, sharing_of = httpclient.monotonic_time, core.sharing_of
local CONNECTED = httpclient.HTTPClient.STATUS_CONNECTED

local shared = {}

-- client -> its line. Both weak: whoever has the line holds it.
local line_of = kept("lines", setmetatable({}, { __mode = "kv" }))

-- A line of the client, which has just connected and is the first in use on it; nil: it speaks
-- HTTP/1.1, or takes no second one.
function shared.adopt(client)
  local keeper = sharing_of(client) and client:share_connection()
  if not keeper then
    return nil
  end
  local line = {
    keeper = keeper, spares = {}, used = 1, began = now(),
    begun = 0,          -- given out, and the request has not been made yet ...
    is_begun = {},      -- ... client -> true
    is_settled = false, -- the server's settings are in
    settler = nil,      -- the client that waits for them
    home = nil,         -- who waits for its clients, while some are in use: "tasks" or "loop"
    company = nil,      -- where that is a loop
    is_retired = false, -- takes no more
    is_observed = false, -- see shared.observe
  }
  line_of[client] = line
  return line
end

function shared.of(client)
  return line_of[client]
end

-- Has the server ended it, or is about to?
function shared.is_ending(line)
  local sharing = sharing_of(line.keeper)
  return sharing ~= "open" and sharing ~= "settling"
end

-- How many more requests it takes. Before the server has said that there is one who waits for it.
function shared.room(line)
  if not line.is_settled then
    line.is_settled = sharing_of(line.keeper) == "open"
    if not line.is_settled then
      return line.settler and 0 or 1
    end
  end
  return line.keeper:get_free_streams() - line.begun
end

-- May somebody of this home (nil: one who waits for nobody else) be on it?
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

-- A client for one request; nil where none can be had after all.
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

-- Its request is made, or is not going to be.
function shared.note_request(client)
  local line = line_of[client]
  if line and line.is_begun[client] then
    line.is_begun[client] = nil
    line.begun = line.begun - 1
  end
end

-- Somebody waits for a stream of it, or for another connection in its place: fn is called when the
-- server takes more, or says that it is going to end the connection. nil: nobody waits any more.
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

-- One is done. A request that is under way ends (RST_STREAM).
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

-- Nobody is on it any more.
function shared.close(line)
  for _, spare in ipairs(line.spares) do
    scheduler.unwatch(spare)
    spare:close()
  end
  line.spares = {}
  line.keeper:close()
end

return shared
