-- The first TLS connection of a process: OpenSSL and the system's authorities are made ready by a thread, once.
local certs = require("spec.support.certs")
local isolated = require("spec.support.isolated")
local nginx = require("spec.support.nginx")

-- Connects and shakes hands in a process of its own; prints each connection's outcome, what OpenSSL
-- allocated in the dearest call and what on all threads. To load the system's authorities takes
-- more than a hundred thousand allocations, to shake hands two or three thousand.
local script = [[
local native = require("spec_native")
native.crypto_allocations()
local httpclient = require("httpclient")
local HTTPClient = httpclient.HTTPClient
local port = %d
local function connect(...)
  local client = HTTPClient.new()
  local dearest, before = 0, select(2, native.crypto_allocations())
  local function step(name, ...)
    local start = native.crypto_allocations()
    local code, message = client[name](client, ...)
    dearest = math.max(dearest, native.crypto_allocations() - start)
    return code, message
  end
  assert(step("connect_to_host", "localhost", port, ...) == 0)
  local _, message
  repeat
    native.sleep(0.001)
    _, message = step("poll")
    local status = client:get_status()
  until status ~= HTTPClient.STATUS_RESOLVING and status ~= HTTPClient.STATUS_CONNECTING
  print(("%%d %%d %%d %%s"):format(client:get_status(), dearest, select(2, native.crypto_allocations()) - before, message or "-"))
  client:close()
end
]]
local MOST = 10000 -- allocations

describe("The first TLS connection", function()
  local server
  setup(function()
    server = nginx.start({ secure = { tls = certs.localhost,
      body = "location / { return 200 'hello'; }" } })
  end)
  teardown(function()
    server:stop()
  end)

  -- -> array of { status =, poll =, all =, message = }
  local function run(calls)
    local text = assert(isolated.run(script:format(server:port("secure")) .. calls))
    assert.truthy(text:find("exit 0$"), text)
    local outcomes = {}
    for status, poll, all, message in text:gmatch("(%d+) (%d+) (%d+) ([^\n]+)\n") do
      outcomes[#outcomes + 1] = { status = tonumber(status), poll = tonumber(poll),
        all = tonumber(all), message = message }
    end
    return outcomes
  end

  it("takes no poll long, the system's store included", function()
    local outcome = run("connect(true)")[1]
    assert.truthy(outcome.message:find("unable to get local issuer certificate", 1, true),
      outcome.message)
    assert.is_true(outcome.poll < MOST, tostring(outcome.poll))
  end)

  it("takes no poll long without verification", function()
    local outcome = run("connect(true, false)")[1]
    assert.equal(5, outcome.status, outcome.message)
    assert.is_true(outcome.poll < MOST, tostring(outcome.poll))
  end)

  it("loads the store for all options at once", function()
    local calls = {}
    for i = 1, 5 do
      calls[i] = "connect(httpclient.TLSOptions.client())"
    end
    local outcomes = run(table.concat(calls, "\n"))
    for i = 2, 5 do
      assert.truthy(outcomes[i].message:find("unable to get local issuer certificate", 1, true),
        outcomes[i].message)
      assert.is_true(outcomes[i].all < MOST, ("number %d: %d"):format(i, outcomes[i].all))
    end
  end)

  it("can be prepared", function()
    local outcomes = run([[
      local core = require("httpclient.core")
      assert(not core.prepare_tls())
      while not core.prepare_tls() do
        native.sleep(0.001)
      end
      connect(true)
    ]])
    assert.is_true(outcomes[1].all < MOST, tostring(outcomes[1].all))
  end)

  it("is no trouble for a process that ends or closes its Lua state at once", function()
    for _, ending in ipairs({ "os.exit(0)", "os.exit(0, true)", "",
      "client:close() client = nil collectgarbage()" }) do
      for _ = 1, 5 do
        assert.equal("exit 0", isolated.run(([[
          local client = require("httpclient").new()
          client:connect_to_host("127.0.0.1", %d, true)
          client:poll()
          ]]):format(server:port("secure")) .. ending, { ends_open = ending == "os.exit(0)" }))
      end
    end
  end)

  it("is made by a fork's child as well, whatever the parent has begun", function()
    -- Its allocator has locks that a fork copies as they are, held by whichever thread allocates just then.
    if (os.getenv("SPEC_PRELOAD") or ""):find("asan", 1, true) then
      pending("the sanitizer can't be forked beside threads")
    end
    local text = isolated.run(script:format(server:port("secure")) .. [[
      for i = 0, 20 do
        local client = HTTPClient.new()
        assert(client:connect_to_host("localhost", port, true) == 0)
        native.sleep(i * 0.002)
        local code = native.fork()
        if not code then
          connect(true)
          io.stdout:flush()
          os.exit(0)
        end
        assert(code == 0)
        client:close()
      end
    ]])
    local _, count = text:gsub("unable to get local issuer", "")
    assert.equal(21, count, text)
  end)
end)
