-- The keys of TLSOptions' `extra` that close a door: pins, revocation lists, stapled OCSP responses; end to end.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local TLSOptions = httpclient.TLSOptions
local day = 86400

-- A handshake with these options against that entry. -> outcome
local function attempt(options, entry, server)
  local outcome = tls.attempt({ tls = options, server = entry.tls(server) })
  finally(function() tls.close(outcome) end)
  return outcome
end

-- `words`: nil, it is trusted; else parts of the message.
local function expect(outcome, words)
  if not words then
    assert.equal("STATUS_CONNECTED", outcome.status, outcome.last_message)
    assert.equal("hello", tls.exchange(outcome.client, outcome.conn))
    return
  end
  assert.equal("STATUS_TLS_HANDSHAKE_ERROR", outcome.status)
  assert.same({ Error.ERR_CONNECTION_ERROR, outcome.message },
    { outcome.code, outcome.last_message })
  for _, part in ipairs(type(words) == "table" and words or { words }) do
    assert.truthy(outcome.message:find(part, 1, true), outcome.message)
  end
end

local versions = { "1.2", "1.3" }

describe("pinned_keys", function()
  local function no_pin() return "sha256/" .. ("A"):rep(43) .. "=" end
  local mismatch = "public key does not match any of the pinned keys"
  -- What is pinned, the pins, the certificate, words of the message.
  local cases = {
    { "the server's key", function() return { certs.via_intermediate.pin } end,
      "via_intermediate" },
    { "the intermediate's key", function() return { certs.intermediate.pin } end,
      "via_intermediate" },
    { "the root's key, which the server does not send", function() return { certs.ca.pin } end,
      "via_intermediate" },
    { "another key", function() return { certs.other_ca.pin } end, "via_intermediate", mismatch },
    { "one key of several",
      function() return { no_pin(), certs.localhost_rsa.pin, certs.localhost.pin } end,
      "localhost" },
    { "none of several", function() return { no_pin(), certs.localhost_rsa.pin } end, "localhost",
      mismatch },
    { "the right key with the wrong name", function() return { certs.wrong_host.pin } end,
      "wrong_host", "hostname mismatch" },
    { "the right key with an unknown authority", function() return { certs.unknown_root.pin } end,
      "unknown_root",
      "local issuer" },
  }
  for _, version in ipairs(versions) do
    for _, case in ipairs(cases) do
      it((case[4] and "refuse " or "take ") .. case[1] .. ", TLS " .. version, function()
        expect(attempt(tls.trusting(nil, { pinned_keys = case[2](), max_version = version }),
          certs[case[3]]), case[4])
      end)
    end
  end

  it("count without any other verification, for the server's own key alone", function()
    local function unsafe(pin) return TLSOptions.client_unsafe(nil, { pinned_keys = { pin } }) end
    expect(attempt(unsafe(certs.self_signed.pin), certs.self_signed))
    expect(attempt(unsafe(certs.wrong_host.pin), certs.wrong_host))
    expect(attempt(unsafe(certs.localhost.pin), certs.self_signed), mismatch)
    -- Anybody can send somebody else's certificate behind his own.
    local decorated = certs.make({ subject = "localhost", names = "DNS:localhost",
      chain = { certs.intermediate } })
    expect(attempt(unsafe(certs.intermediate.pin), decorated), mismatch)
  end)

  it("don't count for a certificate that is sent but leads nowhere", function()
    local decorated = certs.make({ subject = "localhost", issuer = certs.ca,
      names = "DNS:localhost",
      chain = { certs.intermediate } })
    expect(attempt(tls.trusting(nil, { pinned_keys = { certs.intermediate.pin } }), decorated),
      mismatch)
  end)

  it("raise when they are malformed", function()
    local good = certs.localhost.pin
    for _, bad in ipairs({ "", "sha256/", good .. "=", good:sub(1, -2),
      good:gsub("^sha256", "sha1"), good:gsub("^sha256/", ""),
      good:gsub("/", "//", 1) .. "=", good:gsub(".=$", "*="), " " .. good, good .. ";" .. good }) do
      assert.has_error(function() tls.trusting(nil, { pinned_keys = { good, bad } }) end)
    end
    assert.has_error(function() tls.trusting(nil, { pinned_keys = {} }) end)
    assert.has_error(function() tls.trusting(nil, { pinned_keys = good }) end)
    assert.has_error(function() tls.trusting(nil, { pinned_keys = { 5 } }) end)
  end)
end)

