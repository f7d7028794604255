-- TLS end to end: who is believed to be the right server, by which name and store, and what is said when he is not.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient
local TLSOptions = httpclient.TLSOptions

local function attempt(options)
  local outcome = tls.attempt(options)
  finally(function() tls.close(outcome) end)
  return outcome
end

local function expect_trusted(outcome)
  assert.equal("STATUS_CONNECTED", outcome.status, outcome.last_message)
  assert.is_nil(outcome.why)
  assert.same({ 0, "" }, { outcome.last_code, outcome.last_message })
end

-- The handshake failed, and poll and get_last_error say so with these words, and go on saying so.
local function expect_refused(outcome, ...)
  assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
  assert.equal(HTTPClient.STATUS_SSL_HANDSHAKE_ERROR, outcome.client:get_status())
  assert.equal(Error.ERR_CONNECTION_ERROR, outcome.code)
  assert.same({ outcome.code, outcome.message }, { outcome.last_code, outcome.last_message })
  for _, words in ipairs({ ... }) do
    assert.truthy(outcome.message:find(words, 1, true), outcome.message)
  end
  assert.same({ outcome.code, outcome.message }, { outcome.client:poll() })
  local code = outcome.client:request(HTTPClient.METHOD_GET, "/", {})
  assert.not_equal(Error.OK, code)
end

-- Runs with SSL_CERT_FILE and SSL_CERT_DIR as given (nil: unset).
local function with_store(file, dir, run)
  local before = { SSL_CERT_FILE = os.getenv("SSL_CERT_FILE"),
    SSL_CERT_DIR = os.getenv("SSL_CERT_DIR") }
  local function set(name, value)
    if value then native.setenv(name, value) else native.unsetenv(name) end
  end
  set("SSL_CERT_FILE", file)
  set("SSL_CERT_DIR", dir)
  local ok, message = pcall(run)
  set("SSL_CERT_FILE", before.SSL_CERT_FILE)
  set("SSL_CERT_DIR", before.SSL_CERT_DIR)
  if not ok then
    error(message, 0)
  end
end

