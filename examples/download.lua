-- download.lua: downloads a URL into a file, and goes on where an earlier run was broken off.
--
--   lua examples/download.lua URL FILE
--
-- FILE stays as it was until all of the new one is there. What came before the connection broke, or
-- Ctrl-C was pressed, is kept in FILE.part for the next run, if the server gives it a name (ETag,
-- Last-Modified). On a terminal a bar shows how far it is. Exit status: 0 done, 1 for an answer
-- that is no 2xx, 2 for a wrong call, 3 when there is no connection, 4 when it broke, 5 when the
-- file can't be written, 130 after Ctrl-C.
local httpclient = require("httpclient")
local Error, now = httpclient.Error, httpclient.monotonic_time

-- How often Ctrl-C and the bar are looked after while nothing comes, in seconds.
local SLICE = 0.2
local BAR_WIDTH = 25

local exit_statuses = {
  [Error.ERR_INVALID_PARAMETER] = 2,
  [Error.ERR_CANT_RESOLVE] = 3,
  [Error.ERR_CANT_CONNECT] = 3,
  [Error.ERR_FILE_CANT_OPEN] = 5,
  [Error.ERR_FILE_CANT_WRITE] = 5,
}

local function size_text(bytes)
  local units, unit = { "B", "KiB", "MiB", "GiB", "TiB" }, 1
  while bytes >= 1024 and unit < #units do
    bytes, unit = bytes / 1024, unit + 1
  end
  return (unit == 1 and "%.0f %s" or "%.1f %s"):format(bytes, units[unit])
end

local function time_text(seconds)
  return ("%d:%02d"):format(math.floor(seconds / 60), math.floor(seconds % 60))
end

-- --- the bar

local on_terminal = package.config:sub(1, 1) == "/" and os.execute("test -t 2")
on_terminal = on_terminal == true or on_terminal == 0

-- What has come, of how much (-1: nobody knows), and what was there when this run began to count.
local progress = { received = 0, total = -1 }
local drawn_at, drawn_width = nil, 0

function progress.update(received, total)
  progress.received, progress.total = received, total
  if not progress.since then
    progress.since, progress.first = now(), received
  end
end

local function speed()
  local seconds = progress.since and now() - progress.since or 0
  return seconds > 0 and (progress.received - progress.first) / seconds or 0
end

local function bar_text()
  local received, total, rate = progress.received, progress.total, speed()
  local rate_text = rate > 0 and ("  %s/s"):format(size_text(rate)) or ""
  if total <= 0 then
    return size_text(received) .. rate_text
  end
  local share = math.min(received / total, 1)
  local filled = math.floor(share * BAR_WIDTH)
  return ("[%s%s] %3d%%  %s of %s%s%s"):format(("#"):rep(filled), ("."):rep(BAR_WIDTH - filled),
    math.floor(share * 100),
    size_text(received), size_text(total), rate_text,
    share < 1 and rate > 0 and "  " .. time_text((total - received) / rate) .. " left" or "")
end

-- Over what was drawn before.
local function draw(at_once)
  if not on_terminal or not at_once and drawn_at and now() - drawn_at < SLICE / 2 then
    return
  end
  local text = bar_text()
  io.stderr:write("\r", text, (" "):rep(drawn_width - #text))
  io.stderr:flush()
  drawn_at, drawn_width = now(), #text
end

local function end_bar()
  if drawn_at then
    draw(true)
    io.stderr:write("\n")
    drawn_at = nil
  end
end

-- --- the download

local function quit(status, message)
  end_bar()
  io.stderr:write("download.lua: ", message, "\n")
  os.exit(status, true)
end

local function can_go_on(path)
  local info = io.open(path .. ".part.info")
  if info then
    info:close()
  end
  return info ~= nil
end

local function hint(path)
  return can_go_on(path)
    and ("\nwhat has come is kept in %s.part; the same call goes on from there"):format(path) or ""
end

-- The interpreter makes an error of Ctrl-C: in this loop, or (LuaJIT) inside the task.
local function wait_for(task)
  while task:status() == "running" do
    task:wait(SLICE)
    draw()
  end
  return task:result()
end

local function download(url, path)
  local task = httpclient.async(httpclient.fetch, url, {
    download_file = path,
    resume = true,
    on_progress = function(received, total)
      progress.update(received, total)
      draw()
    end,
  })
  local ok, response, message, code = pcall(wait_for, task)
  if not ok or task:status() == "failed" then
    task:cancel()
    local why = tostring(ok and message or response)
    if why:find("interrupted!", 1, true) then
      quit(130, "interrupted" .. hint(path))
    end
    error(why, 0)
  elseif not response then
    quit(exit_statuses[code] or 4, message .. hint(path))
  elseif not response.ok then
    quit(1, ("%s answered %d %s"):format(response.url, response.status, response.reason))
  end
  return response
end

local url, path = arg[1], arg[2]
if #arg ~= 2 then
  quit(2, "usage: download.lua URL FILE")
end
local response = download(url, path)
end_bar()
local continued_at = response.status == 206 and response.headers["Content-Range"]:match("(%d+)%-")
io.stderr:write(("%s: %s in %.1f s%s\n"):format(path, size_text(progress.received),
  response.timings.total,
  continued_at and ", continued at " .. size_text(tonumber(continued_at)) or ""))
