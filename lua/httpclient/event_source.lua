-- event_source.lua: the class EventSource: the events of a server, over as many connections as that
-- takes (WHATWG HTML section 9.2). One that has on_event is moved by process() and run(); of
-- another the events are asked for.
local root = (...):match("^(.*)%.[^.]*$")
local httpclient = require(root)
local bodies = require(root .. ".stream.body")
local call = require(root .. ".call")
local check = require(root .. ".base.check")
local drive = require(root .. ".tasks.drive")
local errors = require(root .. ".tasks.errors")
local fields = require(root .. ".message.fields")
local kept = require(root .. ".base.kept")
local options = require(root .. ".options")
local parsers = require(root .. ".stream.event_parser")
local request_body = require(root .. ".message.request_body")
local results = require(root .. ".base.results")
local scheduler = require(root .. ".tasks.scheduler")
local texts = require(root .. ".base.text")
local transfers = require(root .. ".transfer.transfer")

local now = httpclient.monotonic_time
local Error = httpclient.Error
-- What belongs to one is in this field of it.
local STATE = kept("EventSource", {})
-- The most bytes of an event; seconds before the first attempt to connect again, at least, and at most.
local LIMIT, RETRY, RETRY_LEAST, RETRY_MOST = 16777216, 3, 0.01, 60
-- Who can't be woken looks so often whether it is closed.
local LOOK = 0.1

local EventSource = { CONNECTING = 0, OPEN = 1, CLOSED = 2 }
local handlers = { on_event = true, on_open = true, on_error = true }
local own_options = { reconnect = true, last_event_id = true, on_event = true, on_open = true,
  on_error = true }

local function state_of(self, method)
  local state = check.own(self, STATE, method, "EventSource", "source", 3)
  return state
end

-- --- one connection after the other

-- What a handler raises comes out of next(), which has called it. Where process() and run() move the
-- source it comes out of them, and the events go on.
local function tell(state, name, ...)
  local handler = state[name]
  if handler and not state.task then
    handler(...)
  elseif handler then
    local ended = drive(handler, ...)
    if ended.state == "failed" then
      errors.add(ended.trace)
    end
  end
end

-- It is over: nothing is tried again. `facts`: of the request that this came of; nil: the script has closed it.
local function fail(state, message, code, facts)
  if state.ready_state ~= EventSource.CLOSED then
    state.ready_state, state.why, state.code = EventSource.CLOSED, message, code
    state.facts = facts
    if state.body then
      state.body:close()
      state.body = nil
    end
    if facts then
      tell(state, "on_error", message, code, facts)
    end
  end
end

