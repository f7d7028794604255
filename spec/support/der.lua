-- Values of ASN.1 as DER has them, for what no tool writes.
local der = {}

function der.value(tag, ...)
  local content = table.concat({ ... })
  local length = #content < 128 and string.char(#content)
    or string.char(0x82, math.floor(#content / 256), #content % 256)
  return string.char(tag) .. length .. content
end

-- -> tag, where the content begins and ends
local function head(text, at)
  local size, begin = text:byte(at + 1), at + 2
  if size >= 128 then
    local bytes = text:sub(begin, begin + size - 129)
    size, begin = 0, begin + #bytes
    for byte in bytes:gmatch(".") do size = size * 256 + byte:byte() end
  end
  return text:byte(at), begin, begin + size - 1
end

-- The text with another value in the place of the one at `at`, and the lengths around it right again.
local function rebuild(text, from, to, at, value)
  local out = {}
  while from <= to do
    local tag, begin, stop = head(text, from)
    if from == at then
      out[#out + 1] = value
    elseif at >= begin and at <= stop then
      out[#out + 1] = der.value(tag, rebuild(text, begin, stop, at, value))
    else
      out[#out + 1] = text:sub(from, stop)
    end
    from = stop + 1
  end
  return table.concat(out)
end

-- Of the values that are `old` the first one, or the last, becomes `new`.
function der.replace(text, old, new, which)
  local at = assert(text:find(old, 1, true))
  while which == "last" and text:find(old, at + 1, true) do
    at = text:find(old, at + 1, true)
  end
  return rebuild(text, 1, #text, at, new)
end

return der
