-- What fetch makes of a redirect: follows it, hands it over, or fails; and what it tells of those it has followed.
local httpclient = require("httpclient")
local certs = require("spec.support.certs")

local Error, fetch = httpclient.Error, httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)

local function moved(code, location, more)
  return ("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n%s\r\ngone"):format(code,
    location, more or "")
end

describe("The option redirect", function()
  it("hands the redirect over as the answer where it is manual", function()
    for _, code in ipairs({ 301, 302, 303, 307, 308 }) do
      local server = with_server({ { moved(code, "../c?d#e") } })
      local response = assert(fetch(server:url("/a/b"), { redirect = "manual" }))
      assert.equal(code, response.status)
      assert.equal("gone", response.body)
      assert.equal(server:url("/c?d#e"), response.location)
      assert.equal(server:url("/a/b"), response.url)
      assert.equal(0, response.redirects)
      assert.same({}, response.history)
    end
  end)

  it("hands over what could not be followed, too", function()
    for _, location in ipairs({ "ftp://h/x", "http://h:99999/", "mailto:me@example.com" }) do
      local server = with_server({ { moved(302, location) } })
      local response = assert(fetch(server:url(), { redirect = "manual" }))
      assert.equal(302, response.status)
      assert.equal(location, response.headers.location)
      assert.equal(location ~= "http://h:99999/" and location or nil, response.location)
    end
    local server = with_server({ { moved(302, "http://127.0.0.1/") } }, { tls = certs.localhost })
    local options = { redirect = "manual", tls_options = httpclient.TLSOptions.client_unsafe() }
    assert.equal("http://127.0.0.1/", assert(fetch(server:url(), options)).location)
  end)

  it("fails where it is error, and names the target", function()
    local server = with_server({ { moved(307, "/there") } })
    local response, message, code, facts = fetch(server:url(), { redirect = "error" })
    assert.is_nil(response)
    assert.equal(Error.FAILED, code)
    assert.truthy(message:find("307 to " .. server:url("/there"), 1, true), message)
    assert.is_true(facts.sent)
    server = with_server({ { answer("fine") } })
    assert.equal("fine", assert(fetch(server:url(), { redirect = "error" })).body)
  end)

  it("takes no other words", function()
    for _, value in ipairs({ "Follow", "", true, 1 }) do
      local ok, message = pcall(fetch, "http://h/", { redirect = value })
      assert.is_false(ok)
      assert.truthy(message:find("'redirect' of fetch (\"follow\", \"manual\" or \"error\"", 1,
        true),
        message)
    end
  end)

  it("is manual in effect where max_redirects is 0, unless it says error", function()
    local function answered(options)
      options.max_redirects = 0
      local server = with_server({ { moved(302, "/there"), answer("there") } })
      return fetch(server:url(), options)
    end
    assert.equal("gone", assert(answered({})).body)
    assert.equal("gone", assert(answered({ redirect = "follow" })).body)
    assert.equal(302, assert(answered({ redirect = "manual" })).status)
    assert.equal(Error.FAILED, select(3, answered({ redirect = "error" })))
  end)
end)

describe("A response", function()
  it("has the history of its redirects", function()
    local other = with_server({ { answer("end") } })
    local server = with_server({ {
      moved(301, "/b", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"), moved(302, other:url("/c")) } })
    local response = assert(fetch(server:url("/a?q#f")))
    assert.equal("end", response.body)
    assert.equal(2, #response.history)
    assert.equal(2, response.redirects)
    local first, second = response.history[1], response.history[2]
    assert.same({ 301, server:url("/a?q"), "/b" },
      { first.status, first.url, first.headers.location })
    assert.same({ 302, server:url("/b"), other:url("/c") },
      { second.status, second.url, second.headers.LOCATION })
    assert.equal("Set-Cookie: b=2", first.header_list[4])
  end)

  it("tells where a Location of any status points to", function()
    local server = with_server({ {
      "HTTP/1.1 201 Created\r\nLocation: items/7\r\nContent-Length: 0\r\n\r\n" },
      { answer("x", "Location: \r\n") }, { answer("y") } })
    assert.equal(server:url("/items/7"), assert(fetch(server:url("/"), { body = "" })).location)
    assert.is_nil(assert(fetch(server:url("/"))).location)
    assert.is_nil(assert(fetch(server:url("/"))).location)
  end)

  it("has the links of its Link fields, with whole URLs", function()
    local server = with_server({ { answer("x", 'Link: <?page=2>; rel="next prefetch"\r\n'
      .. 'link: <http://h/last>; rel=last\r\n') }, { answer("y") } })
    local links = assert(fetch(server:url("/items?page=1"))).links
    assert.equal(2, #links)
    assert.equal(server:url("/items?page=2"), links.next.url)
    assert.equal(links[1], links.prefetch)
    assert.equal("http://h/last", links.last.url)
    links = assert(fetch(server:url("/"))).links
    assert.equal(0, #links)
    assert.is_nil(links.next)
  end)

  it("does not repeat user information of the request in its location", function()
    local server = with_server({ { moved(302, "/there") } })
    local url = server:url("/"):gsub("//", "//me:secret@")
    assert.equal(server:url("/there"), assert(fetch(url, { redirect = "manual" })).location)
  end)
end)
