-- The dates of cookies (RFC 6265bis section 5.1.1), case by case.
local date = require("httpclient.cookies.date")

local EPOCH = 784111777 -- Sun, 06 Nov 1994 08:49:37 GMT

describe("A cookie's date", function()
  it("is read in all forms that servers write", function()
    for _, text in ipairs({
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994", "6 Nov 1994 8:49:37", "06 nov 94 08:49:37",
      "1994 06 NOVEMBER 08:49:37", "08:49:37 1994 Nov 06",
    }) do
      assert.equal(EPOCH, date(text), text)
    end
  end)

  local known = {
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Thu, 01 Jan 1970 00:00:01 GMT", 1 },
    { "31 Dec 1969 23:59:59", -1 },
    { "01 Jan 1601 00:00:00", -11644473600 },
    { "Wed, 09 Jun 2021 10:18:14 GMT", 1623233894 },
    { "29 Feb 2000 00:00:00", 951782400 },
    { "29 Feb 2004 12:00:00", 1078056000 },
    { "31 Dec 9999 23:59:59", 253402300799 },
    -- years of two and three digits
    { "1 Jan 70 0:0:0", 0 },
    { "1 Jan 99 0:0:0", 915148800 },
    { "1 Jan 00 0:0:0", 946684800 },
    { "1 Jan 69 0:0:0", 3124224000 },
    { "1 Jan 0070 0:0:0", 0 },
    -- what stands behind a number or a month is passed over
    { "1st Jan 1970 0:0:0", 0 },
    { "1 Januarius 1970 0:0:0", 0 },
    { "1 Jan 1970AD 0:0:0", 0 },
    { "1 Jan 1970 0:0:0pm", 0 },
    { "1 Jan 1970 00:00:00.000", 0 },
    { "1 Jan 1970 00:00:00 -0500", 0 },
    -- the first of a kind counts
    { "1 Jan 1970 0:0:0 2 Feb 1971 1:1:1", 0 },
    -- delimiters of all kinds, tokens that are none
    { "1/Jan/1970/0:0:0", 0 },
    { "x,1,y,Jan;1970\t0:0:0", 0 },
    { "[1]{Jan}\\1970^0:0:0_", 0 },
    { "\1681 1 Jan 1970 0:0:0", 0 },
  }
  for _, case in ipairs(known) do
    it(("%q is a moment"):format(case[1]), function()
      assert.equal(case[2], date(case[1]))
    end)
  end

  it("takes a second number of two digits for the year", function()
    assert.equal(date("1 Jan 2002 0:0:0"), date("1 02 Jan 0:0:0"))
  end)

  local none = {
    "", "x", "1 Jan 1970", "Jan 1970 0:0:0", "1 1970 0:0:0", "1 Jan 0:0:0",
    "0 Jan 1970 0:0:0", "32 Jan 1970 0:0:0", "30 Feb 2000 0:0:0", "29 Feb 1900 0:0:0",
    "29 Feb 2001 0:0:0", "31 Apr 2000 0:0:0", "1 Jan 1600 0:0:0", "1 Jan 1970 24:0:0",
    "1 Jan 1970 0:60:0", "1 Jan 1970 0:0:60", "1 Jan 1970 0:0", "1 Jan 1970 000:0:0",
    "1 Jan 1970 0:000:0", "1 Jan 1970 0:0:000", "001 Jan 1970 0:0:0", "1 Jan 19700 0:0:0",
    "1 Ja 1970 0:0:0", "1 J\195\164n 1970 0:0:0", "1 Jan 1970 0::0:0", "1 Jan 100 0:0:0",
    "1 Jan 1 0:0:0", "01-01-1970 00:00:00",
  }
  for _, text in ipairs(none) do
    it(("%q is none"):format(text), function()
      assert.is_nil(date(text))
    end)
  end

  it("takes linear time", function()
    for _, text in ipairs({ ("1"):rep(1e6), (" "):rep(1e6), ("1:"):rep(5e5), ("jan "):rep(2e5) }) do
      local began = os.clock()
      assert.is_nil(date(text))
      assert.is_true(os.clock() - began < 5)
    end
  end)
end)
