-- A StreamPeerTCP and the other end of its connection, which is LuaSocket's: nothing of ours is on that side. For
-- `local peers = require("spec.support.peers")(after_each)`; what is opened here is closed after the test.
local httpclient = require("httpclient")
local socket = require("socket")

local Error = httpclient.Error
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

return function(after_each)
  local keep = require("spec.support.kept")(after_each)
  local peers = {}

  -- Polls until `condition` holds; ten seconds are for a machine in trouble.
  function peers.wait_for(condition)
    local limit = socket.gettime() + 10 * factor
    while true do
      local result = condition()
      if result then
        return result
      end
      assert(socket.gettime() < limit, "the condition never came true")
      socket.select(nil, nil, 0.0005)
    end
  end

  function peers.listen()
    local listener = keep(assert(socket.bind("127.0.0.1", 0)))
    listener:settimeout(10)
    local _, port = listener:getsockname()
    return listener, tonumber(port)
  end

  -- -> a connected StreamPeerTCP, the other end, the port
  function peers.connect()
    local listener, port = peers.listen()
    local peer = httpclient.StreamPeerTCP.new()
    assert(peer:connect_to_host("127.0.0.1", port) == Error.OK)
    local other = assert(listener:accept())
    other:settimeout(10)
    peers.wait_for(function()
      assert(peer:poll() == Error.OK)
      return peer:get_status() == peer.STATUS_CONNECTED
    end)
    return peer, other, port
  end

  return peers
end
