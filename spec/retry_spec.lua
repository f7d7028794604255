-- The option retry: what goes out again, how often, when, and what never does.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")
local native = require("spec_native")
local ports = require("spec.support.ports")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = serve.answer
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

local function status(code, more)
  return ("HTTP/1.1 %d X\r\nContent-Length: 3\r\n%s\r\nbad"):format(code, more or "")
end

-- A retry that does not wait long, and the list of what its on_retry gets.
local function quick(more)
  local seen = {}
  local retry = { backoff = 0.01, on_retry = function(info)
    seen[#seen + 1] = info
  end }
  for name, value in pairs(more or {}) do
    retry[name] = value
  end
  return retry, seen
end

describe("The option retry", function()
  it("asks again after an answer that says to come back", function()
    for _, code in ipairs({ 408, 429, 500, 502, 503, 504 }) do
      local server = with_server({ { status(code), answer("fine") } })
      local retry, seen = quick()
      local response = assert(fetch(server:url(), { retry = retry }))
      assert.equal("fine", response.body)
      assert.equal(1, #seen)
      local info = seen[1]
      assert.same({ code, 1, 3, "GET", true, ("the server answered %d"):format(code) },
        { info.status, info.attempt, info.attempts, info.method, info.sent, info.reason })
    end
  end)

  it("hands over the last answer when there are no more attempts", function()
    local server = with_server({ { status(503), status(503), status(503), answer("late") } })
    local retry, seen = quick()
    local response = assert(fetch(server:url(), { retry = retry }))
    assert.equal(503, response.status)
    assert.equal("bad", response.body)
    assert.equal(2, #seen)
  end)

  it("may be a number of attempts, true, or false", function()
    local function attempts_of(retry)
      local server = with_server({ { status(503, "Retry-After: 0\r\n"),
        status(503, "Retry-After: 0\r\n"), status(503, "Retry-After: 0\r\n"), status(503) } })
      assert.equal(503, assert(fetch(server:url(), { retry = retry })).status)
      return select(2, server:requests()[1]:gsub("GET ", ""))
    end
    assert.equal(1, attempts_of(nil))
    assert.equal(1, attempts_of(false))
    assert.equal(1, attempts_of(1))
    assert.equal(2, attempts_of(2))
    assert.equal(3, attempts_of(true))
    assert.equal(3, attempts_of({}))
    assert.equal(4, attempts_of({ attempts = 4 }))
  end)

  it("leaves other answers alone, and those that the script has not named", function()
    local server = with_server({ { status(404), status(501), status(503), status(404),
      answer("ok") } })
    local retry = quick()
    assert.equal(404, assert(fetch(server:url(), { retry = retry })).status)
    assert.equal(501, assert(fetch(server:url(), { retry = retry })).status)
    retry.statuses = { 404 }
    assert.equal(503, assert(fetch(server:url(), { retry = retry })).status)
    retry.statuses = { [404] = true }
    assert.equal("ok", assert(fetch(server:url(), { retry = retry })).body)
  end)

  it("never repeats what may have happened, unless it is asked to", function()
    local server = with_server({ { { send = status(503), content = 1 } } })
    local retry, seen = quick()
    assert.equal(503, assert(fetch(server:url(), { body = "x", retry = retry })).status)
    assert.equal(0, #seen)
    server = with_server({ { { send = "", content = 1, ending = "reset" } }, { answer("again") } })
    local response, _, _, facts = fetch(server:url(), { body = "x", retry = retry })
    assert.is_nil(response)
    assert.is_true(facts.sent)
    assert.equal(0, #seen)
    for _, methods in ipairs({ { "POST" }, { POST = true },
      { httpclient.HTTPClient.METHOD_POST } }) do
      server = with_server({ { { send = "", content = 1, ending = "reset" } },
        { { send = answer("again"), content = 1 } } })
      retry.methods = methods
      assert.equal("again", assert(fetch(server:url(), { body = "x", retry = retry })).body)
    end
    server = with_server({ { status(503) } })
    retry.methods = { "POST" }
    assert.equal(503, assert(fetch(server:url(), { retry = retry })).status)
  end)

  it("sends again what has never gone out, whatever the method is", function()
    local url = ("http://127.0.0.1:%d/"):format(ports.free(1)[1])
    local retry, seen = quick()
    local response, message, code, facts = fetch(url, { body = "x", retry = retry })
    assert.is_nil(response)
    assert.equal(Error.ERR_CANT_CONNECT, code)
    assert.same({ sent = false, attempts = 3 }, facts)
    assert.equal(2, #seen)
    assert.same({ message, code, false }, { seen[1].reason, seen[1].error, seen[1].sent })
    -- A server that ends its first handshake has not seen the request either.
    local script = keep(native.script({
      { "accept" }, { "close" },
      { "accept" }, { "starttls", certs.localhost }, { "recv_until", "\r\n\r\n" }, { "recv_n", 1 },
      { "send", answer("fine") }, { "close" } }))
    response = assert(fetch(("https://127.0.0.1:%d/"):format(script:port()), { body = "x",
      retry = retry, tls_options = httpclient.TLSOptions.client_unsafe() }))
    httpclient.pool.close_idle()
    assert.equal("fine", response.body)
  end)

  it("does not ask again for what would be the same", function()
    local retry, seen = quick()
    local server = serve({ { answer("x") } }, { tls = certs.localhost })
    local response, message = fetch(server:url(), { retry = retry })
    server:stop()
    assert.is_nil(response)
    assert.truthy(message:find("certificate", 1, true), message)
    server = with_server({ { answer("x") } })
    assert.is_nil((fetch(server:url(), { retry = retry, headers = { "no colon" } })))
    assert.is_nil((fetch("http://h/", { retry = retry, proxy = "ftp://h" })))
    assert.equal(0, #seen)
  end)

  it("is for names and answers that don't come, too", function()
    local retry, seen = quick({ attempts = 2 })
    assert.is_nil((fetch("http://no-such-host.invalid/", { retry = retry })))
    assert.equal(1, #seen)
    local server = with_server({ { { send = "", gate_after = "on" } }, { answer("fine") } })
    local patient = quick({ on_retry = function() server:open_gate("on") end })
    assert.equal("fine", assert(fetch(server:url(), { retry = patient,
      response_timeout = 0.5 })).body)
    server = with_server({ { { send = "", ending = "close" } }, { answer("fine") } })
    assert.equal("fine", assert(fetch(server:url(), { retry = retry })).body)
  end)

  it("sends the body again, of a file from where it stood", function()
    local folder = keep(tempdir.new())
    local file = assert(io.open(folder:write("body", "skip:abc"), "rb"))
    file:seek("set", 5)
    local server = with_server({ { { send = status(503), content = 3 },
      { send = answer("fine"), content = 3 } } })
    assert.equal("fine", assert(fetch(server:url(), { method = "PUT", body = file,
      retry = quick() })).body)
    file:close()
    assert.equal(2, select(2, server:requests()[1]:gsub("\r\n\r\nabc", "")))
  end)

  it("does not repeat a body that can be had once only", function()
    local server = with_server({ { { send = status(503), content = #"1\r\nx\r\n0\r\n\r\n" } } })
    local pieces = { "x" }
    local retry, seen = quick()
    local response = assert(fetch(server:url(), { method = "PUT", retry = retry, body = function()
      return table.remove(pieces)
    end }))
    assert.equal(503, response.status)
    assert.equal(0, #seen)
    -- One that nobody has asked for yet is as good as new.
    local calls = 0
    response = select(4, fetch(("http://127.0.0.1:%d/"):format(ports.free(1)[1]), { retry = retry,
      method = "PUT", body = function() calls = calls + 1 end }))
    assert.equal(3, response.attempts)
    assert.equal(0, calls)
  end)

  it("gives up where on_retry returns false, and ends with what it raises", function()
    local server = with_server({ { status(503), status(503) } })
    local response = assert(fetch(server:url(), { retry = { on_retry = function()
      return false
    end } }))
    assert.equal(503, response.status)
    local ok, message = pcall(fetch, server:url(), { retry = { on_retry = function()
      error("mine", 0)
    end } })
    assert.is_false(ok)
    assert.equal("mine", message)
  end)

  it("refuses what it can't be", function()
    for _, case in ipairs({
      { 0, "a boolean, a number of attempts or a table expected, got 0" },
      { "3", "a boolean, a number of attempts or a table expected, got string" },
      { { attemps = 3 }, "retry has no field 'attemps'" },
      { { attempts = 0 }, "retry.attempts must be a whole number from 1 on, got number" },
      { { backoff = -1 }, "retry.backoff must be 0 or more seconds" },
      { { statuses = 503 }, "retry.statuses must be a table" },
      { { statuses = { "503" } }, "retry.statuses must be a table of status numbers" },
      { { statuses = { [503] = 1 } }, "retry.statuses must be a table of status numbers" },
      { { statuses = { Busy = true } }, "retry.statuses must be a table of status numbers" },
      { { methods = { { "POST" } } },
        "retry.methods must be a table of methods' names or numbers" },
      { { on_retry = true }, "retry.on_retry must be a function" },
    }) do
      local ok, message = pcall(fetch, "http://h/", { retry = case[1] })
      assert.is_false(ok)
      assert.truthy(message:find(case[2], 1, true), message)
    end
  end)
end)

describe("HTTPRequest", function()
  it("retries by its property", function()
    local server = with_server({ { status(503), answer("fine") } })
    local request = httpclient.HTTPRequest.new()
    request.retry = quick()
    request:request(server:url())
    local result, code, _, body = request:await()
    assert.same({ 0, 200, "fine" }, { result, code, body })
  end)
end)
