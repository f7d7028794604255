-- proxy.lua: which proxy a request goes through: that of a URL, or the one that the environment names.
--
-- The variables are read as curl reads them: lower case first, an empty one counts as unset, hosts
-- of this machine are no exception unless no_proxy names them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local http = require(root .. ".url.http")
local no_proxy = require(root .. ".connect.no_proxy")
local texts = require(root .. ".base.text")

local proxy = {}

-- {host, port, user, password} of "http://user:password@host:port" or the same without scheme (user
-- and password are nil where there is no user information; port 80 where none is written). Or nil
-- and the reason.
function proxy.from_url(text)
  text = texts.trim(text)
  if text == "" then
    return nil, "the proxy's URL is empty"
  end
  local scheme = text:match("^([^:/?#]*)://")
  if scheme and not scheme:find("^[hH][tT][tT][pP]$") then
    return nil, "only http:// proxies are supported"
  end
  local u, reason = http.from_text(scheme and text or "http://" .. text)
  if not u then
    return nil, "the proxy's URL is not valid: " .. reason
  end
  return { host = u.host, port = u.port, user = u.user, password = u.password }
end

-- -> the value of the first of the variables that is set, and its name
local function first_set(getenv, names)
  for index = 1, #names do
    local value = getenv(names[index])
    if value and texts.trim(value) ~= "" then
      return value, names[index]
    end
  end
end

local HTTPS = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" }
local HTTP = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" }
-- A CGI program has the client's "Proxy:" header field in HTTP_PROXY.
local HTTP_IN_CGI = { "http_proxy", "all_proxy", "ALL_PROXY" }
local EXCEPTIONS = { "no_proxy", "NO_PROXY" }

local function variables_of(u, getenv)
  return u.scheme == "https" and HTTPS or getenv("REQUEST_METHOD") and HTTP_IN_CGI or HTTP
end

-- The proxy for a URL (from url.http) as in from_url; nil when it is reached without; nil and a
-- message when the environment names a proxy that can't be used: going without would be against its
-- owner's will.
function proxy.from_environment(u, getenv)
  getenv = getenv or os.getenv
  local text, name = first_set(getenv, variables_of(u, getenv))
  if not text then
    return nil
  end
  if no_proxy.matches(u, first_set(getenv, EXCEPTIONS) or "") then
    return nil
  end
  local found, reason = proxy.from_url(text)
  if not found then
    return nil, ("environment variable %s: %s"):format(name, reason)
  end
  return found
end

-- For the option of that name: a URL, false (none), or nil (what the environment says). ->
-- function(url) -> proxy, as in from_environment; or nil and why the option is no proxy
function proxy.finder(option)
  if option == false then
    return function() end
  elseif option == nil then
    return proxy.from_environment
  end
  local found, why = proxy.from_url(option)
  if not found then
    return nil, why
  end
  return function()
    return found
  end
end

return proxy
