-- alone.lua: places that have only HTTP/1.1, though more was offered: there nobody waits to see
-- whether a connection can be shared.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local kept = require(root .. ".base.kept")

local alone = {}

local MOST = 1000 -- so many are remembered

local state = kept("alone", { keys = {}, count = 0 })

function alone.is(key)
  return state.keys[key] == true
end

function alone.remember(key)
  if state.count >= MOST then
    state.keys, state.count = {}, 0
  end
  if not state.keys[key] then
    state.keys[key], state.count = true, state.count + 1
  end
end

return alone
