-- When the option retry asks again, and what becomes of an answer that is cut off.
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local fetch, now = httpclient.fetch, httpclient.monotonic_time
local answer = serve.answer
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

local function busy(more)
  return ("HTTP/1.1 503 X\r\nContent-Length: 0\r\n%s\r\n"):format(more or "")
end

-- The delays of one call to a server that is busy for `count` answers; they are not waited for.
local function first_delay(retry, more)
  local server = with_server({ { busy(more) } })
  local delay
  retry.on_retry = function(info)
    delay = info.delay
    return false
  end
  assert.equal(503, assert(fetch(server:url(), { retry = retry })).status)
  return delay
end

describe("Between two attempts", function()
  it("is a time between nothing and the backoff, and not always the same", function()
    local seen, count = {}, 0
    for _ = 1, 8 do
      local delay = first_delay({ backoff = 4 })
      assert.is_true(delay >= 0 and delay < 4, tostring(delay))
      count = count + (seen[delay] and 0 or 1)
      seen[delay] = true
    end
    assert.is_true(count > 4)
    assert.is_true(first_delay({ backoff = 1000, max_backoff = 0.5 }) < 0.5)
    assert.equal(0, first_delay({ backoff = 0 }))
  end)
  it("is up to 0.5 seconds at first, and up to 30 later, where nothing is said", function()
    local function most(backoff)
      local found = 0
      for _ = 1, 24 do
        found = math.max(found, first_delay({ backoff = backoff }))
      end
      return found
    end
    local first, later = most(nil), most(1000000)
    assert.is_true(first > 0.25 and first <= 0.5, first)
    assert.is_true(later > 15 and later <= 30, later)
  end)

  it("doubles each time up to max_backoff", function()
    local server = with_server({ { busy(), busy(), busy(), busy(), busy() } })
    local most = { 0.001, 0.002, 0.004, 0.004 }
    local count = 0
    assert(fetch(server:url(), { retry = { attempts = 5, backoff = 0.001, max_backoff = 0.004,
      on_retry = function(info)
        count = count + 1
        assert.is_true(info.delay <= most[info.attempt])
      end } }))
    assert.equal(4, count)
  end)

  it("leaves math.random to the script", function()
    math.randomseed(7)
    local expected = { math.random(1000), math.random(1000) }
    math.randomseed(7)
    local got = { math.random(1000) }
    first_delay({})
    got[2] = math.random(1000)
    assert.same(expected, got)
  end)

  it("is what Retry-After says, in seconds or as a date", function()
    assert.equal(17, first_delay({}, "Retry-After: 17\r\n"))
    assert.equal(100, first_delay({ max_backoff = 1 }, "Retry-After: 100\r\n"))
    assert.equal(0, first_delay({}, "Retry-After: 0\r\n"))
    local delay = first_delay({}, ("Retry-After: %s\r\n"):format(httpclient.http_date(os.time()
      + 50)))
    assert.is_true(delay > 40 and delay <= 50, tostring(delay))
    assert.equal(0, first_delay({}, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
    assert.is_true(first_delay({ backoff = 2 }, "Retry-After: soon\r\n") < 2)
    assert.is_true(first_delay({ backoff = 2 }, "Retry-After: -5\r\n") < 2)
  end)

  it("fits into the timeout, or there is no other attempt", function()
    local server = with_server({ { busy("Retry-After: 100\r\n") } })
    local began, calls = now(), 0
    local response = assert(fetch(server:url(), { timeout = 20, retry = { on_retry = function()
      calls = calls + 1
    end } }))
    assert.equal(503, response.status)
    assert.equal(0, calls)
    assert.is_true(now() - began < 15)
    assert.is_nil(first_delay({}, "Retry-After: 100000\r\n"))
    assert.is_nil(first_delay({}, "Retry-After: 99999999999999999999999999\r\n"))
  end)

  it("is really waited, and others go on meanwhile", function()
    local server = with_server({ { busy("Retry-After: 1\r\n"), answer("fine") } })
    local began, steps = now(), 0
    local task = httpclient.async(function()
      return assert(fetch(server:url(), { retry = true })).body
    end)
    local other = httpclient.async(function()
      while task:status() == "running" do
        httpclient.sleep(0.05)
        steps = steps + 1
      end
    end)
    httpclient.run()
    assert.equal("fine", task:result())
    assert.equal("done", other:status())
    assert.is_true(now() - began >= 0.99)
    assert.is_true(steps > 3)
  end)

  it("can be cancelled, and holds no connection", function()
    local server = with_server({ { busy("Retry-After: 100\r\n") } })
    local is_waiting
    local task = httpclient.async(function()
      fetch(server:url(), { retry = { on_retry = function() is_waiting = true end } })
    end)
    while not is_waiting do
      httpclient.process(0.01)
    end
    httpclient.process(0)
    assert.equal(0, (httpclient.pool.count()))
    assert.is_true(task:cancel())
    httpclient.run()
  end)
end)

describe("An answer that is cut off", function()
  local function quick(more)
    local retry = { backoff = 0.001 }
    for name, value in pairs(more or {}) do
      retry[name] = value
    end
    return retry
  end
  local cut = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"
  local cut_chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

  it("is asked for again where nothing of it was handed out", function()
    for _, first in ipairs({ cut, cut_chunks }) do
      local server = with_server({ { first }, { answer("whole") } })
      assert.equal("whole", assert(fetch(server:url(), { retry = quick() })).body)
      assert.equal(2, #server:requests())
    end
    local server = with_server({ { { send = cut, gate_after = "on" } }, { answer("whole") } })
    local retry = quick({ on_retry = function() server:open_gate("on") end })
    assert.equal("whole", assert(fetch(server:url(), { retry = retry, idle_timeout = 0.5 })).body)
  end)

  it("is not without the option, nor for a POST", function()
    local server = with_server({ { cut }, { { send = cut, content = 1 } } })
    assert.is_nil((fetch(server:url())))
    assert.is_nil((fetch(server:url(), { body = "x", retry = quick() })))
    assert.equal(2, #server:requests())
  end)

  it("is not where the script has seen some of it", function()
    for _, name in ipairs({ "on_data", "on_response" }) do
      local server = with_server({ { cut }, { answer("whole") } })
      local response, message = fetch(server:url(), { retry = quick(), [name] = function() end })
      assert.is_nil(response)
      assert.truthy(message:find("cut short", 1, true), message)
      assert.equal(1, #server:requests())
    end
  end)

  it("begins a file anew, or goes on with it where it can be resumed", function()
    local folder = keep(tempdir.new())
    local path = folder:write("file", "old")
    local server = with_server({ { cut }, { answer("whole") } })
    assert(fetch(server:url(), { retry = quick(), download_file = path }))
    assert.equal("whole", tempdir.read(path))
    local tagged = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 6\r\n\r\nabc"
    local rest = "HTTP/1.1 206 P\r\nETag: \"v1\"\r\nContent-Range: bytes 3-5/6\r\n"
      .. "Content-Length: 3\r\n\r\ndef"
    server = with_server({ { tagged }, { rest } })
    local response = assert(fetch(server:url(), { retry = quick(), download_file = path,
      resume = true }))
    assert.equal(206, response.status)
    assert.equal("abcdef", tempdir.read(path))
    assert.truthy(server:requests()[2]:find("\r\nRange: bytes=3-\r\n", 1, true))
    local ls = assert(native.spawn({ "ls", folder.path }, { stdout = "pipe" }))
    assert.equal("file\n", ls:read(10))
    ls:close()
  end)

  it("leaves the file as it was when all attempts fail", function()
    local folder = keep(tempdir.new())
    local path = folder:write("file", "old")
    local server = with_server({ { cut }, { cut }, { cut } })
    assert.is_nil((fetch(server:url(), { retry = quick(), download_file = path })))
    assert.equal("old", tempdir.read(path))
  end)

  it("is asked for again where a redirect has led to it", function()
    local server = with_server({ {
      "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", cut }, { answer("whole") } })
    local response = assert(fetch(server:url("/a"), { retry = quick() }))
    assert.equal("whole", response.body)
    assert.equal(1, response.redirects)
    assert.truthy(server:requests()[2]:find("^GET /b "))
  end)
end)
