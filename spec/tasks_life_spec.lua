-- What tasks hold, and when they let go of it: descriptors, connections, memory.
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")

local async, fetch, run = httpclient.async, httpclient.fetch, httpclient.run
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local answer = serve.answer

local with_server = require("spec.support.served")(after_each)

-- Without the collector's help.
local function descriptors_left_by(fn)
  collectgarbage()
  collectgarbage("stop")
  finally(function() collectgarbage("restart") end)
  local before = native.fd_count()
  fn()
  return native.fd_count() - before
end

describe("the scheduler", function()
  it("gives its descriptor back, though a coroutine has stayed in the waiter", function()
    finally(function() httpclient.set_waiter(nil) end)
    collectgarbage()
    local before = native.fd_count()
    httpclient.set_waiter(function() coroutine.yield() end)
    local task = async(httpclient.sleep, 0.001)
    coroutine.wrap(run)()
    httpclient.set_waiter(nil)
    task:cancel()
    for _ = 1, 3 do collectgarbage() end
    async(httpclient.sleep, 0.0001)
    run()
    assert.equal(before, native.fd_count())
  end)

  it("closes what a waiter's error has left behind, at its next turn", function()
    finally(function() httpclient.set_waiter(nil) end)
    local server = with_server({ { { send = "", ending = "stall" } } })
    for _, turn in ipairs({ httpclient.process, run }) do
      collectgarbage()
      collectgarbage()
      local before = native.fd_count()
      httpclient.set_waiter(function() error("thrown", 0) end)
      assert.is_false((coroutine.resume(coroutine.create(fetch), "http://127.0.0.1:"
        .. server:url():match(":(%d+)/"))))
      httpclient.set_waiter(nil)
      for _ = 1, 4 do collectgarbage() end
      turn()
      for _ = 1, 2 do collectgarbage() end
      assert.is_true(native.fd_count() <= before + 1) -- the server's end
    end
  end)

  it("lets close_idle close what a coroutine has held that is gone", function()
    finally(function() httpclient.set_waiter(nil) end)
    local server = with_server({ { { send = "", ending = "stall" } } })
    httpclient.pool.close_idle()
    for _ = 1, 3 do collectgarbage() end
    local before = native.fd_count()
    httpclient.set_waiter(function() coroutine.yield() end)
    assert.is_true((coroutine.resume(coroutine.create(fetch), "http://127.0.0.1:"
      .. server:url():match(":(%d+)/"))))
    httpclient.set_waiter(nil)
    for _ = 1, 4 do collectgarbage() end
    httpclient.pool.close_idle()
    for _ = 1, 2 do collectgarbage() end
    assert.is_true(native.fd_count() <= before + 1) -- the server's end
  end)

  it("holds no descriptor while nothing is under way", function()
    assert.equal(0, descriptors_left_by(function()
      for _ = 1, 20 do
        httpclient.sleep(0.0001)
        async(httpclient.sleep, 0.0001)
        run()
        local task = async(httpclient.sleep, 10)
        httpclient.process()
        task:cancel()
        async(httpclient.sleep, 0.0001):wait()
      end
    end))
  end)

  it("holds no descriptor after fetch, in tasks or not", function()
    local answers = {}
    for i = 1, 20 do
      answers[i] = { answer("x") }
    end
    local server = with_server(answers)
    -- The server in this process may still have one of the last connection.
    assert.is_true(1 >= descriptors_left_by(function()
      for i = 1, 20 do
        if i % 2 == 0 then
          assert(fetch(server:url()))
        else
          local task = async(fetch, server:url())
          run()
          assert(task:result())
        end
        httpclient.pool.close_idle()
      end
    end))
  end)

  it("does not collect those who have waited for a task in vain", function()
    local endless = async(httpclient.sleep, 1000)
    finally(function() endless:cancel() end)
    local rounds = 3000
    local function memory_after(count)
      async(function()
        for _ = 1, count do
          endless:wait(0)
        end
      end)
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = memory_after(rounds)
    assert.is_true(memory_after(rounds) - before < 30)
  end)

  it("wakes a task for what it waits for only", function()
    local first = async(httpclient.sleep, 0.005)
    local woken = 0
    local second = async(function()
      first:wait(0)
      coroutine.yield()
      woken = woken + 1
      httpclient.sleep(0.03)
    end)
    local began = native.monotonic()
    run()
    assert.equal("done", second:status())
    assert.equal(1, woken)
    assert.is_true(native.monotonic() - began >= 0.03)
  end)
end)

