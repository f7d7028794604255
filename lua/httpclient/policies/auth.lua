-- auth.lua: credentials of the options `auth` and `bearer`. They go to the origin that the script has asked, and to no
-- other that a redirect leads to.
--
-- Basic and Bearer go with the first request. For Digest the server has to be asked first; what it
-- says is remembered as long as the script keeps the table of the option, so that later calls know
-- it. A server may then say that its nonce is stale, or have forgotten it: the answer to that is
-- another one.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local auths = require(root .. ".message.auth")
local challenges_of = require(root .. ".message.challenges")
local digest = require(root .. ".message.digest")
local fields = require(root .. ".message.fields")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local write = require(root .. ".url.write")

local auth = { options = { "auth", "bearer" } }

local UNAUTHORIZED = 401
-- So often in a row a server may refuse what answers its last challenge.
local REFUSALS_MOST = 3
local BASIC = "basic"

-- The option's table -> origin -> the session of a Digest (message/digest.lua), or BASIC.
local known = setmetatable({}, { __mode = "k" })

-- Is the request on its way to whom the credentials are for?
local function is_at_home(t)
  local origin = write.origin(t.url)
  t.home = t.home or origin
  return t.home == origin
end

local function session_of(t)
  local of_origin = known[t.options.auth]
  return of_origin and of_origin[t.home]
end

local function remember(t, session)
  local given = t.options.auth
  known[given] = known[given] or {}
  known[given][t.home] = session
end

local function is_asked_first(given)
  return given and select(3, auths.parts_of(given)) ~= BASIC
end

-- --- the request

-- -> the value of Authorization, or nil where the server has to be asked first
local function credentials_of(t)
  local given = t.options.auth
  if t.options.bearer then
    return "Bearer " .. t.options.bearer
  end
  local user, password, scheme = auths.parts_of(given)
  t.auth_session = scheme ~= BASIC and session_of(t) or nil
  if scheme == BASIC or t.auth_session == BASIC then
    return fields.basic(user, password)
  elseif t.auth_session then
    return digest.authorization(t.auth_session, user, password, t.method, write.target(t.url))
  end
end

function auth.before_send(t, lines)
  if not (t.options.auth or t.options.bearer) or not is_at_home(t)
    or fields.have(lines, "authorization") then
    return
  end
  t.auth_is_fresh, t.auth_was_fresh = nil, t.auth_is_fresh
  local value = credentials_of(t)
  if value then
    lines[#lines + 1] = "Authorization: " .. value
  elseif request_body.is_once(t) and not t.expects_nothing
    and not fields.have(lines, "expect") then
    t.auth_expects = true
    lines[#lines + 1] = "Expect: 100-continue" -- the first answer asks for credentials, most likely
  end
end

-- --- the answer

-- What can be answered: for "digest" the first (RFC 7616 section 3.7), for "any" the best. -> session or BASIC; nil
local function choose(t, scheme)
  local values = t.client:get_response_header_values("WWW-Authenticate")
  if scheme ~= "any" then
    return digest.first(values)
  end
  local session = digest.best(values)
  if session then
    return session
  end
  for _, challenge in ipairs(challenges_of(values)) do
    if challenge.scheme == "basic" then
      return BASIC
    end
  end
end

-- Were the credentials refused, and not only the nonce?
local function is_refused(t, session)
  local last = t.auth_session
  if not last then
    return false
  elseif session == BASIC or last == BASIC then
    return t.auth_was_fresh or session == last
  end
  return t.auth_was_fresh and not session.is_stale or session.nonce == last.nonce
end

local function note_nonce(t)
  local session = t.auth_session
  if session and session ~= BASIC then
    digest.take_info(session, t.client:get_response_header("Authentication-Info") or "")
  end
end

-- A 401 that can be answered: the request goes out again.
function auth.after_head(t)
  local given = t.options.auth
  if not is_asked_first(given) or not is_at_home(t) then
    return false
  elseif t.head.status ~= UNAUTHORIZED then
    t.auth_refusals = 0
    note_nonce(t)
    return false
  end
  local _, _, scheme = auths.parts_of(given)
  local session = choose(t, scheme)
  t.auth_refusals = (t.auth_refusals or 0) + 1
  if not session or is_refused(t, session) or t.auth_refusals > REFUSALS_MOST then
    remember(t, nil)
    return false
  end
  local is_whole, why = request_body.rewind(t)
  if not is_whole then
    results.fail("REQUEST_FAILED", "the server asks for credentials first, and " .. why)
  end
  remember(t, session)
  t.auth_is_fresh = true
  t:trace("auth", "the server asks for credentials: %s", session == BASIC and "Basic"
    or "Digest " .. (session.algorithm or "MD5"))
  return true
end

return auth
