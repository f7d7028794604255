-- A scripted server that plays whole exchanges, one connection after the other, in a thread of its own.
--
--   local server = serve({ { "HTTP/1.1 200 OK\r\n...", another answer }, { answers of the second connection } })
--   server:requests() -> what it received on each connection; server:url("/path"); server:stop()
--
-- An answer is a text, or a table: `content` how many bytes of request content are read first,
-- `send` the answer's text, `times` how often it is sent, `gate` what must be opened before (by
-- server:open_gate), `ending` = "close" (the default after the last answer), "reset", "stall"
-- (holds the connection until stop) or "keep" (goes on with the next step).
local native = require("spec_native")

local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local Server = {}
Server.__index = Server

local endings = {
  close = { { "close" } },
  reset = { { "reset" } },
  stall = { { "stall" } },
  keep = {},
}

local function add_answer(steps, answer, is_last)
  if type(answer) == "string" then
    answer = { send = answer }
  end
  steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
  if answer.content then
    steps[#steps + 1] = { "recv_n", answer.content }
  end
  if answer.gate then
    steps[#steps + 1] = { "gate", answer.gate }
  end
  if answer.send and answer.send ~= "" then
    steps[#steps + 1] = { "send", answer.send, answer.times }
  end
  if answer.gate_after then
    steps[#steps + 1] = { "gate", answer.gate_after }
  end
  for _, step in ipairs(endings[answer.ending or (is_last and "close" or "keep")]) do
    steps[#steps + 1] = step
  end
end

local function serve(connections, options)
  options = options or {}
  local steps = { seconds = options.seconds or 60 * factor, host = options.host }
  for _, answers in ipairs(connections) do
    steps[#steps + 1] = { "accept" }
    if options.tls then
      steps[#steps + 1] = { "starttls", options.tls }
    end
    for index, answer in ipairs(answers) do
      add_answer(steps, answer, index == #answers)
    end
  end
  return setmetatable({ script = assert(native.script(steps)), options = options }, Server)
end

function Server:port()
  return self.script:port()
end

function Server:url(path)
  local scheme = self.options.tls and "https" or "http"
  return ("%s://%s:%d%s"):format(scheme, self.options.name or "127.0.0.1", self.script:port(),
    path or "/")
end

function Server:open_gate(name)
  self.script:open_gate(name)
end

-- What came on each connection so far.
function Server:requests()
  local list = {}
  for index = 1, self.script:connections() do
    list[index] = self.script:received(index)
  end
  return list
end

function Server:stop()
  return self.script:stop()
end

-- A whole answer with this content; more: further field lines, each with its line end.
local function answer(body, more)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n"):format(#body, more or "") .. body
end

return setmetatable({ answer = answer }, {
  __call = function(_, ...)
    return serve(...)
  end,
})
