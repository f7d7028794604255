-- digest.lua: Digest access authentication (RFC 7616): from a challenge, a name and a password to the value of
-- Authorization. Whom it goes to, and which challenges are remembered, is the policy's to know.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local random = require(root .. ".base.random")
local texts = require(root .. ".base.text")

local digest = {}

-- The names as OpenSSL has them, and how good each is.
local HASHES = {
  ["md5"] = { "MD5", 1 }, ["sha-256"] = { "SHA2-256", 2 }, ["sha-512-256"] = { "SHA2-512/256", 3 },
}

local function offers_auth(qop)
  for word in texts.lower(qop):gmatch("[^ \t,]+") do
    if word == "auth" then
      return true
    end
  end
  return false
end

local function is_true(text)
  return text ~= nil and texts.lower(text) == "true"
end

local function is_clean(text)
  return text ~= nil and not texts.has_control(text)
end

-- What a challenge (see challenges.lua) asks for, with a count of the requests that have answered it; nil where it
-- can't be answered.
function digest.session(challenge)
  local params = challenge.params
  local name = texts.lower(params.algorithm or "MD5")
  local is_session = name:sub(-5) == "-sess"
  local hash = HASHES[is_session and name:sub(1, -6) or name]
  if challenge.scheme ~= "digest" or challenge.is_broken or not hash
    or not is_clean(params.realm) or not is_clean(params.nonce) or params.nonce == ""
    or params.opaque and not is_clean(params.opaque)
    or params.qop and not offers_auth(params.qop) or not httpclient.digest(hash[1], "") then
    return nil
  end
  return {
    realm = params.realm, nonce = params.nonce, opaque = params.opaque,
    algorithm = params.algorithm, hash = hash[1], strength = hash[2], is_session = is_session,
    has_qop = params.qop ~= nil, hashes_user = is_true(params.userhash),
    knows_utf8 = params.charset ~= nil and texts.lower(params.charset) == "utf-8",
    is_stale = is_true(params.stale),
    cnonce = random.hex(16), first_nonce = params.nonce, count = 0,
  }
end

-- nextnonce of Authentication-Info (RFC 7616 section 3.5): the key of a session stays that of its first nonce.
function digest.set_nonce(session, nonce)
  if is_clean(nonce) and nonce ~= "" and nonce ~= session.nonce then
    session.nonce, session.count = nonce, 0
  end
end

local function in_quotes(text)
  return '"' .. text:gsub('["\\]', "\\%0") .. '"'
end

-- RFC 8187
local function extended(text)
  return "UTF-8''" .. text:gsub("[^A-Za-z0-9!#$&+.^_`|~-]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end)
end

local function username_field(session, user, hashed)
  if session.hashes_user then
    return 'username="' .. hashed(user .. ":" .. session.realm) .. '"'
  elseif session.knows_utf8 and user:find("[\128-\255]") then
    return "username*=" .. extended(user)
  end
  return "username=" .. in_quotes(user)
end

-- The value of Authorization for the next request that answers the challenge.
function digest.authorization(session, user, password, method, uri)
  local function hashed(text)
    return httpclient.hex(httpclient.digest(session.hash, text))
  end
  session.count = session.count + 1
  local count, nonce, cnonce = ("%08x"):format(session.count), session.nonce, session.cnonce
  local key = hashed(user .. ":" .. session.realm .. ":" .. password)
  if session.is_session then
    key = hashed(key .. ":" .. session.first_nonce .. ":" .. cnonce)
  end
  local middle = session.has_qop and count .. ":" .. cnonce .. ":auth:" or ""
  local answer = hashed(key .. ":" .. nonce .. ":" .. middle .. hashed(method .. ":" .. uri))
  local fields = {
    username_field(session, user, hashed), "realm=" .. in_quotes(session.realm),
    "uri=" .. in_quotes(uri), "nonce=" .. in_quotes(nonce), 'response="' .. answer .. '"',
  }
  local function add(text)
    fields[#fields + 1] = text
  end
  if session.algorithm then
    add("algorithm=" .. session.algorithm)
  end
  if session.has_qop then
    add("nc=" .. count)
    add("qop=auth")
  end
  if session.has_qop or session.is_session then
    add('cnonce="' .. cnonce .. '"')
  end
  if session.opaque then
    add("opaque=" .. in_quotes(session.opaque))
  end
  if session.hashes_user then
    add("userhash=true")
  end
  return "Digest " .. table.concat(fields, ", ")
end

return digest
