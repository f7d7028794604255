-- A server that can't do what Expect asks for answers 417, and gets the request once more without it.
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

local fetch = httpclient.fetch
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

local NO = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
local EXPECT = { Expect = "100-continue" }
local CHUNKED = "3\r\nabc\r\n0\r\n\r\n"

-- A body that can be had once.
local function once()
  local pieces = { "abc" }
  return function()
    return table.remove(pieces)
  end
end

describe("A 417 to an expectation", function()
  it("has the request sent without it, and with its body", function()
    for _, case in ipairs({ { "abc", 3, "abc" }, { once(), #CHUNKED, CHUNKED } }) do
      local server = with_server({ { NO }, { { send = answer("ok"), content = case[2] } } })
      local response = assert(fetch(server:url(), { body = case[1], headers = EXPECT }))
      assert.equal("ok", response.body)
      local requests = server:requests()
      assert.truthy(requests[1]:find("\r\nExpect: 100-continue\r\n", 1, true))
      assert.truthy(requests[1]:find("\r\n\r\n$"))
      assert.is_nil(requests[2]:find("Expect", 1, true))
      assert.equal(case[3], requests[2]:match("\r\n\r\n(.*)$"))
    end
  end)

  it("is answered alike where the library has asked, before a body that can be had once", function()
    local server = with_server({ { NO }, { { send = answer("ok"), content = #CHUNKED } } })
    local response = assert(fetch(server:url(), { body = once(), auth = { "me", "pw", "digest" } }))
    assert.equal("ok", response.body)
    assert.is_nil(server:requests()[2]:find("Expect", 1, true))
  end)

  it("is not asked about again at the end of a redirect", function()
    local moved = "HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    local server = with_server({ { NO }, { { send = moved, content = 3 } },
      { { send = answer("ok"), content = 3 } } })
    assert.equal("ok", assert(fetch(server:url(), { body = "abc", headers = EXPECT })).body)
    assert.is_nil(server:requests()[3]:find("Expect", 1, true))
  end)

  it("is the answer where it comes a second time, or where nothing was expected", function()
    local server = with_server({ { NO }, { { send = NO, content = 3 } } })
    assert.equal(417, assert(fetch(server:url(), { body = "abc", headers = EXPECT })).status)
    server = with_server({ { { send = NO, content = 3 } } })
    assert.equal(417, assert(fetch(server:url(), { body = "abc" })).status)
  end)

  it("is the answer where the body has gone and can't be sent again", function()
    local server = with_server({ { { send = NO, content = #CHUNKED } } })
    assert.equal(417, assert(fetch(server:url(), { body = once(), headers = EXPECT })).status)
  end)
end)
