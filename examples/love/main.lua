-- main.lua: Orbit, a small game that is online: a planet and a list of scores from an HTTPS server,
-- a score posted, a level pack of 200 MiB downloaded meanwhile.
--
--   love GAME https://SERVER [SHOTS]
--
-- Space (or the mouse) pushes the comet. With SHOTS the game plays itself and leaves pictures of
-- its window in the save directory (see shots.lua).
local online = require("online")
local shots = require("shots")
local view = require("view")
local world = require("world")

local STEP, STEPS = 1 / 60, 3 -- while pictures are taken: seconds, and how many a frame

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

function love.update(seconds)
  online.update()
  -- What a picture shows must not depend on how fast this machine is.
  for _ = 1, shots.is_on and STEPS or 1 do
    world.step(shots.is_on and STEP or math.min(seconds, 0.1), is_pushed())
  end
  if online.rows[3].state == "waiting" and online.picture and world.score >= 3 then
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
  end
end

function love.mousepressed()
  press()
end
