-- The one table of options, lua/httpclient/options.lua: what fetch and HTTPRequest take is what it
-- says, and the tables in docs/ and the types in meta.lua say the same.
local httpclient = require("httpclient")
local options = require("httpclient.options")
local tempdir = require("spec.support.tempdir")

local UNUSABLE = coroutine.create(function() end) -- no option is one

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- "`a`, `b` (…)" and "1, 2" -> a = "1", b = "2": the first two cells of the rows of a documentation's table.
local function documented(path, from, to)
  local found = {}
  local section = tempdir.read(path):match("\n" .. from .. "\n(.-)\n" .. to)
  for names, default in section:gmatch("\n| (`[^|]*`%)?) | ([^|]*) |") do
    local list, defaults = {}, {}
    for name in names:gsub("%b()", ""):gmatch("`([%l_]+)") do
      list[#list + 1] = name
    end
    for text in default:gmatch("[^,]+") do
      defaults[#defaults + 1] = text:match("^%s*(.-)%s*$")
    end
    for index, name in ipairs(list) do
      found[name] = #list == 1 and default or defaults[index]
    end
  end
  return found
end

-- name -> type, of a class's fields in meta.lua
local function annotated(class)
  local found = {}
  local text = tempdir.read("lua/httpclient/meta.lua"):match("\n%-%-%-@class " .. class
    .. "\n(.-)\n\n") or
    tempdir.read("lua/httpclient/meta.lua"):match("\n%-%-%-@class " .. class
      .. ":[^\n]*\n(.-)\nlocal ")
  for name, kind in text:gmatch("%-%-%-@field ([%l_]+)%??%s+(%S+)") do
    found[name] = kind
  end
  return found
end

local takers = {
  { name = "fetch", docs = { "docs/fetch.md", "### Options", "### The response" },
    class = "httpclient.FetchOptions" },
  { name = "HTTPRequest", docs = { "docs/http_request.md", "## Properties", "## Requests" },
    class = "HTTPRequest" },
}

for _, taker in ipairs(takers) do
  local known = options.of(taker.name)

  describe("The options of " .. taker.name, function()
    it("are those of its documentation", function()
      assert.same(names_of(known), names_of((function()
        local found = documented((table.unpack or unpack)(taker.docs))
        found.set_http_proxy, found.set_https_proxy, found.set_tls_options = nil, nil,
          nil -- methods
        found.set_proxy = nil
        return found
      end)()))
    end)
    it("have the defaults that the documentation tells", function()
      local found = documented((table.unpack or unpack)(taker.docs))
      for name, option in pairs(known) do
        if option.default ~= nil then
          local text = type(option.default) == "string" and ('`"%s"`'):format(option.default)
            or tostring(option.default)
          assert.equal(text, found[name]:sub(1, #text), name)
        end
      end
    end)
    it("have the types that meta.lua tells", function()
      local found = annotated(taker.class)
      for name, option in pairs(known) do
        assert.equal(option.kind.type, found[name], name)
      end
      found.Result, found.request_completed = nil, nil
      assert.same(names_of(known), names_of(found))
    end)
  end)
end

describe("fetch", function()
  local known = options.of("fetch")
  it("refuses what an option can't be, in the table's words", function()
    for name, option in pairs(known) do
      local ok, message = pcall(httpclient.fetch, "http://localhost/", { [name] = UNUSABLE })
      assert.is_false(ok)
      local expected = ("bad option '%s' of fetch (%s expected, got thread)"):format(name,
        option.kind.what)
      assert.truthy(message:find(expected, 1, true), message)
    end
  end)
  it("refuses what it does not know", function()
    for name in pairs(options.of("HTTPRequest")) do
      if not known[name] then
        local ok, message = pcall(httpclient.fetch, "http://localhost/", { [name] = UNUSABLE })
        assert.is_false(ok)
        assert.truthy(message:find(("fetch has no option '%s'"):format(name), 1, true), message)
      end
    end
  end)
  it("says what an option of another library is called here", function()
    local others = require("httpclient.base.other_names")
    for name, other in pairs(others) do
      assert.is_nil(known[name], name)
      local ok, message = pcall(httpclient.fetch, "http://localhost/", { [name] = "x" })
      assert.is_false(ok)
      assert.equal(("fetch has no option '%s' (here it is %s)"):format(name, other), message)
      local first = other:match("^[%w_]+")
      assert.truthy(known[first] or first == "the" or first == "base_url", other)
    end
  end)
  it("names both of two options that contradict each other", function()
    local function nothing() end
    local cases = {
      { { body = "b", form = {} }, "fetch takes 'body' or 'form', not both" },
      { { accept_gzip = false, accept_encoding = { "br" } },
        "fetch takes 'accept_gzip' or 'accept_encoding', not both" },
      { { resume = true }, "fetch takes 'resume' only with 'download_file'" },
      { { resume = true, on_data = nothing }, "fetch takes 'resume' only with 'download_file'" },
    }
    for _, case in ipairs(cases) do
      local ok, message = pcall(httpclient.fetch, "http://localhost/", case[1])
      assert.is_false(ok)
      assert.equal(case[2], message)
    end
    assert.is_nil((httpclient.fetch("ftp://localhost/", { resume = false })))
  end)
end)

describe("HTTPRequest", function()
  it("has a property for each, with its default, a setter and a getter", function()
    local object = httpclient.HTTPRequest.new()
    for name, option in pairs(options.of("HTTPRequest")) do
      assert.equal(option.default, object[name], name)
      assert.equal(option.default, object[option.getter](object), name)
      object["set_" .. name](object, option.default)
    end
  end)
  it("refuses what a property can't be, in the table's words", function()
    local object = httpclient.HTTPRequest.new()
    for name, option in pairs(options.of("HTTPRequest")) do
      local ok, message = pcall(function() object[name] = UNUSABLE end)
      assert.is_false(ok)
      local expected = ("HTTPRequest.%s must be %s"):format(name, option.kind.what)
      assert.truthy(message:find(expected, 1, true), message)
    end
  end)
end)

describe("The policies of a transfer", function()
  local hooks = { before_send = true, after_head = true, after_failure = true,
    before_content = true }
  local listed = tempdir.read("lua/httpclient/transfer/policies.lua")

  it("are each a file and a line in the list, with one or more of the hooks", function()
    local count = 0
    for name in listed:gmatch('require%(root %.%. "%.policies%.([%w_]+)"%)') do
      count = count + 1
      local has_hook = false
      for key in pairs(require("httpclient.policies." .. name)) do
        has_hook = has_hook or hooks[key] or false
      end
      assert.is_true(has_hook, name)
    end
    assert.is_true(count >= 5)
    local files = require("spec.support.program").run({ "ls", "lua/httpclient/policies" }).out
    for name in files:gmatch("([%w_]+)%.lua") do
      assert.truthy(listed:find(('".policies.%s"'):format(name), 1, true), name)
    end
  end)
end)