describe("a fetch that can't yield", function()
  local ways = {
    -- It waits here and now, and its timeout ends it.
    { "below a C function", function(url)
      return (("x"):gsub("x", function()
        assert(fetch(url, { timeout = 0.05 }))
      end))
    end, "timeout" },
  }
  if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
    -- Nothing shows that it can't: the attempt raises.
    table.insert(ways, { "below a metamethod", function(url)
      return setmetatable({}, { __index = function()
        return assert(fetch(url, { timeout = 0.05 }))
      end }).field
    end, "yield" })
  end

  for _, way in ipairs(ways) do
    it(way[1] .. " frees its connection when its task ends", function()
      local server = with_server({ { { send = "", ending = "stall" } } })
      local task = async(way[2], server:url())
      run()
      assert.equal("failed", task:status())
      assert.truthy(tostring(select(2, task:result())):find(way[3], 1, true))
      assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    end)

    it(way[1] .. " frees its connection when its task goes on", function()
      local server = with_server({ { { send = "", ending = "stall" } }, { answer("next") } })
      local task = async(function()
        local ok = pcall(way[2], server:url())
        local response = fetch(server:url(), { timeout = 5 * factor })
        return ok, response and response.body, httpclient.pool.count()
      end)
      run()
      local ok, body, used = task:result()
      assert.is_false(ok)
      assert.equal(0, used)
      assert.truthy(body == "next" or body == nil)
      assert.same({ 0, 0 }, { httpclient.pool.count(), (select(3, httpclient.pool.count())) })
    end)
  end
end)

