-- The table of combinations is complete: each option that there is has a row in it. And what only HTTPRequest and
-- Session take does what it is for, there.
local combine = require("spec.support.combine")
local httpclient = require("httpclient")
local options = require("httpclient.options")
local proxies = require("spec.support.proxy")
local python = require("spec.support.python")

-- -> sorted names of the rows that the filter takes
local function names_of(rows, is_taken)
  local names = {}
  for _, row in ipairs(rows) do
    if not is_taken or is_taken(row.name) then
      names[#names + 1] = row.name
    end
  end
  table.sort(names)
  return names
end

local function options_of(taker)
  local names = {}
  for name in pairs(options.of(taker)) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

describe("The table of combinations", function()
  it("has a row for each option of fetch, and no other", function()
    assert.same(options_of("fetch"), names_of(combine.rows))
  end)

  it("has a row for each option of stream", function()
    assert.same(options_of("stream"), names_of(combine.rows, function(name)
      return not combine.sinks[name]
    end))
  end)

  for _, taker in ipairs({ "Session", "HTTPRequest" }) do
    it("has a row for each option of " .. taker, function()
      for _, name in ipairs(options_of(taker)) do
        assert.truthy(combine.by_name[name], name)
      end
    end)
  end

  it("has no row that nobody takes", function()
    for _, row in ipairs(combine.others) do
      assert.truthy(options.of("Session")[row.name] or options.of("HTTPRequest")[row.name],
        row.name)
    end
  end)
end)

-- --- those who take what fetch does not

local server, proxy, world

setup(function()
  server = python.start("echo")
  proxy = proxies.has("tinyproxy") and proxies.tinyproxy() or nil
  world = { home = server.url(""), file = server.folder:file("file"), socket = server.socket,
    proxy = proxy and ("http://127.0.0.1:%d"):format(proxy:port()) }
  function world.url(path)
    return world.base .. path
  end
end)

teardown(function()
  httpclient.pool.close_idle()
  if proxy then proxy:stop() end
  server.stop()
end)

-- Each option of a call is a property of an HTTPRequest.
local function by_http_request(url, given)
  local request = httpclient.HTTPRequest.new()
  for name, value in pairs(given) do
    request[name] = value
  end
  assert.equal(0, (request:request(url)))
  local result, code, headers, body = request:await()
  assert.equal(0, result)
  return { status = code, ok = code == 200, header_list = headers, body = body }
end

-- What only a response of fetch tells.
local TOLD = { max_redirects = true, http_version = true, proxy = true }

describe("HTTPRequest", function()
  for name, option in pairs(options.of("HTTPRequest")) do
    it(("takes '%s'"):format(name), function()
      local row = combine.by_name[name]
      if name == "proxy" and not proxy then return end
      local seen = assert(combine.try(world, { row }, by_http_request))
      assert.equal(200, seen.response.status)
      if not TOLD[name] then
        row.check(seen)
      end
      assert.is_table(option.kind)
    end)
  end
end)

describe("Session", function()
  it("takes 'base_url'", function()
    local seen = assert(combine.try(world, { combine.by_name.base_url }, function(_, given)
      local session = assert(httpclient.Session.new(given))
      local response, why = session:get("echo")
      session:close()
      return response, why
    end))
    combine.by_name.base_url.check(seen)
  end)

  it("takes 'cookies' as true", function()
    local session = assert(httpclient.Session.new({ cookies = true, base_url = world.home }))
    assert(session:get("/cookie/echo"))
    assert.equal("set=1", session.cookies:get(world.home))
    session:close()
  end)
end)
