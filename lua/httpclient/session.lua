-- session.lua: the class Session: options that are the same for many requests, with cookies and
-- connections of their own.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local auth = require(root .. ".message.auth")
local call = require(root .. ".call")
local check = require(root .. ".base.check")
local cookie_jar = require(root .. ".cookie_jar")
local fetch_all = require(root .. ".fetch_all")
local fields = require(root .. ".message.fields")
local finalizer = require(root .. ".base.finalizer")
local http = require(root .. ".url.http")
local kept = require(root .. ".base.kept")
local lost = require(root .. ".connect.lost")
local methods = require(root .. ".message.methods")
local merge = require(root .. ".session.merge")
local options = require(root .. ".options")
local pool = require(root .. ".connect.pool")
local recent = require(root .. ".url.recent")
local repeated = require(root .. ".repeated")
local streams = require(root .. ".stream")
local write = require(root .. ".url.write")

-- What belongs to a session is in this one field of it.
local STATE = kept("Session", {})
local numbers = kept("sessions", { last = 0 })

local Session = {}
local meta = { __name = "Session" }

function meta.__index(self, name)
  if name == "cookies" then
    return rawget(self, STATE).defaults.cookies
  end
  return Session[name]
end

function meta.__newindex(_, name)
  error(("Session has no field '%s' to write: Session.new() takes what all requests have")
    :format(tostring(name)), 2)
end

local function state_of(self, method)
  local state = check.own(self, STATE, method, "Session", "session", 3)
  if state.scope.is_closed then
    error("the session is closed", 3)
  end
  return state
end

-- --- what all requests have

-- User information in base_url is for all URLs of that origin, as `auth` is: it becomes that. (Of a header
-- Authorization and such the header counts, as in fetch.)
local function take_user(own, url, level)
  local problem = auth.problem("Session", own, {}, url)
  if problem then
    error(problem, level + 1)
  end
  if not fields.have(fields.normalize(own.headers or {}) or {}, "authorization") then
    own.auth = { url.user, url.password }
  end
end

-- Takes base_url out of the session's options. -> it without its user information, and its parts; nil, and whether it
-- is none
local function take_base(own, level)
  local text = own.base_url
  local url = text and http.from_text(text)
  own.base_url = nil
  if text and not url then
    return nil, nil, true
  elseif url and url.userinfo then
    take_user(own, url, level + 1)
    text = write.display(url)
  end
  return text, url
end

-- A stream takes those that don't say where content goes.
local function of_stream(own)
  local known, kept_ones = options.of("stream"), {}
  for name, value in pairs(own) do
    if known[name] then
      kept_ones[name] = value
    end
  end
  return kept_ones
end

-- defaults: fetch's options and base_url; cookies = true makes a jar of its own. -> session; nil,
-- message, Error where base_url is none
function Session.new(defaults)
  if defaults ~= nil and type(defaults) ~= "table" or check.owner_of("new", defaults) then
    check.fail_type(1, "new", "table or nil", defaults, 2)
  end
  options.check("Session", defaults or {}, 2)
  local own = {}
  for name, value in pairs(defaults or {}) do
    own[name] = value
  end
  local base, url, is_none = take_base(own, 2)
  if is_none then
    return nil, "base_url is no http or https URL", httpclient.Error.ERR_INVALID_PARAMETER
  end
  if own.cookies == true then
    own.cookies = cookie_jar.new()
  end
  numbers.last = numbers.last + 1
  local scope = { mark = ("\0session %d"):format(numbers.last), is_closed = false }
  local state = { defaults = own, of_stream = of_stream(own), base = base,
    origin = url and write.origin(url), scope = scope,
    prepared = {}, said = {} }
  state.finalizer = finalizer(function()
    lost.session(scope)
  end)
  return setmetatable({ [STATE] = state }, meta)
end

-- What a URL means for the session's credentials: is it for its own server, and has it others?
local function place_of(state, text)
  local url = recent.url(text)
  return not state.origin or not url or write.origin(url) == state.origin,
    url ~= nil and url.userinfo ~= nil
end

local function whole_url(state, text)
  return state.base and httpclient.resolve_url(state.base, text) or text
end

-- -> URL and options of one request
local function prepare(state, text, given)
  text = whole_url(state, text)
  local is_home, has_user = place_of(state, text)
  return text, merge(state.defaults, given or {}, { is_home = is_home, has_user = has_user })
end

-- Nobody but the session has these, or what is in them is asked by each request. A script may change other tables, and
-- close a file.
local LASTING = { cookies = true, headers = true, tls_options = true, proxy_tls_options = true }

local function all_last(own)
  for name, value in pairs(own) do
    local kind = type(value)
    if (kind == "table" or kind == "userdata") and not LASTING[name] then
      return false
    end
  end
  return true
end

local function taker_of(name)
  return name == "stream" and name or "fetch"
