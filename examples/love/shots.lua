-- shots.lua: two pictures of the window, taken when there is something to see: the game while the
-- level pack comes, and its end, with the score in the list and all that can fail failed. Then the
-- game ends, and has said how things stood.
local online = require("online")
local world = require("world")

local shots = { is_on = false }

local SETTLED = 1.5 -- seconds of the world, from its end on
local playing, ending = "wanted", "wanted"
local over_at

-- Nobody looks at LÖVE's blue page then.
local function quit_with(message)
  print(debug.traceback(message))
  return function() return 1 end
end

function shots.start(wanted)
  shots.is_on = wanted ~= nil
  if shots.is_on then
    love.errorhandler = quit_with
  end
end

-- The first picture is there: the comet may meet a rock.
function shots.wants_end()
  return playing == "taken"
end

local function report(name)
  print(("%s: score %d"):format(name, world.score))
  for _, row in ipairs(online.rows) do
    print(("%s: %s %s: %s"):format(name, row.label, row.state, row.text))
  end
  print(("%s: bar %.4f"):format(name, online.rows[3].share or 0))
  local pack = love.filesystem.getInfo("packs/aurora.pack")
  print(("%s: pack of %d bytes"):format(name, pack and pack.size or 0))
  io.stdout:flush()
end

local function take(name, done)
  report(name)
  love.graphics.captureScreenshot(function(picture)
    picture:encode("png", name .. ".png")
    done()
  end)
end

function shots.update()
  if not shots.is_on then
    return
  end
  local share = online.rows[3].share or 0
  if playing == "wanted" and share >= 0.5 then
    playing = "taken"
    take("playing", function() end)
  end
  if world.is_over and online.is_quiet() then
    over_at = over_at or world.time
  end
  if ending == "wanted" and over_at and world.time >= over_at + SETTLED then
    ending = "taken"
    take("over", love.event.quit)
  end
end

return shots
