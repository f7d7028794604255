-- windows-specs.lua LUAS [FILE...]: the spec files that run under wine (or those of the given ones that do), as jobs,
-- LUA:FILE. spec/windows/exceptions.lua names the rest. LUAS: "lua54 lua51" runs all on both; "lua54 lua51,luajit" all
-- on lua54, and those that do not take long on one of the two others too, which take turns.
package.path = "./?.lua;" .. package.path

-- What takes longest begins first, so that nothing waits for it at the end.
local LONG = {}
for name in ([[anchor blocking combinations cookbook cost cost_peer examples fault_endless get netem proxy_tls_wire
  quiet read_ahead reentry reentry_objects soak socks starve tasks_life wait wire wire_framing]]):gmatch("%S+") do
  LONG[name] = true
end

local without, without_on_older = {}, {}
for _, cause in ipairs(require("spec.windows.exceptions")) do
  for _, path in ipairs(cause.files or {}) do
    (cause.on_older and without_on_older or without)[path] = true
  end
end

local function all_files()
  local files, names = {}, assert(io.popen("ls spec"))
  for name in names:lines() do
    if name:find("_spec%.lua$") then
      files[#files + 1] = "spec/" .. name
    end
  end
  names:close()
  return files
end

local function takes_long(path)
  return LONG[path:match("([^/]*)_spec%.lua$")]
end

local first, rest = {}, {}

local function add_jobs(files, luas)
  local turn = 0
  for _, path in ipairs(files) do
    local lua = luas[turn % #luas + 1]
    if not without[path] and (lua == "lua54" or not without_on_older[path]) then
      turn = turn + 1
      local into = not takes_long(path) and rest or #luas == 1 and first or {}
      into[#into + 1] = lua .. ":" .. path
    end
  end
end

local files = #arg > 1 and { table.unpack(arg, 2) } or all_files()
for word in arg[1]:gmatch("%S+") do
  local luas = {}
  for lua in word:gmatch("[^,]+") do
    luas[#luas + 1] = lua
  end
  add_jobs(files, luas)
end
for _, jobs in ipairs({ first, rest }) do
  for _, job in ipairs(jobs) do
    print(job)
  end
end
