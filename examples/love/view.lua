-- view.lua: what is to be seen. It only looks at the world and at how the network stands.
local layout = require("layout")
local online = require("online")
local utf8 = require("utf8")
local world = require("world")

local view = {}

local graphics = love.graphics

local INK = { 0.91, 0.93, 1.0 }
local DIM = { 0.56, 0.60, 0.78 }
local GOLD = { 1.0, 0.80, 0.36 }
local RED = { 1.0, 0.38, 0.36 }
local GREEN = { 0.38, 0.90, 0.60 }
local BLUE = { 0.36, 0.68, 1.0 }
local COLORS = { waiting = { 0.32, 0.35, 0.52 }, busy = BLUE, done = GREEN, failed = RED }

local fonts, stars = {}, {}
local glow, disc, dot, rock, sky

-- --- pictures made once

-- `alpha(r)` for r from 0 in the middle to 1 at the rim
local function round(size, alpha)
  local data = love.image.newImageData(size, size)
  data:mapPixel(function(x, y)
    local dx, dy = (x + 0.5) / size * 2 - 1, (y + 0.5) / size * 2 - 1
    return 1, 1, 1, alpha(math.sqrt(dx * dx + dy * dy))
  end)
  return graphics.newImage(data, { mipmaps = true })
end

local function clamp(value)
  return math.max(0, math.min(1, value))
end

-- A rock, lit from the upper left.
local function make_rock(size)
  local data = love.image.newImageData(size, size)
  data:mapPixel(function(x, y)
    local dx, dy = (x + 0.5) / size * 2 - 1, (y + 0.5) / size * 2 - 1
    local angle, r = math.atan2(dy, dx), math.sqrt(dx * dx + dy * dy)
    local rim = 0.72 + 0.24 * love.math.noise(math.cos(angle) + 4, math.sin(angle) + 9)
    local light = 0.44 - 0.52 * (dx + dy) / 2
      + 0.20 * (love.math.noise(x * 0.07, y * 0.07) - 0.5)
    return clamp(light * 1.25), clamp(light * 0.92), clamp(light * 0.92),
      clamp((rim - r) * size / 4)
  end)
  return graphics.newImage(data, { mipmaps = true })
end

local function make_sky()
  local data = love.image.newImageData(96, 54)
  data:mapPixel(function(x, y)
    local u, v = x / 96, y / 54
    local haze = 0.55 * clamp(1 - math.sqrt((u - 0.32) ^ 2 * 2.2 + (v - 0.5) ^ 2 * 1.6) * 1.5)
    local cloud = love.math.noise(u * 3 + 2, v * 2.4 + 5) * 0.10
    return 0.030 + 0.10 * haze + cloud * 0.55, 0.040 + 0.10 * haze + cloud * 0.25,
      0.105 + 0.26 * haze + cloud
  end)
  local image = graphics.newImage(data)
  image:setFilter("linear", "linear")
  return image
end

-- The picture is of one size, and drawn as large as the window lets it be.
local function window_scale()
  local width, height = graphics.getDimensions()
  return math.min(width / layout.width, height / layout.height), width, height
end

-- Letters are made for the size that they have on the screen.
function view.resize()
  local scale = window_scale()
  for _, size in ipairs({ 12, 13, 15, 20, 30, 44 }) do
    fonts[size] = graphics.newFont(size, "normal", scale * graphics.getDPIScale())
  end
end

function view.load()
  view.resize()
  glow = round(128, function(r) return clamp(1 - r) ^ 2.4 end)
  disc = round(64, function(r) return clamp((1 - r) * 32) end)
  dot = round(8, function(r) return clamp(1.1 - r) end)
  rock = make_rock(64)
  sky = make_sky()
  local random = love.math.newRandomGenerator(11)
  for index = 1, 170 do
    stars[index] = { x = random:random() * layout.width, y = random:random() * layout.height,
      size = 0.9 + random:random() ^ 3 * 1.9, beat = random:random() * 6,
      warm = random:random() }
  end
end

-- --- small helpers

local function set(color, alpha)
  graphics.setColor(color[1], color[2], color[3], alpha or 1)
end

local function spot(image, x, y, radius, angle)
  local half = image:getWidth() / 2
  graphics.draw(image, x, y, angle or 0, radius / half, radius / half, half, half)
end

local function write(text, size, x, y, width, side)
  graphics.setFont(fonts[size])
  graphics.printf(text, x, y, width, side or "left")
