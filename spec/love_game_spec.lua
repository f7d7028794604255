-- The game of examples/love, as `make demo-love` plays it where there is no display: what it says
-- of the network, and what is to be seen in its pictures.
local certs = require("spec.support.certs")
local demo_server = require("spec.support.demo_server")
local love = require("spec.support.love")
local nginx = require("spec.support.nginx")
local program = require("spec.support.program")

local missing = love.missing("Xvfb", "bash")
if missing then
  describe("The game for LÖVE", function()
    it("shows what the network brings", function()
      pending(missing)
    end)
  end)
  return
end

local layout = dofile("examples/love/layout.lua")
local png = require("spec.support.png")

local BLUE, GREEN, RED = { 92, 173, 255 }, { 97, 230, 153 }, { 255, 97, 92 }

describe("The game for LÖVE", function()
  local folder, result
  local pictures = {}

  local function play(server)
    local played = program.run({ "examples/love/run", server, program.build() .. "/love/orbit",
      folder.path }, { merge = true, seconds = 150 })
    assert(played.code == 0, played.out)
    return played
  end

  setup(function()
    love.make("love-game")
    folder = love.folder()
    result = play(demo_server.path)
    for _, name in ipairs({ "playing", "over" }) do
      pictures[name] = png.read(folder:file("love-" .. name .. ".png"))
    end
  end)
  teardown(function() folder:close() end)

  local function says(text)
    assert.truthy(result.out:find(text, 1, true), ("%q is not in:\n%s"):format(text, result.out))
  end

  local function is_near(expected, most, ...)
    for index, value in ipairs({ ... }) do
      assert.is_true(math.abs(value - expected[index]) <= most,
        ("%d: %s, not %s"):format(index, tostring(value), tostring(expected[index])))
    end
  end

  -- The point before a row of the network's panel.
  local function has_state(name, row, color)
    local place = layout.network
    is_near(color, 2, pictures[name]:at(place.x + place.dot, place.y + 6 + (row - 1) * place.row
      + 11))
  end

  it("gets a picture by HTTPS from a server with an authority of its own, and shows it", function()
    says("over: planet done: 106 KiB by HTTPS")
    local served = png.read("examples/love/served/planet.png")
    local planet = layout.planet
    local scale = served.width / 2 / planet.radius
    for _, place in ipairs({ { 0, 0 }, { -45, -40 }, { 40, 30 }, { -30, 50 } }) do
      local x, y = place[1], place[2]
      local mean = { served:mean(math.floor(served.width / 2 + x * scale),
        math.floor(served.height / 2 + y * scale), 18) }
      is_near(mean, 10, pictures.playing:mean(planet.x + x, planet.y + y, 10))
    end
  end)
  it("draws a bar while 200 MiB come, which are in the save directory then", function()
    local bar, place = layout.bar, layout.network
    local y = place.y + 6 + 2 * place.row + bar.y + bar.height / 2
    local filled = 0
    for x = place.x + bar.x, place.x + bar.x + bar.width - 1 do
      local _, _, blue = pictures.playing:at(x, y)
      filled = filled + (blue > 200 and 1 or 0)
    end
    local share = tonumber(result.out:match("playing: bar (%S+)"))
    assert.is_true(share >= 0.5 and share < 1, tostring(share))
    assert.is_true(math.abs(filled / bar.width - share) < 0.02, filled / bar.width .. " " .. share)
    has_state("playing", 3, BLUE)
    says("over: level pack done: 200 MiB in the save directory")
    says("over: pack of 209715200 bytes")
    has_state("over", 3, GREEN)
  end)
  it("shows a dead name and a stalled server as such", function()
    says("over: news failed: can't resolve news.orbit.invalid")
    has_state("over", 4, RED)
    says("over: friends failed: response timeout after 2.000 s")
    has_state("over", 5, RED)
  end)
  it("posts the score, and marks it in the list", function()
    says("over: scores done: 8 players")
    has_state("over", 2, GREEN)
    local score = tonumber(result.out:match("over: score (%d+)"))
    assert.is_true(score >= 3)
    local place, marked = layout.scores, {}
    for name, picture in pairs(pictures) do
      for row = 1, 8 do
        -- Gold on dark blue, left of the number.
        local red, _, blue = picture:at(place.x + 10, place.y + 8 + (row - 1) * place.row + 11)
        if red > blue then
          marked[#marked + 1] = name .. row
        end
      end
    end
    assert.same({ "over6" }, marked)
  end)

  it("shows what is no picture, no text or no answer, and goes on", function()
    local other = nginx.start({ game = { tls = certs.localhost, body = [[
      location = /planet.png { return 200 'no picture'; }
      location = /stall { return 503; }
      location / { root {{root}}; }]] } }, { files = { pack = ("x"):rep(1000), scores = "\255\254\t3\n"
      .. ("W"):rep(99) .. "\t" .. ("9"):rep(99) .. "\n" } })
    finally(function() other:stop() end)
    local stand_in = folder:write("stand-in",
      ("#!/bin/sh\ncat %s >$1\necho plain 0\necho tls %d\nexec cat")
      :format(certs.ca.cert_file, other:port("game")))
    love.sh("chmod +x '%s'", stand_in)
    result = play(stand_in)
    says("planet failed: Could not decode file 'planet.png'")
    says("playing: scores done: 2 players")
    says("over: scores failed: 405 Not Allowed") -- what was posted
    says("over: friends failed: 503 Service")
    says("over: pack of 1000 bytes")
  end)
end)
