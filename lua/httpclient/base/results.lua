-- results.lua: how a transfer can end: HTTPRequest's Result, the Error that stands for it in fetch,
-- and the failure that carries it there.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local kept = require(root .. ".base.kept")

local Error = httpclient.Error
local results = {}

results.Result = {
  RESULT_SUCCESS = 0,
  RESULT_CHUNKED_BODY_SIZE_MISMATCH = 1,
  RESULT_CANT_CONNECT = 2,
  RESULT_CANT_RESOLVE = 3,
  RESULT_CONNECTION_ERROR = 4,
  RESULT_TLS_HANDSHAKE_ERROR = 5,
  RESULT_SSL_HANDSHAKE_ERROR = 5,
  RESULT_NO_RESPONSE = 6,
  RESULT_BODY_SIZE_LIMIT_EXCEEDED = 7,
  RESULT_BODY_DECOMPRESS_FAILED = 8,
  RESULT_REQUEST_FAILED = 9,
  RESULT_DOWNLOAD_FILE_CANT_OPEN = 10,
  RESULT_DOWNLOAD_FILE_WRITE_ERROR = 11,
  RESULT_REDIRECT_LIMIT_REACHED = 12,
  RESULT_TIMEOUT = 13,
}

setmetatable(results.Result, {
  __index = function(_, name)
    error(("no constant %s in HTTPRequest.Result"):format(tostring(name)), 2)
  end,
  __newindex = function(_, name)
    error(("HTTPRequest.Result is read-only (write to %s)"):format(tostring(name)), 2)
  end,
})

results.error_of = {
  [0] = Error.OK,
  Error.ERR_CONNECTION_ERROR,
  Error.ERR_CANT_CONNECT,
  Error.ERR_CANT_RESOLVE,
  Error.ERR_CONNECTION_ERROR,
  Error.ERR_CONNECTION_ERROR,
  Error.ERR_CONNECTION_ERROR,
  Error.FAILED,
  Error.ERR_INVALID_DATA,
  Error.ERR_INVALID_PARAMETER,
  Error.ERR_FILE_CANT_OPEN,
  Error.ERR_FILE_CANT_WRITE,
  Error.FAILED,
  Error.ERR_TIMEOUT,
}

-- A Failure is a value as long as something else may be tried, then travels as an error through the
-- functions of a transfer, and becomes a return value at its end.
local Failure = kept("Failure", {})
Failure.__index = Failure

function Failure:__tostring()
  return self.message
end

-- `name`: of a Result, without its RESULT_
function results.failure(name, message)
  return setmetatable({ result = results.Result["RESULT_" .. name], message = message or name },
    Failure)
end

-- Ends the transfer that calls.
function results.fail(name, message)
  error(results.failure(name, message), 0)
end

function results.is_failure(value)
  return getmetatable(value) == Failure
end

-- A certificate that is refused now is refused in a second, too.
function results.is_refused_certificate(failure)
  return failure.result == results.Result.RESULT_TLS_HANDSHAKE_ERROR
    and failure.message:find("certificate", 1, true) ~= nil
end

-- Does the request fail by what it is, or by what the script forbids, and not by what has become of the network? (What
-- was broken in the content may come whole the next time.)
function results.is_futile(failure)
  local Result, result = results.Result, failure.result
  return result == Result.RESULT_REQUEST_FAILED or result == Result.RESULT_REDIRECT_LIMIT_REACHED
    or failure.is_final == true and result ~= Result.RESULT_BODY_DECOMPRESS_FAILED
end

return results
