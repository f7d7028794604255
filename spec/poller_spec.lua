-- Poller: many clients, one wait.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local Poller = httpclient.Poller
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

-- A Poller with n connected clients, and the servers' sides.
local function world(n)
  local listener = assert(native.listen({}))
  local poller, clients, conns = Poller.new(), {}, {}
  for i = 1, n do
    clients[i], conns[i] = support.connect(listener)
    assert.equal(Error.OK, poller:add(clients[i]))
  end
  finally(function()
    for i = 1, n do
      clients[i]:close()
      conns[i]:close()
    end
    listener:close()
  end)
  poller:wait(0)
  return poller, clients, conns, listener
end

local function wait_until(poller, condition)
  support.until_true(function()
    poller:wait(0.02)
    return condition()
  end)
end

describe("a Poller", function()
  it("sends requests made between waits, and names the clients that moved", function()
    local poller, clients, conns = world(3)
    support.request(clients[2])
    wait_until(poller, function() return conns[2]:recv_until("\r\n\r\n", 0) end)
    conns[2]:send("HTTP/1.1 204 No\r\n\r\n")
    local moved = poller:wait(support.LIMIT)
    assert.equal(1, #moved)
    assert.is_true(rawequal(clients[2], moved[1]))
    assert.equal(204, clients[2]:get_response_code())
  end)

  it("does not sleep over what a read took off the stream and did not hand out", function()
    local poller, clients, conns = world(1)
    local client, conn = clients[1], conns[1]
    client.read_chunk_size = 256
    support.request(client)
    wait_until(poller, function() return conn:recv_until("\r\n\r\n", 0) end)
    conn:send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. ("2\r\nab\r\n"):rep(600)
      .. "0\r\n\r\nstray")
    local body = ""
    repeat
      assert.equal(client, poller:wait(support.LIMIT)[1], "after " .. #body .. " bytes")
      if client:get_status() == HTTPClient.STATUS_BODY then
        body = body .. client:read_response_body_chunk()
      end
    until client:get_status() == HTTPClient.STATUS_CONNECTED
    assert.equal(("ab"):rep(600), body)
    assert.equal(client, poller:wait(support.LIMIT)[1])
    assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
  end)

  it("counts, refuses a second add, removes", function()
    local poller, clients = world(2)
    assert.equal(2, poller:count())
    assert.equal(Error.ERR_ALREADY_IN_USE, (poller:add(clients[1])))
    assert.equal(Error.ERR_ALREADY_IN_USE, (Poller.new():add(clients[1])))
    assert.equal(Error.OK, poller:remove(clients[1]))
    assert.equal(Error.ERR_DOES_NOT_EXIST, (poller:remove(clients[1])))
    assert.equal(1, poller:count())
    support.request(clients[1])
    assert.same({}, poller:wait(0.01))
    assert.equal(HTTPClient.STATUS_REQUESTING, clients[1]:get_status())
    assert.is_true(poller:get_fd() >= 0)
  end)

  it("follows a client that connects again, through the resolution of a name", function()
    local poller, clients, _, listener = world(1)
    clients[1]:close()
    assert.equal(Error.OK, clients[1]:connect_to_host("localhost", listener:port()))
    wait_until(poller, function() return clients[1]:get_status() == HTTPClient.STATUS_CONNECTED end)
    assert(listener:accept()):close()
    wait_until(poller,
      function() return clients[1]:get_status() == HTTPClient.STATUS_CONNECTION_ERROR end)
  end)

  it("keeps the clients' timeouts", function()
    local poller, clients = world(2)
    clients[1].response_timeout = 0.05
    support.request(clients[1])
    wait_until(poller,
      function() return clients[1]:get_status() == HTTPClient.STATUS_CONNECTION_ERROR end)
    assert.equal(Error.ERR_TIMEOUT, (clients[1]:get_last_error()))
  end)

  it("keeps many timeouts at once, whatever their order and however they change", function()
    local n, step = 24, 0.02
    local poller, clients = world(n)
    local before, ended = native.monotonic(), 0
    for i = 1, n do
      -- 7 and 24 have no common divisor: every place once, far from its neighbours'.
      clients[i].response_timeout = 0.05 + i * 7 % n * step
      support.request(clients[i])
    end
    poller:wait(0)
    -- Some lose theirs again, from everywhere in the order.
    local gone = {}
    for i = 1, n, 5 do
      clients[i]:close()
      gone[i] = true
    end
    wait_until(poller, function()
      local elapsed, left = native.monotonic() - before, 0
      for i = 1, n do
        if not gone[i] then
          if clients[i]:get_status() == HTTPClient.STATUS_CONNECTION_ERROR then
            assert.equal(Error.ERR_TIMEOUT, (clients[i]:get_last_error()))
            assert.is_true(elapsed > i * 7 % n * step, i .. " ended too early")
            gone[i] = true
            ended = ended + 1
          else
            left = left + 1
          end
        end
      end
      return left == 0
    end)
    assert.equal(n - 5, ended)
    assert.is_true(native.monotonic() - before >= (n - 1) * step)
  end)

  it("sleeps while all are idle or disconnected", function()
    local poller, clients = world(20)
    for i = 11, 20 do
      clients[i]:close()
    end
    local cpu = native.cputime()
    assert.same({}, poller:wait(0.2))
    assert.is_true(native.cputime() - cpu < 0.1 * factor)
  end)

  it("protects a client from its own body function", function()
    local poller, clients, conns = world(2)
    local refused, done = 0, false
    support.request(clients[1], "POST", "/", {}, function()
      if done then return nil end
      done = true
      for _, name in ipairs({ "poll", "close", "wait", "read_response_body_chunk" }) do
        if not pcall(clients[1][name], clients[1]) then refused = refused + 1 end
      end
      for _, name in ipairs({ "wait", "count", "add", "remove", "close" }) do
        if not pcall(poller[name], poller, clients[2]) then refused = refused + 1 end
      end
      return "piece"
    end)
    wait_until(poller, function() return conns[1]:recv_until("0\r\n\r\n", 0) end)
    assert.equal(9, refused)
    assert.equal(HTTPClient.STATUS_REQUESTING, clients[1]:get_status())
  end)

  it("goes on when a body function closes the other clients", function()
    local load = loadstring or load
    local leave = load("local client <close> = ...") or function(client) client:close() end
    local poller, clients, conns = world(6)
    local done = false
    for i = 1, 6 do
      support.request(clients[i], "POST", "/", {}, function()
        if done then return nil end
        done = true
        for other = 1, 6 do
          if other ~= i then leave(clients[other]) end
        end
        return "x"
      end)
    end
    wait_until(poller, function()
      for i = 1, 6 do
        if conns[i]:recv_until("0\r\n\r\n", 0) then return true end
      end
    end)
    local alive = 0
    for i = 1, 6 do
      if clients[i]:get_status() == HTTPClient.STATUS_REQUESTING then alive = alive + 1 end
    end
    assert.equal(1, alive)
  end)

  it("names a client that fails once, and not again", function()
    local poller, clients, conns = world(2)
    conns[1]:close()
    local moved
    support.until_true(function()
      moved = poller:wait(1)
      return #moved > 0
    end)
    assert.equal(1, #moved)
    assert.is_true(rawequal(clients[1], moved[1]))
    assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, clients[1]:get_status())
    for _ = 1, 3 do assert.same({}, poller:wait(0.01)) end
    assert.equal(2, poller:count())
  end)

  it("takes clients in end states, and returns at once when there are no others", function()
    local poller = Poller.new()
    local failed = HTTPClient.new()
    failed:connect_to_host("no-such-host.invalid", 1)
    support.pump(failed, HTTPClient.STATUS_CANT_RESOLVE)
    assert.equal(Error.OK, poller:add(failed))
    assert.equal(Error.OK, poller:add(HTTPClient.new()))
    assert.same({}, poller:wait())
    assert.same({}, poller:wait(0))
    assert.equal(2, poller:count())
  end)

  it("names a client again and again while it has bytes that nobody reads", function()
    local poller, clients, conns = world(1)
    support.request(clients[1])
    wait_until(poller, function() return conns[1]:recv_until("\r\n\r\n", 0) end)
    conns[1]:send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" .. ("x"):rep(2000))
    clients[1].read_chunk_size = 256
    wait_until(poller, function() return clients[1]:get_status() == HTTPClient.STATUS_BODY end)
    local got = 0
    while clients[1]:get_status() == HTTPClient.STATUS_BODY do
      assert.equal(1, #poller:wait(support.LIMIT))
      got = got + #clients[1]:read_response_body_chunk()
    end
    assert.equal(2000, got)
    assert.same({}, poller:wait(0.01))
  end)

  it("does not name a client in BODY that waits for the server", function()
    local poller, clients, conns = world(1)
    support.request(clients[1])
    wait_until(poller, function() return conns[1]:recv_until("\r\n\r\n", 0) end)
    conns[1]:send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    wait_until(poller, function() return clients[1]:get_status() == HTTPClient.STATUS_BODY end)
    assert.equal("abc", clients[1]:read_response_body_chunk())
    poller:wait(0)
    local before = native.monotonic()
    assert.same({}, poller:wait(0.05))
    assert.is_true(native.monotonic() - before >= 0.04)
  end)

  it("follows a client to another stream", function()
    local poller, clients = world(1)
    local listener = assert(native.listen({}))
    local peer = httpclient.StreamPeerTCP.new()
    assert.equal(Error.OK, (peer:connect_to_host("127.0.0.1", listener:port())))
    clients[1]:set_connection(peer)
    support.request(clients[1])
    local conn = assert(listener:accept())
    wait_until(poller, function() return conn:recv_until("\r\n\r\n", 0) end)
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    wait_until(poller, function() return clients[1]:get_response_code() == 204 end)
    conn:close()
    wait_until(poller,
      function() return clients[1]:get_status() == HTTPClient.STATUS_CONNECTION_ERROR end)
    listener:close()
  end)

  it("forgets a client that its scope closes, and takes it again", function()
    local load = loadstring or load
    local leave = load("local client <close> = ...")
    if not leave then return end -- before 5.4
    local poller, clients = world(1)
    leave(clients[1])
    assert.equal(0, poller:count())
    assert.equal(Error.ERR_DOES_NOT_EXIST, (poller:remove(clients[1])))
    assert.equal(Error.OK, (poller:add(clients[1])))
    assert.equal(1, poller:count())
  end)

  it("refuses what is no client and no time", function()
    local poller = Poller.new()
    assert.has_error(function() poller:add({}) end)
    assert.has_error(function() poller:wait(-1) end)
    assert.same({}, poller:wait())
  end)

  it("tells an event loop what to watch", function()
    local poller, clients, conns = world(2)
    poller:wait(0)
    assert.equal(poller:get_fd(), poller:pollfd())
    assert.equal(poller:get_fd(), poller:getfd())
    assert.equal("r", poller:events())
    assert.is_nil((poller:timeout()))
    assert.is_false(poller:dirty())
    support.request(clients[1])
    assert.equal(0, poller:timeout())
    assert.is_true(poller:dirty())
    poller:wait(0)
    clients[2].response_timeout = 60
    support.request(clients[2])
    wait_until(poller, function() return conns[2]:recv_until("\r\n\r\n", 0) end)
    local seconds = poller:timeout()
    assert.is_true(seconds > 50 and seconds <= 60, tostring(seconds))
    assert.is_false(poller:dirty())
    poller:remove(clients[2])
    assert.is_nil((poller:timeout()))
  end)

  it("needs no watching without clients", function()
    local poller = Poller.new()
    assert.is_nil((poller:timeout()))
    assert.is_false(poller:dirty())
    assert.equal("r", poller:events())
  end)

  it("lets its descriptor and its clients go when it is closed, and can be used again", function()
    local poller, clients, conns = world(2)
    collectgarbage()
    local before = native.fd_count()
    poller:close()
    poller:close()
    assert.equal(before - 1, native.fd_count())
    assert.equal(0, poller:count())
    assert.equal(Error.OK, poller:add(clients[1]))
    support.request(clients[1])
    wait_until(poller, function() return conns[1]:recv_until("\r\n\r\n", 0) end)
    poller:close()
  end)

  it("lets clients go when it is collected", function()
    local poller, clients = world(1)
    assert.equal(1, poller:count())
    poller = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    local other = Poller.new()
    assert.equal(Error.OK, other:add(clients[1]))
    assert.equal(Error.OK, other:remove(clients[1]))
  end)

  it("serves thousands, at a cost of those that are ready", function()
    local before = native.rlimit_nofile(20500)
    finally(function() native.rlimit_nofile(before) end)
    local room = native.rlimit_nofile(20500)
    local n = factor > 1 and 500 or math.min(10000, math.floor((room - 200) / 2))
    local poller, clients, conns = world(n)
    local cpu = native.cputime()
    for i = 1, 100 do
      local at = 1 + (i * 7919) % n
      support.request(clients[at])
      wait_until(poller, function() return conns[at]:recv_until("\r\n\r\n", 0) end)
      conns[at]:send("HTTP/1.1 204 No\r\n\r\n")
      wait_until(poller,
        function() return clients[at]:get_status() == HTTPClient.STATUS_CONNECTED end)
    end
    assert.equal(n, poller:count())
    assert.is_true(native.cputime() - cpu < 0.5 * factor, tostring(native.cputime() - cpu))
  end)
end)

describe("a stream that is disconnected by hand under a client in a Poller", function()
  -- the state of the client, how it gets there, and what the wait finds it in
  local states = {
    { "between requests", function() end },
    { "that waits for an answer", support.ask },
    { "in a body", function(client, conn)
      support.ask(client, conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
      support.pump(client, HTTPClient.STATUS_BODY)
      assert.equal("abc", client:read_response_body_chunk())
    end },
  }
  for _, state in ipairs(states) do
    it("is found by the next wait, " .. state[1], function()
      local poller, clients, conns = world(2)
      state[2](clients[1], conns[1])
      poller:wait(0)
      assert.same({}, poller:wait(0))
      clients[1]:get_connection():disconnect_from_host()
      assert.equal(0, poller:timeout())
      assert.same({ clients[1] }, poller:wait(support.LIMIT))
      clients[1]:read_response_body_chunk()
      assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, clients[1]:get_status())
    end)
  end

  it("is found below TLS", function()
    local listener = assert(native.listen({}))
    local client, conn = support.connect(listener, { tls = httpclient.TLSOptions.client_unsafe(),
      server_tls = certs.localhost.tls() })
    local poller = Poller.new()
    poller:add(client)
    poller:wait(0.01)
    client:get_connection():get_stream():disconnect_from_host()
    assert.same({ client }, poller:wait(support.LIMIT))
    assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
    client:close()
    conn:close()
    listener:close()
  end)

  -- what becomes of the client whose descriptor's number another one has got
  local ends = {
    { "is removed", function(poller, client) poller:remove(client) end },
    { "is closed", function(_, client) client:close() end },
    { "is polled", function(_, client) client:poll() end },
    { "gets another connection", function(_, client, listener)
      client:connect_to_host("127.0.0.1", listener:port())
      support.accept(listener, client):close()
    end },
  }
  for _, ending in ipairs(ends) do
    it("leaves to another client the number of its descriptor, when the first "
      .. ending[1], function()
      local poller, clients, _, listener = world(1)
      local number = clients[1]:get_fd()
      clients[1]:get_connection():disconnect_from_host()
      local second, conn = support.connect(listener)
      assert.equal(number, second:get_fd())
      poller:add(second)
      support.request(second)
      poller:wait(0)
      ending[2](poller, clients[1], listener)
      assert.is_truthy(conn:recv_until("\r\n\r\n", support.LIMIT))
      conn:send("HTTP/1.1 204 No\r\n\r\n")
      local begun = httpclient.monotonic_time()
      support.until_true(function()
        poller:wait(support.LIMIT)
        return second:get_status() == HTTPClient.STATUS_CONNECTED
      end)
      assert.is_true(httpclient.monotonic_time() - begun < support.LIMIT / 2)
      second:close()
      conn:close()
    end)
  end

  it("and connected again is heard, though its descriptor has the same number", function()
    local poller, clients, _, listener = world(1)
    local stream = httpclient.StreamPeerTCP.new()
    local conns = {}
    local function connect()
      stream:connect_to_host("127.0.0.1", listener:port())
      local conn = assert(listener:accept())
      support.until_true(function()
        stream:poll()
        return stream:get_status() == httpclient.StreamPeerTCP.STATUS_CONNECTED
      end)
      conns[#conns + 1] = conn
      return conn
    end
    connect()
    clients[1]:set_connection(stream)
    connect() -- from here on the lowest number that is free is that of the connection before
    poller:wait(0)
    local number = clients[1]:get_fd()
    local second = connect()
    assert.equal(number, clients[1]:get_fd())
    poller:wait(0)
    support.request(clients[1])
    poller:wait(0)
    assert.is_truthy(second:recv_until("\r\n\r\n", support.LIMIT))
    second:send("HTTP/1.1 204 No\r\n\r\n")
    assert.same({ clients[1] }, poller:wait(support.LIMIT))
    assert.equal(HTTPClient.STATUS_CONNECTED, clients[1]:get_status())
    for _, conn in ipairs(conns) do conn:close() end
  end)

  it("is no trouble for one whose number a script's own stream has closed", function()
    local poller, _, _, listener = world(0)
    local wire, far = support.connect(listener)
    local number = wire:get_fd()
    local client = HTTPClient.new()
    client:set_connection({
      put_partial_data = function(_, data) return 0, #data end,
      get_partial_data = function() return 0, "" end,
      get_fd = function() return number end,
    })
    support.request(client, "GET", "/", { "Host: a.test" })
    client:poll()
    poller:add(client)
    poller:wait(0)
    wire:close()
    local second, conn = support.connect(listener)
    assert.equal(number, second:get_fd())
    poller:add(second)
    support.request(second)
    poller:wait(0.01)
    poller:remove(client)
    assert.is_truthy(conn:recv_until("\r\n\r\n", support.LIMIT))
    conn:send("HTTP/1.1 204 No\r\n\r\n")
    assert.same({ second }, poller:wait(support.LIMIT))
    for _, each in ipairs({ client, second, conn, far }) do each:close() end
  end)
end)
