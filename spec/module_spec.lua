-- The module table, and what all classes have in common.
local httpclient = require("httpclient")
local program = require("spec.support.program")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

-- Requires the module by another name and uses all of it; prints what was loaded under which name.
local ELSEWHERE = [[
local engine = require("lib.engine")
engine.prepare()
io.write(assert(engine.fetch(arg[1])).body, "\n")
for name in pairs(package.loaded) do
  if name:find("engine", 1, true) or name:find("httpclient", 1, true) then
    names = (names or 0) + 1
    assert(name == "httpclient.core" or name == "lib.engine" or name:find("^lib%.engine%."), name)
  end
end
io.write(names > 10 and "below its name" or names)
]]

local makers = {
  HTTPClient = function() return httpclient.HTTPClient.new() end,
  TLSOptions = function() return httpclient.TLSOptions.client() end,
  X509Certificate = function() return httpclient.X509Certificate.new() end,
  CryptoKey = function() return httpclient.CryptoKey.new() end,
  StreamPeerTCP = function() return httpclient.StreamPeerTCP.new() end,
  StreamPeerTLS = function() return httpclient.StreamPeerTLS.new() end,
  Poller = function() return httpclient.Poller.new() end,
  Inflater = function() return httpclient.Inflater.new("gzip") end,
}

describe("the module table", function()
  it("has its version", function()
    assert.truthy(httpclient._VERSION:find("^httpclient %d+%.%d+%.%d+$"), httpclient._VERSION)
  end)
  it("has null, the light userdata that is a null pointer", function()
    assert.equal("userdata", type(httpclient.null))
    local has_cjson, cjson = pcall(require, "cjson")
    if has_cjson then
      assert.equal(cjson.null, httpclient.null)
    end
  end)
  it("makes clients with new", function()
    assert.equal("userdata", type(httpclient.new()))
  end)
  it("has a clock that only goes forward, in seconds", function()
    local before = httpclient.monotonic_time()
    local wait = httpclient.HTTPClient.wait_any({}, 0.02)
    local passed = httpclient.monotonic_time() - before
    assert.same({}, wait)
    assert.is_true(passed >= 0.02 and passed < 10, tostring(passed))
  end)
  it("gives nil for names that it does not have", function()
    assert.is_nil(httpclient.no_such_name)
    assert.is_nil(httpclient[1])
  end)
  it("is the same however often the core is loaded in a state", function()
    local core = require("httpclient.core")
    package.loaded["httpclient.core"] = nil
    local again = require("httpclient.core")
    package.loaded["httpclient.core"] = core
    for name in pairs(makers) do
      assert.equal(core[name], again[name], name)
    end
    assert.equal(core.null, again.null)
    assert.equal(httpclient.Error, again.Error)
  end)
  it("leaves the globals alone", function()
    assert.is_nil(rawget(_G, "httpclient"))
  end)
  it("finds its parts below the name that it is required by", function()
    local folder = tempdir.new()
    assert.equal(0,
      program.run({ "sh", "-c",
        ("mkdir '%s/lib' && cp -R lua/httpclient '%s/lib/engine'"):format(folder.path,
      folder.path) }).code)
    local server = serve({ { serve.answer("hello") } })
    local result = program.run(program.lua(folder:write("script.lua", ELSEWHERE), server:url()), {
      env = { LUA_PATH = ("%s/?.lua;%s/?/init.lua"):format(folder.path, folder.path) },
    })
    server:stop()
    folder:close()
    assert.same({ code = 0, out = "hello\nbelow its name", err = "" }, result)
  end)
  it("says so when a part can not be loaded, only when that is used", function()
    local searched = package.loaded["httpclient.fetch"]
    local preload = package.preload["httpclient.fetch"]
    package.loaded["httpclient.fetch"] = nil
    package.preload["httpclient.fetch"] = function() error("on purpose") end
    rawset(httpclient, "fetch", nil)
    local ok, message = pcall(function() return httpclient.fetch end)
    package.loaded["httpclient.fetch"], package.preload["httpclient.fetch"] = searched, preload
    assert.is_false(ok)
    assert.truthy(message:find("httpclient.fetch can't be loaded", 1, true), message)
    assert.truthy(message:find("on purpose", 1, true), message)
  end)
end)

for name, make in pairs(makers) do
  describe(name, function()
    it("makes userdata", function()
      assert.equal("userdata", type(make()))
    end)
    it("shows its name", function()
      assert.truthy(tostring(make()):find("^" .. name .. ": 0?x?%x+"), tostring(make()))
    end)
    it("keeps its metatable to itself", function()
      assert.is_false(getmetatable(make()))
    end)
    it("has its name and both finalizers in the metatable", function()
      local metatable = debug.getmetatable(make())
      assert.equal(name, metatable.__name)
      assert.equal("function", type(metatable.__gc))
      assert.equal("function", type(metatable.__close))
    end)
    it("can be finalized twice, and used after that", function()
      local object = make()
      local metatable = debug.getmetatable(object)
      metatable.__gc(object)
      metatable.__gc(object)
      for member, method in pairs(httpclient[name]) do
        if type(method) == "function" and member ~= "new" and not member:find("^wait") then
          pcall(method, object)
          pcall(method, object, "x", 1)
        end
      end
      assert.equal("string", type(tostring(object)))
    end)
    it("refuses methods on things that are none", function()
      for member, method in pairs(httpclient[name]) do
        if type(method) == "function" and member:find("^get_") then
          for _, wrong in ipairs({ io.stdout, {}, 3, "x", httpclient.null }) do
            assert.is_false((pcall(method, wrong)), member)
          end
          assert.is_false((pcall(method)), member)
        end
      end
    end)
    it("answers its getters with a value, if only nil", function()
      for member, method in pairs(httpclient[name]) do
        if member:find("^get_") or member:find("^is_") or ("pollfd events timeout"):find(member, 1,
          true) then
          assert.is_true(select("#", method(make(), member:find("data$") and 1 or "x")) >= 1,
            member)
        end
      end
    end)
    it("is collected", function()
      local weak = setmetatable({}, { __mode = "v" })
      weak[1] = make()
      for _ = 1, 3 do
        collectgarbage()
      end
      assert.is_nil(weak[1])
    end)
  end)
end
