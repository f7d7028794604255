-- Every call out of every callback: what is asked gets an answer, what would change an object that
-- is at work raises an error that says so, and the exchange under way comes to its right end.
-- docs/api.md has the table.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local haunt = require("spec.support.haunt")
local reentry = require("spec.support.reentry")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local HTTPClient = httpclient.HTTPClient
local StreamPeerTCP = httpclient.StreamPeerTCP
local StreamPeerTLS = httpclient.StreamPeerTLS
local BODY = ("0123456789"):rep(300)

local keep, listen, world = require("spec.support.world")(after_each)

local function collect()
  collectgarbage()
  collectgarbage()
end

-- What the callback does: all there is. `at_work`: the client, Poller and stream that are.
local function do_everything(w, at_work)
  local problems = w.problems
  reentry.make(problems, reentry.client_facts, w.client, false, w)
  reentry.make(problems, reentry.client_changes, w.client, at_work.client, w)
  reentry.make(problems, { reentry.collect }, w.client, false, w)
  if w.poller then
    if at_work.poller then reentry.make(problems, reentry.poller_calls, w.poller, true, w) end
    if at_work.poller then reentry.make(problems, { reentry.collect }, w.poller, false, w) end
    if not at_work.poller then w.poller:wait(0) end
  end
  if w.tls and at_work.stream then
    reentry.make(problems, reentry.tls_stream_calls, w.tls, true, w)
  end
  for _, call in ipairs(reentry.free_calls) do
    local ok, message = pcall(call[2], { folder = w.folder })
    if not ok then
      problems[#problems + 1] = ("%s failed: %s"):format(call[1], tostring(message))
    end
  end
  collect()
end

-- --- body functions

local drivers = {
  { "poll", function(w) w.client:poll() end },
  { "wait", function(w) w.client:wait(0.01) end },
  { "wait_any", function(w) HTTPClient.wait_any({ w.client }, 0.01) end },
  { "a Poller's wait", function(w) w.poller:wait(0.01) end, true },
}

describe("Out of a body function called by", function()
  for _, driver in ipairs(drivers) do
    for _, secure in ipairs({ false, true }) do
      it(driver[1] .. (secure and " over TLS" or "")
        .. " every call is answered or refused", function()
        local client, conn = world(secure and { tls = httpclient.TLSOptions.client_unsafe(),
          server_tls = certs.localhost.tls() })
        local w = { client = client, poller = keep(httpclient.Poller.new()),
          folder = keep(tempdir.new()), problems = {} }
        local calls = 0
        w.poller:add(client)
        support.request(client, "POST", "/", {}, function()
          calls = calls + 1
          if calls > 3 then return nil end
          do_everything(w, { client = true, poller = driver[3] })
          return ("p"):rep(100 * calls)
        end)
        local text = support.until_true(function()
          driver[2](w)
          return conn:recv_until("0\r\n\r\n", 0)
        end)
        assert.same({}, w.problems)
        assert.equal(4, calls)
        local chunks = ("64\r\n%s\r\nc8\r\n%s\r\n12c\r\n%s\r\n0\r\n\r\n"):format(("p"):rep(100),
          ("p"):rep(200), ("p"):rep(300))
        assert.equal(chunks, text:sub(text:find("\r\n\r\n", 1, true) + 4))
        conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        support.pump(client, HTTPClient.STATUS_BODY)
        assert.equal("ok", (support.read_all(client)))
        client:close()
      end)
    end
  end
end)

-- --- methods of a script's stream

local hooked = { "put_partial_data", "get_partial_data", "get_available_bytes", "poll",
  "get_status", "get_fd",
  "get_connected_host", "get_connected_port", "disconnect_from_host" }

-- A stream of the script's own around a connection. Every call of `name` runs hook() first, while there is one.
local function wrapping(tcp, fd, name)
  local stream, methods = {}, {
    put_partial_data = function(data) return tcp:put_partial_data(data) end,
    get_partial_data = function(size) return tcp:get_partial_data(size) end,
    get_available_bytes = function() return tcp:get_available_bytes() end,
    poll = function() return tcp:poll() end,
    get_status = function() return tcp:get_status() end,
    get_fd = function() return fd end,
    get_connected_host = function() return "script.test" end,
    get_connected_port = function() return 80 end,
    disconnect_from_host = function() return tcp:disconnect_from_host() end,
  }
  for _, method in ipairs(hooked) do
    stream[method] = function(self, ...)
      local hook = method == name and self.hook
      if hook and self.left > 0 then
        self.hook, self.left = nil, self.left - 1
        hook()
        self.hook = hook
      end
      return methods[method](...)
    end
  end
  return stream
end

local function connected_pair()
  local listener, tcp = listen(), StreamPeerTCP.new()
  assert(tcp:connect_to_host("127.0.0.1", listener:port()) == 0)
  local conn = support.until_true(function()
    tcp:poll()
    return listener:accept(0)
  end)
  support.until_true(function()
    tcp:poll()
    return tcp:get_status() == StreamPeerTCP.STATUS_CONNECTED
  end)
  return tcp, keep(conn)
end

-- Secure: the client's stream is TLS over the script's one, and the handshake is part of the exchange.
local function script_world(name, secure)
  local tcp, conn = connected_pair()
  local w = { conn = conn, folder = keep(tempdir.new()), problems = {}, client = HTTPClient.new() }
  w.stream = wrapping(tcp, nil, name)
  w.stream.left = 4
  w.poller = keep(httpclient.Poller.new())
  if secure then
    w.tls = StreamPeerTLS.new()
    assert(conn:starttls(certs.localhost.tls()))
    w.step_server = function() conn:handshake("step") end
  end
  return w
end

local function set_up(w)
  if w.tls then
    assert(w.tls:connect_to_stream(w.stream, "localhost",
      httpclient.TLSOptions.client_unsafe()) == 0)
  end
  w.client:set_connection(w.tls or w.stream)
  w.stream.hook = w.hook -- from here on the client is at work
  w.poller:add(w.client)
end

-- One exchange from the handshake to the end, by one driver.
local function exchange(w, drive)
  local done = not w.tls
  set_up(w)
  support.until_true(function()
    drive(w)
    done = done or w.conn:handshake("step")
    return done and w.client:get_status() == HTTPClient.STATUS_CONNECTED
  end, nil, function()
    return "the handshake; " .. tostring(w.client) .. " " .. select(2, w.client:get_last_error())
  end)
  support.request(w.client, "POST", "/", {}, BODY)
  local head = support.until_true(function()
    drive(w)
    return w.conn:recv_until("\r\n\r\n", 0)
  end)
  w.conn:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #BODY .. "\r\n\r\n" .. BODY)
  support.until_true(function()
    drive(w)
    return w.client:get_status() == HTTPClient.STATUS_BODY
  end)
  local body = support.read_all(w.client)
  local host = head:match("Host: ([^\r]*)")
  w.client:close()
  return body, host
end

describe("Out of a stream's method", function()
  for _, name in ipairs(hooked) do
    for _, driver in ipairs(drivers) do
      -- Whom TLS is for is known to TLS itself.
      for _, secure in ipairs(name:find("connected", 1, true) and { false } or { false, true }) do
        it(("%s called by %s%s every call is answered or refused"):format(name, driver[1], secure
          and " under TLS" or ""), function()
          local w = script_world(name, secure)
          local in_round = false
          w.hook = function()
            do_everything(w, { client = true, poller = in_round, stream = true })
          end
          local body, host = exchange(w, function()
            in_round = driver[3]
            driver[2](w)
            in_round = false
          end)
          assert.same({}, w.problems)
          assert.equal(BODY, body)
          if not secure then assert.equal("script.test", host) end
          if name ~= "get_fd" or driver[1] ~= "poll" then
            assert.is_true(w.stream.left < 4, "it was not called")
          end
          collect()
        end)
      end
    end
  end
end)

describe("Out of the method of a stream under a StreamPeerTLS every call is answered or refused",
  function()
  for _, name in ipairs(hooked) do
    it("in " .. name, function()
      local w = script_world(name, true)
      w.stream.hook = function()
        -- The client has another connection: it is free.
        reentry.make(w.problems, reentry.tls_stream_calls, w.tls, true, w)
        do_everything({ client = HTTPClient.new(), folder = w.folder, problems = w.problems,
          tls = w.tls }, { stream = true })
      end
      local done = false
      assert(w.tls:connect_to_stream(w.stream, "localhost",
        httpclient.TLSOptions.client_unsafe()) == 0)
      support.until_true(function()
        w.tls:poll()
        done = done or w.conn:handshake("step")
        return done and w.tls:get_status() == StreamPeerTLS.STATUS_CONNECTED
      end)
      assert.equal(0, (w.tls:put_data("question\n")))
      assert.equal("question\n", support.until_true(function()
        w.tls:poll()
        return w.conn:recv_until("\n", 0)
      end))
      w.conn:send("answer")
      assert.equal("answer", support.until_true(function()
        local code, data = w.tls:get_data(6)
        return code == 0 and data
      end))
      w.tls:get_available_bytes()
      w.tls:disconnect_from_stream()
      assert.same({}, w.problems)
    end)
  end
end)

-- --- what Lua calls in between

describe("Out of a metamethod every call works:", function()
  it("__index of a stream that becomes a connection", function()
    local client = HTTPClient.new()
    local w = { client = client, folder = keep(tempdir.new()), problems = {} }
    local calls, is_on = 0, true
    local stream = setmetatable({}, { __index = function(_, name)
      calls = calls + 1
      if is_on and calls < 4 then
        is_on = false
        do_everything(w, {})
        is_on = true
      end
      return name:find("partial_data", 1, true) and function() return 0, "" end or nil
    end })
    client:set_connection(stream)
    is_on = false
    assert.same({}, w.problems)
    assert.equal(HTTPClient.STATUS_CONNECTED, client:get_status())
    assert.equal(stream, client.connection)
    client:close()
  end)

  it("__pairs of the fields of a query string", function()
    local client = HTTPClient.new()
    local w = { client = client, folder = keep(tempdir.new()), problems = {} }
    local fields = setmetatable({}, { __pairs = function()
      local key
      return function()
        do_everything(w, {})
        key = not key and "a" or nil
        return key, 1
      end
    end })
    assert.equal("a=1", client:query_string_from_dict(fields))
    assert.same({}, w.problems)
  end)
end)

-- A finalizer that comes again and again and makes one call after the other.
local function haunt_with(calls)
  return haunt(function(count) pcall(calls[(count - 1) % #calls + 1]) end, 20)
end

local function bound(list, object, w)
  local calls = {}
  for _, call in ipairs(list) do
    calls[#calls + 1] = function() return call[2](object, w) end
  end
  return calls
end

describe("Out of a finalizer that comes at any allocation nothing is corrupted:", function()
  local pause, multiplier
  before_each(function()
    if pcall(collectgarbage, "incremental", 0, 1000, 4) then return end
    pause = collectgarbage("setpause", 0)
    multiplier = collectgarbage("setstepmul", 400)
  end)
  after_each(function()
    if pause then
      collectgarbage("setpause", pause)
      collectgarbage("setstepmul", multiplier)
    else
      collectgarbage("incremental", 200, 100, 13)
    end
  end)

  local function all_of(list)
    local calls = {}
    for _, call in ipairs(list) do calls[#calls + 1] = call end
    calls[#calls + 1] = reentry.collect
    return calls
  end

  -- Each call again and again, while the finalizer makes all others.
  local function torment(object, list, w, rounds)
    local calls = all_of(list)
    local stop = haunt_with(bound(calls, object, w))
    for _ = 1, rounds do
      for _, call in ipairs(calls) do
        collectgarbage("step", 500)
        pcall(call[2], object, w)
      end
    end
    stop()
  end

  it("a client", function()
    local client = HTTPClient.new()
    local list = {}
    for _, calls in ipairs({ reentry.client_facts, reentry.client_changes }) do
      for _, call in ipairs(calls) do list[#list + 1] = call end
    end
    torment(client, list, { folder = keep(tempdir.new()), poller = keep(httpclient.Poller.new()) },
      20)
    client:close()
    assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
  end)

  it("a client with an answer", function()
    for _ = 1, 10 do
      local client, conn = world({ tls = httpclient.TLSOptions.client_unsafe(nil,
        { alpn = { "http/1.1" } }),
        server_tls = certs.localhost.tls() })
      support.request(client)
      support.head_of(client, conn)
      conn:send("HTTP/1.1 200 OK\r\nServer: " .. ("s"):rep(100)
        .. "\r\nX-A: a\r\nX-A: b\r\nContent-Length: " .. #BODY .. "\r\n\r\n" .. BODY)
      support.pump(client, HTTPClient.STATUS_BODY)
      torment(client, reentry.client_facts, {}, 1)
      client:close()
    end
  end)

  it("a Poller", function()
    local poller = httpclient.Poller.new()
    torment(poller, reentry.poller_calls, {}, 30)
    poller:close()
    assert.equal(0, poller:count())
  end)

  it("a StreamPeerTLS", function()
    local stream = StreamPeerTLS.new()
    torment(stream, reentry.tls_stream_calls, {}, 30)
    stream:disconnect_from_stream()
  end)

  it("all that is made anew", function()
    local w = { folder = keep(tempdir.new()) }
    local calls = {}
    for _, call in ipairs(reentry.free_calls) do
      calls[#calls + 1] = function() return call[2](w) end
    end
    local stop = haunt_with(calls)
    for _ = 1, 5 do
      for _, call in ipairs(calls) do pcall(call) end
    end
    stop()
  end)

  it("an Inflater", function()
    local inflater = require("httpclient.core").Inflater.new("gzip")
    local list = {
      { "feed", function(object) return object:feed(("x"):rep(100)) end },
      { "finish", function(object) return object:finish() end },
      { "is_done", function(object) return object:is_done() end },
    }
    torment(inflater, list, {}, 100)
    inflater:close()
  end)
end)

