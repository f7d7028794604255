-- signal.lua: request_completed as an object, as the engine's 4.x has it: who listens to the signal of one HTTPRequest.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")

local Error = httpclient.Error

local Signal = {}
local meta = { __index = Signal, __name = "Signal" }
local HANDLERS = {} -- the key of a signal's list, which is the request's

-- The engine's flags. A completion is never called from inside a call of the script's, and nothing here is saved with a
-- scene: the first two change nothing.
local FLAGS = { CONNECT_DEFERRED = 1, CONNECT_PERSIST = 2, CONNECT_ONE_SHOT = 4,
  CONNECT_ONESHOT = 4 }
local FLAGS_MOST = 7

local function position(handlers, handler)
  for index, other in ipairs(handlers) do
    if other == handler then
      return index
    end
  end
end

local function handlers_of(self, method, handler)
  local handlers = check.own(self, HANDLERS, method, "Signal", "request.request_completed", 3)
  if type(handler) ~= "function" then
    check.fail_type(1, method, "function", handler, 3)
  end
  return handlers
end

-- -> do the flags say so? `index` is that of the argument.
local function is_one_shot(flags, index, level)
  if flags == nil then
    return false
  elseif type(flags) ~= "number" or flags % 1 ~= 0 then
    check.fail_type(index, "connect", "integer", flags, level + 1)
  elseif flags < 0 or flags > FLAGS_MOST then
    check.fail(index, "connect",
      "CONNECT_DEFERRED, CONNECT_PERSIST and CONNECT_ONE_SHOT are the flags", level + 1)
  end
  return flags >= FLAGS.CONNECT_ONE_SHOT
end

-- handler(result, response_code, headers, body); several are called in turn, and each is connected once, as in the
-- engine. -> Error, message
function Signal:connect(handler, flags)
  local handlers = handlers_of(self, "connect", handler)
  local once = is_one_shot(flags, 2, 2)
  if position(handlers, handler) then
    return Error.ERR_INVALID_PARAMETER, "the handler is connected already"
  end
  table.insert(handlers, handler)
  handlers.once[handler] = once or nil
  return Error.OK
end

-- The handlers that there are now, in turn. Those that were connected for once are connected no more.
local function take(handlers)
  local all = {}
  for index, handler in ipairs(handlers) do
    all[index] = handler
  end
  for index = #handlers, 1, -1 do
    if handlers.once[handlers[index]] then
      handlers.once[table.remove(handlers, index)] = nil
    end
  end
  return all
end

-- Takes a handler back. -> Error, message
function Signal:disconnect(handler)
  local handlers = handlers_of(self, "disconnect", handler)
  local index = position(handlers, handler)
  if not index then
    return Error.ERR_DOES_NOT_EXIST, "the handler is not connected"
  end
  handlers.once[table.remove(handlers, index)] = nil
  return Error.OK
end

function Signal:is_connected(handler)
  return position(handlers_of(self, "is_connected", handler), handler) ~= nil
end

function meta.__tostring(self)
  return ("Signal request_completed (%d connected)"):format(#self[HANDLERS])
end

local signal = { flags = FLAGS, is_one_shot = is_one_shot, take = take }

-- Handlers that nobody has connected yet; `once` are those among them that are to be called once.
function signal.handlers()
  return { once = {} }
end

-- The signal whose handlers these are. It knows nothing else of the request.
function signal.new(handlers)
  return setmetatable({ [HANDLERS] = handlers }, meta)
end

return signal
