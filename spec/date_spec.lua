-- http_date and parse_http_date (RFC 9110 section 5.6.7).
local httpclient = require("httpclient")

local SAMPLE = 784111777 -- the RFC's own

describe("http_date", function()
  for text, seconds in pairs({
    ["Sun, 06 Nov 1994 08:49:37 GMT"] = SAMPLE,
    ["Thu, 01 Jan 1970 00:00:00 GMT"] = 0,
    ["Wed, 31 Dec 1969 23:59:59 GMT"] = -1,
    ["Tue, 29 Feb 2000 00:00:00 GMT"] = 951782400,
    ["Mon, 01 Mar 2100 00:00:00 GMT"] = 4107542400,
    ["Tue, 19 Jan 2038 03:14:08 GMT"] = 2147483648,
    ["Sat, 01 Jan 0000 00:00:00 GMT"] = -62167219200,
    ["Fri, 31 Dec 9999 23:59:59 GMT"] = 253402300799,
  }) do
    it("writes " .. text .. ", which is read as the same", function()
      assert.equal(text, httpclient.http_date(seconds))
      assert.equal(seconds, httpclient.parse_http_date(text))
    end)
  end
  it("writes what the system writes, of any day", function()
    for day = 0, 40000, 13 do
      local seconds = day * 86400 + day % 86400
      assert.equal(os.date("!%d", seconds), httpclient.http_date(seconds):sub(6, 7))
      assert.equal(os.date("!%Y %H:%M:%S", seconds), httpclient.http_date(seconds):sub(13, 25))
    end
  end)
  it("is that of now without a number, and rounds down", function()
    local before = os.time()
    local now = httpclient.parse_http_date(httpclient.http_date())
    assert.is_true(now >= before and now <= os.time())
    assert.equal(httpclient.http_date(SAMPLE), httpclient.http_date(SAMPLE + 0.999))
    assert.equal(httpclient.http_date(-1), httpclient.http_date(-0.5))
  end)
  it("raises for what is no time", function()
    for _, value in ipairs({ "5", true, 0 / 0, math.huge, -math.huge, 253402300800,
      -62167219201 }) do
      local ok, message = pcall(httpclient.http_date, value)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1 to 'http_date'", 1, true), message)
    end
  end)
end)

describe("parse_http_date", function()
  local function year_in(years)
    return ("%02d"):format((tonumber(os.date("!%Y")) + years) % 100)
  end
  local function year_of(text)
    return tonumber(httpclient.http_date(assert(httpclient.parse_http_date(text))):sub(13, 16))
  end

  for _, text in ipairs({
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    "Sun Nov 06 08:49:37 1994", -- written so by some
    "Mon, 06 Nov 1994 08:49:37 GMT", -- it was a Sunday
  }) do
    it("reads " .. text, function()
      assert.equal(SAMPLE, httpclient.parse_http_date(text))
    end)
  end
  it("takes a year of two digits for the last one that it can mean, at most 50 years ahead",
    function()
    local now = tonumber(os.date("!%Y"))
    assert.equal(now + 49, year_of("Monday, 01-Jul-" .. year_in(49) .. " 00:00:00 GMT"))
    assert.equal(now - 49, year_of("Monday, 01-Jul-" .. year_in(51) .. " 00:00:00 GMT"))
    assert.equal(now, year_of("Monday, 01-Jul-" .. year_in(0) .. " 00:00:00 GMT"))
  end)
  it("reads a leap second as the one behind it", function()
    assert.equal(1483228800, httpclient.parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT"))
  end)
  for _, text in ipairs({
    "", "now", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun,06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
    "Wed, 29 Feb 2023 00:00:00 GMT", "Mon, 29 Feb 2100 00:00:00 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
    "Foo, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 94",
    "Sun, 06 Nov 1994 08:49:37 GMT\0", "Sun, 06 Nov 1994 08:49:37 +0000",
  }) do
    it("refuses '" .. text .. "'", function()
      local seconds, message, code = httpclient.parse_http_date(text)
      assert.is_nil(seconds)
      assert.equal("the text is no date of HTTP's", message)
      assert.equal(httpclient.Error.ERR_INVALID_PARAMETER, code)
    end)
  end
  it("raises for what is no string", function()
    local ok, message = pcall(httpclient.parse_http_date, 5)
    assert.is_false(ok)
    assert.truthy(message:find("bad argument #1 to 'parse_http_date' (string expected, got number)",
      1, true),
      message)
  end)
end)