local function add_field(lines, name, value)
  if not fields.have(lines, texts.lower(name)) then
    lines[#lines + 1] = name .. ": " .. value
  end
end

-- Tabs are the only control characters that a field can have.
local function can_be_field(id)
  return not texts.has_control((id:gsub("\t", " ")))
end

-- A line Last-Event-ID of the caller's says where an earlier program has stopped, as the option does: what the events
-- say later takes its place. -> its value, and the lines without it
local function take_id(lines)
  local others, id = {}, nil
  for _, line in ipairs(lines) do
    local name, value = line:match("^([^:]*):(.*)$")
    if name and texts.lower(name) == "last-event-id" and can_be_field(value) then
      id = id or texts.trim(value)
    else
      others[#others + 1] = line
    end
  end
  return id, others
end

-- A transfer takes the user information out of its URL when that has become credentials.
local function url_of(first)
  if not first.url.userinfo then
    return first.url
  end
  local copy = {}
  for name, value in pairs(first.url) do
    copy[name] = value
  end
  return copy
end

-- Each connection sends the same request: multipart has its boundary, and a file the place from which it is read.
local function next_transfer(state)
  local first, last = state.first, state.transfer
  local lines = fields.copy(first.headers)
  add_field(lines, "Accept", "text/event-stream")
  add_field(lines, "Cache-Control", "no-store")
  local id = state.parser.last_id
  if id ~= "" and can_be_field(id) then
    add_field(lines, "Last-Event-ID", id)
  end
  local t = transfers.new(first.method, url_of(first), lines, first.body, first.way, first.options)
  t.body_start, t.body_is_used = last.body_start, last.body_is_used
  return t
end

-- Will no other attempt go better? What a certificate was refused for may be put right by a server that was there
-- before.
local function is_hopeless(state)
  local failed = state.body.failed
  return failed ~= nil and (results.is_futile(failed)
    or results.is_refused_certificate(failed) and not state.was_open)
end

-- The connection is lost. After how long the next one is tried doubles with each that failed.
local function lose(state, message, code)
  local facts, is_over = state.transfer:facts(), not state.reconnect or is_hopeless(state)
  state.body:close()
  state.body = nil
  if is_over then
    return fail(state, message or "the stream has ended", code, facts)
  elseif state.ready_state == EventSource.CLOSED then
    return
  end
  state.transfer = next_transfer(state)
  local is_whole, why = request_body.rewind(state.transfer)
  if not is_whole then
    return fail(state, why, Error.ERR_INVALID_PARAMETER, facts)
  end
  local retry = state.parser.retry and state.parser.retry / 1000 or RETRY
  local delay = math.min(retry * 2 ^ state.failures, math.max(RETRY_MOST, retry))
  state.failures = math.min(state.failures + 1, 16)
  state.ready_state = EventSource.CONNECTING
  state.next_attempt = now() + math.max(delay, RETRY_LEAST)
  tell(state, "on_error", message or "the stream has ended", code or Error.ERR_CONNECTION_ERROR,
    facts)
end

local function open(state, head)
  local kind = head:header_values("Content-Type")[1] or ""
  if head.status == 204 then
    return fail(state, "the server has no more events", nil, state.transfer:facts())
  elseif head.status ~= 200 then
    return fail(state, ("the server answered %d"):format(head.status), Error.ERR_CANT_CONNECT,
      state.transfer:facts())
  elseif texts.lower(texts.trim(kind:match("^[^;]*"))) ~= "text/event-stream" then
    return fail(state, "the answer is no text/event-stream", Error.ERR_INVALID_DATA,
      state.transfer:facts())
  end
  state.failures, state.is_open, state.was_open = 0, true, true
  state.ready_state = EventSource.OPEN
  state.parser:begin()
  tell(state, "on_open", head)
end

local function connect(state, deadline)
  if not state.body then
    state.body, state.is_open = bodies.new(state.transfer), false
  end
  local head, message, code = state.body:begin(deadline)
  if head then
    open(state, head)
  elseif message ~= bodies.WAITING and state.body then
    lose(state, message, code)
  end
end

-- --- waiting

local function rest_until(state, moment)
  while now() < moment and state.ready_state ~= EventSource.CLOSED do
    httpclient.sleep(math.min(LOOK, moment - now()))
  end
end

-- -> event; nil where something has changed, or the deadline has come
local function advance(state, deadline)
  if not state.body and state.next_attempt > now() then
    return rest_until(state, math.min(state.next_attempt, deadline or math.huge))
  elseif not state.body or not state.is_open then
    return connect(state, deadline)
  end
  local event, message, code = state.body:event(state.parser, LIMIT, deadline)
  if not event and message ~= bodies.WAITING and state.body then
    lose(state, message, code)
  end
  return event
end

local function next_event(state, deadline)
  while state.ready_state ~= EventSource.CLOSED do
    local event = advance(state, deadline)
    if event then
      return event
    elseif deadline and now() >= deadline and state.ready_state ~= EventSource.CLOSED then
      return nil, "no event came in that time", Error.ERR_TIMEOUT
    end
  end
  return nil, state.why, state.code, state.facts
end

-- --- the class

-- What a source with on_event does by itself.
local function run(state)
  local event = next_event(state)
  while event do
    tell(state, "on_event", event)
    event = next_event(state)
  end
end

local function start(state)
  if state.on_event and not state.task and state.ready_state ~= EventSource.CLOSED then
    state.task = scheduler.new_scheduled(run, state)
    state.task.raises = true
    scheduler.wake(state.task)
  end
end

local meta = { __name = "EventSource" }

function meta.__index(self, name)
  local state = rawget(self, STATE)
  if name == "ready_state" then
    return state.ready_state
  elseif name == "last_event_id" then
    return state.parser.last_id
  elseif handlers[name] then
    return state[name]
  end
  return EventSource[name]
end

function meta.__newindex(self, name, value)
  if not handlers[name] then
    error(("EventSource has no field '%s' to write"):format(tostring(name)), 2)
  elseif value ~= nil and type(value) ~= "function" then
    error(("EventSource.%s must be a function or nil, got %s"):format(name, check.name_of(value)),
      2)
  end
  local state = rawget(self, STATE)
  state[name] = value
  start(state)
end

-- options: those of stream, reconnect (true), last_event_id, on_event, on_open, on_error. -> source;
-- nil, message, Error where the request is none
function EventSource.new(url, given)
  if type(url) ~= "string" then
    check.fail_type(1, "new", "string", url, 2)
  elseif given ~= nil and type(given) ~= "table" then
    check.fail_type(2, "new", "table", given, 2)
  end
  given = given or {}
  options.check("EventSource", given, 2)
  local state = { ready_state = EventSource.CONNECTING, failures = 0, next_attempt = 0,
    reconnect = given.reconnect ~= false, parser = parsers.new(given.last_event_id) }
  local asked = {}
  for name, value in pairs(given) do
    if handlers[name] then
      state[name] = value
    elseif not own_options[name] then
      asked[name] = value
    end
  end
  local first, why, code = call.transfer("EventSource", url, asked, nil, 2)
  if not first then
    return nil, why, code or Error.ERR_INVALID_PARAMETER
  end
  state.first, state.transfer = first, first
  if fields.have(first.headers, "last-event-id") then
    local option, id = given.last_event_id
    id, first.headers = take_id(first.headers)
    state.parser = parsers.new(option ~= "" and option or id)
  end
  state.transfer = next_transfer(state)
  start(state)
  return setmetatable({ [STATE] = state }, meta)
end

-- Waits for the next event, at most so many seconds. -> table of type, data and id; nil, message,
-- Error and facts: ERR_TIMEOUT where none came in that time, no Error where there are no more.
function EventSource:next(seconds)
  local state = state_of(self, "next")
  if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds) then
    check.fail_type(1, "next", "number or nil", seconds, 2)
  elseif state.on_event then
    error("the events go to on_event", 2)
  end
  local event, message, code, facts = next_event(state, seconds and now() + seconds)
  if event then
    return event
  end
  return nil, message, code, facts
end

-- Iterates over the events; raises where they end for another reason than that there are no more.
function EventSource:events()
  local state = state_of(self, "events")
  return function()
    local event, message, code = next_event(state)
    if code then
      error(message, 0)
    end
    return event
  end
end

-- Ends it, and its connection at once.
function EventSource:close()
  local state = state_of(self, "close")
  fail(state, "the source is closed")
end
meta.__close = EventSource.close

function meta:__tostring()
  local names = { [0] = "connecting", "open", "closed" }
  return ("EventSource (%s)"):format(names[self.ready_state])
end

return EventSource
