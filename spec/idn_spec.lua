-- Hosts that are not ASCII: what is looked up, sent and verified is their xn-- form.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local serve = require("spec.support.serve")
local support = require("spec.support.client")

local Error = httpclient.Error
local fetch = httpclient.fetch
local is_built = httpclient.features().idn2

local keep, listen = require("spec.support.world")(after_each)
local with_server = require("spec.support.served")(after_each)

local function here(server)
  return { proxy = false, connect_to = { [""] = "127.0.0.1:" .. server:port() } }
end

local names = {
  { "bücher.example", "xn--bcher-kva.example" },
  { "BÜCHER.Example", "xn--bcher-kva.example" },
  { "b%C3%BCcher.example", "xn--bcher-kva.example" },
  { "bu\204\136cher.example", "xn--bcher-kva.example" }, -- the u and its dots by themselves
  { "faß.example", "xn--fa-hia.example" },               -- non-transitional: not fass
  { "日本語。jp", "xn--wgv71a119e.jp" },
  { "пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f" },
}

local refused = {
  { "b\252cher.example", "is no UTF-8" },
  { "ü-.example", "IDNA" },
  { "ü_x.example", "IDNA" },
  { "ü＿x.example", "IDNA" },             -- a wide underscore
  { "ü\226\128\174x.example", "IDNA" },   -- a direction override
  { "\194\128x.example", "IDNA" },
  { ("ü"):rep(64) .. ".example", "IDNA" },
  { ("ü"):rep(600), "longer than 255" },
}

describe("A host that is not ASCII", function()
  if not is_built then
    it("is refused in a build without libidn2, with a word on what to do", function()
      local response, message, code = fetch("http://bücher.example/")
      assert.is_nil(response)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find("xn-- form", 1, true), message)
      local client = keep(httpclient.new())
      code, message = client:connect_to_host("bücher.example")
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find("xn-- form", 1, true), message)
    end)
    return
  end

  for _, case in ipairs(names) do
    it("is " .. case[2] .. " to the server: " .. case[1], function()
      local server = with_server({ { serve.answer("x") } })
      local response = assert(fetch("http://" .. case[1] .. "/", here(server)))
      assert.equal("http://" .. case[2] .. "/", response.url)
      local got = server:requests()[1]
      assert.truthy(got:find("\r\nHost: " .. case[2] .. "\r\n", 1, true), got)
    end)
  end

  it("is so in connect_to_host, with and without a scheme", function()
    for _, host in ipairs({ "bücher.example", "http://bücher.example" }) do
      local listener = listen()
      local client = keep(httpclient.new())
      client.connect_to = "127.0.0.1:" .. listener:port()
      assert.equal(Error.OK, client:connect_to_host(host))
      local conn = keep(support.accept(listener, client))
      support.pump(client, client.STATUS_CONNECTED)
      client:request(client.METHOD_GET, "/", {})
      assert.truthy(support.head_of(client, conn):find("\r\nHost: xn--bcher-kva.example\r\n", 1,
        true))
    end
  end)

  it("is so in SNI and for the certificate", function()
    local listener = listen()
    local client = keep(httpclient.new())
    client.connect_to = "127.0.0.1:" .. listener:port()
    client:connect_to_host("bücher.example", 443, httpclient.TLSOptions.client_unsafe())
    local conn = keep(support.accept(listener, client))
    support.handshake(client, conn, certs.localhost.tls())
    assert.equal("xn--bcher-kva.example", conn:sni())
  end)

  it("is so for a redirect and for cookies", function()
    local jar = httpclient.CookieJar.new()
    local server = with_server({
      { { send = "HTTP/1.1 302 Found\r\nSet-Cookie: a=1\r\nLocation: http://bücher.example/b\r\nContent-Length: 0\r\n\r\n",
        ending = "close" } }, { serve.answer("x") } })
    local options = here(server)
    options.cookies = jar
    assert.equal("x", assert(fetch("http://xn--bcher-kva.example/a", options)).body)
    local got = server:requests()
    assert.truthy(got[2]:find("\r\nCookie: a=1\r\n", 1, true), got[2])
  end)

  it("may be an address after all, which allow_address sees", function()
    local response, message, code = fetch("http://１２７.０.０.１/", { proxy = false,
      allow_address = httpclient.is_public_address })
    assert.is_nil(response)
    assert.equal(Error.ERR_UNAUTHORIZED, code, message)
  end)

  for index, case in ipairs(refused) do
    it(("is refused where no such name may be (%d)"):format(index), function()
      local response, message, code = fetch("http://" .. case[1] .. "/", { proxy = false })
      assert.is_nil(response)
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find(case[2], 1, true), message)
      local client = keep(httpclient.new())
      code, message = client:connect_to_host(case[1])
      assert.equal(Error.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end
end)
