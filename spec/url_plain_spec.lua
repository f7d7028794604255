-- A URL that is like most is taken apart by one pattern. What comes of it is what its parts give.
local http = require("httpclient.url.http")
local reference = require("httpclient.url.reference")

local pieces = {
  { "http://", "https://", "HTTP://", "http:/", "ftp://", "//", "" },
  { "", "a", "example.com", "127.0.0.1", "a-b.c", "[::1]", "u@a", "A.b", "a b", "a_b", "a%41",
    ("a"):rep(255), ("a"):rep(256), ".", "a\\b" },
  { "", ":", ":0", ":80", ":443", ":080", ":65535", ":65536", ":99999999999999999999", ":8a",
    ":8:9" },
  { "", "/", "/a", "/a/b.c", "/./a", "/..", "/a/../b", "/.a", "/a/.", "//a", "/a%20", "/a b", "/~a",
    "/a=b", "/a:b", "/a\0b", "/\195\164", "/a+b", "a" },
  { "", "?", "?a=b&c", "?a?b", "?a%", "?/.", "?\t", "?a+b", "=a" },
  { "", "#", "#a" },
}

local function by_parts(text)
  local parts, why = reference.parse(text)
  if not parts then return nil, why end
  return http.from_parts(parts)
end

describe("a URL made ready for a request", function()
  it("is the same as text and by its parts", function()
    local count = 0
    local function go(index, text)
      if index > #pieces then
        assert.same({ by_parts(text) }, { http.from_text(text) }, text)
        count = count + 1
        return
      end
      for _, piece in ipairs(pieces[index]) do go(index + 1, text .. piece) end
    end
    -- two kinds of places in turn, the others plain
    local all = pieces
    local plain = { "http://", "example.com", ":8080", "/a/b", "?c=d", "" }
    for first = 1, #all do
      for second = first + 1, #all do
        pieces = {}
        for index = 1, #all do
          pieces[index] = (index == first or index == second) and all[index] or { plain[index] }
        end
        go(1, "")
      end
    end
    assert.is_true(count > 1000)
  end)
end)

describe("a path", function()
  it("without dot segments stays as it is", function()
    for _, path in ipairs({ "/", "/a", "//", "/a//b/", "/a.b/c..d", "/a." }) do
      assert.equal(path, reference.remove_dot_segments(path))
    end
    assert.equal("/b/", reference.remove_dot_segments("/a/../b/."))
  end)
end)
