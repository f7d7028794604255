-- Name constraints (RFC 5280 section 4.2.1.10): whom an authority may speak for, whichever library looks.
local certs = require("spec.support.certs")
local der = require("spec.support.der")
local tls = require("spec.support.tls")

local function authority(constraints, issuer)
  return certs.make({ subject = "Constrained CA", issuer = issuer, extensions = {
    { "basicConstraints", "critical,CA:TRUE" },
    { "keyUsage", "critical,keyCertSign" },
    { "nameConstraints", constraints },
  } })
end

local function leaf(issuer, names, subject)
  local entry = certs.make({ subject = "leaf", subject_der = subject, issuer = issuer,
    extensions = { { "subjectAltName", names } } })
  return entry
end

local function attempt(trusted, entry)
  local outcome = tls.attempt({ tls = require("httpclient").TLSOptions.client(trusted),
    server = entry.tls() })
  finally(function() tls.close(outcome) end)
  return outcome
end

local PERMITTED, EXCLUDED = "permitted subtree violation", "excluded subtree violation"

-- constraints, names of the server, words of the message (none: it is fine)
local cases = {
  { "permitted;DNS:localhost", "DNS:localhost" },
  { "permitted;DNS:elsewhere.test", "DNS:localhost", PERMITTED },
  { "permitted;DNS:elsewhere.test,permitted;DNS:LOCALHOST", "DNS:localhost" },
  { "permitted;DNS:example.test,permitted;DNS:localhost", "DNS:localhost,DNS:a.b.example.test" },
  { "permitted;DNS:example.test,permitted;DNS:localhost", "DNS:localhost,DNS:badexample.test",
    PERMITTED },
  { "permitted;DNS:example.test,permitted;DNS:localhost", "DNS:localhost,DNS:*.example.test" },
  { "excluded;DNS:localhost", "DNS:localhost", EXCLUDED },
  { "excluded;DNS:elsewhere.test", "DNS:localhost" },
  { "excluded;DNS:elsewhere.test", "DNS:localhost,DNS:www.elsewhere.test", EXCLUDED },
  { "permitted;DNS:localhost,excluded;DNS:localhost", "DNS:localhost", EXCLUDED },
  -- A dot behind it belongs to no name of a certificate: so it permits none, and excludes none.
  { "permitted;DNS:localhost.", "DNS:localhost", PERMITTED },
  { "permitted;DNS:test.,permitted;DNS:localhost", "DNS:localhost,DNS:www.test", PERMITTED },
  { "excluded;DNS:localhost.", "DNS:localhost" },
  { "permitted;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1" },
  { "permitted;IP:10.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1", PERMITTED },
  { "permitted;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:::1", PERMITTED },
  { "excluded;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1", EXCLUDED },
  { "excluded;IP:10.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1" },
  { "permitted;IP:10.0.0.0/255.0.0.0", "DNS:localhost" },
  { "permitted;email:example.test", "DNS:localhost,email:ada@EXAMPLE.test" },
  { "permitted;email:example.test", "DNS:localhost,email:ada@www.example.test", PERMITTED },
  { "permitted;email:.example.test", "DNS:localhost,email:ada@www.example.test" },
  { "permitted;email:.example.test", "DNS:localhost,email:ada@example.test", PERMITTED },
  { "permitted;email:ada@example.test", "DNS:localhost,email:bob@example.test", PERMITTED },
  { "excluded;email:ada@example.test", "DNS:localhost,email:ada@Example.test", EXCLUDED },
}

describe("An authority with name constraints", function()
  for _, critical in ipairs({ "", "critical," }) do
    for _, case in ipairs(cases) do
      it(("that is trusted, %s%s: %s %s"):format(critical, case[1], case[3] and "refuses"
        or "takes",
        case[2]), function()
        local above = authority(critical .. case[1])
        local outcome = attempt(above.cert, leaf(above, case[2]))
        if case[3] then
          tls.expect_error(outcome.client, "STATUS_TLS_HANDSHAKE_ERROR", case[3])
        else
          assert.equal(require("httpclient").HTTPClient.STATUS_CONNECTED,
            outcome.client:get_status())
        end
      end)
    end
  end

  for _, case in ipairs(cases) do
    it(("that the server sends, %s: %s %s"):format(case[1], case[3] and "refuses" or "takes",
      case[2]), function()
      local above = authority(case[1], certs.ca)
      local entry = leaf(above, case[2])
      entry.chain = above.cert
      local outcome = attempt(certs.ca.cert, entry)
      if case[3] then
        tls.expect_error(outcome.client, "STATUS_TLS_HANDSHAKE_ERROR", case[3])
      else
        assert.equal(require("httpclient").HTTPClient.STATUS_CONNECTED, outcome.client:get_status())
      end
    end)
  end
end)

-- --- what is cut off

describe("An authority whose last name constraint is cut off", function()
  for _, case in ipairs({ { 0xA0, "localhost" }, { 0xA1, "elsewhere.test" } }) do
    it(("is refused, behind one of %s that would do"):format(case[2]), function()
      local tree = der.value(0x30, der.value(0x82, case[2]))
      local whole = der.value(0x30, der.value(case[1], tree .. "\48\5"))
      local above = authority("DER:" .. whole:gsub(".", function(c)
        return ("%02x"):format(c:byte())
      end), certs.ca)
      local entry = leaf(above, "DNS:localhost")
      entry.chain = above.cert
      assert.equal(require("httpclient").HTTPClient.STATUS_TLS_HANDSHAKE_ERROR,
        attempt(certs.ca.cert, entry).client:get_status())
    end)
  end
end)

