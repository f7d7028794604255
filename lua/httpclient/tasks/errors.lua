-- errors.lua: what callbacks have raised that nobody waits for. It comes out of process() and run().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local kept = require(root .. ".base.kept")

local errors = {}

local state = kept("errors", { collected = {} })

function errors.add(value)
  local collected = state.collected
  collected[#collected + 1] = value or "an error without a message"
end

function errors.are_there()
  return #state.collected > 0
end

-- Raises the only one as it is, several as one text.
function errors.raise()
  local all, texts = state.collected, {}
  if #all == 0 then
    return
  end
  state.collected = {}
  for index, value in ipairs(all) do
    texts[index] = tostring(value)
  end
  error(#all == 1 and all[1] or table.concat(texts, "\n"), 0)
end

return errors
