-- TLS end to end: versions, ciphers, protocols, client certificates and resumed sessions; with nginx, and with a server
-- of this thread.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local nginx = require("spec.support.nginx")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions

describe("A session", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    it("is not offered again to a server with which a handshake failed, TLS " .. version, function()
      local listener = assert(native.listen({}))
      local options = tls.trusting()
      local context = native.tls_context(certs.localhost.tls({ max = version }))
      local function connect()
        local client, conn, outcome = tls.connect({ listener = listener, tls = options,
          server = context })
        tls.exchange(client, conn)
        client:close()
        conn:close()
        return outcome.info.reused
      end
      assert.is_false(connect())
      assert.is_true(connect())
      local failing = tls.attempt({ listener = listener, tls = options,
        server = certs.expired.tls({ max = version }) })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", failing.status)
      failing.client:close()
      failing.conn:close()
      assert.is_false(connect())
      assert.is_true(connect())
      listener:close()
    end)
  end
end)

describe("nginx", function()
  local server
  local facts = "location / { return 200 '$ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused $ssl_client_s_dn'; }"
  setup(function()
    server = nginx.start({
      any = { tls = certs.via_intermediate, body = facts },
      old = { tls = certs.localhost, protocols = "TLSv1.2", body = facts },
      new = { tls = certs.localhost, protocols = "TLSv1.3", body = facts },
      private = { tls = certs.localhost_rsa, client_ca = certs.ca, body = facts },
      expired = { tls = certs.expired, body = facts },
    })
  end)
  teardown(function() server.stop() end)

  local function ask(name, extra, options)
    return support.get(server:port(name), "/",
      { host = "localhost", tls = options or tls.trusting(nil, extra) })
  end

  for name, version in pairs({ any = "TLSv1.3", old = "TLSv1.2", new = "TLSv1.3" }) do
    it("that is '" .. name .. "' gets " .. version, function()
      local outcome = ask(name)
      assert.equal("STATUS_CONNECTED", outcome.status, outcome.message)
      assert.equal(version, outcome.body:match("^%S+"))
      assert.equal("localhost", outcome.body:match("^%S+ %S+ (%S+)"))
    end)
  end

  -- min_version, max_version, server, the version agreed on (nil: none).
  local versions = {
    { nil, "1.2", "any", "TLSv1.2" }, { "1.3", nil, "any", "TLSv1.3" },
    { "1.2", "1.2", "old", "TLSv1.2" }, { "1.3", nil, "old", nil }, { nil, "1.2", "new", nil },
    { "1.0", nil, "any", "TLSv1.3" }, { "1.0", "1.2", "old", "TLSv1.2" },
    { "1.0", "1.1", "old", nil },
  }
  for _, case in ipairs(versions) do
    it(("between %s and %s, and an '%s' server, agree on %s"):format(tostring(case[1]),
      tostring(case[2]), case[3],
      tostring(case[4])), function()
      local outcome = ask(case[3], { min_version = case[1], max_version = case[2] })
      if case[4] then
        assert.equal(case[4], outcome.body:match("^%S+"), outcome.message)
      else
        assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
        assert.equal(Error.ERR_CONNECTION_ERROR, outcome.error)
        assert.truthy(outcome.message:find("protocol version (offered: TLS ", 1, true),
          outcome.message)
      end
    end)
  end

  it("takes the ciphers that it is offered", function()
    local outcome = ask("old", { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" })
    assert.equal("TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256", outcome.body:match("^%S+ %S+"))
    outcome = ask("new", { ciphers = "TLS_CHACHA20_POLY1305_SHA256" })
    assert.equal("TLSv1.3 TLS_CHACHA20_POLY1305_SHA256", outcome.body:match("^%S+ %S+"))
    outcome = ask("old", { ciphers = "ECDHE-RSA-AES128-GCM-SHA256" })
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
    assert.truthy(outcome.message:find("server alert: handshake failure", 1, true), outcome.message)
  end)

  it("that wants a client certificate gets it, as texts or objects, under both versions", function()
    local certificate, key = httpclient.X509Certificate.new(), httpclient.CryptoKey.new()
    certificate:load_from_string(certs.client.cert)
    key:load_from_string(certs.client.key)
    for _, version in ipairs({ "1.2", "1.3" }) do
      for _, identity in ipairs({ { certificate, key },
        { certs.client.cert, certs.client.key } }) do
        local outcome = ask("private", { certificate = identity[1], private_key = identity[2],
          max_version = version })
        assert.equal(200, outcome.code, outcome.message)
        assert.truthy(outcome.body:find("CN=spec client", 1, true), outcome.body)
      end
    end
  end)

  it("that wants another client certificate says so", function()
    for _, version in ipairs({ "1.2", "1.3" }) do
      local outcome = ask("private", { max_version = version })
      assert.equal(400, outcome.code)
      assert.truthy(outcome.body:find("No required SSL certificate", 1, true), outcome.body)
      outcome = ask("private",
        { certificate = certs.other_client.cert, private_key = certs.other_client.key,
        max_version = version })
      assert.equal(400, outcome.code)
    end
  end)

  for _, version in ipairs({ "1.2", "1.3" }) do
    describe("over TLS " .. version, function()
      local function reused(options, host, name)
        local outcome = support.get(server:port(name or "any"), "/",
          { host = host or "localhost", tls = options })
        assert.equal(200, outcome.code, outcome.message)
        return outcome.body:match(" ([r.]) ") == "r"
      end

      it("resumes sessions of the same options, not of others", function()
        local options = tls.trusting(nil, { max_version = version })
        assert.is_false(reused(options))
        assert.is_true(reused(options))
        assert.is_true(reused(options))
        assert.is_false(reused(tls.trusting(nil, { max_version = version })))
      end)

      it("resumes no session of another host or port", function()
        local options = tls.trusting(nil, { max_version = version })
        assert.is_false(reused(options))
        assert.is_false(reused(options, "127.0.0.1"))
        assert.is_true(reused(options))
      end)

      it("resumes for the unsafe forms, too", function()
        local options = TLSOptions.client_unsafe(nil, { max_version = version })
        assert.is_false(reused(options))
        assert.is_true(reused(options))
      end)

      it("resumes nothing where revocation is looked at", function()
        local options = tls.trusting(nil, { max_version = version, crl_file = certs.file(
          certs.crl_text("empty") .. certs.crl({ issuer = certs.intermediate })) })
        assert.is_false(reused(options))
        assert.is_false(reused(options))
      end)
    end)
  end

  it("resumes for the options that go without saying, while the store is the same", function()
    local before = os.getenv("SSL_CERT_FILE")
    native.setenv("SSL_CERT_FILE", certs.ca.cert_file)
    finally(function()
      if before then native.setenv("SSL_CERT_FILE",
        before) else native.unsetenv("SSL_CERT_FILE") end
    end)
    local function reused()
      local outcome = support.get(server:port("new"), "/", { host = "localhost", tls = true })
      assert.equal(200, outcome.code, outcome.message)
      return outcome.body:match(" ([r.]) ") == "r"
    end
    assert.is_false(reused())
    assert.is_true(reused())
    native.setenv("SSL_CERT_FILE", certs.file(certs.other_ca.cert .. certs.ca.cert))
    assert.is_false(reused())
    native.setenv("SSL_CERT_FILE", certs.other_ca.cert_file)
    local outcome = support.get(server:port("new"), "/", { host = "localhost", tls = true })
    assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
  end)
end)

describe("sessions", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    -- One context behind every port: it would take any of its sessions.
    local function world()
      local context = native.tls_context(certs.localhost.tls({ max = version }))
      return function(options, listener, exchange)
        local client, conn, outcome = tls.connect({ tls = options, server = context,
          listener = listener })
        if exchange ~= false then
          assert.equal("hello", tls.exchange(client, conn))
        end
        client:close()
        conn:close()
        return outcome.info.reused
      end
    end

    it("are not offered to another port, TLS " .. version, function()
      local first, second = assert(native.listen({})), assert(native.listen({}))
      local reused, options = world(), tls.trusting()
      assert.is_false(reused(options, first))
      assert.is_false(reused(options, second))
      assert.is_true(reused(options, first))
      assert.is_true(reused(options, second))
      first:close()
      second:close()
    end)

    it("are not offered to another name, TLS " .. version, function()
      local listener = assert(native.listen({}))
      local context = native.tls_context(certs.localhost.tls({ max = version }))
      local options = tls.trusting()
      for i, host in ipairs({ "localhost", "127.0.0.1", "localhost", "127.0.0.1" }) do
        local client, conn, outcome = tls.connect({ host = host, tls = options, server = context,
          listener = listener })
        assert.equal("hello", tls.exchange(client, conn))
        assert.equal(i > 2, outcome.info.reused)
        client:close()
        conn:close()
      end
      listener:close()
    end)

    it("do not outlive the server's memory of them, TLS " .. version, function()
      local listener = assert(native.listen({}))
      local options = tls.trusting()
      assert.is_false(world()(options, listener))
      assert.is_false(world()(options, listener))
      listener:close()
    end)

    it("are verified again, a resumed one tells the certificate, TLS " .. version, function()
      local listener = assert(native.listen({}))
      local context = native.tls_context(certs.localhost.tls({ max = version,
        alpn = { "http/1.1" } }))
      local options = tls.trusting(nil,
        { alpn = { "http/1.1" }, pinned_keys = { certs.localhost.pin } })
      for round = 1, 2 do
        local client, conn, outcome = tls.connect({ tls = options, server = context,
          listener = listener })
        assert.equal("hello", tls.exchange(client, conn))
        assert.equal(round == 2, outcome.info.reused)
        assert.equal(certs.localhost.cert, client:get_peer_certificate().pem)
        assert.equal("http/1.1", client:get_alpn())
        client:close()
        conn:close()
      end
      listener:close()
    end)
  end
end)

describe("alpn", function()
  -- Offered, the server's, agreed on.
  local cases = {
    { { "http/1.1" }, { "h2", "http/1.1" }, "http/1.1" },
    { { "x", "http/1.1" }, { "http/1.1", "x" }, "http/1.1" },
    { { "x" }, { "http/1.1" }, "" },
    { { "http/1.1" }, {}, "" },
    { nil, { "h2", "http/1.1" }, "http/1.1" }, -- what http_version offers of itself
    { nil, {}, "" },
  }
  for i, case in ipairs(cases) do
    for _, version in ipairs({ "1.2", "1.3" }) do
      it(("agrees on '%s', case %d, TLS %s"):format(case[3], i, version), function()
        local client, conn, outcome = tls.connect({ tls = tls.trusting(nil, { alpn = case[1] }),
          server = certs.localhost.tls({ alpn = case[2], max = version }) })
        finally(function() tls.close(outcome) end)
        assert.equal(case[3], client:get_alpn() or "")
        assert.equal(case[3], conn:alpn())
      end)
    end
  end
end)

describe("old versions", function()
  for _, version in ipairs({ "1.0", "1.1" }) do
    it(("are refused unless asked for, TLS %s"):format(version), function()
      local server = certs.localhost_rsa.tls({ min = version, max = version })
      local outcome = tls.attempt({ tls = tls.trusting(), server = server })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
      assert.truthy(outcome.last_message:find("version", 1, true), outcome.last_message)
      tls.close(outcome)
      outcome = tls.attempt({ tls = tls.trusting(nil, { min_version = version }), server = server })
      assert.equal("STATUS_CONNECTED", outcome.status, outcome.last_message)
      assert.equal("TLSv" .. version:gsub("^1%.0$", "1"), outcome.client:get_tls_version())
      assert.equal("hello", tls.exchange(outcome.client, outcome.conn))
      tls.close(outcome)
    end)

    it(("bring back no weak keys and no servers without a certificate, TLS %s"):format(version),
      function()
      local weak = certs.make({ subject = "localhost", issuer = certs.ca, kind = "rsa", bits = 768,
        names = "DNS:localhost" })
      local options = tls.trusting(nil, { min_version = version })
      local outcome = tls.attempt({ tls = options,
        server = weak.tls({ min = version, max = version }) })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
      assert.truthy(outcome.last_message:find("key too weak", 1, true), outcome.last_message)
      tls.close(outcome)
      outcome = tls.attempt({ tls = options,
        server = { min = version, max = version, ciphers = "aNULL:@SECLEVEL=0" } })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
      tls.close(outcome)
      outcome = tls.attempt({ tls = TLSOptions.client_unsafe(nil, { min_version = version }),
        server = { min = version, max = version, ciphers = "aNULL:@SECLEVEL=0" } })
      assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
      tls.close(outcome)
    end)
  end
end)

describe("a server that misses a client certificate", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    it("is quoted with the reason, TLS " .. version, function()
      local outcome = tls.attempt({ tls = tls.trusting(),
        server = certs.localhost.tls({ max = version, ca = certs.ca.cert, verify_client = true }) })
      finally(function() tls.close(outcome) end)
      local client = outcome.client
      -- Under TLS 1.3 the client has shaken hands before the server has looked.
      if client:get_status() == HTTPClient.STATUS_CONNECTED then
        client:request(HTTPClient.METHOD_GET, "/", {})
        support.pump(client, support.is_answered_or_failed)
      end
      local code, message = client:get_last_error()
      assert.equal(Error.ERR_CONNECTION_ERROR, code)
      assert.truthy(message:find("it asked for a client certificate, and none was given", 1, true),
        message)
    end)
  end
end)
