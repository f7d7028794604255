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
local function row(label, text)
  return { label = label, state = "waiting", text = text or "" }
end

online.rows = {
  row("planet"), row("scores"), row("level pack", "comes with your third light"), row("news"),
  row("friends"),
}
local planet, list, pack, news, friends = unpack(online.rows)

online.scores = {} -- of { name, score }
online.picture = nil -- what to draw once it is there
online.costs = {} -- milliseconds that the network took of the last frames

-- --- tasks

-- A server says what it likes, and LÖVE raises for text that is no UTF-8.
local function readable(text)
  return utf8.len(text) and text or text:gsub("[\128-\255]", "?")
end

-- work() -> what to say when all went well; or nil and why not. An error in it is shown as well, such as LÖVE's for a
-- picture that is none. What a row began last waits for what it had begun before.
local function begin(row_, work)
  local before = row_.task
  row_.state, row_.text, row_.share, row_.work = "busy", "asking", nil, work
  row_.task = httpclient.async(function()
    if before then
      before:wait()
      before = nil
    end
    local is_whole, text, message = pcall(work)
    row_.state = is_whole and text and "done" or "failed"
    local said = tostring(text or message):gsub("^%S+:%d+: ", "") -- an error's place
    row_.text = readable(said)
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
    scores[#scores + 1] = { name = readable(name), score = score }
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

-- Straight into a file: it never becomes a string. What has come stays there when the network goes or the game ends,
-- and the next time goes on behind it.
local function fetch_pack()
  love.filesystem.createDirectory("packs")
  local response, message = get(base .. "/pack", with(options, {
    download_file = love.filesystem.getSaveDirectory() .. "/packs/aurora.pack",
    resume = true,
    on_progress = function(received, total)
      if total > 0 then -- it says how much there is
        pack.share = received / total
        pack.text = ("%.0f of %.0f MiB"):format(received / MIB, total / MIB)
      end
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
    idle_timeout = 10,
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

-- What has failed is begun again.
function online.try_again()
  for _, one in ipairs(online.rows) do
    if one.state == "failed" then
      begin(one, one.work)
    end
  end
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
