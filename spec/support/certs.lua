-- Certificates for the specs, made when they are asked for: certs.localhost, certs.expired, certs.ca ... Each has
--
--   cert, key          PEM texts
--   chain              the intermediates to send with it, PEM text or nil
--   cert_file, key_file, chain_file   paths of the same; chain_file holds the certificate, too
--   pin                "sha256/..." of its public key
--   tls(extra)         options for starttls
--
-- Names: ca other_ca intermediate | localhost localhost_rsa via_intermediate missing_intermediate expired not_yet_valid
-- wrong_host wildcard partial_wildcard deep_wildcard tld_wildcard ip_only dns_only cn_only self_signed unknown_root
-- client_purpose ca_as_leaf | client other_client expired_client | revoked ocsp_signer.
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local certs = {}
local day = 86400
local LOCAL = "DNS:localhost,IP:127.0.0.1,IP:::1"

local function authority(path_length)
  return {
    { "basicConstraints", "critical,CA:TRUE"
      .. (path_length and ",pathlen:" .. path_length or "") },
    { "keyUsage", "critical,keyCertSign,cRLSign,digitalSignature" },
    { "subjectKeyIdentifier", "hash" },
  }
end

local function leaf(names, purpose)
  local list = {
    { "basicConstraints", "critical,CA:FALSE" },
    { "keyUsage", "critical,digitalSignature" },
    { "extendedKeyUsage", purpose or "serverAuth" },
  }
  if names then
    list[#list + 1] = { "subjectAltName", names }
  end
  return list
end

-- subject, issuer (another entry; none: self-signed), extensions, key kind, times in seconds from now, chain to send
local recipes = {
  ca = { subject = "Spec Root CA", extensions = authority() },
  other_ca = { subject = "Spec Other Root CA", extensions = authority() },
  intermediate = { subject = "Spec Intermediate CA", issuer = "ca", extensions = authority(0) },
  localhost = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL) },
  localhost_rsa = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL), kind = "rsa" },
  via_intermediate = { subject = "localhost", issuer = "intermediate", extensions = leaf(LOCAL),
    chain = { "intermediate" } },
  missing_intermediate = { subject = "localhost", issuer = "intermediate",
    extensions = leaf(LOCAL) },
  expired = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL), from = -30 * day,
    to = -day },
  not_yet_valid = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL), from = day,
    to = 30 * day },
  wrong_host = { subject = "wrong.test", issuer = "ca",
    extensions = leaf("DNS:wrong.test,DNS:other.test") },
  wildcard = { subject = "wildcard", issuer = "ca", extensions = leaf("DNS:*.example.test") },
  partial_wildcard = { subject = "partial", issuer = "ca",
    extensions = leaf("DNS:f*.example.test") },
  deep_wildcard = { subject = "deep", issuer = "ca", extensions = leaf("DNS:www.*.example.test") },
  tld_wildcard = { subject = "tld", issuer = "ca", extensions = leaf("DNS:*.test") },
  ip_only = { subject = "ip", issuer = "ca", extensions = leaf("IP:127.0.0.1,IP:::1") },
  dns_only = { subject = "dns", issuer = "ca", extensions = leaf("DNS:localhost,DNS:127.0.0.1") },
  cn_only = { subject = "localhost", issuer = "ca", extensions = leaf() },
  self_signed = { subject = "localhost", extensions = leaf(LOCAL) },
  unknown_root = { subject = "localhost", issuer = "other_ca", extensions = leaf(LOCAL) },
  client_purpose = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL, "clientAuth") },
  ca_as_leaf = { subject = "localhost", issuer = "localhost", extensions = leaf(LOCAL) },
  client = { subject = "spec client", issuer = "ca", extensions = leaf(nil, "clientAuth") },
  other_client = { subject = "other client", issuer = "other_ca",
    extensions = leaf(nil, "clientAuth") },
  expired_client = { subject = "spec client", issuer = "ca", extensions = leaf(nil, "clientAuth"),
    from = -30 * day, to = -day },
  revoked = { subject = "localhost", issuer = "ca", extensions = leaf(LOCAL) },
  ocsp_signer = { subject = "Spec OCSP Signer", issuer = "ca",
    extensions = leaf(nil, "OCSPSigning") },
}

local folder, file_count = nil, 0

-- The path of a file that holds the text, for as long as this process lives.
function certs.file(text)
  folder = folder or tempdir.new()
  file_count = file_count + 1
  return folder:write(file_count .. ".pem", text)
end

