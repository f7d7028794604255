-- A server that plays one connection by steps, in a thread of its own: what serve.lua is too coarse for.
--
--   local play = require("spec.support.steps")(after_each)
--   local server = play({ head, "first", gate, "second" })       -- closes at the end
--   server.url("/path"); server.open("a gate's name"); server.received()
--
-- A step is a text to send, or a step of the script; the request's head is read before. Several
-- tables: several connections, one after the other.
local httpclient = require("httpclient")
local native = require("spec_native")

local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
-- Of a stream without an announced end.
local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n"

local function add(steps, list)
  steps[#steps + 1] = { "accept" }
  steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
  for _, step in ipairs(list) do
    steps[#steps + 1] = type(step) == "string" and { "send", step } or step
  end
  steps[#steps + 1] = { "close" }
end

local module = {
  chunk = function(text)
    return ("%x\r\n"):format(#text) .. text .. "\r\n" -- %s ends at a NUL on Lua 5.1
  end,
  head = function(kind)
    return HEAD:format(kind or "text/plain")
  end,
  chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
}

return setmetatable(module, { __call = function(_, after_each)
  after_each(function()
    httpclient.pool.close_idle()
  end)
  local keep = require("spec.support.kept")(after_each)
  return function(...)
    local steps = { seconds = 60 * factor }
    for _, list in ipairs({ ... }) do
      add(steps, list)
    end
    local script = keep(assert(native.script(steps)))
    return {
      script = script,
      url = function(path)
        return ("http://127.0.0.1:%d%s"):format(script:port(), path or "/")
      end,
      open = function(name)
        script:open_gate(name)
      end,
      received = function(index)
        return script:received(index or 1)
      end,
    }
  end
end })