describe("a certificate", function()
  local weak = {}
  local function weak_key()
    weak.key = weak.key
      or certs.make({ subject = "localhost", issuer = certs.ca, kind = "rsa", bits = 768,
      names = "DNS:localhost" })
    return weak.key
  end
  local function weak_digest()
    weak.digest = weak.digest
      or certs.make({ subject = "localhost", issuer = certs.ca, digest = "SHA1",
      names = "DNS:localhost" })
    return weak.digest
  end
  local function not_an_authority()
    return certs.make({ subject = "leaf", issuer = certs.localhost, names = "DNS:localhost",
      chain = { certs.localhost } })
  end

  -- A certificate for localhost below an authority with these extensions.
  local function below(extensions, issuer, chain)
    local authority = certs.make({ subject = "Spec Sub CA", issuer = issuer or certs.ca,
      extensions = extensions })
    return certs.make({ subject = "leaf", issuer = authority, names = "DNS:localhost",
      chain = { authority, chain } })
  end
  local function constrained()
    return below({ { "basicConstraints", "critical,CA:TRUE" },
      { "keyUsage", "critical,keyCertSign" },
      { "nameConstraints", "critical,permitted;DNS:elsewhere.test" } })
  end
  local function too_deep()
    return below({ { "basicConstraints", "critical,CA:TRUE" },
      { "keyUsage", "critical,keyCertSign" } },
      certs.intermediate, certs.intermediate)
  end
  local function no_signer()
    return below({ { "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,cRLSign" } })
  end
  local function expired_authority()
    local day = 86400
    local authority = certs.make({ subject = "Spec Old CA", issuer = certs.ca, from = -9 * day,
      to = -day, extensions = {
      { "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" } } })
    return certs.make({ subject = "leaf", issuer = authority, names = "DNS:localhost",
      chain = { authority } })
  end
  local function unknown_extension()
    return certs.make({ subject = "leaf", issuer = certs.ca,
      extensions = { { "subjectAltName", "DNS:localhost" },
      { "1.2.3.4.5.6", "critical,DER:0500" } } })
  end

  -- What is the matter, the certificate, words of the message (none: it is fine).
  local cases = {
    { "that is in order", "localhost" },
    { "with an RSA key", "localhost_rsa" },
    { "with its intermediate", "via_intermediate" },
    { "without its intermediate", "missing_intermediate", "unable to get local issuer certificate",
      "Spec Intermediate CA" },
    { "that has expired", "expired", "certificate has expired",
      os.date("!%Y-", os.time() - 86400) },
    { "that is not yet valid", "not_yet_valid", "certificate is not yet valid" },
    { "for other hosts", "wrong_host",
      "hostname mismatch: certificate is for wrong.test, other.test, not localhost" },
    { "for addresses only", "ip_only",
      "hostname mismatch: certificate is for 127.0.0.1, ::1, not localhost" },
    { "with the name in the subject only", "cn_only", "hostname mismatch", "CN=localhost" },
    { "of an unknown root", "unknown_root", "unable to get local issuer certificate",
      "Spec Other Root CA" },
    { "that is self-signed", "self_signed", "self-signed certificate" },
    { "for clients", "client_purpose", "purpose" },
    { "signed by what is no authority", not_an_authority, "invalid CA certificate" },
    { "outside its authority's name constraints", constrained, "permitted subtree violation" },
    { "below an authority that may have none below", too_deep, "path length constraint exceeded" },
    { "of an authority that may not sign", no_signer, "invalid CA certificate" },
    { "of an authority that has expired", expired_authority, "certificate has expired",
      "Spec Old CA" },
    { "with a critical extension that nobody knows", unknown_extension,
      "unhandled critical extension" },
    { "with a weak key", weak_key, "key too weak" },
    { "with a weak signature", weak_digest, "digest algorithm too weak" },
  }
  for _, case in ipairs(cases) do
    it((#case > 2 and "is refused " or "is taken ") .. case[1], function()
      local entry = type(case[2]) == "function" and case[2]() or certs[case[2]]
      local outcome = attempt({ tls = tls.trusting(), server = entry.tls({ weak = true }) })
      if #case == 2 then
        expect_trusted(outcome)
      else
        expect_refused(outcome, case[3], case[4])
      end
    end)
  end

  it("is verified under TLS 1.2 just the same", function()
    expect_trusted(attempt({ tls = tls.trusting(), server = certs.localhost.tls({ max = "1.2" }) }))
    expect_refused(attempt({ tls = tls.trusting(), server = certs.expired.tls({ max = "1.2" }) }),
      "has expired")
  end)

  it("can't put control bytes into a message", function()
    local entry = certs.make({ subject = "a\nb\27[31m", issuer = certs.ca, extensions = {
      { "subjectAltName", "DNS:evil\27[2J\13\10forged.test" } } })
    local outcome = attempt({ tls = tls.trusting(), server = entry.tls() })
    expect_refused(outcome, "hostname mismatch")
    assert.is_nil(outcome.message:find("%c"), outcome.message)
    entry = certs.make({ subject = "a\nb\27[31m", issuer = certs.other_ca,
      names = "DNS:localhost" })
    outcome = attempt({ tls = tls.trusting(), server = entry.tls() })
    expect_refused(outcome, "issuer")
    assert.is_nil(outcome.message:find("%c"), outcome.message)
  end)
end)

describe("the name", function()
  -- The certificate's names, the name looked for, whether they match (RFC 9525 section 6.3).
  local cases = {
    { "DNS:*.example.test", "foo.example.test", true },
    { "DNS:*.example.test", "FOO.Example.TEST", true },
    { "DNS:*.example.test", "foo.example.test.", true },
    { "DNS:*.example.test", "example.test", false },
    { "DNS:*.example.test", "a.foo.example.test", false },
    { "DNS:f*.example.test", "foo.example.test", false },
    { "DNS:*o.example.test", "foo.example.test", false },
    { "DNS:f*o.example.test", "foo.example.test", false },
    { "DNS:www.*.example.test", "www.foo.example.test", false },
    { "DNS:*.*.example.test", "a.b.example.test", false },
    { "DNS:*.test", "foo.test", false },
    { "DNS:*", "localhost", false },
    { "DNS:.example.test", "foo.example.test", false },
    { "DNS:*.0.0.1", "127.0.0.1", false },
    { "DNS:127.0.0.1", "127.0.0.1", false },
    { "IP:127.0.0.1", "127.0.0.1", true },
    { "IP:127.0.0.2", "127.0.0.1", false },
    { "IP:::1", "[::1]", true },
    { "IP:::1", "0:0:0::0:1", true },
    { "IP:::2", "::1", false },
    { "DNS:xn--bcher-kva.test", "xn--bcher-kva.test", true },
    { "DNS:*.bcher.test", "xn--bcher-kva.bcher.test", true },
    { "email:localhost@localhost", "localhost", false },
    { "URI:https://localhost/", "localhost", false },
    { "DNS:a.test,DNS:localhost,IP:127.0.0.1", "localhost", true },
  }
  for _, case in ipairs(cases) do
    it(("%s %s %s"):format(case[2], case[3] and "is one of" or "is none of", case[1]), function()
      local entry = certs.make({ subject = case[2], issuer = certs.ca, names = case[1] })
      local outcome = attempt({ tls = tls.trusting(case[2]), server = entry.tls() })
      if case[3] then
        expect_trusted(outcome)
      else
        expect_refused(outcome, "hostname mismatch", "not " .. case[2]:gsub("[%[%]]", ""))
      end
    end)
  end

  -- Host, listener, certificate, the server name that is sent.
  local sent = {
    { "localhost", nil, "localhost", "localhost" },
    { "LocalHost", nil, "localhost", "LocalHost" },
    { "127.0.0.1", nil, "ip_only", "" },
    { "::1", "::1", "ip_only", "" },
    { "[::1]", "::1", "ip_only", "" },
    { "https://[::1]", "::1", "ip_only", "" },
  }
  for _, case in ipairs(sent) do
    it(("%s is verified, and '%s' sent as server name"):format(case[1], case[4]), function()
      local outcome = attempt({ host = case[1], listen = case[2], tls = tls.trusting(),
        server = certs[case[3]].tls() })
      expect_trusted(outcome)
      assert.equal(case[4]:lower(), outcome.info.sni:lower())
    end)
  end

  it("is the override's where there is one, verified and sent", function()
    local outcome = attempt({ tls = tls.trusting("wrong.test"), server = certs.wrong_host.tls() })
    expect_trusted(outcome)
    assert.equal("wrong.test", outcome.info.sni)
    outcome = attempt({ host = "127.0.0.1", tls = tls.trusting("other.test"),
      server = certs.wrong_host.tls() })
    expect_trusted(outcome)
    assert.equal("other.test", outcome.info.sni)
  end)

  it("is not the host's any more where there is an override", function()
    expect_refused(attempt({ tls = tls.trusting("wrong.test"), server = certs.dns_only.tls() }),
      "hostname mismatch: certificate is for localhost, 127.0.0.1, not wrong.test")
  end)

  it("can be an address as override, which is not sent", function()
    local outcome = attempt({ tls = tls.trusting("127.0.0.1"), server = certs.ip_only.tls() })
    expect_trusted(outcome)
    assert.equal("", outcome.info.sni)
    expect_refused(attempt({ tls = tls.trusting("127.0.0.1"), server = certs.dns_only.tls() }),
      "not 127.0.0.1")
    expect_trusted(attempt({ tls = tls.trusting("::1"), server = certs.ip_only.tls() }))
  end)
end)

describe("what is trusted", function()
  it("is the given chain, as object, text, or several in one", function()
    local object = httpclient.X509Certificate.new()
    assert.equal(Error.OK, object:load_from_string(certs.other_ca.cert .. certs.ca.cert))
    for _, chain in ipairs({ certs.ca.cert, object, certs.other_ca.cert .. certs.ca.cert }) do
      expect_trusted(attempt({ tls = TLSOptions.client(chain) }))
    end
  end)

  it("can be an intermediate, or the server's own certificate", function()
    expect_trusted(attempt({ tls = TLSOptions.client(certs.intermediate.cert),
      server = certs.missing_intermediate.tls() }))
    expect_trusted(attempt({ tls = TLSOptions.client(certs.self_signed.cert),
      server = certs.self_signed.tls() }))
    expect_trusted(attempt({ tls = TLSOptions.client(certs.localhost.cert) }))
    expect_refused(attempt({ tls = TLSOptions.client(certs.expired.cert),
      server = certs.expired.tls() }), "expired")
    expect_refused(attempt({ tls = TLSOptions.client(certs.wrong_host.cert),
      server = certs.wrong_host.tls() }),
      "hostname mismatch")
  end)

  it("is not what shares an authority's name only", function()
    local impostor = certs.make({ subject = "Spec Root CA", extensions = {
      { "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" } } })
    local leaf = certs.make({ subject = "localhost", issuer = impostor, names = "DNS:localhost",
      chain = { impostor } })
    local outcome = attempt({ tls = tls.trusting(), server = leaf.tls() })
    expect_refused(outcome)
  end)

  it("is the system's store without a chain, which does not know the specs' authority", function()
    with_store(nil, nil, function()
      expect_refused(attempt({ tls = TLSOptions.client() }),
        "unable to get local issuer certificate", "SSL_CERT_FILE")
      expect_refused(attempt({ args = { true } }), "unable to get local issuer certificate")
      expect_refused(attempt({ args = { true, true } }), "unable to get local issuer certificate")
      expect_refused(attempt({ host = "https://localhost", args = {} }),
        "unable to get local issuer certificate")
    end)
  end)

  it("is what SSL_CERT_FILE names, from the next connection on", function()
    local options = TLSOptions.client()
    with_store(certs.ca.cert_file, nil, function()
      expect_trusted(attempt({ tls = options }))
      expect_trusted(attempt({ args = { true } }))
      expect_trusted(attempt({ host = "https://localhost", args = {} }))
      expect_refused(attempt({ tls = options, server = certs.wrong_host.tls() }),
        "hostname mismatch")
    end)
    with_store(certs.other_ca.cert_file, nil, function()
      expect_refused(attempt({ tls = options }), "unable to get local issuer certificate",
        certs.other_ca.cert_file)
    end)
  end)

  it("is what SSL_CERT_DIR holds", function()
    local folder = tempdir.new()
    finally(function() folder:close() end)
    folder:write("ca.pem", certs.ca.cert)
    local rehash = assert(native.spawn({ "/usr/bin/openssl", "rehash", folder.path }))
    assert.equal(0, rehash:wait())
    with_store("/nonexistent", folder.path, function()
      expect_trusted(attempt({ tls = TLSOptions.client() }))
      expect_refused(attempt({ tls = TLSOptions.client(), server = certs.unknown_root.tls() }),
        "local issuer")
    end)
  end)

  it("is nothing of SSL_CERT_FILE beside a given chain", function()
    with_store(certs.ca.cert_file, nil, function()
      expect_refused(attempt({ tls = TLSOptions.client(certs.other_ca.cert) }),
        "the given trusted chain")
    end)
  end)
end)

describe("the unsafe forms", function()
  local all = { "localhost", "wrong_host", "self_signed", "expired", "unknown_root", "cn_only" }

  it("take any certificate without a chain, and still send the host's name", function()
    for _, name in ipairs(all) do
      local outcome = attempt({ tls = TLSOptions.client_unsafe(), server = certs[name].tls() })
      expect_trusted(outcome)
      assert.equal("localhost", outcome.info.sni)
      expect_trusted(attempt({ args = { true, false }, server = certs[name].tls() }))
      expect_trusted(attempt({ host = "https://localhost", args = { true, false },
        server = certs[name].tls() }))
    end
  end)

  it("check a given chain, but no name", function()
    local options = TLSOptions.client_unsafe(certs.ca.cert)
    for _, name in ipairs({ "localhost", "wrong_host", "cn_only", "ip_only",
      "via_intermediate" }) do
      expect_trusted(attempt({ tls = options, server = certs[name].tls() }))
    end
    expect_refused(attempt({ tls = options, server = certs.unknown_root.tls() }),
      "the given trusted chain")
    expect_refused(attempt({ tls = options, server = certs.self_signed.tls() }),
      "self-signed certificate")
    expect_refused(attempt({ tls = options, server = certs.expired.tls() }),
      "certificate has expired")
    expect_refused(attempt({ tls = options, server = certs.client_purpose.tls() }), "purpose")
  end)
end)

describe("connect_to_host", function()
  it("turns TLS on for an https prefix, whatever its case", function()
    for _, prefix in ipairs({ "https://", "HTTPS://", "hTTpS://" }) do
      for _, args in ipairs({ { tls.trusting() }, { true, false }, { false, false } }) do
        local outcome = attempt({ host = prefix .. "localhost", args = args })
        expect_trusted(outcome)
        assert.equal("localhost", outcome.info.sni)
      end
    end
  end)

  it("refuses http with a wish for TLS", function()
    local client = HTTPClient.new()
    for _, prefix in ipairs({ "http://", "HTTP://" }) do
      for _, args in ipairs({ { true }, { true, false }, { tls.trusting() },
        { TLSOptions.client_unsafe() } }) do
        local code, message = client:connect_to_host(prefix .. "localhost", 443, args[1], args[2])
        assert.equal(Error.ERR_INVALID_PARAMETER, code)
        assert.equal("string", type(message))
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
      end
    end
  end)

  it("works again after a refused server", function()
    local first = attempt({ tls = tls.trusting(), server = certs.expired.tls() })
    expect_refused(first, "expired")
    local second = attempt({ client = first.client, tls = tls.trusting() })
    expect_trusted(second)
    assert.equal("hello", tls.exchange(second.client, second.conn))
  end)

  it("tells what the connection turned out to be, and nothing before and after", function()
    local client, conn, outcome = tls.connect({ tls = tls.trusting(nil,
      { alpn = { "x", "http/1.1" } }),
      server = certs.via_intermediate.tls({ alpn = { "http/1.1" }, max = "1.2" }) })
    finally(function() tls.close(outcome) end)
    assert.equal("TLSv1.2", client:get_tls_version())
    assert.equal(conn:tls_info().cipher, client:get_tls_cipher())
    assert.equal("http/1.1", client:get_alpn())
    local certificate = client:get_peer_certificate()
    assert.truthy(certificate.subject:find("CN=localhost", 1, true))
    assert.truthy(certificate.issuer:find("CN=Spec Intermediate CA", 1, true))
    assert.same({ "localhost", "127.0.0.1", "::1" }, certificate.names)
    assert.equal(certs.via_intermediate.pin, certificate.public_key_pin)
    assert.equal(certs.via_intermediate.cert, certificate.pem)
    assert.truthy(certificate.fingerprint:find("^%x%x:"))
    client:close()
    assert.is_nil((client:get_tls_version()))
    assert.is_nil((client:get_peer_certificate()))
  end)

  it("lets a handshake end early by close, whatever its state", function()
    local listener = assert(native.listen({}))
    finally(function() listener:close() end)
    for rounds = 0, 6 do
      local client = HTTPClient.new()
      assert.equal(Error.OK, client:connect_to_host("localhost", listener:port(), tls.trusting()))
      local conn = support.accept(listener, client)
      assert(conn:starttls(certs.localhost.tls()))
      for _ = 1, rounds do
        client:poll()
        conn:handshake("step")
      end
      if rounds % 2 == 0 then
        client:close()
        assert.equal(HTTPClient.STATUS_DISCONNECTED, client:get_status())
      end
      client = nil -- luacheck: ignore
      collectgarbage()
      conn:close()
    end
  end)
end)
