-- parse_link (RFC 8288).
local httpclient = require("httpclient")

local parse = httpclient.parse_link

local function urls(links)
  local list = {}
  for index, link in ipairs(links) do
    list[index] = link.url
  end
  return table.concat(list, " ")
end

describe("parse_link", function()
  it("reads several links, and finds the first of a relation", function()
    local links = parse('<https://api.example/?page=2>; rel="next", <https://api.example/?page=9>; rel=last, '
      .. "</again>; rel=next")
    assert.equal("https://api.example/?page=2 https://api.example/?page=9 /again", urls(links))
    assert.equal(links[1], links.next)
    assert.equal(links[2], links.last)
    assert.is_nil(links.prev)
    assert.same({ url = "https://api.example/?page=2", rel = "next", rels = { "next" },
      params = { rel = "next" } }, links[1])
  end)
  it("has all relations of a link, in lower case", function()
    local links = parse('</>; rel="start  http://EXAMPLE.net/Relation/Other NEXT"')
    assert.same({ "start", "http://example.net/relation/other", "next" }, links[1].rels)
    assert.equal("start  http://EXAMPLE.net/Relation/Other NEXT", links[1].rel)
    assert.equal(links[1], links.next)
    assert.equal(links[1], links["http://example.net/relation/other"])
  end)
  it("says what a link with an anchor is about, and does not take it for one of the page",
    function()
    local links = parse('</>; rel=copyright; anchor="#foo", </c>; rel=copyright')
    assert.equal("#foo", links[1].anchor)
    assert.equal(links[2], links.copyright)
  end)
  it("reads commas, semicolons and quotes in quoted text", function()
    local links = parse([[<a,b;c>; title="one, \"two\"; <x>; rel=no\\"; rel=yes, <d>; rel="e"]])
    assert.equal("a,b;c d", urls(links))
    assert.equal([[one, "two"; <x>; rel=no\]], links[1].title)
    assert.equal("yes", links[1].rel)
  end)
  it("prefers title*, in UTF-8 or Latin-1", function()
    local links = parse("</TheBook/chapter2>; rel=\"previous\"; title=plain; title*=UTF-8'de'letztes%20Kapitel, "
      .. "</TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel, "
      .. "</l>; title*=iso-8859-1''%A3%20rate, </x>; title*=koi8-r''%C1; title=kept, </y>; title*=broken")
    assert.equal("letztes Kapitel", links[1].title)
    assert.equal("n\195\164chstes Kapitel", links.next.title)
    assert.equal("\194\163 rate", links[3].title)
    assert.equal("kept", links[4].title)
    assert.is_nil(links[5].title)
  end)
  it("takes the first of a parameter that comes twice", function()
    local links = parse("<a>; rel=one; rel=two; TYPE=x; type=y; flag; empty=; hreflang=de")
    assert.same({ rel = "one", type = "x", flag = "", empty = "", hreflang = "de" },
      links[1].params)
  end)
  it("has blanks and empty elements anywhere", function()
    assert.equal("a b c", urls(parse(" ,, <a> \t;  rel = x ,,<b>;;;rel=\"y\"junk;z=1 , < c >, ")))
    local links = parse("<b>;;;rel=\"y\"junk;z=1,<c>")
    assert.same({ rel = "y", z = "1" }, links[1].params)
  end)
  for value, expected in pairs({
    [""] = "", ["a"] = "", ["<a"] = "", ["rel=x; <a>"] = "", ["<a>, b, <c>"] = "a",
    ["<a> x, <b>"] = "a b", ["<>; rel=self"] = "", ['<a>; rel="open, <b>'] = "a",
    ['<a>; rel="\\'] = "a", ["<a>;"] = "a", ["<a>; ="] = "a",
  }) do
    it(("reads as far as it can: %q"):format(value), function()
      assert.equal(expected, urls(parse(value)))
    end)
  end
  it("takes time in proportion to the text", function()
    local began = os.clock()
    for _, text in ipairs({ "<", "<a>;", "<a>; x=\"\\", ";", ",", "<a>; rel=\"a ", " ",
      "<a>;=" }) do
      parse(text:rep(math.floor(200000 / #text)))
    end
    assert.is_true(os.clock() - began < 10)
  end)
  it("raises for what is no string", function()
    local ok, message = pcall(parse, nil)
    assert.is_false(ok)
    assert.truthy(message:find("bad argument #1 to 'parse_link' (string expected, got ", 1, true),
      message)
  end)
end)
