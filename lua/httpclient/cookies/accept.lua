-- accept.lua: what a jar takes from an answer, and what it gives to a request (RFC 6265bis sections
-- 5.7 and 5.8.3). HTTP alone is spoken here: HttpOnly is kept and hides nothing, and so is SameSite,
-- since no page of another site asks for anything.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local is_public_suffix = require(root .. ".cookies.suffix")
local match = require(root .. ".cookies.match")
local prefix_problem = require(root .. ".cookies.prefix")
local set_cookie = require(root .. ".cookies.set_cookie")

local accept = {}

-- The domain that the cookie says, in the spelling of hosts: an IPv6 address may stand in brackets.
local function stated_domain(cookie, url)
  local domain = cookie.domain or ""
  local inside = url.is_ipv6 and domain:match("^%[(.*)%]$")
  return inside or domain
end

-- -> true, with domain and host_only set; nil and why it is not for this host
local function find_domain(cookie, url)
  local host, domain = match.host_of(url), stated_domain(cookie, url)
  if domain == "" then
    cookie.host_only, cookie.domain = true, host
    return true
  elseif domain:find("[\128-\255]") then
    return nil, "the cookie's domain is not ASCII"
  elseif is_public_suffix(domain) then
    if domain ~= host then
      return nil, ("no cookie can be for all of '%s'"):format(domain)
    end
    domain = ""
  end
  if domain ~= "" and not match.domain(host, domain) then
    return nil, "the cookie is for another domain"
  end
  cookie.host_only = domain == ""
  cookie.domain = domain == "" and host or domain
  return true
end

-- What came without protection does not hide what came with it.
local function hides_secure(store, cookie)
  local alike = store:secure_of(cookie.name)
  if not alike then
    return false
  end
  for other in pairs(alike) do
    if (match.domain(other.domain, cookie.domain) or match.domain(cookie.domain, other.domain))
      and match.path(cookie.path, other.path) then
      return true
    end
  end
  return false
end

-- -> nil; or why the cookie is not taken
local function problem_of(store, cookie, url)
  if cookie.secure and not url.tls then
    return "a Secure cookie can't be set over http"
  elseif not cookie.secure and not url.tls and hides_secure(store, cookie) then
    return "the cookie would hide a Secure one"
  elseif cookie.same_site == "None" and not cookie.secure then
    return "a SameSite=None cookie must be Secure"
  end
  return prefix_problem(cookie, cookie.has_path)
end

-- Takes the value of a Set-Cookie field of an answer from the URL. -> true; nil and why it is ignored
function accept.set(store, url, text, now)
  if store:is_renewed(text, url, now) then
    return true
  end
  local cookie, why = set_cookie(text, now)
  if not cookie then
    return nil, why
  end
  local ok, not_here = find_domain(cookie, url)
  if not ok then
    return nil, not_here
  end
  cookie.path = cookie.path or match.default_path(url.path)
  local problem = problem_of(store, cookie, url)
  if problem then
    return nil, problem
  end
  cookie.has_path = nil
  local renewed = store:put(cookie, now)
  if renewed then
    store:note_renewal(renewed, text, url, now)
  end
  return true
end

local function goes_first(a, b)
  if #a.path ~= #b.path then
    return #a.path > #b.path
  end
  return a.serial < b.serial
end

-- Puts the cookie into the list, if it is for the URL, whose host this is.
local function take(cookie, list, url, host)
  if (not cookie.host_only or cookie.domain == host) and (url.tls or not cookie.secure)
    and match.path(url.path, cookie.path) then
    list[#list + 1] = cookie
  end
end

-- The cookies for a request to the URL, in the order in which they are sent.
function accept.matching(store, url, now)
  if store.count == 0 then
    return {}
  end
  local host, list = match.host_of(url), {}
  for _, domain in ipairs(match.domains_of(host)) do
    store:each_of(domain, now, take, list, url, host)
  end
  if list[2] then
    table.sort(list, goes_first)
  end
  store:use(list)
  return list
end

local function pair_of(cookie)
  return cookie.name ~= "" and cookie.name .. "=" .. cookie.value or cookie.value
end

-- -> the value of a Cookie field
function accept.text(cookies)
  if not cookies[2] then
    return pair_of(cookies[1])
  end
  local parts = {}
  for index, cookie in ipairs(cookies) do
    parts[index] = pair_of(cookie)
  end
  return table.concat(parts, "; ")
end

-- Both for the next request to the URL. -> text; nil where no cookie is for it
function accept.text_for(store, url, now)
  local sent = store:sent_to(url, now)
  if sent then
    store:use(sent.cookies)
    return sent.text
  end
  local list = accept.matching(store, url, now)
  local text = list[1] and accept.text(list) or nil
  store:note_sent(list, text, url, now)
  return text
end

return accept
