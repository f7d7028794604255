-- fetch_all: many requests, some at a time.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local fetch_all = httpclient.fetch_all
local server

setup(function()
  server = nginx.start({ plain = [[
    location /slow { limit_rate 100k; root {{root}}; }
    location /none { return 404 'none'; }
    location / { return 200 '$request_uri'; }]] }, { files = { slow = ("x"):rep(30000) } })
end)
teardown(function()
  httpclient.pool.close_idle()
  server:stop()
end)

local function url(path)
  return ("http://127.0.0.1:%d%s"):format(server:port("plain"), path)
end

local function check_idle()
  local used, _, queued = httpclient.pool.count()
  assert.same({ 0, 0 }, { used, queued })
end

describe("fetch_all", function()
  local function all()
    local list = { url("/slow"), url("/none"), { url("/q"), { query = { a = 1 } } },
      "http://127.0.0.1:1/", "nonsense" }
    for i = 6, 20 do list[i] = url("/" .. i) end
    local responses, messages = fetch_all(list, { jobs = 3 })
    assert.equal(20, #responses)
    assert.equal(30000, #responses[1].body)
    assert.equal(404, responses[2].status)
    assert.equal("/q?a=1", responses[3].body)
    assert.is_false(responses[4])
    assert.is_false(responses[5])
    for i = 6, 20 do
      assert.equal("/" .. i, responses[i].body)
    end
    for i = 1, 20 do
      assert.equal((i == 4 or i == 5) and "string" or "nil", type(messages[i]))
    end
    check_idle()
  end

  it("keeps the order, and tells what has failed", all)
  it("does so in a task", function()
    local task = httpclient.async(all)
    httpclient.run()
    assert.equal("done", task:status(), select(2, task:result()))
  end)

  it("tells of each failure whether the request was ever sent, and its code", function()
    local Error, told = httpclient.Error, {}
    local list = { url("/1"), "nonsense", "http://127.0.0.1:1/",
      { url("/slow"), { body_size_limit = 5 } },
      { url("/"), { proxy = "nonsense://" } } }
    local _, _, failures = fetch_all(list, { on_each = function(index, _, _, failure)
      told[index] = failure
    end })
    assert.same({
      [2] = { error = Error.ERR_INVALID_PARAMETER, sent = false, attempts = 0 },
      [3] = { error = Error.ERR_CANT_CONNECT, sent = false, attempts = 1 },
      [4] = { error = Error.FAILED, sent = true, attempts = 1 },
      [5] = { error = Error.ERR_INVALID_PARAMETER, sent = false, attempts = 0 },
    }, failures)
    assert.same(failures, told)
    local session = assert(httpclient.Session.new({ base_url = url("/") }))
    _, _, failures = session:fetch_all({ "/1", { "/slow", { body_size_limit = 5 } } })
    session:close()
    assert.same({ [2] = { error = Error.FAILED, sent = true, attempts = 1 } }, failures)
  end)

  it("has eight under way where nothing is said, one connection or many", function()
    local limit = httpclient.pool.max_per_host
    httpclient.pool.max_per_host = 0
    local under_way, most, list = 0, 0, {}
    for i = 1, 30 do
      local begun = false
      list[i] = { url("/" .. i), { trace = function()
        under_way, begun = under_way + (begun and 0 or 1), true
        most = math.max(most, under_way)
      end } }
    end
    fetch_all(list, { on_each = function() under_way = under_way - 1 end })
    httpclient.pool.max_per_host = limit
    assert.same({ 8, 0 }, { most, under_way })
  end)

  it("has so many under way, and tells of each", function()
    local list, seen, order = {}, {}, {}
    for i = 1, 10 do list[i] = url("/" .. i) end
    local responses = fetch_all(list, { jobs = 1, on_each = function(index, response, message)
      seen[index], order[#order + 1] = response, index
      assert.is_nil(message)
    end })
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
    assert.same(responses, seen)
    assert.same({ {}, {}, {} }, { fetch_all({}) })
  end)

  it("fetches what on_each adds to the list, no more at a time than before", function()
    for _, jobs in ipairs({ 1, 2, 8 }) do
      local list, under_way, most = {}, 0, 0
      local function add(path)
        local begun = false
        list[#list + 1] = { url(path), { trace = function()
          under_way, begun = under_way + (begun and 0 or 1), true
          most = math.max(most, under_way)
        end } }
      end
      add("/0")
      local responses, messages = fetch_all(list, { jobs = jobs, on_each = function(index)
        under_way = under_way - 1
        for i = 1, index <= 4 and 5 or 0 do add(("/%d.%d"):format(index, i)) end
      end })
      assert.same({ 21, 21, math.min(jobs, httpclient.pool.max_per_host) },
        { #list, #responses, most })
      for index, response in ipairs(responses) do
        assert.equal(list[index][1], url(response.body))
      end
      assert.same({}, messages)
      check_idle()
    end
  end)

  it("says what is wrong with an entry that came later", function()
    for _, wrong in ipairs({ { 1, "entry 2 is neither" },
      { { url("/"), { x = 1 } }, "fetch has no option 'x'" } }) do
      local list = { url("/"), nil }
      local ok, message = pcall(function()
        fetch_all(list, { on_each = function() list[2] = wrong[1] end })
      end)
      assert.is_false(ok)
      assert.truthy(message:find("fetch_all_spec.lua:%d+: "), message)
      assert.truthy(message:find(wrong[2], 1, true), message)
      check_idle()
    end
  end)

  it("passes on what on_each raises, and leaves nothing behind", function()
    local list = {}
    for i = 1, 10 do list[i] = url(i == 1 and "/1" or "/slow") end
    local ok, message = pcall(fetch_all, list, { on_each = function() error("mine", 0) end })
    assert.is_false(ok)
    assert.equal("mine", message)
    check_idle()
    assert.is_true(pcall(httpclient.run))
  end)

  it("ends with the task that called it", function()
    local list = {}
    for i = 1, 10 do list[i] = url("/slow") end
    local task = httpclient.async(fetch_all, list)
    for _ = 1, 5 do httpclient.process() end
    task:cancel()
    check_idle()
    httpclient.run()
  end)

  it("says what is wrong with its arguments", function()
    for expected, call in pairs({
      ["table expected, got nil"] = function() fetch_all() end,
      ["entry 1 is neither"] = function() fetch_all({ 1 }) end,
      ["entry 2 is neither"] = function() fetch_all({ url("/"), { {} } }) end,
      ["fetch_all has no option 'job'"] = function() fetch_all({}, { job = 1 }) end,
      ["bad option 'jobs'"] = function() fetch_all({}, { jobs = 0 }) end,
      ["bad option 'on_each'"] = function() fetch_all({}, { on_each = 1 }) end,
      ["fetch has no option 'x'"] = function() fetch_all({ { url("/"), { x = 1 } } }) end,
    }) do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.truthy(message:find(expected, 1, true), message)
    end
    local _, message = pcall(function()
      fetch_all({ url("/"), { url("/"), { headers = { 1 } } } })
    end)
    assert.truthy(message:find("fetch_all_spec.lua:%d+: entry 2: bad option 'headers' of fetch"),
      message)
  end)
end)
