-- Inflater: gzip and deflate bodies as a stream.
local httpclient = require("httpclient")

local Error = httpclient.Error
local Inflater = httpclient.Inflater

local function bytes(hex)
  return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- "hello" in each format.
local hello = {
  gzip = bytes("1f8b0800000000000003cb48cdc9c9070086a6103605000000"),
  zlib = bytes("789ccb48cdc9c90700062c0215"),
  raw = bytes("cb48cdc9c90700"),
}

local function gzip_of(size)
  local path = os.tmpname()
  local pipe = assert(io.popen("head -c " .. size .. " /dev/zero | gzip -9n >" .. path))
  pipe:close()
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  os.remove(path)
  return text
end

-- The decoded text, or nil and the message; `step` bytes at a time.
local function decode(coding, text, step, max)
  local inflater, parts = Inflater.new(coding), {}
  for at = 1, #text, step do
    local input, more = text:sub(at, at + step - 1), true
    while more do
      parts[#parts + 1], more = inflater:feed(input, max)
      if type(more) == "string" then
        return nil, more
      end
      assert.is_true(#parts[#parts] <= (max or 65536))
      input = ""
    end
  end
  local done, message = inflater:finish()
  if not done then
    return nil, message
  end
  return table.concat(parts)
end

describe("an Inflater", function()
  local cases = {
    { "gzip", "gzip", hello.gzip, "hello" },
    { "gzip under its old name", "X-Gzip", hello.gzip, "hello" },
    { "two gzip members", "gzip", hello.gzip .. hello.gzip, "hellohello" },
    { "gzip with padding", "gzip", hello.gzip .. ("\0"):rep(100), "hello" },
    { "gzip with garbage behind it", "gzip", hello.gzip .. "garbage", "hello" },
    { "deflate in the zlib format", "deflate", hello.zlib, "hello" },
    { "deflate without the zlib format", "deflate", hello.raw, "hello" },
    { "no bytes at all", "gzip", "", "" },
  }
  for _, case in ipairs(cases) do
    it("decodes " .. case[1] .. ", in pieces of any size and for any maximum", function()
      for step = 1, #case[3] + 1 do
        for _, max in ipairs({ 1, 3, 65536 }) do
          assert.equal(case[4], decode(case[2], case[3], step, max))
        end
      end
    end)
  end

  local broken = {
    { "no gzip", "gzip", "hello", "header" },
    { "a wrong checksum", "gzip", hello.gzip:sub(1, -9) .. "xxxx" .. hello.gzip:sub(-4),
      "data check" },
    { "a cut gzip stream", "gzip", hello.gzip:sub(1, -2), "too early" },
    { "a cut second member", "gzip", hello.gzip .. hello.gzip:sub(1, 5), "too early" },
    { "a cut zlib stream", "deflate", hello.zlib:sub(1, -2), "too early" },
    { "a cut bare stream", "deflate", hello.raw:sub(1, -2), "too early" },
    { "gzip named deflate", "deflate", hello.gzip, "broken" },
  }
  for _, case in ipairs(broken) do
    it("refuses " .. case[1], function()
      for step = 1, #case[3] do
        local text, message = decode(case[2], case[3], step)
        assert.is_nil(text)
        assert.truthy(message:find(case[4], 1, true), message)
      end
    end)
  end

  it("gives what comes before the broken byte, then the error, again and again", function()
    local inflater = Inflater.new("gzip")
    local text, more = inflater:feed(hello.gzip .. "\31\139\8\255 and more")
    assert.equal("hello", text)
    assert.is_true(more)
    for _ = 1, 2 do
      local nothing, message, code = inflater:feed("")
      assert.is_nil(nothing)
      assert.truthy(message:find("gzip", 1, true), message)
      assert.equal(Error.ERR_INVALID_DATA, code)
    end
    local done, _, code = inflater:finish()
    assert.is_nil(done)
    assert.equal(Error.ERR_INVALID_DATA, code)
    assert.is_false(inflater:is_done())
  end)

  it("knows when the stream is complete", function()
    local inflater = Inflater.new("gzip")
    assert.is_true(inflater:is_done())
    inflater:feed(hello.gzip:sub(1, 12))
    assert.is_false(inflater:is_done())
    inflater:feed(hello.gzip:sub(13))
    assert.is_true(inflater:is_done())
    assert.is_true(inflater:finish())
    inflater:feed(hello.gzip:sub(1, 12))
    assert.is_false(inflater:is_done())
  end)

  it("gives at most the maximum in a call, however much the input grows", function()
    local text = gzip_of(20000000)
    local inflater = Inflater.new("gzip")
    collectgarbage()
    local before, total, calls = collectgarbage("count"), 0, 0
    local piece, more = inflater:feed(text)
    while true do
      assert.is_true(#piece <= 65536)
      total, calls = total + #piece, calls + 1
      if not more then
        break
      end
      piece, more = inflater:feed("")
      if calls % 50 == 0 then
        piece = piece or error(more)
        collectgarbage()
        assert.is_true(collectgarbage("count") - before < 1000)
      end
    end
    assert.equal(20000000, total)
    assert.equal(math.ceil(20000000 / 65536), calls)
    assert.is_true(inflater:finish())
  end)

  it("takes new bytes while old ones are pending, in their order", function()
    local inflater, parts = Inflater.new("gzip"), {}
    for _ = 1, 20 do
      parts[#parts + 1] = inflater:feed(hello.gzip, 2)
    end
    local more = true
    while more do
      parts[#parts + 1], more = inflater:feed("", 2)
    end
    assert.equal(("hello"):rep(20), table.concat(parts))
    assert.is_true(inflater:finish())
  end)

  it("refuses other codings and wrong arguments", function()
    for _, coding in ipairs({ "compress", "identity", "", "gzip,gzip", "gzi" }) do
      local ok, message = pcall(Inflater.new, coding)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1", 1, true), message)
      assert.truthy(message:find('"br" or "zstd" expected', 1, true), message)
    end
    local inflater = Inflater.new("gzip")
    assert.is_false(pcall(Inflater.new))
    assert.is_false(pcall(Inflater.new, 5))
    assert.is_false(pcall(inflater.feed, inflater))
    assert.is_false(pcall(inflater.feed, inflater, 5))
    for _, max in ipairs({ 0, -1, 16777217, 1.5, "10" }) do
      assert.is_false((pcall(inflater.feed, inflater, "", max)))
    end
    assert.equal("hello", (inflater:feed(hello.gzip, 16777216)))
  end)

  it("says so when it is closed", function()
    local inflater = Inflater.new("deflate")
    inflater:close()
    inflater:close()
    for _, method in ipairs({ "feed", "finish" }) do
      local result, message, code = inflater[method](inflater, "")
      assert.is_nil(result)
      assert.equal("the Inflater is closed", message)
      assert.equal(Error.ERR_UNCONFIGURED, code)
    end
    assert.is_false(inflater:is_done())
  end)
end)
