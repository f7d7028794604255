-- parallel.lua: fetches many URLs, a few at a time.
--
--   lua examples/parallel.lua [-j JOBS] BASE [COUNT]    BASE1, BASE2 ... to BASE50, or COUNT
--   lua examples/parallel.lua [-j JOBS] -f LIST         the URLs of a file, one in each line; "-" is standard input
--
-- A line for each URL, in the order in which they are done: status, size, the time until the answer
-- began, the whole time. Exit status: 0 when all answers were 2xx, 1 when one was not, 2 for a
-- wrong call.
local httpclient = require("httpclient")
local now = httpclient.monotonic_time

local function quit(message)
  io.stderr:write("parallel.lua: ", message, "\n")
  os.exit(2, true)
end

local function whole(text, what)
  local number = tonumber(text)
  if not number or number < 1 or number > 100000 or number % 1 ~= 0 then
    quit(what .. " must be a number from 1 to 100000")
  end
  return number
end

local function read_list(path)
  local file, message = io.stdin, nil
  if path ~= "-" then
    file, message = io.open(path)
  end
  if not file then
    quit(message)
  end
  local list = {}
  for line in file:lines() do
    list[#list + 1] = line:match("^%s*([^%s#]%S*)")
  end
  return list
end

-- -> the URLs, how many at a time
local function parse_arguments()
  local words, jobs, list = {}, 6, nil
  local i = 1
  while arg[i] do
    if arg[i] == "-j" then
      jobs = whole(arg[i + 1], "-j")
      i = i + 1
    elseif arg[i] == "-f" then
      list = read_list(arg[i + 1] or quit("-f needs a file"))
      i = i + 1
    else
      words[#words + 1] = arg[i]
    end
    i = i + 1
  end
  if not list then
    if #words < 1 or #words > 2 or words[1]:find("^-") then
      quit("usage: parallel.lua [-j JOBS] BASE [COUNT], or -f LIST")
    end
    list = {}
    for number = 1, whole(words[2] or 50, "COUNT") do
      list[number] = ("%s%d"):format(words[1], number)
    end
  end
  return list, jobs
end

local urls, jobs = parse_arguments()
local sum = { done = 0, good = 0, bytes = 0, seconds = 0 }

local function show(url, response, message)
  sum.done = sum.done + 1
  local place = ("%3d"):format(sum.done)
  if not response then
    print(("%s    -  %s: %s"):format(place, url, message))
    return
  end
  local timings = response.timings
  sum.good = sum.good + (response.ok and 1 or 0)
  sum.bytes = sum.bytes + #response.body
  sum.seconds = sum.seconds + timings.total
  print(("%s  %3d  %9d  %8.1f  %8.1f  %s"):format(place, response.status, #response.body,
    (timings.total - timings.body) * 1000, timings.total * 1000, url))
end

local next_index = 0

-- One of those who take a URL after the other from the same list.
local function work()
  while next_index < #urls do
    next_index = next_index + 1
    local url = urls[next_index]
    show(url, httpclient.fetch(url))
  end
end

httpclient.pool.max_per_host = jobs
print(("%3s  %3s  %9s  %8s  %8s  %s"):format("", "", "bytes", "head, ms", "all, ms", "URL"))
local began = now()
for _ = 1, math.min(jobs, #urls) do
  httpclient.async(work)
end
httpclient.run()
local passed = now() - began
print(("%d of %d URLs answered 2xx, %.1f KiB in %.2f s; one after the other: %.2f s"):format(sum.good, #urls,
  sum.bytes / 1024, passed, sum.seconds))
os.exit(sum.good == #urls and 0 or 1, true)