end

-- What a call that says nothing beside its URL has of the session's options, made once; false: they have to be looked
-- at each time.
local function prepared_for(state, name, method, own)
  local prepared = state.prepared[name]
  if prepared == nil then
    local given = merge(own, {}, { is_home = true })
    given.method = method or given.method
    prepared = all_last(own) and call.prepare(taker_of(name), given, state.scope) or false
    state.prepared[name] = prepared
  end
  if prepared then
    prepared.given.headers = own.headers and fields.lines_or_given(own.headers)
  end
  return prepared
end

-- What is merged with the session's own by what is in it.
local MERGED = { headers = true, query = true, bearer = true }

-- -> what is prepared for calls that say the same as `given`; false: nothing can be
local function prepare_said(state, name, method, given, own)
  if not all_last(own) then
    return false
  end
  local said, all = state.said[name], merge(own, given, { is_home = true })
  local _, asked = repeated.parts(said, given)
  for option in pairs(asked) do
    all[option], said.has_asked = nil, true
  end
  all.method = method or all.method
  return call.prepare(taker_of(name), all, state.scope) or false
end

-- The same as prepared_for() for a call that says what the last one of its kind has said. -> what was prepared, and the
-- options of this call; nil: they have to be looked at
local function prepared_again(state, name, method, given, own)
  local said = state.said[name]
  if not repeated.is(said, given) then
    return nil
  elseif said.prepared == nil then
    said.prepared = prepare_said(state, name, method, given, own)
  end
  local prepared = said.prepared
  if not prepared then
    return nil
  end
  local all = prepared.given
  all.headers = own.headers and fields.lines_or_given(own.headers)
  if said.has_asked then
    prepared.is_plain = false
    local _, asked = repeated.parts(said, given)
    all = options.over(all, asked)
  end
  return prepared, all
end

-- session:post(url, { method = "PUT" }) says two things.
local function check_method(name, method, given, level)
  local is_one = type(given) == "string" or type(given) == "number"
  if method and given and not (is_one and methods.name_of(given) == method) then
    error(("%s takes no other method: use fetch for that"):format(name), level + 1)
  end
end

-- The method of that name was called. `method`: what it stands for, nil where the options say; `go_on`: see call.make()
local function ask(state, name, method, text, given, go_on, level)
  if type(text) ~= "string" then
    check.fail_type(1, name, "string", text, level + 1)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, name, "table", given, level + 1)
  end
  check_method(name, method, given and given.method, level + 1)
  local own = name == "stream" and state.of_stream or state.defaults
  local url = whole_url(state, text)
  local is_home, has_user = place_of(state, url)
  local is_usual = is_home and not has_user
  local prepared, all
  if is_usual and options.say_nothing(given) then
    prepared = prepared_for(state, name, method, own)
    all = prepared and prepared.given
  elseif is_usual then
    prepared, all = prepared_again(state, name, method, given, own)
  end
  local response, message, code, facts
  if prepared then
    response, message, code, facts = call.again(prepared, url, all, go_on, level + 1)
  else
    all = merge(own, given or {}, { is_home = is_home, has_user = has_user })
    all.method = method or all.method
    call.check(taker_of(name), url, all, level + 1)
    state.said[name] = is_usual and given and repeated.note(given, MERGED) or nil
    response, message, code, facts = call.checked(taker_of(name), url, all, state.scope, go_on,
      level + 1)
  end
  return response, message, code, facts
end

-- As fetch of the module, with the session's options where none are given.
function Session:fetch(url, given)
  local state = state_of(self, "fetch")
  local response, message, code, facts = ask(state, "fetch", nil, url, given, call.finish, 2)
  return response, message, code, facts
end

for _, method in ipairs({ "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" }) do
  local name = method:lower()
  Session[name] = function(self, url, given)
    local state = state_of(self, name)
    local response, message, code, facts = ask(state, name, method, url, given, call.finish, 2)
    return response, message, code, facts
  end
end

-- As stream of the module.
function Session:stream(url, given)
  local state = state_of(self, "stream")
  local head, message, code, facts = ask(state, "stream", nil, url, given, streams.open, 2)
  return head, message, code, facts
end

-- As fetch_all of the module.
function Session:fetch_all(list, given)
  local state = state_of(self, "fetch_all")
  local responses, messages, failures = fetch_all.run(list, given, function(url, one)
    return prepare(state, url, one)
  end, state.scope, 2)
  return responses, messages, failures
end

-- Closes its connections. What is under way goes on to its end; nothing else can be asked for.
function Session:close()
  local state = check.own(self, STATE, "close", "Session", "session", 2)
  state.scope.is_closed = true
  pool.close_idle(state.scope.mark)
end
meta.__close = Session.close

function meta:__tostring()
  return self[STATE].scope.is_closed and "Session (closed)" or "Session"
end

return Session
