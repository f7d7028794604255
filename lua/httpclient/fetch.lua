-- fetch.lua: one call, one response.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local drive = require(root .. ".tasks.drive")
local options = require(root .. ".options")
local proxies = require(root .. ".connect.proxy")
local request = require(root .. ".message.request")
local results = require(root .. ".base.results")
local run = require(root .. ".transfer.run")
local transfer = require(root .. ".transfer.transfer")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

local function outcome_of(task, t)
  if task.state == "done" then
    return task.results[1]
  end
  local failure = task.results[2]
  if results.is_failure(failure) then
    return nil, failure.message, failure.error or results.error_of[failure.result],
      { sent = t.was_sent == true,
      attempts = t.attempts }
  end
  error(failure, 0) -- a callback's, or the caller's own task was cancelled
end

-- What most calls have.
local USUAL_WAY = { find_proxy = proxies.from_environment, sends_every_body = true,
  verifies = true, hands_over_redirects = true }

-- -> see transfer/transfer.lua; or nil and why the proxy is none
local function way_of(given)
  local wish
  if given.proxy_auth ~= nil or given.proxy_tls_options ~= nil then
    wish = { auth = given.proxy_auth, tls_options = given.proxy_tls_options }
  elseif given.proxy == nil and given.tls_options == nil then
    return USUAL_WAY
  end
  local find_proxy, why = proxies.finder(given.proxy, wish)
  if not find_proxy then
    return nil, why
  end
  return { find_proxy = find_proxy, tls_options = given.tls_options, sends_every_body = true,
    verifies = true, hands_over_redirects = true }
end

-- fetch(url [, options]) -> response, or nil, message, Error, facts. See docs/fetch.md.
return function(text, given)
  if type(text) ~= "string" then
    check.fail_type(1, "fetch", "string", text, 2)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, "fetch", "table", given, 2)
  end
  given = given or {}
  options.check("fetch", given, 2)
  local sent, no_request, code = request.from_options("fetch", text, given, 2)
  if not sent then
    return nil, no_request, code or INVALID, { sent = false, attempts = 0 }
  end
  local way, no_way = way_of(given)
  if not way then
    return nil, no_way, INVALID, { sent = false, attempts = 0 }
  end
  local t = transfer.new(sent, options.complete("fetch", given), way)
  return outcome_of(drive(run, t), t)
end
