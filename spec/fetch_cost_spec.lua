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

describe("the options of one fetch", function()
  local function line_of(head, name)
    return head:match("\r\n" .. name .. ": ([^\r]*)")
  end

  it("are asked for whatever others have given before", function()
    local choices = {}
    for choice = 0, 15 do
      choices[#choices + 1] = choice % 8
    end
    local answers = {}
    for index in ipairs(choices) do answers[index] = serve.answer(tostring(index)) end
    local server = with_server({ answers })
    for _, choice in ipairs(choices) do
      local jar = httpclient.CookieJar.new()
      assert(jar:set(server:url("/"), "a=1"))
      assert(fetch(server:url("/"), {
        timeout = 10,
        bearer = choice % 2 == 1 and "token" or nil,
        cookies = choice % 4 >= 2 and jar or nil,
        headers = choice >= 4 and { Own = "b" } or nil,
      }))
    end
    local heads = {}
    for head in table.concat(server:requests()):gmatch("GET [^\r\n]*(\r\n.-\r\n)\r\n") do
      heads[#heads + 1] = head
    end
    assert.equal(#choices, #heads)
    for index, choice in ipairs(choices) do
      local head = heads[index]
      assert.equal(choice % 2 == 1 and "Bearer token" or nil, line_of(head, "Authorization"))
      assert.equal(choice % 4 >= 2 and "a=1" or nil, line_of(head, "Cookie"))
      assert.equal(choice >= 4 and "b" or nil, line_of(head, "Own"))
    end
  end)
end)

describe("a kept connection that the server has ended", function()
  for _, ending in ipairs({ "close", "reset" }) do
    it(("by %s is left for another one before anything goes out, whatever the method is"):format(
      ending), function()
      local server = with_server({
        { { send = serve.answer("first"), ending = ending } },
        { { send = serve.answer("second"), ending = ending } },
        { { send = serve.answer("third"), content = 4 } },
      })
      assert.equal("first", assert(fetch(server:url())).body)
      -- That a connection of somebody else's is served says that the first one has ended.
      local session = assert(httpclient.Session.new())
      assert.equal("second", assert(session:fetch(server:url())).body)
      local response, message = fetch(server:url(), { method = "POST", body = "once" })
      assert(response, message)
      assert.equal("third", response.body)
      assert.is_false(response.timings.reused)
      local requests = server:requests()
      assert.equal(3, #requests)
      assert.is_nil(requests[1]:find("POST", 1, true))
      session:close()
    end)
  end
end)