end

-- The text, or its beginning where there is no room for all of it.
local function fitting(text, size, width)
  if fonts[size]:getWidth(text) <= width then
    return text
  end
  while #text > 0 and fonts[size]:getWidth(text .. "…") > width do
    text = text:sub(1, utf8.offset(text, -1) - 1)
  end
  return text .. "…"
end

-- --- the sky and what is in it

local function draw_stars()
  for _, star in ipairs(stars) do
    local alpha = 0.45 + 0.35 * math.sin(world.time * 1.4 + star.beat)
    graphics.setColor(1, 0.86 + 0.14 * star.warm, 0.80 + 0.20 * (1 - star.warm), alpha)
    spot(dot, star.x, star.y, star.size)
  end
end

local function draw_planet()
  local planet = layout.planet
  graphics.setBlendMode("add")
  graphics.setColor(0.22, 0.48, 1.0, 0.62)
  spot(glow, 0, 0, planet.radius * 2.1)
  graphics.setBlendMode("alpha")
  if online.picture then
    graphics.setColor(1, 1, 1)
    spot(online.picture, 0, 0, planet.radius)
  else -- has not come yet
    graphics.setColor(0.10, 0.13, 0.27)
    spot(disc, 0, 0, planet.radius)
  end
  for index, distance in ipairs({ 128, 164, 200, 236 }) do
    set(BLUE, (index == 1 or index == 4) and 0.28 or 0.10)
    graphics.circle("line", 0, 0, distance, 128)
  end
end

local function draw_lights()
  for index, light in ipairs(world.lights) do
    local x, y = world.position(light)
    local beat = 1 + 0.16 * math.sin(world.time * 5 + index)
    graphics.setBlendMode("add")
    set(GOLD, 0.75)
    spot(glow, x, y, 24 * beat)
    graphics.setBlendMode("alpha")
    graphics.setColor(1, 0.95, 0.78)
    spot(disc, x, y, 4.6 * beat)
  end
end

local function draw_rocks()
  for _, one in ipairs(world.rocks) do
    local x, y = world.position(one)
    graphics.setBlendMode("add")
    set(RED, 0.34)
    spot(glow, x, y, 30)
    graphics.setBlendMode("alpha")
    graphics.setColor(1, 1, 1)
    spot(rock, x, y, 15, one.turn + world.time * 0.6)
  end
end

local function draw_comet()
  graphics.setBlendMode("add")
  for index = #world.tail, 1, -1 do
    local place, share = world.tail[index], 1 - index / #world.tail
    graphics.setColor(0.30, 0.72, 1.0, 0.30 * share)
    spot(glow, place.x, place.y, 5 + 13 * share)
  end
  if not world.is_over then
    local x, y = world.position(world)
    graphics.setColor(0.55, 0.85, 1.0, 0.9)
    spot(glow, x, y, 27)
    graphics.setBlendMode("alpha")
    graphics.setColor(1, 1, 1)
    spot(disc, x, y, 6.5)
  end
  graphics.setBlendMode("add")
  for _, spark in ipairs(world.sparks) do
    set(spark.kind == "rock" and RED or GOLD, spark.left)
    spot(glow, spark.x, spark.y, 10)
  end
  graphics.setBlendMode("alpha")
end

-- --- words and panels

local function draw_panel(x, y, width, height, title)
  graphics.setColor(0.05, 0.07, 0.17, 0.72)
  graphics.rectangle("fill", x, y, width, height, 12, 12)
  graphics.setColor(0.45, 0.55, 0.95, 0.22)
  graphics.rectangle("line", x + 0.5, y + 0.5, width - 1, height - 1, 12, 12)
  set(DIM)
  write(title, 12, x + 16, y - 22, width)
end

local function draw_scores()
  local place = layout.scores
  draw_panel(place.x, place.y, place.width, place.row * 8 + 16, "BEST OF TODAY")
  for index = 1, 8 do
    local entry, y = online.scores[index], place.y + 8 + (index - 1) * place.row
    local is_own = entry and (entry.name == "YOU" or entry.name == "AUTOPILOT")
    if is_own then
      set(GOLD, 0.16)
      graphics.rectangle("fill", place.x + 6, y, place.width - 12, place.row, 6, 6)
    end
    set(is_own and GOLD or DIM)
    write(tostring(index), 13, place.x + 14, y + 3, 20, "right")
    set(is_own and GOLD or INK, entry and 1 or 0.25)
    write(entry and fitting(entry.name, 13, 150) or "–", 13, place.x + 48, y + 3, 150)
    write(entry and fitting(entry.score, 13, 60) or "–", 13, place.x, y + 3, place.width - 18,
      "right")
  end
