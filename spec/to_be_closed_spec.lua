-- `local x <close>` of Lua 5.4: what holds a connection or memory lets go of it at the end of the block, also where an
-- error leaves it.
local httpclient = require("httpclient")
local steps = require("spec.support.steps")

if _VERSION ~= "Lua 5.4" then
  describe("A to-be-closed variable", function()
    it("is new in Lua 5.4", function() end)
  end)
  return
end

local play = steps(after_each)
local SOON = { idle_timeout = 20, response_timeout = 20, connect_timeout = 20 }

-- make(url) -> the object; use(object) before the block ends
local BLOCK = [[
  local make, use, url, is_left_by_error = ...
  local kept
  local ok, why = pcall(function()
    local object <close> = assert(make(url))
    kept = object
    use(object)
    if is_left_by_error then error("mine", 0) end
  end)
  assert(ok ~= is_left_by_error, why)
  assert(ok or why == "mine", why)
  return kept]]

-- name; what the server sends behind the request's head; make; use; what the object tells when it is closed
local cases = {
  { "a stream", { steps.head(), "x", { "recv_eof" } },
    function(url) return httpclient.stream(url, SOON) end,
    function(response) assert(response:read() == "x") end,
    function(response) assert.equal("the stream is closed", select(2, response:read())) end },
  { "an EventSource", { steps.head("text/event-stream"), "data: a\n\n", { "recv_eof" } },
    function(url) return httpclient.EventSource.new(url, SOON) end,
    function(source) assert(source:next(20).data == "a") end,
    function(source) assert.equal(httpclient.EventSource.CLOSED, source.ready_state) end },
  { "a Session", { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", { "recv_eof" } },
    function(url) return httpclient.Session.new({ base_url = url }) end,
    function(session) assert(session:get("").body == "ok") end,
    function(session)
      local ok, message = pcall(session.get, session, "")
      assert.is_false(ok)
      assert.truthy(message:find("the session is closed", 1, true), message)
    end },
  { "an HTTPClient", { { "recv_eof" } },
    function(url)
      local client = httpclient.new()
      client:connect_to_host("127.0.0.1", tonumber(url:match(":(%d+)/")))
      return client
    end,
    function(client)
      while client:get_status() ~= httpclient.HTTPClient.STATUS_CONNECTED do client:wait(20) end
      client:request(httpclient.HTTPClient.METHOD_GET, "/", {})
      client:poll()
    end,
    function(client)
      assert.equal(httpclient.HTTPClient.STATUS_DISCONNECTED, client:get_status())
    end },
}

describe("At the end of its block", function()
  for _, case in ipairs(cases) do
    local name, answer, make, use, check = table.unpack(case)
    for _, is_left_by_error in ipairs({ false, true }) do
      it(("%s lets go of its connection%s"):format(name, is_left_by_error
        and ", left by an error too" or ""), function()
        local server = play(answer)
        local object = assert(load(BLOCK))(make, use, server.url(), is_left_by_error)
        assert.truthy(server.script:wait(20)) -- it has seen the end
        check(object)
        assert.same(0, (httpclient.pool.count()))
      end)
    end
  end

  it("a Poller lets go of its clients", function()
    local client = httpclient.new()
    local poller = assert(load(BLOCK))(httpclient.Poller.new, function(poller)
      poller:add(client)
      assert(poller:count() == 1)
    end, nil, false)
    assert.equal(0, poller:count())
    local other = httpclient.Poller.new()
    other:add(client)
    other:remove(client)
  end)

  it("a StreamPeerTCP lets go of its connection", function()
    local server = play({ { "recv_eof" } })
    local peer = assert(load(BLOCK))(httpclient.StreamPeerTCP.new, function(peer)
      peer:connect_to_host("127.0.0.1", tonumber(server.url():match(":(%d+)/")))
      while peer:get_status() ~= httpclient.StreamPeerTCP.STATUS_CONNECTED do
        peer:poll()
        httpclient.sleep(0.001)
      end
      assert(peer:put_data("GET / HTTP/1.1\r\n\r\n") == 0)
    end, nil, false)
    assert.truthy(server.script:wait(20))
    assert.equal(httpclient.StreamPeerTCP.STATUS_NONE, peer:get_status())
  end)

  it("nothing happens to one that was closed before", function()
    local server = play({ steps.head(), "x", { "recv_eof" } })
    assert(load(BLOCK))(function(url) return httpclient.stream(url, SOON) end,
      function(response) response:close() end, server.url(), false)
    assert(load(BLOCK))(httpclient.Session.new, function(session) session:close() end, nil, false)
  end)
end)
