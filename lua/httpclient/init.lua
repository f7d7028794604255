-- httpclient: the public table. The C core is loaded at once, the Lua parts on top of it when they are first used.
--
-- The parts find each other by where this file stands: under whichever name it was required, they
-- are below that name. The C half has one name; library.lua knows where it can lie.
local root = (((...) or "httpclient"):gsub("%.init$", ""))
local core = require(root .. ".library")
local load_uncompiled = require(root .. ".base.uncompiled")

-- What the Lua half alone uses.
local internal = {
  idn_to_ascii = true,
  response_fields = true, announced_length = true, begin_transcript = true, take_transcript = true,
  end_transcript = true, poller_round = true,
  own_file_size = true, create_new_file = true, keep_file_mode = true, file_kind = true,
  open_body_file = true, decode_body = true, OwnFile = true, FileReplacement = true,
  process_number = true, kept = true, Signal = true,
  retry_of = true, sharing_of = true, wake_poller = true,
  new_proxy = true, new_proxy_of_parts = true, use_proxy = true, can_satisfy_proxy = true,
  prepare_tls = true, gather = true, join = true, replace_file = true, remove_file = true,
  random_bytes = true,
  create_private_file = true, is_public_suffix = true,
  read_body_into = true, memory_string = true,
  read_challenges = true, DigestChallenge = true, is_untried = true,
}

local httpclient = {}
for name, value in pairs(core) do
  if not internal[name] then
    httpclient[name] = value
  end
end

-- Name in the public table -> the part that has it, and the field there (nil: the part's value is the thing).
local lazy = {
  HTTPRequest = { part = "http_request" },
  fetch = { part = "fetch" },
  CookieJar = { part = "cookie_jar" },
  stream = { part = "stream", field = "call" },
  fetch_all = { part = "fetch_all", field = "call" },
  Session = { part = "session" },
  EventSource = { part = "event_source" },
  process = { part = "tasks.scheduler", field = "process" },
  async = { part = "tasks.calls", field = "async" },
  run = { part = "tasks.scheduler", field = "run" },
  set_waiter = { part = "tasks.outside", field = "set_waiter" },
  sleep = { part = "tasks.calls", field = "sleep" },
  next_frame = { part = "tasks.calls", field = "next_frame" },
  pool = { part = "connect.pool_settings" },
  parse_url = { part = "url.calls", field = "parse_url" },
  resolve_url = { part = "url.calls", field = "resolve_url" },
  http_date = { part = "message.date", field = "http_date" },
  parse_http_date = { part = "message.date", field = "parse_http_date" },
  parse_link = { part = "message.link", field = "parse_link" },
  json = { part = "message.json" },
}

local function load_part(name, entry)
  local ok, module = load_uncompiled(root, root .. "." .. entry.part)
  if not ok then
    error(("httpclient.%s can't be loaded: %s"):format(name, tostring(module)), 3)
  end
  local value = module
  if entry.field then
    value = type(module) == "table" and module[entry.field] or nil
  end
  if value == nil then
    error(("httpclient.%s is missing in module '%s.%s'"):format(name, root, entry.part), 3)
  end
  return value
end

local WAIT_STEP, WAIT_MOST = 0.002, 10

-- What the first uses would load inside a frame is loaded now: the Lua files, OpenSSL, and the
-- system's authorities, for which it waits. It is not waited for longer than it can take: where
-- memory is out, the first connection says so.
function httpclient.prepare()
  for name in pairs(lazy) do
    local _ = httpclient[name]
  end
  local nobody, deadline = core.Poller.new(), core.monotonic_time() + WAIT_MOST
  while not core.prepare_tls() and core.monotonic_time() < deadline do
    nobody:wait(WAIT_STEP)
  end
  nobody:close()
end

return setmetatable(httpclient, {
  __index = function(self, name)
    local entry = lazy[name]
    if entry then
      local value = load_part(name, entry)
      rawset(self, name, value)
      return value
    end
    -- What the core makes anew at each access, where it must (see bindings/lua_enums.c).
    return core[name]
  end,
})
