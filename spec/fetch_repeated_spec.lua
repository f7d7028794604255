-- Calls that give the same options again: nothing that they give anew is taken from the call before.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local fetch = httpclient.fetch
local with_server = require("spec.support.served")(after_each)

local function answers(count)
  local list = {}
  for index = 1, count do list[index] = serve.answer(tostring(index)) end
  return list
end

-- What has come on the only connection, request by request: { line, head, body }
local function requests_of(server)
  local all, list = server:requests(), {}
  assert.equal(1, #all)
  local text = all[1]
  while text ~= "" do
    local head, rest = text:match("^(.-\r\n)\r\n(.*)$")
    local size = tonumber(head:match("\r\nContent%-Length: (%d+)")) or 0
    list[#list + 1] = { line = head:match("^[^\r]*"), head = head, body = rest:sub(1, size) }
    text = rest:sub(size + 1)
  end
  return list
end

local function field(request, name)
  return request.head:match("\r\n" .. name .. ": ([^\r]*)")
end

describe("Options that are given again", function()
  it("have field lines, query and body of their own", function()
    local server = with_server({ answers(8) })
    local headers = {}
    local given = { method = "PUT", timeout = 10, headers = headers, query = {} }
    for index = 1, 4 do
      headers.Own, given.query.n, given.body = "h" .. index, index, ("x"):rep(index)
      assert.equal(tostring(index), assert(fetch(server:url("/a"), given)).body)
    end
    for index = 5, 8 do
      assert(fetch(server:url("/a"), { timeout = 10, json = { index } }))
    end
    local requests = requests_of(server)
    for index = 1, 4 do
      assert.equal(("PUT /a?n=%d HTTP/1.1"):format(index), requests[index].line)
      assert.equal("h" .. index, field(requests[index], "Own"))
      assert.equal(("x"):rep(index), requests[index].body)
    end
    for index = 5, 8 do
      assert.equal("POST /a HTTP/1.1", requests[index].line)
      assert.equal(("[%d]"):format(index), requests[index].body)
      assert.is_nil(field(requests[index], "Own"))
    end
  end)

  it("count as they are now, in the same table and in another one", function()
    local server = with_server({ answers(9) })
    local given = { timeout = 10, bearer = "one" }
    local wishes = { "one", "one", "one", "two", "two", false, "two", "two", "one" }
    for _, wish in ipairs(wishes) do
      given.bearer = wish or nil
      assert(fetch(server:url("/"), given))
    end
    for index, request in ipairs(requests_of(server)) do
      assert.equal(wishes[index] and "Bearer " .. wishes[index] or nil,
        field(request, "Authorization"))
    end
  end)

  it("are checked however often they are wrong", function()
    local wrong = {
      { { timeout = -1 }, "bad option 'timeout'" },
      { { nothing = 1 }, "no option 'nothing'" },
      { { body = "a", json = {} }, "'body' or 'json', not both" },
      { { resume = true }, "only with 'download_file'" },
      { { timeout = 1, headers = { 1 } }, "bad option 'headers'" },
    }
    for _, case in ipairs(wrong) do
      for _ = 1, 3 do
        local ok, message = pcall(fetch, "http://127.0.0.1:1/", case[1])
        assert.is_false(ok)
        assert.truthy(tostring(message):find(case[2], 1, true), message)
      end
    end
  end)

  it("are looked through where a metatable has some of them", function()
    local server = with_server({ answers(4) })
    local shared = {}
    for index = 1, 4 do
      shared.bearer = "t" .. index
      assert(fetch(server:url("/"), setmetatable({ timeout = 10 }, { __index = shared })))
    end
    for index, request in ipairs(requests_of(server)) do
      assert.equal("Bearer t" .. index, field(request, "Authorization"))
    end
  end)

  it("tell of a URL that is none, and of one that is again", function()
    local server = with_server({ answers(3) })
    for index = 1, 3 do
      local response, message, code = fetch("ftp://127.0.0.1/", { timeout = 10 })
      assert.is_nil(response)
      assert.truthy(message:find("only http", 1, true), message)
      assert.equal(httpclient.Error.ERR_INVALID_PARAMETER, code)
      assert.equal(tostring(index), assert(fetch(server:url("/"), { timeout = 10 })).body)
    end
  end)
end)

describe("A session's options that are given again", function()
  it("are laid over what the session has now", function()
    local server = with_server({ answers(6) })
    local headers = { Own = "1" }
    local session = httpclient.Session.new({ headers = headers, body = "the session's" })
    for index = 1, 6 do
      headers.Own = tostring(index)
      assert(session:fetch(server:url("/"), { timeout = 10, json = { index } }))
    end
    session:close()
    for index, request in ipairs(requests_of(server)) do
      assert.equal(tostring(index), field(request, "Own"))
      assert.equal(("[%d]"):format(index), request.body)
    end
  end)

  it("remove what they remove, and no more", function()
    local server = with_server({ answers(6) })
    local session = httpclient.Session.new({ bearer = "token", timeout = 10 })
    for index = 1, 6 do
      assert(session:get(server:url("/"), index % 3 == 0 and { idle_timeout = 5 }
        or { bearer = false }))
    end
    session:close()
    for index, request in ipairs(requests_of(server)) do
      assert.equal(index % 3 == 0 and "Bearer token" or nil, field(request, "Authorization"))
    end
  end)

  it("do not take its credentials elsewhere", function()
    local home, other = with_server({ answers(2) }), with_server({ answers(2) })
    local session = httpclient.Session.new({ base_url = home:url("/"), bearer = "token" })
    for _ = 1, 2 do
      assert(session:get("a", { timeout = 10 }))
      assert(session:get(other:url("/"), { timeout = 10 }))
    end
    session:close()
    for _, request in ipairs(requests_of(home)) do
      assert.equal("Bearer token", field(request, "Authorization"))
    end
    for _, request in ipairs(requests_of(other)) do
      assert.is_nil(field(request, "Authorization"))
    end
  end)
end)

describe("A stream's coroutine", function()
  it("serves the next stream, and holds nothing of the last one", function()
    local server = with_server({ answers(4) })
    local seen = setmetatable({}, { __mode = "v" })
    local create, count = coroutine.create, 0
    coroutine.create = function(...) -- luacheck: ignore
      count = count + 1
      return create(...)
    end
    for index = 1, 4 do
      local response = assert(httpclient.stream(server:url("/")))
      assert.equal(tostring(index), response:read())
      assert.is_nil(response:read())
      seen[index] = response
    end
    coroutine.create = create -- luacheck: ignore
    assert.is_true(count <= 1, count)
    for _ = 1, 3 do collectgarbage() end
    assert.is_nil(next(seen))
  end)
end)
