-- completion.lua: how an HTTPRequest ends: the four values of request_completed, and the handlers that get them.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local drive = require(root .. ".tasks.drive")
local results = require(root .. ".base.results")
local signal = require(root .. ".http_request.signal")
local waits = require(root .. ".tasks.waits")

local unpack = table.unpack or unpack -- luacheck: ignore
local completion = {}

-- of the transfer t, whose task has ended -> { n = 4, result, response_code, headers, body }
function completion.of(t, ended)
  if ended.state == "done" then
    local response = ended.results[1]
    return { n = 4, results.Result.RESULT_SUCCESS, response.status, response.header_list,
      response.body }
  end
  local failure = ended.results[2]
  local result = results.is_failure(failure) and failure.result
    or results.Result.RESULT_REQUEST_FAILED
  return { n = 4, result, t.head and t.head.status or 0, t.head and t.head.header_list or {}, "" }
end

-- The handlers that there are at this moment, however they change meanwhile. All are called; then the first error of
-- theirs is raised. Each is a task of its own and not in a pcall, across which it could not wait in 5.1.
function completion.hand_out(state, values)
  local handlers, failed = { state.values.on_request_completed }, nil
  for _, handler in ipairs(signal.take(state.handlers)) do
    handlers[#handlers + 1] = handler
  end
  for _, handler in ipairs(handlers) do
    local ended = drive(handler, unpack(values, 1, values.n))
    failed = failed or ended.state == "failed" and ended or nil
    waits.leave_if_dropped()
  end
  if failed then
    error(failed.trace, 0)
  end
end

return completion
