-- version.lua: of which version of a resource an answer is, as far as it says so: validator (RFC
-- 9110 section 8.8) and content codings.
local version = {}

-- A validator is sent as it stands here.
function version.is_validator(text)
  return text ~= nil and text ~= "" and not text:find("[%z\1-\31\127]")
end

-- What a later If-Range may name: a strong entity tag, or a date that is older than the answer itself (RFC 9110 section
-- 13.1.5).
function version.validator_of(client)
  local tag = client:get_response_header("ETag")
  if tag and tag:find('^"') then
    return tag
  end
  local modified = client:get_response_header("Last-Modified")
  if modified and modified ~= "" and modified ~= client:get_response_header("Date") then
    return modified
  end
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
