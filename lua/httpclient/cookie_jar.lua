-- cookie_jar.lua: the class CookieJar: the cookies of one user (RFC 6265bis), for fetch, sessions
-- and scripts. A jar may serve any number of transfers at a time.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local accept = require(root .. ".cookies.accept")
local check = require(root .. ".base.check")
local file = require(root .. ".cookies.file")
local http = require(root .. ".url.http")
local kept = require(root .. ".base.kept")
local stores = require(root .. ".cookies.store")
local texts = require(root .. ".base.text")

local Error = httpclient.Error
-- What belongs to a jar is in this one field of it.
local STATE = kept("CookieJar", {})
-- More than this of one answer nobody means.
local MOST_OF_ANSWER = 200

local CookieJar = {}
local Jar = { __name = "CookieJar", __index = CookieJar }

-- --- arguments

local function check_self(self, method)
  local state = check.own(self, STATE, method, "CookieJar", "jar", 3)
  return state
end

local function check_string(index, method, value)
  if type(value) ~= "string" then
    check.fail_type(index, method, "string", value, 3)
  end
end

local function check_path(method, value)
  if value ~= nil and type(value) ~= "string" then
    check.fail_type(1, method, "string or nil", value, 3)
  elseif value and (value == "" or value:find("\0", 1, true)) then
    check.fail(1, method, "a path is needed", 3)
  end
end

-- -> parts; nil, message, Error
local function url_of(text)
  local url, why = http.from_text(text)
  if not url then
    return nil, why, Error.ERR_INVALID_PARAMETER
  end
  return url
end

-- --- the class

-- A jar, empty or with the cookies of the file at `path`, which need not be there yet; save() writes
-- it. -> jar; nil, message, Error where the file can't be read
function CookieJar.new(path)
  check_path("new", path)
  local state = { store = stores.new(), path = path }
  if path then
    local count, message, code = file.load(path, state.store, os.time())
    if not count and code ~= Error.ERR_FILE_NOT_FOUND then
      return nil, message, code
    end
  end
  return setmetatable({ [STATE] = state }, Jar)
end

-- Takes the value of a Set-Cookie field as if an answer from the URL had it. -> true; nil, message
-- and Error where the cookie is ignored
function CookieJar:set(url, set_cookie_value)
  local state = check_self(self, "set")
  check_string(1, "set", url)
  check_string(2, "set", set_cookie_value)
  local parts, why, code = url_of(url)
  if not parts then
    return nil, why, code
  end
  local ok, ignored = accept.set(state.store, parts, set_cookie_value, os.time())
  if not ok then
    return nil, ignored, Error.ERR_INVALID_DATA
  end
  return true
end

-- The value of the Cookie field of a request to the URL; nil where no cookie is for it (and a
-- message and Error where the URL is none).
function CookieJar:get(url)
  local state = check_self(self, "get")
  check_string(1, "get", url)
  local parts, why, code = url_of(url)
  if not parts then
    return nil, why, code
  end
  local list = accept.matching(state.store, parts, os.time())
  return list[1] and accept.text(list) or nil
end

-- All cookies, in the order in which they came, as tables of the script's own.
function CookieJar:cookies()
  local list = check_self(self, "cookies").store:list(os.time())
  for index, cookie in ipairs(list) do
    list[index] = {
      name = cookie.name, value = cookie.value, domain = cookie.domain, path = cookie.path,
      expires = cookie.expires, secure = cookie.secure or false,
      http_only = cookie.http_only or false, host_only = cookie.host_only,
      same_site = cookie.same_site,
    }
  end
  return list
end

-- Removes all cookies, or those of one domain, which is what cookies() calls so: not those below it.
function CookieJar:clear(domain)
  local state = check_self(self, "clear")
  if domain ~= nil then
    check_string(1, "clear", domain)
    state.store:clear(texts.lower((domain:gsub("^%.", ""))))
  else
    state.store = stores.new()
  end
end

-- Writes them to the file at `path`, by default that of new(), in the format of curl and wget; ones
-- without an end too. -> true; nil, message, Error
function CookieJar:save(path)
  local state = check_self(self, "save")
  check_path("save", path)
  path = path or state.path or error("save() needs a path: the jar was made without one", 2)
  return file.save(path, state.store:list(os.time()))
end

-- Adds those of a file. -> how many it has; nil, message, Error
function CookieJar:load(path)
  local state = check_self(self, "load")
  check_path("load", path)
  path = path or state.path or error("load() needs a path: the jar was made without one", 2)
  return file.load(path, state.store, os.time())
end

-- --- for transfers, which know a URL in parts

local function without(cookies, taken)
  local list = {}
  for _, cookie in ipairs(cookies) do
    if not taken[cookie.name] then
      list[#list + 1] = cookie
    end
  end
  return list
end

-- The cookies for a request to the URL but those whose names are in `taken` (nil: none). -> text or nil
function Jar.text_for(self, url, taken)
  local store, now = self[STATE].store, os.time()
  if not taken then
    return accept.text_for(store, url, now)
  end
  local list = without(accept.matching(store, url, now), taken)
  return list[1] and accept.text(list) or nil
end

-- Takes what the Set-Cookie fields of an answer from the URL say.
function Jar.take(self, url, values)
  local now, store = os.time(), self[STATE].store
  for index = 1, math.min(#values, MOST_OF_ANSWER) do
    accept.set(store, url, values[index], now)
  end
end

-- Tells no names and no values.
function Jar:__tostring()
  return ("CookieJar (%d cookies)"):format(#self[STATE].store:list(os.time()))
end

return CookieJar