-- --- names of subjects, byte by byte

local SEQUENCE, SET, OID, UTF8, PRINTABLE, T61, BMP, UNIVERSAL, IA5 = 0x30, 0x31, 0x06, 0x0C, 0x13,
  0x14, 0x1E, 0x1C, 0x16
local O, OU, MAIL = "\85\4\10", "\85\4\11", "\42\134\72\134\247\13\1\9\1"

local function attribute(oid, tag, value)
  return der.value(SEQUENCE, der.value(OID, oid), der.value(tag, value))
end

-- Each argument is a part, or a list of those that stand in one.
local function name(...)
  local parts = {}
  for index, part in ipairs({ ... }) do
    parts[index] = der.value(SET, type(part) == "table" and table.concat(part) or part)
  end
  return der.value(SEQUENCE, table.concat(parts))
end

-- Of a directory's names alone.
local function constraint(which, ...)
  local trees = {}
  for index, base in ipairs({ ... }) do
    trees[index] = der.value(SEQUENCE, der.value(0xA4, base))
  end
  local whole = der.value(SEQUENCE,
    der.value(which == "permitted" and 0xA0 or 0xA1, table.concat(trees)))
  return "DER:" .. whole:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

local function wide(text, zeros)
  return (text:gsub(".", ("\0"):rep(zeros) .. "%0"))
end

local EVIL = name(attribute(O, UTF8, "Evil \195\137mile"))
local PAIR = name({ attribute(O, UTF8, "a"), attribute(OU, UTF8, "b") })

-- what is constrained, the server's subject, words of the message (none: it is fine)
local subjects = {
  { "as it is", EVIL, EVIL, true },
  { "with more behind it", EVIL, name(attribute(O, UTF8, "Evil \195\137mile"),
    attribute(OU, UTF8, "x")), true },
  { "with less", name(attribute(O, UTF8, "a"), attribute(OU, UTF8, "b")),
    name(attribute(O, UTF8, "a")), false },
  { "in the other case", name(attribute(O, UTF8, "evil")), name(attribute(O, UTF8, "EVIL")), true },
  { "of another one", name(attribute(O, UTF8, "evil")), name(attribute(O, UTF8, "evi1")), false },
  { "of another kind", name(attribute(O, UTF8, "evil")), name(attribute(OU, UTF8, "evil")), false },
  { "that is PrintableString", name(attribute(O, UTF8, "evil")),
    name(attribute(O, PRINTABLE, "evil")), true },
  { "that is T61String", EVIL, name(attribute(O, T61, "Evil \201mile")), true },
  { "that is BMPString", EVIL,
    name(attribute(O, BMP, wide("Evil ", 1) .. "\0\201" .. wide("mile", 1))), true },
  { "that is UniversalString", EVIL,
    name(attribute(O, UNIVERSAL, wide("Evil ", 3) .. "\0\0\0\201" .. wide("mile", 3))), true },
  { "with other space", EVIL, name(attribute(O, UTF8, "  evil \t \195\137mile ")), true },
  { "with space elsewhere", name(attribute(O, UTF8, "evil")), name(attribute(O, UTF8, "ev il")),
    false },
  { "in any order", PAIR, name({ attribute(OU, UTF8, "b"), attribute(O, UTF8, "a") }), true },
  { "with one more in the part", PAIR, name({ attribute(O, UTF8, "a"), attribute(OU, UTF8, "b"),
    attribute(OU, UTF8, "c") }), false },
}

describe("An authority that constrains a subject", function()
  for _, case in ipairs(subjects) do
    for _, which in ipairs({ "permitted", "excluded" }) do
      local is_fine = (which == "permitted") == case[4]
      it(("%s one %s %s"):format(is_fine and "takes" or "refuses", which, case[1]), function()
        local above = authority(constraint(which, case[2]), certs.ca)
        local entry = leaf(above, "DNS:localhost", case[3])
        entry.chain = above.cert
        local outcome = attempt(certs.ca.cert, entry)
        if is_fine then
          assert.equal(require("httpclient").HTTPClient.STATUS_CONNECTED,
            outcome.client:get_status())
        else
          tls.expect_error(outcome.client, "STATUS_TLS_HANDSHAKE_ERROR",
            which == "permitted" and PERMITTED or EXCLUDED)
        end
      end)
    end
  end

  it("of mail finds the address in the subject", function()
    local above = authority("excluded;email:example.test", certs.ca)
    local entry = leaf(above, "DNS:localhost", name(attribute(MAIL, IA5, "ada@example.test")))
    entry.chain = above.cert
    tls.expect_error(attempt(certs.ca.cert, entry).client, "STATUS_TLS_HANDSHAKE_ERROR", EXCLUDED)
  end)
  it("with more of them than there is time for refuses all", function()
    local trees, names = {}, {}
    for index = 1, 1100 do
      trees[index], names[index] = ("excluded;DNS:x%d"):format(index), ("DNS:%d"):format(index)
    end
    names[#names + 1] = "DNS:localhost"
    local above = authority(table.concat(trees, ","))
    local outcome = attempt(above.cert, leaf(above, table.concat(names, ",")))
    assert.equal(require("httpclient").HTTPClient.STATUS_TLS_HANDSHAKE_ERROR,
      outcome.client:get_status())
  end)
end)
