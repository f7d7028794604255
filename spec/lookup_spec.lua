-- Lookups beside others: a name server that keeps silent about some names holds nobody else up, and those who ask for
-- one name together ask the name server once.
local isolated = require("spec.support.isolated")

-- In a network of their own: a name server that knows right.test, knows that there is no wrong.test, and says nothing
-- of other names.
local WORLD = [[
  local native, support = require("spec_native"), require("spec.support.client")
  local httpclient = require("httpclient")
  local server = assert(native.udp(53))
  local listener = assert(native.listen({}))

  local queries = 0

  local function answer_what_is_known()
    local query = server:recv(0.005)
    queries = queries + (query and 1 or 0)
    if query and query:find("\5wrong\4test\0", 13, true) then
      server:send(query:sub(1, 2) .. "\129\131\0\1\0\0\0\0\0\0" .. query:sub(13))
    elseif query and query:find("\5right\4test\0", 13, true) then
      local is_ipv4 = query:find("\0\1\0\1", 13, true)
      local record = is_ipv4 and "\192\12\0\1\0\1\0\0\0\9\0\4\127\0\0\1" or ""
      server:send(query:sub(1, 2) .. "\129\128\0\1\0" .. (is_ipv4 and "\1" or "\0") .. "\0\0\0\0" .. query:sub(13) .. record)
    end
  end

  local hanging = {}
  local function hang(count)
    for i = 1, count do
      hanging[i] = httpclient.new()
      assert(hanging[i]:connect_to_host(("silent%d.test"):format(i), 80) == 0)
    end
  end

  -- So many clients connect together; the first of them gives up at once. With a name server at work, says how all but
  -- that ended.
  local function connect_together(count, name)
    local clients, seen, kinds = {}, {}, 0
    for i = 1, count do
      clients[i] = httpclient.new()
      assert(clients[i]:connect_to_host(name, listener:port()) == 0)
    end
    clients[1]:close()
    for i = 2, count do
      support.until_true(function()
        answer_what_is_known()
        clients[i]:poll()
        local status = clients[i]:get_status()
        return status ~= clients[i].STATUS_RESOLVING and status ~= clients[i].STATUS_CONNECTING
      end)
      local code, message = clients[i]:get_last_error()
      local text = support.status_name(clients[i]:get_status()) .. (message ~= "" and ", " .. message or "")
      kinds = kinds + (seen[text] and 0 or 1)
      seen[text] = true
    end
    print(kinds, (next(seen):gsub(name .. ": .*", name .. ": ...")))
  end

  -- Connects, with a name server at work, and says how long that took.
  local function connect(name)
    local client, before = httpclient.new(), native.monotonic()
    assert(client:connect_to_host(name, listener:port()) == 0)
    support.until_true(function()
      answer_what_is_known()
      client:poll()
      return client:get_status() ~= client.STATUS_RESOLVING and client:get_status() ~= client.STATUS_CONNECTING
    end)
    print(name, support.status_name(client:get_status()), native.monotonic() - before < 5)
    client:close()
  end
]]

local cases = {
  { "40 that are waited for hold up neither a name that answers nor one that needs no answer", [[
      hang(40)
      connect("localhost")
      connect("right.test")
    ]], "localhost\tSTATUS_CONNECTED\ttrue\nright.test\tSTATUS_CONNECTED\ttrue\n" },
  { "40 that nobody waits for any more hold up no other name", [[
      hang(40)
      for i = 1, 40 do hanging[i]:close() end
      connect("right.test")
      connect("any.LocalHost.")
    ]], "right.test\tSTATUS_CONNECTED\ttrue\nany.LocalHost.\tSTATUS_CONNECTED\ttrue\n" },
  { "40 that came one after the other, each until its timeout, hold up no other name", [[
      for i = 1, 40 do
        local response, message = httpclient.fetch("http://silent" .. i .. ".test/", { timeout = 0.02 })
        assert(response == nil and message:find("timeout", 1, true), message)
      end
      connect("right.test")
    ]], "right.test\tSTATUS_CONNECTED\ttrue\n" },
  { "300 leave localhost alone, for which nobody is asked", [[
      hang(300)
      connect("localhost")
    ]], "localhost\tSTATUS_CONNECTED\ttrue\n" },
  { "40 fetches do not make a fetch from localhost wait for them", [[
      local done, response, message = false
      for i = 1, 40 do httpclient.async(httpclient.fetch, ("http://silent%d.test/"):format(i), { timeout = 30 }) end
      httpclient.async(function()
        response, message = httpclient.fetch(("http://localhost:%d/"):format(listener:port()), { timeout = 5 })
        done = true
      end)
      local conn
      support.until_true(function()
        httpclient.process()
        if not conn then
          conn = listener:accept(0)
        elseif conn:recv_until("\r\n\r\n", 0) then
          conn:send("HTTP/1.1 204 No Content\r\n\r\n")
        end
        return done
      end)
      print(response and response.status, message)
    ]], "204\tnil\n" },
  { "20 that begin together ask the name server once, of whom one gives up", [[
      connect_together(20, "right.test")
      print(queries)
      connect_together(20, "right.test")
      print(queries)
    ]], "1\tSTATUS_CONNECTED\n2\n1\tSTATUS_CONNECTED\n4\n" },
  { "20 that begin together are told the same of a name that is none", [[
      connect_together(20, "wrong.test.")
      print(queries)
    ]], "1\tSTATUS_CANT_RESOLVE, can't resolve wrong.test.: ...\n2\n" },
}

describe("Lookups beside others:", function()
  for _, case in ipairs(cases) do
    it(case[1], function()
      local text, why = isolated.run(WORLD .. case[2] .. "os.exit(0, false)",
        { resolver = "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n", ends_open = true })
      if not text then
        pending(why)
        return
      end
      assert.equal(case[3] .. "exit 0", text)
    end)
  end
end)
