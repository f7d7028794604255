-- signal.lua: request_completed as an object, as the engine's 4.x has it: who listens to the signal of one HTTPRequest.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")

local Error = httpclient.Error

local Signal = {}
local meta = { __index = Signal, __name = "Signal" }
local HANDLERS = {} -- the key of a signal's list, which is the request's

local function handlers_of(self, method, handler)
  local handlers = check.own(self, HANDLERS, method, "Signal", "request.request_completed", 3)
  if type(handler) ~= "function" then
    check.fail_type(1, method, "function", handler, 3)
  end
  return handlers
end

local function position(handlers, handler)
  for index, other in ipairs(handlers) do
    if other == handler then
      return index
    end
  end
end

-- handler(result, response_code, headers, body); several are called in turn.
function Signal:connect(handler)
  table.insert(handlers_of(self, "connect", handler), handler)
  return Error.OK
end

-- Takes a handler back. -> Error, message
function Signal:disconnect(handler)
  local handlers = handlers_of(self, "disconnect", handler)
  local index = position(handlers, handler)
  if not index then
    return Error.ERR_DOES_NOT_EXIST, "the handler is not connected"
  end
  table.remove(handlers, index)
  return Error.OK
end

function Signal:is_connected(handler)
  return position(handlers_of(self, "is_connected", handler), handler) ~= nil
end

function meta.__tostring(self)
  return ("Signal request_completed (%d connected)"):format(#self[HANDLERS])
end

-- The signal whose handlers stand in this array. It knows nothing else of the request.
return function(handlers)
  return setmetatable({ [HANDLERS] = handlers }, meta)
end
