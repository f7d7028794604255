-- Name constraints (RFC 5280 section 4.2.1.10): whom an authority may speak for, whichever library looks.
local certs = require("spec.support.certs")
local tls = require("spec.support.tls")

local function authority(constraints, issuer)
  return certs.make({ subject = "Constrained CA", issuer = issuer, extensions = {
    { "basicConstraints", "critical,CA:TRUE" },
    { "keyUsage", "critical,keyCertSign" },
    { "nameConstraints", constraints },
  } })
end

local function leaf(issuer, names)
  local entry = certs.make({ subject = "leaf", issuer = issuer,
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
  { "permitted;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1" },
  { "permitted;IP:10.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1", PERMITTED },
  { "permitted;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:::1", PERMITTED },
  { "excluded;IP:127.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1", EXCLUDED },
  { "excluded;IP:10.0.0.0/255.0.0.0", "DNS:localhost,IP:127.0.0.1" },
  { "permitted;IP:10.0.0.0/255.0.0.0", "DNS:localhost" },
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
