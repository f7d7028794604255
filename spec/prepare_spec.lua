-- prepare: what the first uses would load is there afterwards.
local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local program = require("spec.support.program")

local LIMIT = 5 -- milliseconds of CPU in a process() call

local function run(script)
  local result = program.run(program.lua("-e", script))
  assert.equal(0, result.code, result.err)
  return result.out
end

describe("prepare", function()
  local server
  setup(function()
    server = nginx.start({ secure = { tls = certs.localhost, body = "location / { return 200 'hello'; }" } })
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

  it("leaves no frame long at the first fetch over TLS", function()
    local script = ([[
      local httpclient = require("httpclient")
      local native = require("spec_native")
      httpclient.prepare()
      local task = httpclient.async(httpclient.fetch, "https://localhost:%d/", { timeout = 10 })
      local dearest = 0
      repeat
        local start = native.thread_cputime()
        httpclient.process()
        dearest = math.max(dearest, native.thread_cputime() - start)
        native.sleep(0.001)
      until task:status() ~= "running"
      print(dearest * 1000)
    ]]):format(server:port("secure"))
    local best = math.huge
    for _ = 1, 3 do
      best = math.min(best, tonumber((run(script))))
    end
    assert.is_true(best < LIMIT, ("%.2f ms"):format(best))
  end)
end)
