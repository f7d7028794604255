-- What follows on a redirect: the next request, no request, or a refusal (RFC 9110 section 15.4). Internal, and pure policy:
-- nothing is sent here, and nobody counts.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local url = require(root .. ".url.http")

local redirect = {}

local CODES = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Says something of the body; names that begin with "content-" do as well.
local OF_BODY = {
  ["transfer-encoding"] = true, ["trailer"] = true, ["expect"] = true, ["digest"] = true, ["repr-digest"] = true,
  ["last-modified"] = true,
}
-- Meant for one origin alone.
local OF_ORIGIN = {
  ["authorization"] = true, ["cookie"] = true, ["cookie2"] = true, ["proxy-authorization"] = true, ["host"] = true,
}

local function kept_headers(headers, has_body, same_origin)
  local kept = {}
  for _, line in ipairs(headers) do
    local name = url.lower(url.trim(line:match("^[^:]*")))
    local of_body = OF_BODY[name] or name:sub(1, 8) == "content-"
    if (has_body or not of_body) and (same_origin or not OF_ORIGIN[name]) then
      kept[#kept + 1] = line
    end
  end
  return kept
end

local function next_method(method, code)
  if (code == 301 or code == 302) and method == "POST" or code == 303 and method ~= "HEAD" then
    return "GET"
  end
  return method
end

local function next_url(from, location, allow_downgrade)
  local parts, reason = url.resolve(from, location)
  local to
  if parts then
    to, reason = url.to_http(parts)
  end
  if not to then
    return nil, "the redirect can't be followed: " .. reason
  end
  if from.tls and not to.tls and not allow_downgrade then
    return nil, "the redirect leads from https to http, which is refused"
  end
  return to
end

-- `state`: method (its name), code, url (from url.http), location (the field's value; nil: none), headers (an array of
-- "Name: value"), allow_downgrade. The result has method, url, headers, keeps_body; a fragment and, within one origin, user
-- information that the Location does not have come from the present URL. nil: this is the final response. nil and a message:
-- a redirect that is not followed.
function redirect.next(state)
  if not CODES[state.code] or not state.location then
    return nil
  end
  local location = url.trim(state.location)
  if location == "" then
    return nil
  end
  local from = state.url
  local to, message = next_url(from, location, state.allow_downgrade)
  if not to then
    return nil, message
  end
  to.fragment = to.fragment or from.fragment
  local same_origin = url.origin(from) == url.origin(to)
  if same_origin and not to.userinfo then
    to.userinfo, to.user, to.password = from.userinfo, from.user, from.password
  end
  local method = next_method(state.method, state.code)
  local keeps_body = method == state.method and state.code ~= 303
  return {
    method = method,
    url = to,
    headers = kept_headers(state.headers or {}, keeps_body, same_origin),
    keeps_body = keeps_body,
  }
end

return redirect
