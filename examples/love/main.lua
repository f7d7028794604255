-- main.lua: Orbit, a small game that is online: a planet and a list of scores from an HTTPS server,
-- a score posted, a level pack of 200 MiB downloaded meanwhile.
--
--   love GAME https://SERVER [SHOTS]
--
-- Space (or the mouse) pushes the comet, R begins again what failed. With SHOTS the game plays itself
-- and leaves pictures of its window in the save directory (see shots.lua).
local online = require("online")
local shots = require("shots")
local view = require("view")
local world = require("world")

local STEP, MOST = 1 / 60, 6 -- of the world: seconds, and how many in one frame
local SHOTS_STEPS = 3 -- in each frame while pictures are taken

local behind = 0 -- seconds that the world has not seen yet
local is_played = false -- by somebody; else it plays itself
local is_posted = false

function love.load(arguments)
  assert(arguments[1], "usage: love GAME https://SERVER [SHOTS]")
  shots.start(arguments[2])
  view.load()
  world.start()
  online.start(arguments[1])
end

local function is_pushed()
  if is_played then
    return love.keyboard.isDown("space") or love.mouse.isDown(1)
  end
  return world.wants_push(shots.wants_end())
end

-- The world moves alike on a fast and on a slow machine; in a picture it stands alike on all of them.
local function take_steps(seconds)
  behind = math.min(behind + seconds, MOST * STEP)
  local steps = math.floor(behind / STEP)
  behind = behind - steps * STEP
  return shots.is_on and SHOTS_STEPS or steps
end

function love.update(seconds)
  online.update()
  for _ = 1, take_steps(seconds) do
    world.step(STEP, is_pushed())
  end
  if online.rows[3].state == "waiting" and online.rows[1].state ~= "busy" and world.score >= 3 then
    online.download_pack()
  end
  if world.is_over and not is_posted then
    online.post_score(is_played and "YOU" or "AUTOPILOT", world.score)
    is_posted = true
  end
  shots.update()
end

function love.draw()
  view.draw()
end

function love.resize()
  view.resize()
end

local function press()
  if not is_played or world.is_over then
    is_played, is_posted = true, false
    world.start()
  end
end

function love.keypressed(key)
  if key == "escape" then
    love.event.quit()
  elseif key == "space" then
    press()
  elseif key == "r" then
    online.try_again()
  end
end

function love.mousepressed()
  press()
end
