-- fetch.lua: one call, one response.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local drive = require(root .. ".tasks.drive")
local options = require(root .. ".options")
local proxies = require(root .. ".connect.proxy")
local request = require(root .. ".message.request")
local response = require(root .. ".message.response")
local results = require(root .. ".base.results")
local transfer = require(root .. ".transfer.run")

local Response = response.class
local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

local function outcome_of(task)
  if task.state == "done" then
    return setmetatable(task.results[1], Response)
  end
  local failure = task.results[2]
  if results.is_failure(failure) then
    return nil, failure.message, results.error_of[failure.result]
  end
  error(failure, 0) -- a callback's, or the caller's own task was cancelled
end

-- fetch(url [, options]) -> response, or nil, message, Error. See docs/fetch.md.
return function(text, given)
  if type(text) ~= "string" then
    check.fail_type(1, "fetch", "string", text, 2)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, "fetch", "table", given, 2)
  end
  given = given or {}
  options.check("fetch", given, 2)
  local t, why = request.from_options("fetch", text, given, 2)
  if not t then
    return nil, why, INVALID
  end
  t.find_proxy, why = proxies.finder(given.proxy)
  if not t.find_proxy then
    return nil, why, INVALID
  end
  t.options = options.complete("fetch", given)
  t.sends_every_body, t.verifies = true, true
  return outcome_of(drive(transfer.run, t))
end
