-- Hosts that are not ASCII, on all ways to a server: proxies, connect_to, Unix sockets, streams, and no_proxy.
local certs = require("spec.support.certs")
local http = require("httpclient.url.http")
local httpclient = require("httpclient")
local native = require("spec_native")
local proxies = require("httpclient.connect.proxy")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local fetch = httpclient.fetch

local keep, listen = require("spec.support.world")(after_each)
local with_server = require("spec.support.served")(after_each)

-- In words: a build without libidn2 refuses them, see idn_spec.lua.
local it = httpclient.features().idn2 and it or function() end

describe("A host that is not ASCII", function()
  it("is so for the address that stands in a host's place, and in the table of such", function()
    local listener = listen()
    local client = keep(httpclient.new())
    for _, case in ipairs({ { "bücher.example:80", "xn--bcher-kva.example:80" },
      { "BÜCHER.example", "xn--bcher-kva.example" }, { "１２７.0.0.1:81", "127.0.0.1:81" } }) do
      client.connect_to = case[1]
      assert.equal(case[2], client.connect_to)
    end
    client.connect_to = ("１２７.0.0.1:%d"):format(listener:port())
    assert.equal(Error.OK, client:connect_to_host("h.example"))
    keep(support.accept(listener, client))
    local server = with_server({ { serve.answer("x") } })
    local here_alone = { ["BÜCHER.example:80"] = ("１２７.0.0.1:%d"):format(server:port()) }
    assert.equal("x", assert(fetch("http://bücher.example/",
      { proxy = false, connect_to = here_alone })).body)
  end)

  it("is refused there where no such name may be", function()
    local client = keep(httpclient.new())
    for _, text in ipairs({ "ü_x.example:80", "b\252cher.example", "bücher.example:8ü",
      "ü:1:2", "http://bücher.example:80" }) do
      assert.error_matches(function()
        client.connect_to = text
      end, "connect_to: ")
      assert.equal("", client.connect_to)
    end
    assert.has_error(function()
      fetch("http://h.example/", { connect_to = { ["ü_x.example"] = "127.0.0.1:1" } })
    end)
  end)

  it("is so for a server behind a Unix socket", function()
    local path = keep(tempdir.new()):file("server.sock")
    local listener = keep(assert(native.listen({ host = path })))
    for _, case in ipairs({ { "bücher.example", "xn--bcher-kva.example" },
      { "bücher.example:81", "xn--bcher-kva.example:81" },
      { "http://BÜCHER.example:81", "xn--bcher-kva.example:81" } }) do
      local client = keep(httpclient.new())
      assert.equal(Error.OK, client:connect_to_unix_socket(path, case[1]))
      local conn = keep(support.accept(listener, client))
      support.pump(client, client.STATUS_CONNECTED)
      client:request(client.METHOD_GET, "/", {})
      local head = support.head_of(client, conn)
      assert.truthy(head:find("\r\nHost: " .. case[2] .. "\r\n", 1, true), head)
    end
    local client = keep(httpclient.new())
    local code, message = client:connect_to_unix_socket(path, "ü_x.example")
    assert.equal(Error.ERR_INVALID_PARAMETER, code)
    assert.truthy(message:find("IDNA", 1, true), message)
  end)

  it("is so for a proxy, as a URL and in parts", function()
    for _, url in ipairs({ "http://bücher.example:81", "BÜCHER.example:81",
      "http://u:p@b%C3%BCcher.example:81/" }) do
      assert.equal("http://xn--bcher-kva.example:81", assert(proxies.from_url(url)).url)
    end
    assert.equal("socks5h://xn--bcher-kva.example:1080",
      assert(proxies.from_url("socks5h://bücher.example")).url)
    assert.equal("http://xn--bcher-kva.example:81",
      assert(proxies.from_parts("bücher.example", 81)).url)
    local server = with_server({ { serve.answer("x") } })
    local url = ("http://１２７.0.0.1:%d"):format(server:port())
    assert.equal("x", assert(fetch("http://h.example/", { proxy = url })).body)
    local client = keep(httpclient.new())
    assert.equal(Error.OK, client:set_proxy(url))
    assert.equal(Error.OK, client:set_http_proxy("１２７.0.0.1", server:port()))
    for _, bad in ipairs({ "ü_x.example", "b\252cher.example" }) do
      local found, why = proxies.from_url("http://" .. bad)
      assert.is_nil(found)
      assert.truthy(why:find("the proxy's URL is not valid: the host is no", 1, true), why)
      found, why = proxies.from_parts(bad, 1)
      assert.is_nil(found)
      assert.truthy(why:find("proxy: the host is no", 1, true), why)
    end
  end)

  it("is an exception from proxies in whatever form no_proxy has it", function()
    for _, list in ipairs({ "bücher.example", "*.BÜCHER.example", ".bücher.example",
      "xn--bcher-kva.example", "example" }) do
      local u = assert(http.from_text("http://bücher.example/"))
      local getenv = { http_proxy = "p:1", no_proxy = "other, " .. list }
      assert.is_nil(proxies.from_environment(u, function(name)
        return getenv[name]
      end), list)
    end
  end)

  it("is so for a StreamPeerTCP and for the name of a certificate", function()
    local listener = listen()
    local tcp = httpclient.StreamPeerTCP.new()
    assert.equal(Error.OK, tcp:connect_to_host("１２７.0.0.1", listener:port()))
    local conn = keep(assert(listener:accept(10)))
    support.until_true(function()
      return tcp:get_status() == tcp.STATUS_CONNECTED
    end)
    assert(conn:starttls(certs.localhost.tls()))
    local tls = httpclient.StreamPeerTLS.new()
    assert.equal(Error.OK, tls:connect_to_stream(tcp, "bücher.example",
      httpclient.TLSOptions.client_unsafe()))
    support.until_true(function()
      tls:poll()
      return conn:handshake("step")
    end)
    assert.equal("xn--bcher-kva.example", conn:sni())
    tls:disconnect_from_stream()
  end)
end)
