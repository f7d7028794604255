-- Pictures as LÖVE writes them: PNG with 8 bits for each of red, green, blue and, mostly, alpha.
--
--   local picture = png.read(path); picture.width, picture.height; picture:at(x, y) -> r, g, b[, a]
local httpclient = require("httpclient")
local tempdir = require("spec.support.tempdir")

local png = {}

local Picture = {}
Picture.__index = Picture

local function number(bytes, at)
  local a, b, c, d = bytes:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function inflate(bytes)
  local inflater, parts = httpclient.Inflater.new("deflate"), {}
  local part = assert(inflater:feed(bytes))
  while part ~= "" do
    parts[#parts + 1] = part
    part = assert(inflater:feed(""))
  end
  inflater:close()
  return table.concat(parts)
end

-- What a byte was foretold from: the ones to the left (a), above (b), and left of that (c).
local function paeth(a, b, c)
  local to_a, to_b, to_c = math.abs(b - c), math.abs(a - c), math.abs(a + b - 2 * c)
  if to_a <= to_b and to_a <= to_c then
    return a
  end
  return to_b <= to_c and b or c
end

local foretell = {
  [0] = function() return 0 end,
  function(a) return a end,
  function(_, b) return b end,
  function(a, b) return math.floor((a + b) / 2) end,
  paeth,
}

local function read_rows(bytes, width, height, depth)
  local rows, size = {}, width * depth
  for y = 1, height do
    local from = (y - 1) * (size + 1) + 1
    local row, above, by = {}, rows[y - 1] or {}, foretell[bytes:byte(from)]
    for x = 1, size do
      row[x] = (bytes:byte(from + x) + by(row[x - depth] or 0, above[x] or 0,
        above[x - depth] or 0)) % 256
    end
    rows[y] = row
  end
  return rows
end

function png.read(path)
  local bytes = tempdir.read(path)
  assert(bytes:sub(1, 8) == "\137PNG\r\n\26\n", path .. " is no PNG")
  local at, parts, width, height, depth = 9, {}, nil, nil, nil
  while at < #bytes do
    local size, kind = number(bytes, at), bytes:sub(at + 4, at + 7)
    if kind == "IHDR" then
      width, height = number(bytes, at + 8), number(bytes, at + 12)
      local color = bytes:sub(at + 16, at + 20)
      depth = assert(({ ["\8\2\0\0\0"] = 3, ["\8\6\0\0\0"] = 4 })[color], "other colors")
    elseif kind == "IDAT" then
      parts[#parts + 1] = bytes:sub(at + 8, at + 7 + size)
    end
    at = at + 12 + size
  end
  return setmetatable({ width = width, height = height, depth = depth,
    rows = read_rows(inflate(table.concat(parts)), width, height, depth) }, Picture)
end

-- From 0 on, as in LÖVE.
function Picture:at(x, y)
  local row, from = self.rows[y + 1], x * self.depth
  return row[from + 1], row[from + 2], row[from + 3], self.depth == 4 and row[from + 4] or nil
end

-- -> the mean red, green and blue of a square around (x, y)
function Picture:mean(x, y, reach)
  local red, green, blue, count = 0, 0, 0, 0
  for row = y - reach, y + reach do
    for column = x - reach, x + reach do
      local r, g, b = self:at(column, row)
      red, green, blue, count = red + r, green + g, blue + b, count + 1
    end
  end
  return red / count, green / count, blue / count
end

return png
