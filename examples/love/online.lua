-- online.lua: all that the game does with the network. Each thing is a task that waits in plain
-- code, and shows how it stands in a row of the panel. `online.update` moves them all, once a
-- frame, and takes no more of it than its budget.
local httpclient = require("lib.httpclient")
local utf8 = require("utf8")

local online = {}

local BUDGET = 0.004 -- seconds of each frame
local KEPT = 120 -- frames of which the cost is kept
local MIB = 1024 * 1024

-- state: "waiting", "busy", "done" or "failed"
local function row(label)
  return { label = label, state = "waiting", text = "" }
end

online.rows = {
  row("planet"), row("scores"), row("level pack"), row("news"), row("friends"),
}
local planet, list, pack, news, friends = unpack(online.rows)

online.scores = {} -- of { name, score }
online.picture = nil -- what to draw once it is there
online.costs = {} -- milliseconds that the network took of the last frames

-- --- tasks

-- work() -> what to say when all went well; or nil and why not
local function begin(row_, work)
  row_.state, row_.text = "busy", "asking"
  return httpclient.async(function()
    local text, message = work()
    row_.state = text and "done" or "failed"
    row_.text = text or message
  end)
end

-- A 404 is an answer, but not the one we want.
local function get(path, options)
  local response, message = httpclient.fetch(path, options)
  if response and not response.ok then
    return nil, ("%d %s"):format(response.status, response.reason)
  end
  return response, message
end

local function with(options, more)
  local all = {}
  for name, value in pairs(options) do
    all[name] = value
  end
  for name, value in pairs(more) do
    all[name] = value
  end
  return all
end

local function read_scores(text)
  local scores = {}
  for name, score in text:gmatch("([^\t\n]+)\t(%d+)\n") do
    -- LÖVE raises for text that is none.
    scores[#scores + 1] = { name = utf8.len(name) and name or "?", score = tonumber(score) }
  end
  online.scores = scores
  return ("%d players"):format(#scores)
end

local base, options

local function fetch_planet()
  local response, message = get(base .. "/planet.png", options)
  if not response then
    return nil, message
  end
  local file = love.filesystem.newFileData(response.body, "planet.png")
  online.picture = love.graphics.newImage(file, { mipmaps = true })
  return ("%.0f KiB by %s"):format(#response.body / 1024, "HTTPS")
end

local function fetch_scores()
  local response, message = get(base .. "/scores", options)
  return response and read_scores(response.body), message
end

-- Straight into a file: it never becomes a string.
local function fetch_pack()
  love.filesystem.createDirectory("packs")
  local response, message = get(base .. "/pack", with(options, {
    download_file = love.filesystem.getSaveDirectory() .. "/packs/aurora.pack",
    on_progress = function(received, total)
      pack.share = received / total
      pack.text = ("%.0f of %.0f MiB"):format(received / MIB, total / MIB)
    end,
  }))
  return response and "200 MiB in the save directory", message
end

-- --- what the game calls

-- `url` is the game's server; its authority ships with the game. Loads what first uses would load.
function online.start(url)
  base = url
  httpclient.prepare()
  local authority = love.filesystem.read("ca.pem")
  options = {
    tls_options = httpclient.TLSOptions.client(authority),
    connect_timeout = 5,
    response_timeout = 2,
  }
  begin(planet, fetch_planet)
  begin(list, fetch_scores)
  -- Nobody has this name, and nobody ever will.
  begin(news, function()
    return get("https://news.orbit.invalid/today", options)
  end)
  -- This one takes the request, and says nothing.
  begin(friends, function()
    return get(base .. "/stall", options)
  end)
end

function online.download_pack()
  begin(pack, fetch_pack)
end

function online.post_score(name, score)
  begin(list, function()
    local response, message = get(base .. "/scores", with(options, {
      method = "POST", form = { name = name, score = score },
    }))
    return response and read_scores(response.body), message
  end)
end

function online.update()
  local before = love.timer.getTime()
  httpclient.process(BUDGET)
  table.insert(online.costs, (love.timer.getTime() - before) * 1000)
  if #online.costs > KEPT then
    table.remove(online.costs, 1)
  end
end

-- Is nothing under way any more?
function online.is_quiet()
  for _, one in ipairs(online.rows) do
    if one.state == "busy" then
      return false
    end
  end
  return true
end

return online