local lazy = {
  cert_file = function(entry)
    return certs.file(entry.cert)
  end,
  key_file = function(entry)
    return certs.file(entry.key)
  end,
  chain_file = function(entry)
    return certs.file(entry.cert .. (entry.chain or ""))
  end,
  pin = function(entry)
    return native.pin_of(entry.cert)
  end,
}

local entry_meta = {
  __index = function(entry, name)
    local value = lazy[name] and lazy[name](entry)
    rawset(entry, name, value)
    return value
  end,
}

-- A certificate beyond the ones above: the fields of a recipe, `issuer` an entry.
function certs.make(recipe)
  local issuer = recipe.issuer
  local entry = { key = native.make_key(recipe.kind or "ec", recipe.bits) }
  entry.cert = native.make_certificate({
    subject = recipe.subject,
    subject_der = recipe.subject_der,
    key = entry.key,
    issuer = issuer and issuer.cert,
    issuer_key = issuer and issuer.key,
    not_before = recipe.from or -day,
    not_after = recipe.to or 30 * day,
    extensions = recipe.extensions or leaf(recipe.names, recipe.purpose),
    digest = recipe.digest,
  })
  entry.issuer = issuer
  for _, link in ipairs(recipe.chain or {}) do
    entry.chain = (entry.chain or "") .. link.cert
  end
  function entry.tls(extra)
    local options = { cert = entry.cert, key = entry.key, chain = entry.chain }
    for name, value in pairs(extra or {}) do
      options[name] = value
    end
    return options
  end
  return setmetatable(entry, entry_meta)
end

local function from_recipe(recipe)
  local complete = {}
  for name, value in pairs(recipe) do
    complete[name] = value
  end
  complete.issuer = recipe.issuer and certs[recipe.issuer]
  complete.chain = {}
  for i, link in ipairs(recipe.chain or {}) do
    complete.chain[i] = certs[link]
  end
  return certs.make(complete)
end

-- The CRL of an authority: {issuer = certs.ca, revoked = {entry, ...}, from =, to =} -> PEM text
function certs.crl(options)
  local issuer = options.issuer or certs.ca
  local revoked = {}
  for i, entry in ipairs(options.revoked or {}) do
    revoked[i] = entry.cert
  end
  return native.make_crl({
    issuer = issuer.cert,
    issuer_key = issuer.key,
    revoked = revoked,
    last_update = options.from or -day,
    next_update = options.to or 30 * day,
  })
end

local crls = {
  good = function()
    return certs.crl({ revoked = { certs.revoked } })
  end,
  empty = function()
    return certs.crl({})
  end,
  expired = function()
    return certs.crl({ revoked = { certs.revoked }, from = -30 * day, to = -day })
  end,
  other = function()
    return certs.crl({ issuer = certs.other_ca })
  end,
}

-- certs.crl_text("good") and certs.crl_file("good"); good lists certs.revoked, empty nobody, expired is out of date,
-- other comes from another authority.
local crl_texts, crl_files = {}, {}

function certs.crl_text(name)
  crl_texts[name] = crl_texts[name] or crls[name]()
  return crl_texts[name]
end

function certs.crl_file(name)
  crl_files[name] = crl_files[name] or certs.file(certs.crl_text(name))
  return crl_files[name]
end

local ocsp_kinds = {
  good = {},
  revoked = { status = "revoked" },
  unknown = { status = "unknown" },
  expired = { this_update = -30 * day, next_update = -day },
  future = { this_update = day, next_update = 2 * day },
  delegated = { signer = "ocsp_signer" },
  wrong_signer = { signer = "localhost" },
  unknown_signer = { signer = "other_ca" },
  try_later = { failure = 3 },
}

-- The OCSP response (DER) about an entry: a kind of the above, or such a table, for starttls'
-- ocsp_response. `signer` is a name or an entry.
function certs.ocsp(entry, kind)
  local options = type(kind) == "table" and kind
    or assert(ocsp_kinds[kind or "good"], "unknown kind of OCSP response")
  local issuer = entry.issuer or entry
  local signer = type(options.signer) == "string" and certs[options.signer] or options.signer
  return native.make_ocsp({
    cert = entry.cert,
    issuer = issuer.cert,
    signer = signer and signer.cert,
    signer_key = (signer or issuer).key,
    status = options.status,
    this_update = options.this_update,
    next_update = options.next_update,
    failure = options.failure,
  })
end

return setmetatable(certs, {
  __index = function(self, name)
    local recipe = recipes[name]
    if not recipe then
      error("no certificate named " .. tostring(name), 2)
    end
    local entry = from_recipe(recipe)
    rawset(self, name, entry)
    return entry
  end,
})