describe("an HTTPRequest that nobody holds", function()
  it("is collected, though its callbacks know it", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      local request = httpclient.HTTPRequest.new()
      request.on_request_completed = function() return request end
      request:connect("request_completed", function() return request end)
      weak[request] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("completes all the same when it is busy", function()
    local server = with_server({ { answer("body") } })
    local body
    do
      local request = httpclient.HTTPRequest.new()
      request.on_request_completed = function(_, _, _, content) body = content end
      request:request(server:url())
    end
    collectgarbage()
    collectgarbage()
    run()
    assert.equal("body", body)
  end)
end)

describe("a body function", function()
  local chunks = "2\r\nab\r\n0\r\n\r\n"

  it("may cancel its task, and others", function()
    local server = with_server({ { { send = "", content = 7, ending = "stall" } } })
    local calls, task, request = 0, nil, httpclient.HTTPRequest.new()
    local other = async(httpclient.sleep, 1000)
    task = async(fetch, server:url(), { body = function()
      calls = calls + 1
      task:cancel()
      other:cancel()
      return "ab"
    end })
    run()
    assert.same({ "cancelled", "cancelled" }, { task:status(), other:status() })
    assert.is_true(calls < 200, tostring(calls)) -- what a poll() or two ask for
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    server:stop()
    server = with_server({ { { send = "", content = 7, ending = "stall" } } })
    calls = 0
    request.on_request_completed = function() error("cancelled") end
    request:request(server:url(), {}, httpclient.HTTPClient.METHOD_POST, function()
      calls = calls + 1
      request:cancel_request()
      return "ab"
    end)
    run()
    assert.is_true(calls < 200, tostring(calls))
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)

  it("may begin other tasks, and fetch", function()
    local server = with_server({ { { send = answer("upload"), content = #chunks } } })
    local others = with_server({ { answer("1") }, { answer("2") } })
    local inner, completed, calls = nil, nil, 0
    local request = httpclient.HTTPRequest.new()
    request.on_request_completed = function(_, _, _, body) completed = body end
    local task = async(fetch, server:url(), { body = function()
      calls = calls + 1
      if calls == 1 then
        inner = async(fetch, others:url())
        assert(request:request(others:url()) == httpclient.Error.OK)
        return "ab"
      end
    end })
    run()
    assert.equal("upload", assert(task:result()).body)
    local bodies = { assert(inner:result()).body, completed }
    table.sort(bodies)
    assert.same({ "1", "2" }, bodies)
    assert.equal(2, calls)
    local direct = with_server({ { { send = answer("upload"), content = #chunks } } })
    local third, got, ended = with_server({ { answer("3") } }), nil, false
    task = async(fetch, direct:url(), { body = function()
      if not ended then
        ended, got = true, fetch(third:url()).body
        return "ab"
      end
    end })
    run()
    assert.equal("upload", assert(task:result()).body)
    assert.equal("3", got)
  end)

  it("that fails, or calls process(), ends the request with its message", function()
    for _, fn in ipairs({ function() error("no more to send", 0) end, httpclient.process,
      function() return 5 end }) do
      local server = with_server({ { { send = "", ending = "stall" } } })
      local task = async(fetch, server:url(), { body = fn })
      run()
      local response, message, code = task:result()
      assert.is_nil(response)
      assert.equal(httpclient.Error.ERR_CONNECTION_ERROR, code, message)
      assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
    end
  end)
end)

describe("without a descriptor left", function()
  it("fetch fails with a message, and nothing raises or hangs", function()
    local listener = assert(native.listen({}))
    local before = native.rlimit_nofile(64)
    local files = {}
    repeat
      local file = io.open("/dev/null") -- none is left to the collector, which would give its descriptor back
      files[#files + 1] = file
    until not file
    finally(function()
      native.rlimit_nofile(before)
      for _, file in ipairs(files) do
        file:close()
      end
      listener:close()
    end)
    table.remove(files):close() -- this one is the connection's
    local task = async(fetch, ("http://127.0.0.1:%d/"):format(listener:port()),
      { timeout = 5 * factor })
    local other = async(coroutine.yield)
    for _ = 1, 5 do
      httpclient.process()
    end
    assert.equal("done", other:status())
    assert.equal("done", task:status())
    local response, message, code = task:result()
    assert.is_nil(response)
    assert.equal(httpclient.Error.ERR_CANT_CONNECT, code)
    assert.truthy(message:find("descriptor", 1, true), message)
    assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
  end)
end)

-- Where a fetch may be when it ends: what the server does, and what must have been seen before.
local places = {
  { "resolving", url = "http://slow-name.invalid/" },
  { "the TLS handshake", tls = true, server = { { send = "", ending = "stall" } } },
  { "an upload", options = { body = ("x"):rep(20000000) },
    server = { { send = "", ending = "stall" } } },
  { "waiting for the head", server = { { send = "HTTP/1.1 200", ending = "stall" } } },
  { "the body", server = { { send = "HTTP/1.1 200 OK\r\n\r\nabc", ending = "stall" } } },
  { "a coded body",
    server = { { send = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\31\139",
      ending = "stall" } } },
  { "a redirect's body",
    server = { { send = "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 9\r\n\r\nabc",
      ending = "stall" } } },
  { "the second hop",
    server = { "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
      { send = "", ending = "stall" } } },
}

describe("a fetch that is", function()
  local folder = require("spec.support.tempdir").new()
  teardown(function() folder:close() end)

  local function each_way(place, act)
    for _, with_file in ipairs({ false, true }) do
      local server = place.server and with_server({ place.server })
      local url = place.url or server:url()
      local options = { download_file = with_file and folder:file("file") or nil }
      for name, value in pairs(place.options or {}) do
        options[name] = value
      end
      act(place.tls and url:gsub("^http:", "https:") or url, options)
      assert.same({ 0, 0, 0 }, { httpclient.pool.count() })
      os.remove(folder:file("file")) -- nothing but this may be there
      assert.is_nil(io.popen("ls -A '" .. folder.path .. "'"):read("*l"), place[1])
      if server then
        server:stop()
      end
    end
  end

  for _, place in ipairs(places) do
    it("in " .. place[1] .. " is cancelled at once, and leaves nothing", function()
      for _, rounds in ipairs({ 0, 20 }) do
        each_way(place, function(url, options)
          local task = async(fetch, url, options)
          for _ = 1, rounds do
            httpclient.process()
            native.sleep(0.0005)
          end
          if task:status() == "running" then -- a name that does not exist may be known by now
            assert.is_true(task:cancel())
          end
        end)
      end
    end)

    it("in " .. place[1] .. " ends with its timeout", function()
      each_way(place, function(url, options)
        options.timeout = 0.05
        local began = native.monotonic()
        local response, message, code = fetch(url, options)
        assert.is_nil(response)
        assert.is_true(native.monotonic() - began < 5 * factor)
        if not place.url then
          assert.equal(httpclient.Error.ERR_TIMEOUT, code, message)
        end
      end)
    end)
  end
end)
