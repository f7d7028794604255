-- What a script could break by calling the library out of one of its callbacks: each of these ended
-- in a crash, or in other bytes on the wire. The whole of it, callback by callback and call by
-- call, is in reentry_spec.lua.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local StreamPeerTLS = httpclient.StreamPeerTLS

local keep, _, world = require("spec.support.world")(after_each)

local function collect()
  collectgarbage()
  collectgarbage()
end

local function metamethod(object, name)
  return debug.getmetatable(object)[name]
end

-- Runs the poller until the server has seen the text, which is returned.
local function recv_through(poller, conn, text)
  return support.until_true(function()
    poller:wait(0.01)
    return conn:recv_until(text, 0)
  end)
end

-- A stream of the script's own: it keeps what is sent and gives what is in `input`. `methods` come on top.
local function script_stream(methods)
  local stream = { sent = {}, input = "" }
  function stream:put_partial_data(data)
    self.sent[#self.sent + 1] = data
    return 0, #data
  end
  function stream:get_partial_data(size)
    local piece = self.input:sub(1, size)
    self.input = self.input:sub(#piece + 1)
    return 0, piece
  end
  for name, method in pairs(methods or {}) do stream[name] = method end
  return stream
end

-- --- a Poller in the midst of a client's own call

local drivers = {
  { "poll", function(client) client:poll() end },
  { "wait", function(client) client:wait(0.05) end },
  { "wait_any", function(client) HTTPClient.wait_any({ client }, 0.05) end },
}

describe("A Poller that is waited for out of a body function", function()
  for _, driver in ipairs(drivers) do
    it("passes over the client whose " .. driver[1]
      .. " asked for the body, and has it again afterwards", function()
      local client, conn = world()
      local poller = keep(httpclient.Poller.new())
      local depth, deepest, moved, count = 0, 0, 0, 0
      assert.equal(Error.OK, poller:add(client))
      support.request(client, "POST", "/", {}, function()
        depth = depth + 1
        deepest = math.max(deepest, depth)
        moved = moved + #poller:wait(0.02)
        depth = depth - 1
        count = count + 1
        return count <= 3 and ("%d"):format(count):rep(1000) or nil
      end)
      for _ = 1, 3 do driver[2](client) end
      local text = recv_through(poller, conn, "0\r\n\r\n")
      assert.equal(1, deepest)
      assert.equal(0, moved)
      local chunk = "3e8\r\n%s\r\n"
      local expected = chunk:format(("1"):rep(1000)) .. chunk:format(("2"):rep(1000))
        .. chunk:format(("3"):rep(1000)) .. "0\r\n\r\n"
      assert.equal(expected, text:sub(text:find("\r\n\r\n", 1, true) + 4))
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      local answered = support.until_true(function() return poller:wait(0.01)[1] end)
      assert.equal(client, answered)
      assert.equal("ok", (support.read_all(client)))
      client:close()
    end)

    it("leaves alone what a nested error would have ended in " .. driver[1], function()
      local client, conn = world()
      local poller = keep(httpclient.Poller.new())
      local calls = 0
      assert.equal(Error.OK, poller:add(client))
      support.request(client, "POST", "/", {}, function()
        calls = calls + 1
        if calls == 2 then error("nested") end
        if calls > 1 then return nil end
        poller:wait(0.02)
        return "piece"
      end)
      support.until_true(function()
        driver[2](client)
        return calls >= 2
      end)
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      collect()
      local _, message = client:get_last_error()
      assert.truthy(message:find("nested", 1, true), message)
      assert.truthy(conn:recv_until("piece\r\n", 1))
      client:close()
    end)
  end

  it("does not wait for ever for the client that it is called by", function()
    local client, conn = world()
    local poller = keep(httpclient.Poller.new())
    local result
    poller:add(client)
    support.request(client, "POST", "/", {}, function()
      result = result or poller:wait()
      return nil
    end)
    support.until_true(function()
      client:poll()
      return result
    end)
    assert.same({}, result)
    recv_through(poller, conn, "0\r\n\r\n")
    client:close()
  end)

  it("sleeps meanwhile, though bytes wait for that client", function()
    local client, conn = world()
    local poller = keep(httpclient.Poller.new())
    local cpu
    poller:add(client)
    support.request(client, "POST", "/", {}, function()
      if not cpu then
        conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        native.sleep(0.01)
        cpu = native.cputime()
        poller:wait(0.2)
        cpu = native.cputime() - cpu
      end
      return "x"
    end)
    support.until_true(function()
      client:poll()
      return cpu
    end)
    assert.is_true(cpu < 0.1 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1), "busy for " .. cpu)
    local answered = support.until_true(function() return poller:wait(0.01)[1] end)
    assert.equal(413, answered:get_response_code())
    client:close()
  end)

  it("goes on with all others", function()
    local client = world()
    local other, other_conn = world()
    local poller = keep(httpclient.Poller.new())
    local moved
    poller:add(client)
    poller:add(other)
    support.request(other)
    support.head_of(other, other_conn)
    other_conn:send("HTTP/1.1 204 No Content\r\n\r\n")
    support.request(client, "POST", "/", {}, function()
      moved = moved or support.until_true(function() return poller:wait(0.01)[1] end)
      return nil
    end)
    support.until_true(function()
      client:poll()
      return moved
    end)
    assert.equal(other, moved)
    client:close()
    other:close()
  end)
end)

describe("A stream that ends inside a Poller's round", function()
  local deeds = {
    { "connect its client anew",
      function(client) return client:connect_to_host("127.0.0.1", 9) end },
    { "give its client another stream",
      function(client) return client:set_connection(script_stream()) end },
    { "take the stream from its client", function(client) return client:set_connection(nil) end },
    { "close its client", function(client) return client:close() end },
    { "poll its client", function(client) return client:poll() end },
    { "take its client out of the Poller",
      function(client, poller) return poller:remove(client) end },
    { "close the Poller", function(_, poller) return poller:close() end },
    { "wait for the Poller", function(_, poller) return poller:wait(0) end },
  }
  for _, deed in ipairs(deeds) do
    for _, secure in ipairs({ true, false }) do
      it(("can't %s, %s"):format(deed[1], secure and "over TLS" or "in clear"), function()
        local client, poller = HTTPClient.new(), keep(httpclient.Poller.new())
        local done, message
        local stream = script_stream({ disconnect_from_host = function()
          done, message = pcall(deed[2], client, poller)
        end })
        stream.input = ("this is no TLS"):rep(100)
        if secure then
          local tls = StreamPeerTLS.new()
          assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
          client:set_connection(tls)
        else
          client:set_connection(stream)
        end
        poller:add(client)
        support.until_true(function()
          poller:wait(0.01)
          return done ~= nil
        end)
        collect()
        assert.is_false(done)
        assert.truthy(message:find("at work", 1, true), message)
        assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
        poller:wait(0)
        assert.equal(Error.ERR_CONNECTION_ERROR, (client:poll()))
        client:close()
      end)
    end
  end
end)

describe("A method of the stream under TLS", function()
  for _, name in ipairs({ "put_partial_data", "get_partial_data", "poll", "get_status" }) do
    it(name .. " may wait for a Poller: the client over that TLS is passed over", function()
      local client, poller = HTTPClient.new(), keep(httpclient.Poller.new())
      local tls, depth, deepest = StreamPeerTLS.new(), 0, 0
      local stream = script_stream({ get_status = function() return 2 end,
        poll = function() return 0 end })
      local method, is_on = stream[name], false
      stream[name] = function(...)
        if is_on then
          depth = depth + 1
          deepest = math.max(deepest, depth)
          poller:wait(0.005)
          depth = depth - 1
        end
        return method(...)
      end
      assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
      client:set_connection(tls)
      poller:add(client)
      is_on = true
      for _ = 1, 5 do tls:poll() end
      is_on = false
      assert.equal(1, deepest)
      stream.input = "no TLS at all"
      support.until_true(function()
        poller:wait(0.01)
        return client:get_status() == HTTPClient.STATUS_CONNECTION_ERROR
      end)
      client:close()
    end)
  end
end)

-- --- files that are closed under a body

describe("A body on its way to a file", function()
  local function client_in_body(on_read)
    local client = HTTPClient.new()
    local stream = script_stream()
    local plain, reads = stream.get_partial_data, 0
    function stream:get_partial_data(size)
      if client:get_status() == HTTPClient.STATUS_BODY then
        reads = reads + 1
        on_read(reads)
      end
      return plain(self, math.min(size, 1000))
    end
    client:set_connection(stream)
    support.request(client, "GET", "/", { "Host: a.test" })
    client:poll()
    stream.input = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    support.pump(client, HTTPClient.STATUS_BODY)
    stream.input = ("b"):rep(5000)
    return client
  end

  for _, read in ipairs({ 1, 2, 5 }) do
    it("ends with a message when the stream closes that file in read " .. read, function()
      local folder = keep(tempdir.new())
      local file = assert(io.open(folder:file("body"), "wb"))
      local client = client_in_body(function(reads)
        if reads == read then file:close() end
      end)
      local moved, message, code, before = client:read_response_body_to_file(file)
      assert.is_nil(moved)
      assert.equal(Error.ERR_FILE_CANT_WRITE, code)
      assert.truthy(message:find("closed", 1, true), message)
      assert.equal((read - 1) * 1000, before)
      assert.equal(HTTPClient.STATUS_BODY, client:get_status())
      -- What was not written is still there.
      assert.equal(5000 - before, #(support.read_all(client)))
      client:close()
    end)

    it("does not get into a file that takes the place of that one in read " .. read, function()
      local folder = keep(tempdir.new())
      local file, others = assert(io.open(folder:file("body"), "wb")), {}
      local client = client_in_body(function(reads)
        if reads ~= read then return end
        file:close()
        for i = 1, 8 do others[i] = assert(io.open(folder:file("other" .. i), "wb")) end
      end)
      assert.is_nil((client:read_response_body_to_file(file)))
      for i, other in ipairs(others) do
        other:close()
        assert.equal("", tempdir.read(folder:file("other" .. i)))
      end
      client:close()
    end)
  end
end)

-- --- objects that go out of scope in their own callbacks

-- `local x <close> = object` where there is such a thing, and what it calls where there is not.
local leave_scope = (loadstring or load)("local object = ... local x <close> = object")
  or function(object) return metamethod(object, "__close")(object, nil) end

describe("An object that goes out of scope in its own callback", function()
  local ends = {
    { "<close>", leave_scope, true },
    { "__close", function(object) return metamethod(object, "__close")(object, nil) end, true },
    { "__gc", function(object) return metamethod(object, "__gc")(object) end, false },
  }
  local round = function(client, poller)
    poller:add(client)
    return function() poller:wait(0.01) end
  end
  local ways = {
    { "poll", function(client) return function() client:poll() end end },
    { "wait", function(client) return function() client:wait(0.01) end end },
    { "wait_any",
      function(client) return function() HTTPClient.wait_any({ client }, 0.01) end end },
    { "a Poller's round", round },
  }
  for _, finish in ipairs(ends) do
    for _, way in ipairs(ways) do
      it(("lives on: a client in its body function, by %s, in %s"):format(finish[1],
        way[1]), function()
        local client, conn = world()
        local poller = keep(httpclient.Poller.new())
        local step = way[2](client, poller)
        local done, message
        support.request(client, "POST", "/", {}, function()
          if done ~= nil then return nil end
          done, message = pcall(finish[2], client)
          collect()
          return ("x"):rep(1000)
        end)
        local text = support.until_true(function()
          step()
          return conn:recv_until("0\r\n\r\n", 0)
        end)
        assert.equal(not finish[3], done)
        if finish[3] then assert.truthy(message:find("at work", 1, true), message) end
        assert.truthy(text:find("3e8\r\n" .. ("x"):rep(1000) .. "\r\n", 1, true))
        assert.equal(HTTPClient.STATUS_REQUESTING, client:get_status())
        finish[2](client) -- now it is free
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
      end)
    end

    it(("lives on: a Poller in its round, by %s"):format(finish[1]), function()
      local client, conn = world()
      local poller = httpclient.Poller.new()
      local done
      poller:add(client)
      support.request(client, "POST", "/", {}, function()
        if done ~= nil then return nil end
        done = pcall(finish[2], poller)
        collect()
        return "piece"
      end)
      recv_through(poller, conn, "0\r\n\r\n")
      assert.equal(not finish[3], done)
      assert.equal(1, poller:count())
      finish[2](poller)
      client:close()
    end)

    it(("lives on: the TLS stream that another one is being put on, by %s"):format(finish[1]),
      function()
      local below, above = StreamPeerTLS.new(), StreamPeerTLS.new()
      local is_on, done, message = false, nil, nil
      local stream = script_stream()
      local put = stream.put_partial_data
      function stream:put_partial_data(data)
        if is_on and done == nil then
          done, message = pcall(finish[2], below)
          collect()
        end
        return put(self, data)
      end
      assert.equal(Error.OK, below:connect_to_stream(stream, "localhost"))
      is_on = true
      local code = above:connect_to_stream(below, "localhost")
      assert.equal(Error.ERR_UNCONFIGURED, code) -- its handshake has only begun
      assert.is_boolean(done)
      if finish[3] then
        assert.is_false(done)
        assert.truthy(message:find("at work", 1, true), message)
        assert.equal(Error.OK, (below:poll()))
      end
      collect()
      finish[2](below)
      finish[2](above)
    end)

    it(("lives on: a client over TLS, and that TLS, in a method of the stream below, by %s"):format(finish[1]), function()
      local client, tls = HTTPClient.new(), StreamPeerTLS.new()
      local is_on, results = false, {}
      local stream = script_stream()
      local put = stream.put_partial_data
      function stream:put_partial_data(data)
        if is_on then
          for _, object in ipairs({ client, tls }) do
            results[#results + 1] = tostring(pcall(finish[2], object))
          end
          collect()
        end
        return put(self, data)
      end
      assert.equal(Error.OK, tls:connect_to_stream(stream, "localhost"))
      client:set_connection(tls)
      is_on = true
      client:poll()
      is_on = false
      assert.same({ tostring(not finish[3]), tostring(not finish[3]) }, results)
      stream.input = "no TLS"
      support.pump(client, HTTPClient.STATUS_CONNECTION_ERROR)
      finish[2](client)
      finish[2](tls)
    end)
  end
end)

-- --- what a call that is refused must not take with it

describe("A body that is still on its way", function()
  it("is kept when a further request raises an error for the type of its own", function()
    local client, conn = world()
    local size = 4 * 1048576
    do
      support.request(client, "POST", "/", { "Content-Length: " .. size }, ("b"):rep(size))
    end
    client:poll()
    assert.is_false((pcall(client.request, client, HTTPClient.METHOD_POST, "/", {}, 42)))
    local closed = assert(io.tmpfile())
    closed:close()
    assert.is_false((pcall(client.request, client, HTTPClient.METHOD_POST, "/", {}, closed)))
    assert.equal(Error.ERR_INVALID_PARAMETER,
      (client:request(HTTPClient.METHOD_POST, "/", {}, "another")))
    collect()
    local rubbish = {}
    for i = 1, 4 do rubbish[i] = ("%d"):format(i):rep(size) end
    assert.equal(4, #rubbish)
    assert.truthy(support.head_of(client, conn))
    assert.is_true(support.receive(client, conn, size) == ("b"):rep(size))
    client:close()
  end)
end)