describe("crl_file", function()
  local function file(...)
    local parts = {}
    for i, options in ipairs({ ... }) do
      parts[i] = type(options) == "string" and certs.crl_text(options) or certs.crl(options)
    end
    return certs.file(table.concat(parts))
  end
  local revoked_intermediate, under_revoked
  setup(function()
    revoked_intermediate = certs.make({ subject = "Spec Revoked CA", issuer = certs.ca,
      extensions = {
      { "basicConstraints", "critical,CA:TRUE" },
      { "keyUsage", "critical,keyCertSign,cRLSign" } } })
    under_revoked = certs.make({ subject = "localhost", issuer = revoked_intermediate,
      names = "DNS:localhost",
      chain = { revoked_intermediate } })
  end)

  -- What is in the file, how it is made, the certificate, words of the message.
  local cases = {
    { "a list that names nobody", function() return file("empty") end, "localhost" },
    { "a list that names others", function() return file("good") end, "localhost" },
    { "a list that names the server's certificate", function() return file("good") end, "revoked",
      "certificate revoked" },
    { "a list out of date", function() return file("expired") end, "localhost", "CRL has expired" },
    { "a list out of date that names the certificate", function() return file("expired") end,
      "revoked", { "CRL", "expired" } },
    { "a list from tomorrow", function() return file({ from = day, to = 2 * day }) end, "localhost",
      "CRL is not yet valid" },
    { "the list of another authority", function() return file("other") end, "localhost",
      "unable to get certificate CRL" },
    { "lists of several authorities", function() return file("other", "good") end, "localhost" },
    { "lists of several authorities, one naming the certificate",
      function() return file("other", "good") end, "revoked",
      "certificate revoked" },
    { "a new list beside an old one", function() return file("expired", "good") end, "revoked",
      "certificate revoked" },
    { "the root's list alone, under an intermediate", function() return file("good") end,
      "via_intermediate",
      "unable to get certificate CRL" },
    { "the intermediate's list alone", function() return file({ issuer = certs.intermediate }) end,
      "via_intermediate" },
    { "the intermediate's list, naming the certificate",
      function()
        return file({ issuer = certs.intermediate, revoked = { certs.via_intermediate } })
      end, "via_intermediate",
      "certificate revoked" },
    { "the lists of both, the root's naming the intermediate",
      function()
        return file({ revoked = { revoked_intermediate } }, { issuer = revoked_intermediate })
      end,
      function() return under_revoked end, { "certificate revoked", "Spec Revoked CA" } },
    { "the lists of both, the root's out of date",
      function() return file({ from = -2 * day, to = -day }, { issuer = certs.intermediate }) end,
      "via_intermediate",
      "CRL has expired" },
    { "a list that somebody else signed", function()
      local impostor = certs.make({ subject = "Spec Root CA",
        extensions = { { "basicConstraints", "critical,CA:TRUE" } } })
      return certs.file(certs.crl({ issuer = impostor }))
    end, "localhost", "CRL" },
  }
  for _, case in ipairs(cases) do
    it("with " .. case[1] .. (case[4] and " fails" or " is fine"), function()
      local entry = type(case[3]) == "function" and case[3]() or certs[case[3]]
      expect(attempt(tls.trusting(nil, { crl_file = case[2]() }), entry), case[4])
    end)
  end

  it("counts above and below an intermediate certificate that is trusted itself", function()
    local none = file("good", { issuer = certs.intermediate })
    local named = file("good",
      { issuer = certs.intermediate, revoked = { certs.via_intermediate } })
    local above = file({ revoked = { certs.intermediate } }, { issuer = certs.intermediate })
    for _, chain in ipairs({ certs.intermediate.cert, certs.ca.cert .. certs.intermediate.cert }) do
      local function trusting(list) return TLSOptions.client(chain, nil, { crl_file = list }) end
      expect(attempt(trusting(none), certs.via_intermediate))
      expect(attempt(trusting(named), certs.via_intermediate), "certificate revoked")
      expect(attempt(trusting(above), certs.via_intermediate), "certificate revoked")
      expect(attempt(trusting(file("good")), certs.via_intermediate),
        "unable to get certificate CRL")
    end
  end)

  it("works for a chain without a name, and under TLS 1.2", function()
    local extra = { crl_file = file("good"), max_version = "1.2" }
    expect(attempt(TLSOptions.client_unsafe(certs.ca.cert, extra), certs.wrong_host))
    expect(attempt(TLSOptions.client_unsafe(certs.ca.cert, extra), certs.revoked),
      "certificate revoked")
  end)

  it("raises when it can't be read or holds no list", function()
    local bad = {
      ["/nonexistent/crl.pem"] = "/nonexistent/crl.pem", [certs.file("")] = "no CRL",
      [certs.localhost.cert_file] = "no CRL",
      [certs.file("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")] = "malformed",
      ["/"] = "crl_file",
    }
    for path, words in pairs(bad) do
      local ok, message = pcall(TLSOptions.client, certs.ca.cert, nil, { crl_file = path })
      assert.is_false(ok)
      assert.truthy(message:find(words, 1, true), message)
    end
    assert.has_error(function() TLSOptions.client_unsafe(nil, { crl_file = file("good") }) end)
  end)
end)

