-- prepare: what the first uses would load is there afterwards.
local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local program = require("spec.support.program")

local MOST = 10000 -- allocations of OpenSSL's in a process() call: its beginning and the authorities take many times that

local function run(script)
  local result = program.run(program.lua("-e", script))
  assert.equal(0, result.code, result.err)
  return result.out
end

describe("prepare", function()
  local server
  setup(function()
    server = nginx.start({ secure = { tls = certs.localhost,
      body = "location / { return 200 'hello'; }" } })
  end)
  teardown(function() server:stop() end)

  it("has all Lua files loaded, and the authorities", function()
    local files = program.run({ "ls", "lua/httpclient" }).out
    local out = run(([[
      local httpclient = require("httpclient")
      assert(select("#", httpclient.prepare()) == 0)
      for name in ("%s"):gmatch("([%%w_]+)%%.lua") do
        if name ~= "init" and name ~= "meta" and not package.loaded["httpclient." .. name] then print(name) end
      end
      print(require("httpclient.core").prepare_tls())
      httpclient.prepare() -- once more does no harm
    ]]):format(files:gsub("%s+", " ")))
    assert.equal("true\n", out)
  end)

  it("leaves nothing to load to the first fetch over TLS", function()
    local out = run(([[
      local native = require("spec_native")
      native.crypto_allocations()
      local httpclient = require("httpclient")
      httpclient.prepare()
      package.path, package.cpath = "", ""
      local _, before = native.crypto_allocations()
      local task, own = httpclient.async(httpclient.fetch, "https://localhost:%d/", { timeout = 10 }), 0
      repeat
        local start = native.crypto_allocations()
        httpclient.process()
        local taken = native.crypto_allocations() - start
        assert(taken < %d, taken)
        own = own + taken
        native.sleep(0.001)
      until task:status() ~= "running"
      local _, after = native.crypto_allocations()
      assert(after - before == own, "another thread was at work")
      print(select(2, task:result()))
    ]]):format(server:port("secure"), MOST))
    assert.truthy(out:find("unable to get local issuer certificate", 1, true), out)
  end)

  it("is not what LuaJIT's compiler works for later: it leaves the module's functions alone",
    function()
    local out = run(([[
      local httpclient = require("httpclient")
      httpclient.prepare()
      local traced = {}
      if jit and jit.status() then
        local util = require("jit.util")
        jit.attach(function(what, _, fn)
          local source = what == "start" and util.funcinfo(fn).source or ""
          if source:find("lua/httpclient/", 1, true) and not source:find("init.lua", 1, true) then
            traced[#traced + 1] = source
          end
        end, "trace")
      end
      local tls_options = httpclient.TLSOptions.client(assert(io.open("%s")):read("*a"))
      for _ = 1, 200 do
        assert(httpclient.fetch("https://localhost:%d/", { tls_options = tls_options }))
      end
      print(table.concat(traced, " "))
    ]]):format(certs.ca.cert_file, server:port("secure")))
    assert.equal("\n", out)
  end)
end)
