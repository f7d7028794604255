-- plots.lua: draws measured curves as SVG. `lua plots.lua curves.json FOLDER` writes FOLDER/NAME.svg for each curve;
-- both axes are logarithmic. Needs nothing but json.lua.
local json = require("json")

local width, height = 760, 440
local left, right, top, bottom = 70, 130, 44, 56
local colours = { bare = "#444444", httpclient = "#c0392b", libcurl = "#2471a3",
  luasocket = "#1e8449",
  ["lua-http"] = "#8e44ad" }

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;" }))
end

local function log10(value) return math.log(value) / math.log(10) end

--- The whole decades around all values of one coordinate.
local function decades(curve, coordinate)
  local low, high = math.huge, -math.huge
  for _, line in ipairs(curve.lines) do
    for _, point in ipairs(line.points) do
      local value = log10(math.max(point[coordinate], 1e-3))
      low, high = math.min(low, value), math.max(high, value)
    end
  end
  low, high = math.floor(low + 1e-9), math.ceil(high - 1e-9)
  return low, math.max(high, low + 1)
end

local function scale(low, high, from, to)
  return function(value)
    return from + (log10(math.max(value, 1e-3)) - low) / (high - low) * (to - from)
  end
end

local function decade_text(exponent)
  local units = { { 9, "G" }, { 6, "M" }, { 3, "k" }, { 0, "" } }
  for _, unit in ipairs(units) do
    if exponent >= unit[1] then return ("%.0f%s"):format(10 ^ (exponent - unit[1]), unit[2]) end
  end
  return ("%g"):format(10 ^ exponent)
end

local function text(x, y, words, more)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, more or "", escape(words))
end

local function line(x1, y1, x2, y2, colour)
  return ('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>'):format(x1, y1, x2, y2,
    colour)
end

local function draw_axes(out, curve, x, y)
  local x_low, x_high = decades(curve, "x")
  local y_low, y_high = decades(curve, "y")
  for exponent = x_low, x_high do
    local at = x(10 ^ exponent)
    out[#out + 1] = line(at, top, at, height - bottom, "#dddddd")
    out[#out + 1] = text(at, height - bottom + 18, decade_text(exponent), 'text-anchor="middle"')
  end
  for exponent = y_low, y_high do
    local at = y(10 ^ exponent)
    out[#out + 1] = line(left, at, width - right, at, "#dddddd")
    out[#out + 1] = text(left - 8, at + 4, decade_text(exponent), 'text-anchor="end"')
  end
  out[#out + 1] = text(left, 24, curve.title, 'font-size="16" font-weight="bold"')
  out[#out + 1] = text((left + width - right) / 2, height - 14, curve.x, 'text-anchor="middle"')
  out[#out + 1] = text(0, 0, curve.y,
    ('text-anchor="middle" transform="translate(18 %.1f) rotate(-90)"'):format((top + height - bottom) / 2))
end

--- One driver's points; returns the name's wished height at the right edge.
local function draw_line(out, one, x, y)
  local colour, path = colours[one.label] or "#000000", {}
  for i, point in ipairs(one.points) do
    path[i] = ("%.1f,%.1f"):format(x(point.x), y(point.y))
    out[#out + 1] = ('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>'):format(x(point.x), y(point.y),
      colour)
  end
  out[#out + 1] = ('<polyline points="%s" fill="none" stroke="%s" stroke-width="%s"/>'):format(
    table.concat(path, " "), colour, one.label == "httpclient" and "2.5" or "1.5")
  return y(one.points[#one.points].y)
end

--- The names stand beside the ends of their lines, pushed apart where they would overlap.
local function draw_names(out, names)
  table.sort(names, function(a, b) return a.at < b.at end)
  local lowest = top
  for _, name in ipairs(names) do
    lowest = math.max(name.at, lowest + 16)
    local fill = ('fill="%s"'):format(colours[name.label] or "#000000")
    out[#out + 1] = text(width - right + 10, lowest + 4, name.label, fill)
  end
end

local function draw(curve)
  local x_low, x_high = decades(curve, "x")
  local y_low, y_high = decades(curve, "y")
  local x, y = scale(x_low, x_high, left, width - right), scale(y_low, y_high, height - bottom, top)
  local out, names = {
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">')
      :format(width, height),
    ('<rect width="%d" height="%d" fill="#ffffff"/>'):format(width, height),
  }, {}
  draw_axes(out, curve, x, y)
  for _, one in ipairs(curve.lines) do
    if #one.points > 0 then
      names[#names + 1] = { label = one.label, at = draw_line(out, one, x, y) }
    end
  end
  draw_names(out, names)
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n"), #names
end

local function main(input, folder)
  assert(input and folder, "usage: plots.lua curves.json FOLDER")
  local file = assert(io.open(input))
  local measured = json.decode(file:read("*a"))
  file:close()
  for _, curve in ipairs(measured.curves) do
    local picture, lines = draw(curve)
    if lines > 0 then
      local path = folder .. "/" .. curve.name .. ".svg"
      local out = assert(io.open(path, "w"))
      assert(out:write(picture))
      assert(out:close())
      print("written: " .. path)
    end
  end
end

main(arg[1], arg[2])
