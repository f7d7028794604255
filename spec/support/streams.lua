-- Streams for set_connection and connect_to_stream: tables of the script's own, and streams of the module over one
-- another.
local httpclient = require("httpclient")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS

local streams = {}

-- A stream whose other side is `serve`: called with all that was sent so far, it returns what comes back in all.
function streams.served(serve, overrides)
  local peer = { sent = "", given = 0, closed = false, calls = 0 }
  function peer:put_partial_data(data)
    self.sent = self.sent .. data
    return 0, #data
  end
  function peer:get_partial_data(n)
    local all = serve(self.sent)
    local piece = all:sub(self.given + 1, self.given + n)
    self.given = self.given + #piece
    return 0, piece
  end
  function peer:get_available_bytes() return #serve(self.sent) - self.given end
  function peer.get_connected_host() return "table.test" end
  function peer:disconnect_from_host() self.closed = true end
  for name, method in pairs(overrides or {}) do
    peer[name] = method or nil
  end
  return peer
end

-- For served: answers every request with its number.
function streams.numbering(sent)
  local answer, count = "", 0
  for _ in sent:gmatch("\r\n\r\n") do
    count = count + 1
    answer = answer .. "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" .. count
  end
  return answer
end

-- A stream of the script's own over another one, which moves at most `limit` bytes at once. It counts its calls, knows
-- whether it was closed, and hook(name) runs in each call.
function streams.relayed(peer, limit, hook)
  local stream = { hook = hook, calls = 0 }
  local function note(name)
    stream.calls = stream.calls + 1
    if stream.hook then
      stream.hook(name)
    end
  end
  function stream.put_partial_data(_, data)
    note("put")
    return peer:put_partial_data(data:sub(1, limit))
  end
  function stream.get_partial_data(_, count)
    note("get")
    return peer:get_partial_data(math.min(count, limit))
  end
  function stream.get_available_bytes()
    note("available")
    return peer:get_available_bytes()
  end
  function stream.disconnect_from_host()
    note("disconnect")
    stream.closed = true
    peer:disconnect_from_host()
  end
  return stream
end

-- A connected StreamPeerTCP.
function streams.tcp(port)
  local peer = StreamPeerTCP.new()
  assert(peer:connect_to_host("127.0.0.1", port) == Error.OK)
  support.until_true(function()
    assert(peer:poll() == Error.OK)
    return peer:get_status() == StreamPeerTCP.STATUS_CONNECTED
  end)
  return peer
end

-- A StreamPeerTLS over the stream, at the beginning of its handshake.
function streams.tls(stream, name, options)
  local peer = StreamPeerTLS.new()
  assert(peer:connect_to_stream(stream, name or "localhost", options or tls.trusting()) == Error.OK)
  return peer
end

-- One request to its end. -> body, or nil, the message of the failure, the Error
function streams.ask(client)
  support.request(client)
  support.pump(client, support.is_answered_or_failed)
  local body = support.read_all(client)
  local code, message = client:get_last_error()
  if code ~= Error.OK then return nil, message, code end
  return body
end

return streams
