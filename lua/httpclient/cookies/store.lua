-- store.lua: where a jar keeps its cookies: by domain, in the order of their last use, and within
-- the limits of RFC 6265bis section 5.7. What a peer can send often costs the same with few and with
-- many in it.
local MOST_OF_DOMAIN, MOST = 50, 3000

local Store = {}
Store.__index = Store

local function new()
  local ring = {}
  ring.before, ring.behind = ring, ring
  return setmetatable({
    count = 0,
    serial = 0,       -- of the cookie that was made last: their order
    domains = {},     -- domain -> { count, by_id = { id -> cookie } }
    secure = {},      -- name -> { cookie -> true } of those that are Secure
    ring = ring,      -- all, the one whose last use is longest ago behind it
    purged = nil,     -- when the expired ones went last
    last = nil,
    -- the cookie that was renewed last, if nothing was set or removed since; and how:
    last_text = nil, last_url = nil, last_at = nil,
    sent = nil,
    -- what the last request got, if nothing was set or removed since, see note_sent()
  }, Store)
end

-- No two cookies of a domain are alike in this.
local function id_of(cookie)
  return (cookie.host_only and "=" or ".") .. cookie.name .. "\0" .. cookie.path
end

local function unlink(cookie)
  cookie.before.behind, cookie.behind.before = cookie.behind, cookie.before
end

local function link_last(ring, cookie)
  cookie.before, cookie.behind = ring.before, ring
  ring.before.behind, ring.before = cookie, cookie
end

function Store:touch(cookie)
  local ring = self.ring
  if ring.before ~= cookie then
    unlink(cookie)
    link_last(ring, cookie)
  end
end

function Store:remove(cookie)
  self.last, self.sent = nil, nil
  local place = self.domains[cookie.domain]
  place.by_id[id_of(cookie)] = nil
  place.count = place.count - 1
  if place.count == 0 then
    self.domains[cookie.domain] = nil
  end
  local alike = self.secure[cookie.name]
  if cookie.secure then
    alike[cookie] = nil
    if not next(alike) then
      self.secure[cookie.name] = nil
    end
  end
  unlink(cookie)
  self.count = self.count - 1
end

local function is_expired(cookie, now)
  return cookie.expires ~= nil and cookie.expires <= now
end

-- Removes those that are over.
function Store:purge(now)
  if self.purged == now then
    return
  end
  self.purged = now
  local cookie = self.ring.behind
  while cookie ~= self.ring do
    local following = cookie.behind
    if is_expired(cookie, now) then
      self:remove(cookie)
    end
    cookie = following
  end
end

-- Which of two goes first where there are too many?
local function goes_before(a, b, now)
  local a_rank = is_expired(a, now) and 0 or a.secure and 2 or 1
  local b_rank = is_expired(b, now) and 0 or b.secure and 2 or 1
  if a_rank ~= b_rank then
    return a_rank < b_rank
  end
  return a.used < b.used
end

local function evict_of_domain(self, place, now)
  local first
  for _, cookie in pairs(place.by_id) do
    if not first or goes_before(cookie, first, now) then
      first = cookie
    end
  end
  self:remove(first)
end

local function stamp(self)
  self.serial = self.serial + 1
  return self.serial
end

local function insert(self, cookie)
  local place = self.domains[cookie.domain] or { count = 0, by_id = {} }
  self.domains[cookie.domain] = place
  place.by_id[id_of(cookie)], place.count = cookie, place.count + 1
  if cookie.secure then
    self.secure[cookie.name] = self.secure[cookie.name] or {}
    self.secure[cookie.name][cookie] = true
  end
  link_last(self.ring, cookie)
  self.count = self.count + 1
  return place
end

-- Most are set again and again: all that is not the same in what is alike.
local function renew(self, old, cookie)
  old.value, old.expires, old.used = cookie.value, cookie.expires, cookie.used
  old.http_only, old.same_site = cookie.http_only, cookie.same_site
  self:touch(old)
  return old
end

-- The cookie was renewed by this text of an answer from this URL.
function Store:note_renewal(cookie, text, url, now)
  self.last, self.last_text, self.last_url, self.last_at = cookie, text, url, now
end

-- Many answers of a server in a row set the same. -> true, and it is done: the last one did so, too
function Store:is_renewed(text, url, now)
  local cookie = self.last
  if not cookie or self.last_text ~= text or self.last_url ~= url
    or cookie.expires and self.last_at ~= now then
    return false
  end
  cookie.used = stamp(self)
  self:touch(cookie)
  return true
end

-- Takes it in, in the place of the one that is alike; one that is over only removes that.
-- -> the one that was renewed by it, if there was one
function Store:put(cookie, now)
  self.last, self.sent = nil, nil
  local place = self.domains[cookie.domain]
  local old = place and place.by_id[id_of(cookie)]
  cookie.used = stamp(self)
  if old and not old.secure and not cookie.secure and not is_expired(cookie, now) then
    return renew(self, old, cookie)
  end
  cookie.serial = old and old.serial or cookie.used
  if old then
    self:remove(old)
  end
  if is_expired(cookie, now) then
    return
  end
  place = insert(self, cookie)
  if place.count > MOST_OF_DOMAIN then
    evict_of_domain(self, place, now)
  end
  if self.count > MOST then
    self:purge(now)
  end
  if self.count > MOST then
    self:remove(self.ring.behind)
  end
end

-- Calls fn(cookie, ...) for those of the domain that are not over.
function Store:each_of(domain, now, fn, ...)
  local place = self.domains[domain]
  if not place then
    return
  end
  for _, cookie in pairs(place.by_id) do
    if is_expired(cookie, now) then
      self:remove(cookie)
    else
      fn(cookie, ...)
    end
  end
end

-- These are for a request to the URL, and this is what it says of them.
function Store:note_sent(cookies, text, url, now)
  local lasts = true
  for _, cookie in ipairs(cookies) do
    lasts = lasts and cookie.expires == nil
  end
  self.sent = { cookies = cookies, text = text, url = url, at = not lasts and now or nil }
end

-- Many requests in a row are for the same URL. -> what the last one got, if this one gets the same
function Store:sent_to(url, now)
  local sent = self.sent
  return sent and sent.url == url and (not sent.at or sent.at == now) and sent or nil
end

-- They were sent.
function Store:use(cookies)
  for _, cookie in ipairs(cookies) do
    cookie.used = stamp(self)
    self:touch(cookie)
  end
end

-- The Secure ones of this name -> cookie -> true; nil: there are none
function Store:secure_of(name)
  return self.secure[name]
end

-- All that are not over, in the order in which they were made. -> array
function Store:list(now)
  self.purged = nil
  self:purge(now)
  local list, cookie = {}, self.ring.behind
  while cookie ~= self.ring do
    list[#list + 1] = cookie
    cookie = cookie.behind
  end
  table.sort(list, function(a, b)
    return a.serial < b.serial
  end)
  return list
end

function Store:clear(domain)
  local place = self.domains[domain]
  for _, cookie in pairs(place and place.by_id or {}) do
    self:remove(cookie)
  end
end

return { new = new }
