-- numbers.lua: a number for each object, so that a text can stand for it.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local kept = require(root .. ".base.kept")

local numbers = {}

local given = kept("TLSOptions", { last = 0, of = setmetatable({}, { __mode = "k" }) })

-- The same one for the same object, and never another's.
function numbers.of(object)
  if not given.of[object] then
    given.last = given.last + 1
    given.of[object] = given.last
  end
  return given.of[object]
end

return numbers
