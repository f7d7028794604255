-- version.lua: of which version of a resource an answer is, as far as it says so: validator (RFC
-- 9110 section 8.8) and content codings.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)

local version = {}

-- Seconds: clocks of two machines that differ by more are set wrong.
local CLOCKS_DIFFER = 60

-- A validator is sent as it stands here.
function version.is_validator(text)
  return text ~= nil and text ~= "" and not text:find("[%z\1-\31\127]")
end

local function date_of(client, name)
  local value = client:get_response_header(name)
  return value and httpclient.parse_http_date(value), value
end

-- A resource can change twice in a second, so a date names one version only where the answer is of a later second.
-- Without its Date our own clock has to do.
local function names_one_version(modified, client)
  local sent = date_of(client, "Date")
  if sent then
    return modified < sent
  end
  return modified + CLOCKS_DIFFER < os.time()
end

-- What a later If-Range may name: a strong entity tag, or, of an answer without any tag, a date that is a strong
-- validator (RFC 9110 sections 13.1.5 and 8.8.2.2).
function version.validator_of(client)
  local tag = client:get_response_header("ETag")
  if tag then
    return tag:match('^"[^"%c]*"$')
  end
  local modified, text = date_of(client, "Last-Modified")
  return modified and names_one_version(modified, client) and text or nil
end

-- The content codings (RFC 9110 section 8.4) as the answer has them, or "".
function version.coding_of(client)
  local coding = (client:get_response_header("Content-Encoding") or ""):lower():gsub("[ \t]", "")
  return coding == "identity" and "" or coding
end

-- A server that knows no If-Range may send the rest of another version (RFC 9110 section 15.3.7.3).
function version.is_other(validator, client)
  local name = validator:find('^"') and "ETag" or "Last-Modified"
  local value = client:get_response_header(name)
  return value ~= nil and value ~= validator
end

return version
