-- call.lua: what all calls that make one transfer have in common: from a URL and options to the
-- transfer, and from how that has ended to what the call gives back.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local drive = require(root .. ".tasks.drive")
local in_place = require(root .. ".tasks.in_place")
local options = require(root .. ".options")
local proxies = require(root .. ".connect.proxy")
local repeated = require(root .. ".repeated")
local request = require(root .. ".message.request")
local results = require(root .. ".base.results")
local run = require(root .. ".transfer.run")
local transfer = require(root .. ".transfer.transfer")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER

local call = {}

-- What most calls have.
local USUAL_WAY = { find_proxy = proxies.from_environment, sends_every_body = true,
  verifies = true, hands_over_redirects = true, is_usual = true }

-- What most calls of a session have. Its connections are its own.
local function usual_way_of(scope)
  if not scope.usual_way then
    local way = { scope = scope }
    for name, value in pairs(USUAL_WAY) do
      way[name] = value
    end
    scope.usual_way = way
  end
  return scope.usual_way
end

-- -> see transfer/transfer.lua; or nil and why the proxy is none
local function way_of(given, scope)
  local wish
  if given.proxy_auth ~= nil or given.proxy_tls_options ~= nil then
    wish = { auth = given.proxy_auth, tls_options = given.proxy_tls_options }
  elseif given.proxy == nil and given.tls_options == nil then
    return scope and usual_way_of(scope) or USUAL_WAY
  end
  local find_proxy, why = proxies.finder(given.proxy, wish)
  if not find_proxy then
    return nil, why
  end
  return { find_proxy = find_proxy, tls_options = given.tls_options, sends_every_body = true,
    verifies = true, hands_over_redirects = true, scope = scope }
end

-- Raises for arguments that are none. `level` is that of error().
function call.check(taker, text, given, level)
  if type(text) ~= "string" then
    check.fail_type(1, taker, "string", text, level + 1)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, taker, "table", given, level + 1)
  elseif given then
    options.check(taker, given, level + 1)
  end
end

-- What calls with these options, which were checked, have in common. -> for call.again(); nil: there is no such call.
-- (`mark` tells them from others, and holds nothing of the script's.)
function call.prepare(taker, given, scope)
  local way = way_of(given, scope)
  return way and { taker = taker, given = given, way = way,
    options = options.say_nothing(given) and options.complete(taker, given)
      or options.whole(taker, given),
    known = { mark = {} }, is_plain = request.is_plain(given) }
end

-- taker -> what its calls without options have in common
local usual = {}

local function usual_of(taker)
  usual[taker] = usual[taker] or call.prepare(taker, {})
  return usual[taker]
end

-- As call.transfer(), of what was prepared for options like these.
local function transfer_as(prepared, text, given, level)
  local method, url, headers, body
  if prepared.is_plain then
    method, url, headers = request.plain(text)
  else
    method, url, headers, body = request.from_options(prepared.taker, text, given, level + 1)
  end
  if not method then
    local why, code = url, headers
    return nil, why, code
  end
  return transfer.new(method, url, headers, body, prepared.way, prepared.options, prepared.known)
end

-- The arguments have been checked; `scope`: whose connections (nil: everybody's). -> a transfer; nil, why there is
-- none and, where it is another than usual, the Error
function call.transfer(taker, text, given, scope, level)
  if not scope and options.say_nothing(given) then
    return transfer_as(usual_of(taker), text, given, level + 1)
  end
  given = given or {}
  local method, url, headers, body = request.from_options(taker, text, given, level + 1)
  if not method then
    local why, code = url, headers
    return nil, why, code
  end
  local way, no_way = way_of(given, scope)
  if not way then
    return nil, no_way
  end
  return transfer.new(method, url, headers, body, way, options.complete(taker, given))
end

-- The transfer t has ended. -> what the call gives back
local function outcome_of(t, is_done, value)
  if is_done then
    return value
  end
  local failure = value
  if results.is_failure(failure) then
    return nil, failure.message, failure.error or results.error_of[failure.result], t:facts()
  end
  error(failure, 0) -- a callback's, or the caller's own task was cancelled
end

-- Takes the transfer to its end. -> what the call gives back
function call.finish(t)
  if not t:calls_script() then
    local is_over, went_well, value = in_place(run, t)
    if is_over then
      return outcome_of(t, went_well, value)
    end
  end
  local task = drive(run, t)
  local is_done = task.state == "done"
  return outcome_of(t, is_done, task.results[is_done and 1 or 2])
end

-- taker -> what its last call with options has said
local said = {}

-- Options that the last call has had as well were checked then. -> what was prepared for them; false: nothing can be
local function prepared_again(taker, given)
  local last = said[taker]
  if last.prepared == nil then
    local prepared = call.prepare(taker, (repeated.parts(last, given)))
    last.prepared = prepared or false
    if prepared then
      prepared.is_plain = request.is_plain(given)
    end
  end
  return last.prepared
end

local function go(t, why, code, go_on)
  if not t then
    return nil, why, code or INVALID, { sent = false, attempts = 0 } -- nothing was tried
  end
  return go_on(t)
end

-- One call from its arguments to what it gives back. `go_on(t)` does what is to be done with the transfer; `level` is
-- that of error(), so whoever calls this must still be there when it returns: no tail call.
function call.make(taker, text, given, go_on, level)
  local is_said, prepared = false, nil
  if given == nil and type(text) == "string" then
    prepared = usual_of(taker)
  elseif type(given) == "table" and type(text) == "string" then
    is_said = repeated.is(said[taker], given)
    prepared = is_said and prepared_again(taker, given)
  end
  local t, why, code
  if prepared then
    t, why, code = transfer_as(prepared, text, given, level + 1)
  else
    call.check(taker, text, given, level + 1)
    if not is_said and not options.say_nothing(given) then
      said[taker] = repeated.note(given)
    end
    t, why, code = call.transfer(taker, text, given, nil, level + 1)
  end
  return go(t, why, code, go_on)
end

-- The same for options that were checked.
function call.checked(taker, text, given, scope, go_on, level)
  local t, why, code = call.transfer(taker, text, given, scope, level + 1)
  return go(t, why, code, go_on)
end

-- The same of what was prepared for options like these.
function call.again(prepared, text, given, go_on, level)
  local t, why, code = transfer_as(prepared, text, given, level + 1)
  return go(t, why, code, go_on)
end

return call
