-- What a program of the system makes of a text: pipe({ "gzip", "-c" }, "text") -> its output. An error when it did not
-- take the whole text.
local native = require("spec_native")

local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local pipe = setmetatable({}, { __call = function(_, command, text)
  local process = assert(native.spawn(command, { stdin = "pipe", stdout = "pipe" }))
  assert(process:write(text, 30 * factor))
  process:close_stdin()
  local output = process:read()
  process:wait()
  process:close()
  return output
end })

function pipe.gzip(text) return pipe({ "gzip", "-c" }, text) end

return pipe
