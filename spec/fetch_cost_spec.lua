-- What a fetch that asks for nothing special does without, and that nobody sees it.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local fetch = httpclient.fetch
local with_server = require("spec.support.served")(after_each)

local function coroutines_of(fn)
  local create, count = coroutine.create, 0
  coroutine.create = function(...) -- luacheck: ignore
    count = count + 1
    return create(...)
  end
  local ok, why = pcall(fn)
  coroutine.create = create -- luacheck: ignore
  assert(ok, why)
  return count
end

describe("a fetch that calls nothing of the script's", function()
  it("makes no coroutine", function()
    local server = with_server({ { serve.answer("a") }, { serve.answer("b") } })
    fetch(server:url("/first")) -- loads what is loaded with the first one
    assert.equal(0, coroutines_of(function()
      assert.equal("b", assert(fetch(server:url("/second"))).body)
    end))
  end)

  it("leaves the known URL as it was, whatever another one adds", function()
    local server = with_server({ { serve.answer("a") }, { serve.answer("b") },
      { serve.answer("c") } })
    local url = server:url("/same?x=1")
    for index, query in ipairs({ false, { y = 2 }, false }) do
      local response = assert(fetch(url, query and { query = query } or nil))
      assert.equal(index == 2 and url .. "&y=2" or url, response.url)
    end
  end)

  it("gives each answer tables of its own", function()
    local server = with_server({ { serve.answer("a") }, { serve.answer("b") } })
    local one = assert(fetch(server:url("/")))
    local two = assert(fetch(server:url("/")))
    for _, name in ipairs({ "trailers", "history", "timings", "headers", "header_list" }) do
      assert.is_true(one[name] ~= two[name], name)
    end
  end)
end)

describe("a stream that calls nothing of the script's", function()
  it("makes one coroutine, however often it is read", function()
    local body = ("x"):rep(200000)
    local server = with_server({ { serve.answer("a") }, { serve.answer(body) } })
    httpclient.stream(server:url("/first")):close() -- loads what is loaded with the first one
    local pieces, count = {}, 0
    assert.equal(1, coroutines_of(function()
      for piece in assert(httpclient.stream(server:url("/second"))):chunks() do
        count = count + 1
        pieces[count] = piece
      end
    end))
    assert.is_true(count > 1)
    assert.equal(body, table.concat(pieces))
  end)
end)
