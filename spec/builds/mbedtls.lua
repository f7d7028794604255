-- What a build with mbedTLS can't do as the specs ask for it: spec -> patterns of tests' names. See
-- spec/support/exceptions.lua.
local is_2 = require("httpclient").features().mbedtls:find("^2%.") ~= nil

local lists = {
  ["spec/tls_spec.lua"] = {
    "what the connection turned out to be", -- names of suites are mbedTLS's, too
    "signed by what is no authority$", "may have none below$", "that may not sign$",
    -- refused in other words
    "outside its authority's name constraints$", "that nobody knows$",
  },
  ["spec/tls_options_spec.lua"] = {
    "takes stapling$", "takes protocol names$", -- with a NUL inside
  },
  ["spec/tls_session_spec.lua"] = { "TLS ?v?1%.3", "options that go without saying" },
  ["spec/tls_keylog_spec.lua"] = { "TLS 1%.3$", "others could read is made private$" },
  ["spec/tls_extra_spec.lua"] = { "require_ocsp_stapling" },
  ["spec/tls_wire_spec.lua"] = {
    "what is decrypted already keeps nobody waiting$", -- it reads no record ahead
    "new keys are agreed on", -- of TLS 1.3, which 3 has without this
  },
  ["spec/tls_handshake_spec.lua"] = { "higher security level" },
  ["spec/passphrase_spec.lua"] = { "PKCS#8, scrypt" }, -- which it has not
  ["spec/pkcs12_spec.lua"] = { -- nor that
    "gives certificate and key$", "gives the other certificates too$",
    "gives what TLSOptions take$", "takes an empty passphrase", "says what is wrong$",
    "says that an old algorithm is one$", "hashed for hours, by its",
  },
  -- Keys are written in their traditional form.
  ["spec/x509_spec.lua"] = { "gives back the private key$", "keeps what it held",
    "others can't read$",
    "refuses paths that are none$" },
}

local function add(path, ...)
  lists[path] = lists[path] or {}
  for _, pattern in ipairs({ ... }) do
    table.insert(lists[path], pattern)
  end
end

if is_2 then -- it speaks TLS up to 1.2
  add("spec/tls_session_spec.lua", "between 1%.3", "takes the ciphers that it is offered$")
  add("spec/tls_stream_spec.lua", "TLS in TLS serves requests, TLS 1%.3 in")
  add("spec/tls_handshake_spec.lua", "alerts a version")
else -- it speaks TLS from 1.2, and keeps no sessions of 1.3
  add("spec/tls_options_spec.lua", "takes old versions$")
  add("spec/tls_session_spec.lua", "^old versions .*, TLS 1%.[01]$", "between 1%.0 and 1%.1",
    "misses a client certificate is quoted with the reason")
end
return lists
