-- proxy.lua: which proxy a request goes through: that of a URL, or the one that the environment names.
--
-- The variables are read as curl reads them: lower case first, an empty one counts as unset, hosts of this machine are no
-- exception unless no_proxy names them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local http = require(root .. ".url.http")
local no_proxy = require(root .. ".connect.no_proxy")
local texts = require(root .. ".base.text")

local proxy = {}

-- {host, port, user, password} of "http://user:password@host:port" or the same without scheme (user and password are nil
-- where there is no user information; port 80 where none is written). Or nil and the reason.
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

local function first_set(getenv, ...)
  for _, name in ipairs({ ... }) do
    local value = getenv(name)
    if value and texts.trim(value) ~= "" then
      return value, name
    end
  end
end

local function variables_of(u, getenv)
  if u.scheme == "https" then
    return "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"
  end
  -- A CGI program has the client's "Proxy:" header field in HTTP_PROXY.
  if getenv("REQUEST_METHOD") then
    return "http_proxy", "all_proxy", "ALL_PROXY"
  end
  return "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"
end

-- The proxy for a URL (from url.http) as in from_url; nil when it is reached without; nil and a message when the environment
-- names a proxy that can't be used: going without would be against its owner's will.
function proxy.from_environment(u, getenv)
  getenv = getenv or os.getenv
  local text, name = first_set(getenv, variables_of(u, getenv))
  if not text then
    return nil
  end
  if no_proxy.matches(u, first_set(getenv, "no_proxy", "NO_PROXY") or "") then
    return nil
  end
  local found, reason = proxy.from_url(text)
  if not found then
    return nil, ("environment variable %s: %s"):format(name, reason)
  end
  return found
end

-- For the option of that name: a URL, false (none), or nil (what the environment says). -> function(url) -> proxy, as in
-- from_environment; or nil and why the option is no proxy
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
