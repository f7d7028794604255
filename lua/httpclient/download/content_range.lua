-- content_range.lua: the field of that name: which part of the whole an answer is.
-- Digits that a number can hold exactly in every Lua.
local DIGITS_MAX = 15

-- -> first position, last position, size of the whole or nil where that is "*"; nothing where the
-- value is no valid range of bytes, which nobody may combine with anything (RFC 9110 section 14.4)
local function parse(value)
  local first, last, total = value:match("^[Bb][Yy][Tt][Ee][Ss] +(%d+)%-(%d+)/(%d+)$")
  if not first then
    first, last = value:match("^[Bb][Yy][Tt][Ee][Ss] +(%d+)%-(%d+)/%*$")
  end
  if not first or #first > DIGITS_MAX or #last > DIGITS_MAX or #(total or "") > DIGITS_MAX then
    return nil
  end
  first, last, total = tonumber(first), tonumber(last), tonumber(total)
  if first <= last and (not total or last < total) then
    return first, last, total
  end
end

return parse