end

local function draw_row(row, index)
  local place, bar = layout.network, layout.bar
  local y, color = place.y + 6 + (index - 1) * place.row, COLORS[row.state]
  local width = place.width - place.text - 14
  graphics.setBlendMode("add")
  set(color, 0.5)
  spot(glow, place.x + place.dot, y + 11, 13)
  graphics.setBlendMode("alpha")
  set(color)
  spot(disc, place.x + place.dot, y + 11, 5)
  set(INK)
  write(row.label, 13, place.x + place.text, y + 3, width)
  if row.share and row.state == "busy" then
    set(DIM)
    write(row.text, 12, place.x + place.text, y + 4, width, "right")
    graphics.setColor(0.16, 0.19, 0.34)
    graphics.rectangle("fill", place.x + bar.x, y + bar.y, bar.width, bar.height)
    set(BLUE)
    graphics.rectangle("fill", place.x + bar.x, y + bar.y, bar.width * row.share, bar.height)
  else
    set(row.state == "failed" and RED or DIM, 0.95)
    write(fitting(row.text, 12, width), 12, place.x + place.text, y + 19, width)
  end
end

local function draw_network()
  local place = layout.network
  local has_failed = false
  draw_panel(place.x, place.y, place.width, place.row * #online.rows + 12, "NETWORK")
  for index, row in ipairs(online.rows) do
    draw_row(row, index)
    has_failed = has_failed or row.state == "failed"
  end
  if has_failed then
    set(DIM)
    write("R tries again", 12, place.x, place.y - 22, place.width - 16, "right")
  end
end

-- What the network took of each of the last frames; the line is its budget.
local function draw_costs()
  local place, most = layout.graph, 8
  set(DIM)
  write("network, ms a frame", 12, place.x, place.y - 20, place.width)
  for index, cost in ipairs(online.costs) do
    local height = math.min(cost / most, 1) * place.height
    set(cost <= 6 and BLUE or GOLD, 0.8)
    graphics.rectangle("fill", place.x + (index - 1) * 1.5, place.y + place.height - height, 1.2,
      height)
  end
  set(INK, 0.35)
  graphics.line(place.x, place.y + place.height / 2, place.x + place.width, place.y
    + place.height / 2)
  write("4", 12, place.x + place.width + 6, place.y + place.height / 2 - 8, 20)
end

local POSTED = { busy = "posting your score", done = "your score is posted",
  failed = "your score did not get there" }

local function draw_words()
  set(INK)
  write("ORBIT", 30, 24, 18, 300)
  set(GOLD)
  write(world.score, 44, 0, 14, 596, "right")
  set(DIM)
  write(world.score == 1 and "light" or "lights", 12, 0, 64, 594, "right")
  write("hold SPACE to climb", 12, 26, 56, 300)
  if world.is_over then
    local y = layout.planet.y - 30
    graphics.setColor(0.02, 0.03, 0.09, 0.74)
    graphics.rectangle("fill", layout.planet.x - 150, y - 14, 300, 88, 14, 14)
    set(INK)
    write("LOST IN SPACE", 20, layout.planet.x - 150, y, 300, "center")
    set(GOLD)
    write(("%d %s · %s"):format(world.score, world.score == 1 and "light" or "lights",
      POSTED[online.rows[2].state] or ""), 13, layout.planet.x - 150, y + 32, 300, "center")
    set(DIM)
    write("SPACE to play again", 12, layout.planet.x - 150, y + 54, 300, "center")
  end
end

function view.draw()
  local scale, width, height = window_scale()
  graphics.setColor(1, 1, 1)
  graphics.draw(sky, 0, 0, 0, width / 95, height / 53)
  graphics.translate((width - layout.width * scale) / 2, (height - layout.height * scale) / 2)
  graphics.scale(scale)
  draw_stars()
  graphics.push()
  graphics.translate(layout.planet.x, layout.planet.y)
  draw_planet()
  draw_lights()
  draw_rocks()
  draw_comet()
  graphics.pop()
  draw_scores()
  draw_network()
  draw_costs()
  draw_words()
end

return view