describe("require_ocsp_stapling", function()
  -- The kind of response (nil: none), the certificate, words of the message.
  local cases = {
    { "good", "localhost" },
    { "good", "localhost_rsa" },
    { "good", "via_intermediate" },
    { "delegated", "localhost" },
    { nil, "localhost", "no stapled OCSP response" },
    { "revoked", "localhost",
      { "OCSP response: certificate is revoked", os.date("!%Y-", os.time() - 3600) } },
    { "unknown", "localhost", "does not know the certificate" },
    { "expired", "localhost", "OCSP response: it has expired" },
    { "future", "localhost", "OCSP response: it is not yet valid" },
    { "wrong_signer", "localhost", "OCSP response: its signature can't be verified" },
    { "unknown_signer", "localhost", "OCSP response: its signature can't be verified" },
    { "try_later", "localhost", "the responder answered only" },
    { "good", "expired", "certificate has expired" },
    { "good", "wrong_host", "hostname mismatch" },
  }
  for _, version in ipairs(versions) do
    for _, case in ipairs(cases) do
      it(("with %s for %s %s, TLS %s"):format(case[1] or "nothing", case[2], case[3] and "fails"
        or "is fine", version),
        function()
          local entry = certs[case[2]]
          local server = { ocsp_response = case[1] and certs.ocsp(entry, case[1]) }
          local options = tls.trusting(nil, { require_ocsp_stapling = true, max_version = version })
          expect(attempt(options, entry, server), case[3])
        end)
    end
  end

  -- What comes in place of the response, its bytes, words of the message.
  local wrong = {
    { "one about another certificate", function() return certs.ocsp(certs.localhost_rsa) end,
      "about another certificate" },
    { "one of another authority", function() return certs.ocsp(certs.unknown_root) end,
      "signature can't be verified" },
    { "rubbish", function() return "rubbish" end, "malformed" },
    { "a response with bytes behind it", function() return certs.ocsp(certs.localhost) .. "x" end,
      "malformed" },
    { "half a response", function() return certs.ocsp(certs.localhost):sub(1, 100) end,
      "malformed" },
    { "a signer without the purpose", function()
      local signer = certs.make({ subject = "Spec Signer", issuer = certs.ca,
        names = "DNS:localhost" })
      return certs.ocsp(certs.localhost, { signer = signer })
    end, "signature can't be verified" },
    { "a signer that another authority named", function()
      local signer = certs.make({ subject = "Spec Signer", issuer = certs.other_ca,
        purpose = "OCSPSigning" })
      return certs.ocsp(certs.localhost, { signer = signer })
    end, "signature can't be verified" },
    { "a signer of an authority below", function()
      local signer = certs.make({ subject = "Spec Signer", issuer = certs.intermediate,
        purpose = "OCSPSigning" })
      return certs.ocsp(certs.localhost, { signer = signer })
    end, "signature can't be verified" },
    { "a signer that has expired", function()
      local signer = certs.make({ subject = "Spec Signer", issuer = certs.ca,
        purpose = "OCSPSigning", from = -3 * day, to = -day })
      return certs.ocsp(certs.localhost, { signer = signer })
    end, "signature can't be verified" },
    { "a signature that is forged", function()
      local bytes = certs.ocsp(certs.localhost, "delegated")
      local at = 150 -- inside what is signed
      return bytes:sub(1, at) .. string.char((bytes:byte(at + 1) + 1) % 256) .. bytes:sub(at + 2)
    end, "OCSP response: " },
  }
  for _, case in ipairs(wrong) do
    it("fails with " .. case[1], function()
      local options = tls.trusting(nil, { require_ocsp_stapling = true })
      expect(attempt(options, certs.localhost, { ocsp_response = case[2]() }), case[3])
    end)
  end

  it("works for a chain without a name, not without a chain", function()
    local options = TLSOptions.client_unsafe(certs.ca.cert, { require_ocsp_stapling = true })
    expect(attempt(options, certs.wrong_host, { ocsp_response = certs.ocsp(certs.wrong_host) }))
    expect(attempt(options, certs.wrong_host), "no stapled OCSP response")
    assert.has_error(function() TLSOptions.client_unsafe(nil, { require_ocsp_stapling = true }) end)
  end)

  it("does not ask for what is not required", function()
    expect(attempt(tls.trusting(), certs.localhost,
      { ocsp_response = certs.ocsp(certs.localhost, "revoked") }))
    expect(attempt(tls.trusting(nil, { require_ocsp_stapling = false }), certs.localhost))
  end)

  it("goes together with pins and lists", function()
    local extra = { require_ocsp_stapling = true, pinned_keys = { certs.localhost.pin },
      crl_file = certs.crl_file("good") }
    expect(attempt(tls.trusting(nil, extra), certs.localhost,
      { ocsp_response = certs.ocsp(certs.localhost) }))
    expect(attempt(tls.trusting(nil, extra), certs.localhost), "no stapled OCSP response")
    extra.pinned_keys = { certs.revoked.pin }
    expect(attempt(tls.trusting(nil, extra), certs.revoked,
      { ocsp_response = certs.ocsp(certs.revoked) }),
      "certificate revoked")
  end)
end)
