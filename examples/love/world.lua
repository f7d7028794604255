-- world.lua: the rules. A comet circles the planet. While the player pushes it climbs, else it
-- falls. Lights are collected, rocks end the game. It knows neither screen nor network.
local world = {}

local LOWEST, HIGHEST = 128, 236 -- of the comet's distance from the planet's middle
local TURN = 1.15 -- radians a second
local CLIMB, FALL = 120, 95
local LIGHTS, ROCKS = 5, 4
local TOUCH = 15
local TAIL = 46

local random = love.math.newRandomGenerator(7)

local function place(ahead)
  return { angle = (world.angle + ahead) % (2 * math.pi),
    distance = LOWEST + 8 + random:random() * (HIGHEST - LOWEST - 16), age = 0,
    turn = random:random() * 6 }
end

function world.start()
  random:setSeed(7)
  world.angle, world.distance = -1.2, 180
  world.score, world.time, world.is_over = 0, 0, false
  world.lights, world.rocks, world.tail, world.sparks = {}, {}, {}, {}
  for index = 1, LIGHTS do
    world.lights[index] = place(index * 2 * math.pi / LIGHTS - 0.3)
  end
  for index = 1, ROCKS do
    world.rocks[index] = place(index * 2 * math.pi / ROCKS + 0.55)
  end
end

function world.position(thing)
  return math.cos(thing.angle) * thing.distance, math.sin(thing.angle) * thing.distance
end

local function touches(thing)
  local x, y = world.position(world)
  local other_x, other_y = world.position(thing)
  return (x - other_x) ^ 2 + (y - other_y) ^ 2 < TOUCH ^ 2
end

local function burst(thing, kind)
  local x, y = world.position(thing)
  for index = 1, 14 do
    local angle = index * math.pi / 7
    world.sparks[#world.sparks + 1] = { x = x, y = y, vx = math.cos(angle) * 70,
      vy = math.sin(angle) * 70, left = 0.6, kind = kind }
  end
end

local function move_sparks(seconds)
  for index = #world.sparks, 1, -1 do
    local spark = world.sparks[index]
    spark.x, spark.y = spark.x + spark.vx * seconds, spark.y + spark.vy * seconds
    spark.left = spark.left - seconds
    if spark.left <= 0 then
      table.remove(world.sparks, index)
    end
  end
end

local function meet()
  for index, light in ipairs(world.lights) do
    light.age = light.age + 1
    if touches(light) then
      world.score = world.score + 1
      burst(light, "light")
      world.lights[index] = place(4.2 + random:random())
    end
  end
  for _, rock in ipairs(world.rocks) do
    if touches(rock) then
      burst(rock, "rock")
      world.is_over = true
    end
  end
end

function world.step(seconds, is_pushed)
  world.time = world.time + seconds
  move_sparks(seconds)
  if world.is_over then
    return
  end
  world.angle = (world.angle + TURN * seconds) % (2 * math.pi)
  local change = is_pushed and CLIMB or -FALL
  world.distance = math.max(LOWEST, math.min(HIGHEST, world.distance + change * seconds))
  local x, y = world.position(world)
  table.insert(world.tail, 1, { x = x, y = y })
  world.tail[TAIL] = nil
  meet()
end

-- --- who plays while nobody does

local function ahead_of(thing)
  return (thing.angle - world.angle) % (2 * math.pi)
end

local function nearest(things)
  local found
  for _, thing in ipairs(things) do
    if not found or ahead_of(thing) < ahead_of(found) then
      found = thing
    end
  end
  return found
end

-- Would the comet be pushed by somebody who plays well? Towards the next light, and round a rock.
function world.wants_push(is_careless)
  local rock, goal = nearest(world.rocks), nearest(world.lights).distance
  if is_careless then
    goal = rock.distance
  elseif ahead_of(rock) < 0.75 and math.abs(rock.distance - goal) < 3 * TOUCH then
    goal = rock.distance + (rock.distance > (LOWEST + HIGHEST) / 2 and -4 or 4) * TOUCH
  end
  return world.distance < goal
end

return world
