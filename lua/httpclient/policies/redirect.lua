-- redirect.lua: what follows on a redirect: the next request, no request, or a refusal (RFC 9110 section 15.4).
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local http = require(root .. ".url.http")
local references = require(root .. ".url.reference")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local secrets = require(root .. ".message.secrets")
local texts = require(root .. ".base.text")
local write = require(root .. ".url.write")

local redirect = { passes_success = true }

local CODES = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- Says something of the body; names that begin with "content-" do as well.
local OF_BODY = {
  ["transfer-encoding"] = true, ["trailer"] = true, ["expect"] = true, ["digest"] = true,
  ["repr-digest"] = true,
  ["last-modified"] = true,
}
-- Meant for one origin alone.
local OF_ORIGIN = {
  ["authorization"] = true, ["cookie"] = true, ["cookie2"] = true, ["proxy-authorization"] = true,
  ["host"] = true,
}
local OF_SECURE_ORIGIN = { ["referer"] = true }
for name in pairs(OF_ORIGIN) do
  OF_SECURE_ORIGIN[name] = true
end

-- The names (in lower case) of what stays behind on this way. What was secure is told to nobody who is not (RFC 9110
-- section 10.1.3).
local function left_behind(from, to, same_origin)
  if same_origin then
    return {}
  elseif from.tls and not to.tls then
    return OF_SECURE_ORIGIN
  end
  return OF_ORIGIN
end

local function kept_headers(headers, has_body, left)
  local kept = {}
  for _, line in ipairs(headers) do
    local name = texts.lower(texts.trim(line:match("^[^:]*")))
    local of_body = OF_BODY[name] or name:sub(1, 8) == "content-"
    if (has_body or not of_body) and not left[name] then
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
  local parts, reason = references.resolve(from, location)
  local to
  if parts then
    to, reason = http.from_parts(parts)
  end
  if not to then
    return nil, "the redirect can't be followed: " .. reason
  end
  if from.tls and not to.tls and not allow_downgrade then
    return nil, "the redirect leads from https to http, which is refused"
  end
  return to
end

-- `state`: method (its name), code, url (from url/http.lua), location (the field's value; nil:
-- none), headers (an array of "Name: value"), allow_downgrade. The result has method, url, headers,
-- keeps_body; a fragment and, within one origin, user information that the Location does not have
-- come from the present URL. nil: this is the final response. nil and a message: a redirect that is
-- not followed.
function redirect.next(state)
  if not CODES[state.code] or not state.location then
    return nil
  end
  local location = texts.trim(state.location)
  if location == "" then
    return nil
  end
  local from = state.url
  local to, message = next_url(from, location, state.allow_downgrade)
  if not to then
    return nil, message
  end
  to.fragment = to.fragment or from.fragment
  local same_origin = write.origin(from) == write.origin(to)
  if same_origin and not to.userinfo then
    to.userinfo, to.user, to.password = from.userinfo, from.user, from.password
  end
  local method = next_method(state.method, state.code)
  local keeps_body = method == state.method and state.code ~= 303
  return {
    method = method,
    url = to,
    headers = kept_headers(state.headers or {}, keeps_body, left_behind(from, to, same_origin)),
    keeps_body = keeps_body,
  }
end

-- Is the redirect itself what the caller wants to see?
local function is_handed_over(t)
  local options = t.options
  return options.redirect == "manual"
    or options.redirect == "follow" and options.max_redirects == 0 and t.way.hands_over_redirects
end

-- For people: tokens travel in redirects.
local function shown(url)
  return secrets.url(write.display(url))
end

local function check_allowed(t, hop)
  local options = t.options
  if options.redirect == "error" then
    results.fail("REDIRECT_LIMIT_REACHED", ("the answer is a redirect (%d to %s), which "
      .. "redirect = \"error\" refuses"):format(t.head.status, shown(hop.url)))
  elseif options.max_redirects >= 0 and t.redirects >= options.max_redirects then
    results.fail("REDIRECT_LIMIT_REACHED", ("more than %d redirects"):format(options.max_redirects))
  end
end

local function note(t)
  local head = t.head
  t.redirects = t.redirects + 1
  t.history[t.redirects] = {
    status = head.status, url = write.place(t.url), headers = head.headers,
    header_list = head.header_list,
  }
end

-- Goes where the answer points to. -> false when it is no redirect, or the one to hand over
function redirect.after_head(t)
  local options = t.options
  if not CODES[t.head.status] or is_handed_over(t) then
    return false
  end
  local hop, message = redirect.next({
    method = t.method,
    code = t.head.status,
    url = t.url,
    location = t.client:get_response_header_values("Location")[1],
    headers = t.headers,
    allow_downgrade = options.allow_downgrade,
  })
  if message then
    results.fail("REQUEST_FAILED", message)
  elseif not hop then
    return false
  end
  check_allowed(t, hop)
  note(t)
  t:trace("redirect", "%d leads to %s, by %s", t.head.status, shown(hop.url), hop.method)
  t.url, t.method, t.headers = hop.url, hop.method, hop.headers
  if not hop.keeps_body then
    request_body.close(t)
    t.body, t.send_total = false, 0
  end
  return true
end

return redirect
