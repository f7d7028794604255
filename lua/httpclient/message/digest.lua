-- digest.lua: sessions of Digest access authentication (RFC 7616), each a challenge and how often it has been answered.
-- The core reads the challenge and makes the answer. Whom that goes to, and which sessions are remembered, is the
-- policy's to know.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local random = require(root .. ".base.random")

local digest = {}

-- The facts of the challenge, and beside them what the next answer needs.
local function session_of(challenge)
  local session = challenge:facts()
  session.challenge, session.cnonce, session.count = challenge, random.hex(16), 0
  return session
end

-- The first challenge in the fields (an array of values) that can be answered -> session; nil
function digest.first(values)
  for _, value in ipairs(values) do
    local challenge = core.DigestChallenge.first(value)
    if challenge then
      return session_of(challenge)
    end
  end
end

-- ... the one with the best hash
function digest.best(values)
  local best
  for _, value in ipairs(values) do
    local challenge = core.DigestChallenge.best(value)
    if challenge and (not best or challenge:facts().strength > best:facts().strength) then
      best = challenge
    end
  end
  return best and session_of(best)
end

-- The value of Authentication-Info may bring the nonce of the next request (section 3.5).
function digest.take_info(session, value)
  if session.challenge:take_info(value) then
    session.nonce, session.count = session.challenge:facts().nonce, 0
  end
end

-- The value of Authorization for the next request that answers the challenge.
function digest.authorization(session, user, password, method, uri)
  session.count = session.count + 1
  return assert(session.challenge:authorization(user, password, method, uri, session.cnonce,
    session.count))
end

return digest
