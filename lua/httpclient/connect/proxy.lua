-- proxy.lua: which proxy a request goes through: that of a URL, or the one that the environment names.
--
-- The variables are read as curl reads them: lower case first, an empty one counts as unset, hosts
-- of this machine are no exception unless no_proxy names them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local kept = require(root .. ".base.kept")
local no_proxy = require(root .. ".connect.no_proxy")
local numbers = require(root .. ".connect.numbers")
local texts = require(root .. ".base.text")

local proxy = {}

-- What one connection learns of a proxy (which scheme it wants, and its nonce) all others shall know. So there is one
-- object for each, and the last few are kept.
local KEPT_MOST = 64
local known = kept("proxies", { count = 0, by_key = {} })

local function key_of(text, auth, tls_options)
  return table.concat({ text, auth or "any", tls_options and numbers.of(tls_options) or "" }, "\0")
end

local function described(handle, url, key)
  return { handle = handle, url = url, authority = url:match("://(.*)$"), key = key }
end

local function remember(key, found)
  if known.count >= KEPT_MOST then
    known.count, known.by_key = 0, {}
  end
  known.count = known.count + 1
  known.by_key[key] = found
  return found
end

-- The proxy of a URL ("http://", "https://", "socks5://", "socks5h://", or none of them for http); `wish`: nil, or a
-- table with `auth` ("any" or "digest") and `tls_options` for TLS with the proxy. -> { handle, url, authority, key }:
-- the core's object, the URL without credentials, its host and port, and a text by which connections are told apart. Or
-- nil and the reason.
function proxy.from_url(text, wish)
  local auth, tls_options = wish and wish.auth, wish and wish.tls_options
  local key = key_of(text, auth, tls_options)
  if known.by_key[key] then
    return known.by_key[key]
  end
  local handle, url = core.new_proxy(text, { auth = auth, tls_options = tls_options })
  if not handle then
    return nil, url
  end
  return remember(key, described(handle, url, key))
end

-- The same of an http:// one from its parts. -> as above; or nil, the reason and its Error
function proxy.from_parts(host, port, user, password)
  local handle, url, code = core.new_proxy_of_parts(host, port, user, password)
  if not handle then
    return nil, url, code
  end
  return described(handle, url, table.concat({ url, user or "", password or "" }, "\0"))
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
-- A CGI program has the client's "Proxy:" header field in HTTP_PROXY, which on Windows is http_proxy too.
local is_windows = package.config:sub(1, 1) == "\\"
local FROM_A_CLIENT = { HTTP_PROXY = true, http_proxy = is_windows }
local HTTP_IN_CGI = { "http_proxy", "all_proxy", "ALL_PROXY" }
if is_windows then
  table.remove(HTTP_IN_CGI, 1)
end
local EXCEPTIONS = { "no_proxy", "NO_PROXY" }

-- As first_set().
local function proxy_of(u, getenv)
  if u.scheme == "https" then
    return first_set(getenv, HTTPS)
  end
  local value, name = first_set(getenv, HTTP)
  if FROM_A_CLIENT[name] and getenv("REQUEST_METHOD") then
    return first_set(getenv, HTTP_IN_CGI)
  end
  return value, name
end

-- The proxy for a URL (from url.http) as in from_url; nil when it is reached without; nil and a
-- message when the environment names a proxy that can't be used: going without would be against its
-- owner's will.
function proxy.from_environment(u, getenv, wish)
  getenv = getenv or os.getenv
  local names = u.scheme == "https" and HTTPS or HTTP
  if not (getenv(names[1]) or getenv(names[2]) or getenv(names[3]) or getenv(names[4])) then
    return nil -- most of the time
  end
  local text, name = proxy_of(u, getenv)
  if not text then
    return nil
  end
  if no_proxy.matches(u, first_set(getenv, EXCEPTIONS) or "") then
    return nil
  end
  local found, reason = proxy.from_url(text, wish)
  if not found then
    return nil, ("environment variable %s: %s"):format(name, reason)
  end
  return found
end

-- For the option of that name: a URL, false or "" (none), or nil (what the environment says). ->
-- function(url) -> proxy, as in from_environment; or nil and why the option is no proxy
function proxy.finder(option, wish)
  if option == false or option == "" then
    return function() end
  elseif option == nil then
    return function(u)
      return proxy.from_environment(u, nil, wish)
    end
  end
  local found, why = proxy.from_url(option, wish)
  if not found then
    return nil, why
  end
  return function()
    return found
  end
end

return proxy
