-- query_string_from_dict, uri_encode and uri_decode.
local httpclient = require("httpclient")
local null = httpclient.null
local write = httpclient.query_string_from_dict

-- A table with its own order.
local function ordered(...)
  local entries = { ... }
  return setmetatable({}, {
    __pairs = function()
      local i = 0
      return function()
        i = i + 1
        if entries[i] then
          return entries[i][1], entries[i][2]
        end
      end
    end,
  })
end

local function raises(value, pattern)
  local ok, message = pcall(write, value)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(pattern), tostring(message) .. " has no " .. pattern)
end

describe("query_string_from_dict", function()
  local cases = {
    { "nothing for an empty table", {}, "" },
    { "one pair", { name = "value" }, "name=value" },
    { "an empty value", { name = "" }, "name=" },
    { "an empty name", { [""] = "x" }, "=x" },
    { "keys sorted bytewise", { b = 1, a = 2, B = 3, ab = 4, ["\200"] = 5 },
      "B=3&a=2&ab=4&b=1&%C8=5" },
    { "number keys as their text, sorted as text", { [10] = "a", [9] = "b", x = "c" },
      "10=a&9=b&x=c" },
    { "the number 1 before the text 1", { [1] = "number", ["1"] = "text", x = 0 },
      "1=number&1=text&x=0" },
    { "null as the key alone", { a = null, b = 1 }, "a&b=1" },
    { "an array as one pair for each element", { a = { 1, "x", true } }, "a=1&a=x&a=true" },
    { "null in an array as the key alone", { a = { null, 1 } }, "a&a=1" },
    { "an empty name alone as a pair of its own", { { "", null }, { "a", 1 }, { "", null } },
      "&a=1&" },
    { "nothing for an empty array", { a = {}, b = 1 }, "b=1" },
    { "nothing at all when all arrays are empty", { a = {}, b = {} }, "" },
    { "booleans", { f = false, t = true }, "f=false&t=true" },
    { "all but the unreserved encoded", { ["a b&"] = "A-Z_.~=%/+\0\255" },
      "a%20b%26=A-Z_.~%3D%25%2F%2B%00%FF" },
    { "an array of pairs in its order", { { "user", "u" }, { "password", "p" } },
      "user=u&password=p" },
    { "a repeated name in an array of pairs", { { "a", 1 }, { "a", 2 } }, "a=1&a=2" },
    { "arrays and null in an array of pairs", { { "a", { 1, 2 } }, { "b", null } }, "a=1&a=2&b" },
    { "an array of plain values by its indices", { "x", "y" }, "1=x&2=y" },
    { "a table with __pairs in its order", ordered({ "z", 1 }, { "a", { 1, 2 } }, { "m", null }),
      "z=1&a=1&a=2&m" },
    { "a table with __pairs that has nothing", ordered(), "" },
  }
  for _, case in ipairs(cases) do
    it("writes " .. case[1], function()
      assert.equal(case[3], write(case[2]))
    end)
  end

  local numbers = {
    { 0, "0" }, { -0.0, "0" }, { 1, "1" }, { -7, "-7" }, { 3.0, "3" }, { 1e15, "1000000000000000" },
    { 2 ^ 53, "9007199254740992" }, { 1e20, "100000000000000000000" },
    { -2 ^ 63, "-9223372036854775808" }, { 0.1, "0.1" }, { 0.1 + 0.2, "0.30000000000000004" },
    { 1 / 3, "0.3333333333333333" }, { -1.5, "-1.5" }, { 1e-7, "1e-07" }, { 5e-324, "5e-324" },
    { 123456.789, "123456.789" },
    { 1e15 + 0.5, "1000000000000000.5" },
  }
  for _, case in ipairs(numbers) do
    it("writes the number " .. case[2], function()
      assert.equal("n=" .. case[2], write({ n = case[1] }))
      assert.equal(case[1], tonumber(case[2]))
    end)
  end

  it("writes numbers the same in a locale with another decimal point", function()
    local before = os.setlocale(nil, "numeric")
    if not (os.setlocale("de_DE.UTF-8", "numeric") or os.setlocale("fr_FR.UTF-8", "numeric")) then
      return
    end
    local text = write({ n = 1.5 })
    os.setlocale(before, "numeric")
    assert.equal("n=1.5", text)
  end)

  it("gives the same text for the same fields however the table came about", function()
    local up, down = {}, {}
    for i = 1, 200 do
      up["k" .. i] = i
    end
    for i = 200, 1, -1 do
      down["k" .. i] = i
    end
    assert.equal(write(up), write(down))
  end)

  local refused = {
    { "NaN", { x = 0 / 0 }, "field 'x'" },
    { "an infinity", { x = 1 / 0 }, "field 'x'" },
    { "a negative infinity in an array", { x = { -1 / 0 } }, "field 'x'" },
    { "a function", { x = print }, "field 'x'.*function" },
    { "a userdata", { x = io.stdout }, "field 'x'" },
    { "a table in an array", { x = { { 1 } } }, "field 'x'.*table" },
    { "a map as a value", { x = { a = 1 } }, "field 'x'.*array" },
    { "an array with a gap", { x = { [1] = 1, [3] = 3 } }, "field 'x'.*array" },
    { "NaN as a name", { { 0 / 0, 1 } }, "a name is an infinity or NaN" },
    { "an infinity as a name", { [1 / 0] = 1 }, "a name is an infinity or NaN" },
    { "a function under a long name", { [("n"):rep(100)] = print }, "field 'n+%.%.%.'" },
    { "a boolean as a name", { [true] = 1 }, "name must be a string or a number" },
    { "a table as a name", { { {}, 1 } }, "name must be a string or a number" },
    { "a pair without value", { { "a", 1 }, { "b" } }, "element 2" },
    { "a pair of three", { { "a", 1, 2 } }, "element 1" },
    { "pairs with a gap", { { "a", 1 }, nil, { "b", 2 } }, "element 1 is a table" },
    { "pairs behind a gap", { [2] = { "b", 2 } }, "element 2 is a table" },
    { "pairs beside names", { { "a", 1 }, b = 2 }, "element 1 is a table" },
    { "a pair beside what is none", { { "a", 1 }, "b" }, "element 1 is a table" },
    { "a nil value from __pairs", ordered({ "a", nil }), "field 'a'.*nil" },
    { "a string", "a=b", "table expected, got string" },
    { "nothing", nil, "table expected" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      raises(case[2], case[3])
    end)
  end

  it("passes on an error of the iterator", function()
    raises(setmetatable({}, { __pairs = function() error("my own") end }), "my own")
  end)

  it("works as a method, as a function of the class, and on the class", function()
    local class = httpclient.HTTPClient
    assert.equal("a=1", class.new():query_string_from_dict({ a = 1 }))
    assert.equal("a=1", class.query_string_from_dict({ a = 1 }))
    assert.equal("a=1", class:query_string_from_dict({ a = 1 }))
  end)

  it("counts the argument as the script's writer does", function()
    local client = httpclient.HTTPClient.new()
    local ok, message = pcall(function() client:query_string_from_dict(3) end)
    assert.is_false(ok)
    assert.truthy(message:find("bad argument #1 to 'query_string_from_dict' (table expected, got number)", 1, true))
  end)
end)

describe("uri_encode and uri_decode", function()
  it("encode all but the unreserved characters, in upper case", function()
    assert.equal("AZaz09-._~%20%2F%3F%C3%BC%00", httpclient.uri_encode("AZaz09-._~ /?\195\188\0"))
  end)
  it("decode once, and leave what is no escape", function()
    assert.equal("a b+%zz%4", httpclient.uri_decode("a%20b+%zz%4"))
    assert.equal("%41", httpclient.uri_decode("%2541"))
    assert.equal("\0\255", httpclient.uri_decode("%00%fF"))
  end)
  it("undo each other for every byte", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local all = table.concat(bytes)
    assert.equal(all, httpclient.uri_decode(httpclient.uri_encode(all)))
  end)
  it("have their 3.x names", function()
    assert.equal("%20", httpclient.http_escape(" "))
    assert.equal(" ", httpclient.http_unescape("%20"))
  end)
  it("take strings only", function()
    assert.is_false((pcall(httpclient.uri_encode, 3)))
    assert.is_false((pcall(httpclient.uri_decode)))
  end)
end)
