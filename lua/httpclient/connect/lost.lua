-- lost.lua: clients and sessions that nobody has any more. Finalizers find them, at any moment: they
-- close what is no one else's, and the pool puts its books right later.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local kept = require(root .. ".base.kept")

local lost = {}

local list = kept("lost clients", {})

-- Of an answer that a script has not read to its end. Over HTTP/2 its stream alone ends.
function lost.client(key, client)
  client:close()
  list[#list + 1] = { key = key, client = client }
end

-- The keys of a session's connections end with its mark.
function lost.session(scope)
  scope.is_closed = true
  list[#list + 1] = { mark = scope.mark }
  for key, place in pairs(kept("places", { by_key = {} }).by_key) do
    for _, entry in ipairs(key:sub(-#scope.mark) == scope.mark and place.idle or {}) do
      if not entry.line then
        entry.client:close()
      end
    end
  end
end

-- Those that the pool does not know of yet.
lost.list = list

-- Gives them to discard(key, client), or close_idle(mark).
function lost.take_back(discard, close_idle)
  while list[1] do
    local entry = table.remove(list)
    if entry.mark then
      close_idle(entry.mark)
    else
      discard(entry.key, entry.client)
    end
  end
end

return lost
