-- lua/httpclient/meta.lua, for editors, names what the module has, and nothing else.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local PATH = "lua/httpclient/meta.lua"

-- -> class -> { functions = {name = true}, fields = {name = type}, parents = {...} }
local function read()
  local found, current = {}, nil
  for line in tempdir.read(PATH):gmatch("[^\n]+") do
    local class, parents = line:match("^%-%-%-@class ([%w_.]+):? ?(.*)$")
    if class then
      current = { functions = {}, fields = {}, optional = {}, parents = {} }
      for parent in parents:gmatch("[%w_.]+") do
        current.parents[#current.parents + 1] = parent
      end
      found[class] = current
    end
    local field, mark, kind = line:match("^%-%-%-@field ([%w_]+)(%??)%s+(%S+)")
    if current and field then
      current.fields[field] = kind
      current.optional[field] = mark == "?" or nil
    end
    local owner, name = line:match("^function ([%w_]+)[.:]([%w_]+)%(")
    if owner and not found[owner] then
      owner = "httpclient." .. owner -- a class that is no field of the module
    end
    if owner then
      found[owner].functions[name] = true
    end
  end
  return found
end

local classes = read()

-- Of the class and its parents.
local function collect(name, kind, into)
  into = into or {}
  for member, value in pairs(classes[name][kind]) do
    into[member] = value
  end
  for _, parent in ipairs(classes[name].parents) do
    collect(parent, kind, into)
  end
  return into
end

local function names_of(map, wanted)
  local list = {}
  for name, value in pairs(map) do
    if wanted(value, name) then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

local function always() return true end
local function is_function(value) return type(value) == "function" end

describe("meta.lua", function()
  it("is a file for editors alone: to load it does nothing", function()
    assert.truthy(tempdir.read(PATH):find("^%-%-%-@meta"))
    local before = names_of(_G, always)
    assert(loadfile(PATH))()
    assert.same(before, names_of(_G, always))
  end)
  it("names what is in the module table", function()
    local listed = collect("httpclient", "functions")
    for name in pairs(collect("httpclient", "fields")) do
      listed[name] = true
    end
    for name in pairs(httpclient) do
      assert.truthy(listed[name], name .. " is missing")
    end
    assert.truthy(listed.Error)
    -- What is loaded when it is first used, by the table in init.lua.
    local lazy = tempdir.read("lua/httpclient/init.lua"):match("local lazy = (%b{})")
    for name in lazy:gmatch("\n%s*([%w_]+) = {") do
      assert.truthy(listed[name], name .. " is missing")
    end
  end)
  it("names only what is in the module table", function()
    for name in pairs(collect("httpclient", "functions")) do
      local ok, value = pcall(function() return httpclient[name] end)
      assert(not ok or type(value) == "function", name)
    end
    for name in pairs(collect("httpclient", "fields")) do
      local ok, value = pcall(function() return httpclient[name] end)
      assert(not ok or value ~= nil, name)
    end
  end)

  for name, class in pairs({
    HTTPClient = httpclient.HTTPClient,
    Poller = httpclient.Poller,
    TLSOptions = httpclient.TLSOptions,
    X509Certificate = httpclient.X509Certificate,
    CryptoKey = httpclient.CryptoKey,
    StreamPeerTCP = httpclient.StreamPeerTCP,
    StreamPeerTLS = httpclient.StreamPeerTLS,
    Inflater = httpclient.Inflater,
    CookieJar = httpclient.CookieJar,
    Session = httpclient.Session,
    EventSource = httpclient.EventSource,
  }) do
    it("has the methods of " .. name .. ", no more and no fewer", function()
      assert.same(names_of(class, is_function), names_of(collect(name, "functions"), always))
    end)
    it("has the constants of " .. name .. " with their numbers", function()
      local fields = collect(name, "fields")
      for member, value in pairs(class) do
        if type(value) == "number" then
          assert.equal(tostring(value), fields[member], member)
        end
      end
      for member, kind in pairs(fields) do
        if tonumber(kind) then
          assert.equal(tonumber(kind), class[member], member)
        end
      end
    end)
  end
  for name, enum in pairs({
    ["HTTPClient.Method"] = httpclient.HTTPClient.Method,
    ["HTTPClient.Status"] = httpclient.HTTPClient.Status,
    ["HTTPClient.ResponseCode"] = httpclient.HTTPClient.ResponseCode,
    ["httpclient.Error"] = httpclient.Error,
  }) do
    it("has the constants of " .. name .. " with their numbers, no more and no fewer", function()
      local expected = {}
      for constant, number in pairs(enum) do
        expected[constant] = tostring(number)
      end
      assert.same(expected, collect(name, "fields"))
    end)
  end

  it("has the properties of HTTPClient, and they can be read", function()
    local client = httpclient.HTTPClient.new()
    for field in pairs(classes.HTTPClient.fields) do
      local may_be_nil = field == "connection" or field == "allow_address"
      assert.is_true(may_be_nil or client[field] ~= nil, field)
    end
    for member in pairs(httpclient.HTTPClient) do
      local property = member:match("^set_(.*)$")
      if property and not property:find("proxy$") then
        local field = property == "blocking_mode" and "blocking_mode_enabled" or property
        assert.truthy(classes.HTTPClient.fields[field], field)
      end
    end
  end)
  it("has the methods and results of HTTPRequest", function()
    local class, listed = httpclient.HTTPRequest, classes.HTTPRequest
    assert.same(names_of(class, is_function), names_of(listed.functions, always))
    local object = class.new()
    local signal = classes["httpclient.Signal"].functions
    assert.is_function(object.request_completed.connect)
    assert.same(names_of(getmetatable(object.request_completed).__index, is_function),
      names_of(signal, always))
    listed.fields.request_completed = nil
    for name in pairs(listed.fields) do
      assert.has_no_error(function()
        if name ~= "Result" then
          object[name] = object[name]
        end
      end, name)
      assert(name == "Result" or object["set_" .. name], name)
    end
    for name in pairs(listed.functions) do
      local property = name:match("^set_(.*)$")
      assert(not property or property:find("proxy$") or property == "tls_options"
        or listed.fields[property], name)
    end
    for name, kind in pairs(classes["HTTPRequest.Result"].fields) do
      assert.equal(tonumber(kind), class.Result[name], name)
    end
    assert.same(names_of(class.Result, always),
      names_of(classes["HTTPRequest.Result"].fields, always))
    for name, kind in pairs(classes["HTTPRequest.ConnectFlags"].fields) do
      assert.equal(tonumber(kind), class[name], name)
    end
  end)
  it("has the options of fetch", function()
    local listed = classes["httpclient.FetchOptions"].fields
    for name in pairs(listed) do
      local ok, message = pcall(httpclient.fetch, "http://localhost/",
        { [name] = coroutine.create(function() end) })
      assert.is_false(ok)
      assert.truthy(message:find(("bad option '%s'"):format(name), 1, true), message)
    end
    -- Those that the documentation has in its table.
    local documented = {}
    local section = tempdir.read("docs/fetch.md"):match("\n### Options\n(.-)\n### ")
    for cell in section:gmatch("\n| (`[^|]*`) |") do
      for name in cell:gmatch("`([%l_]+)") do
        documented[name] = true
      end
    end
    assert.same(names_of(documented, always), names_of(listed, always))
  end)
  it("has the fields of a response", function()
    local server = serve({ { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" } })
    local response = assert(httpclient.fetch(server:url()))
    httpclient.pool.close_idle()
    server:stop()
    local class = classes["httpclient.Response"]
    assert.same(names_of(response, always), names_of(class.fields, function(_, name)
      return not class.optional[name]
    end))
    assert.same(names_of(response.timings, always),
      names_of(classes["httpclient.Timings"].fields, always))
    local documentation = tempdir.read("docs/fetch.md"):match("\n### The response\n(.-)\n### ")
    for name in pairs(class.fields) do
      assert.truthy(documentation:find("`" .. name .. "`", 1, true), name)
    end
  end)
  it("has the methods of a stream, no more and no fewer", function()
    local server = serve({ { serve.answer("") } })
    local head = assert(httpclient.stream(server:url()))
    head:close()
    server:stop()
    local index, class = getmetatable(head).__index, nil
    for at = 1, debug.getinfo(index, "u").nups do
      local name, value = debug.getupvalue(index, at)
      class = name == "Stream" and value or class
    end
    assert.same(names_of(class, is_function),
      names_of(classes["httpclient.Stream"].functions, always))
  end)
  it("has the fields of an EventSource and of a session", function()
    local source = assert(httpclient.EventSource.new("http://localhost/"))
    for name in pairs(classes.EventSource.fields) do
      assert.is_true(classes.EventSource.optional[name] or source[name] ~= nil, name)
    end
    source:close()
    local session = httpclient.Session.new({ cookies = true })
    for name in pairs(classes.Session.fields) do
      assert.is_true(session[name] ~= nil, name)
    end
    session:close()
  end)
  it("has the methods of a task, and what the pool has", function()
    local task = httpclient.async(function() end)
    assert.same(names_of(getmetatable(task).__index, function(value, name)
      return is_function(value) and not name:find("^__")
    end), names_of(classes["httpclient.Task"].functions, always))
    local listed = collect("httpclient.Pool", "functions")
    for name in pairs(listed) do
      assert.is_function(httpclient.pool[name])
    end
    for name in pairs(collect("httpclient.Pool", "fields")) do
      assert.is_number(httpclient.pool[name])
    end
  end)
end)
