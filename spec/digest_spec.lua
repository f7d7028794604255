-- Digest access authentication: the texts, by the RFCs' own examples.
local challenges_of = require("httpclient.message.challenges")
local digest = require("httpclient.message.digest")

-- The parameters of "Digest a=b, c="d"" by name.
local function params_of(value)
  return challenges_of({ value })[1].params
end

describe("Digest", function()
  -- RFC 7616 section 3.9 (what it has for SHA-512-256 is made with another hash: here stands what Python's
  -- hashlib makes of the same texts); RFC 2617 section 3.5; RFC 2069 section 2.4
  local dance = 'realm="http-auth@example.org", qop="auth, auth-int", '
    .. 'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    .. 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
  local old = 'realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    .. 'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
  local cases = {
    { "MD5", dance .. ", algorithm=MD5", "Mufasa", "Circle of Life", "/dir/index.html",
      "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec" },
    { "SHA-256", dance .. ", algorithm=SHA-256", "Mufasa", "Circle of Life", "/dir/index.html",
      "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
    -- what Python's hashlib makes of the same texts by section 3.4.2
    { "MD5-sess", dance .. ", algorithm=MD5-sess", "Mufasa", "Circle of Life", "/dir/index.html",
      "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "e783283f46242139c486a698fec7211d" },
    { "SHA-256-sess", dance .. ", algorithm=SHA-256-sess", "Mufasa", "Circle of Life",
      "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
      "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7" },
    { "SHA-512-256", 'realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
      .. 'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", charset=UTF-8, userhash=true, '
      .. 'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDssOS"', "J\195\164s\195\184n Doe",
      "Secret, or not?", "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
      "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c",
      "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b" },
    { "no algorithm", old .. ', qop="auth,auth-int"', "Mufasa", "Circle Of Life", "/dir/index.html",
      "0a4f113b", "6629fae49393a05397450978507c4ef1" },
    { "no qop", old, "Mufasa", "CircleOfLife", "/dir/index.html", "x",
      "1949323746fe6a43ef61f9606e7febea" },
  }
  for _, case in ipairs(cases) do
    it("gives the RFC's answer with " .. case[1], function()
      local session = assert(digest.first({ "Digest " .. case[2] }))
      session.cnonce = case[6]
      local params = params_of(digest.authorization(session, case[3], case[4], "GET", case[5]))
      assert.equal(case[7], params.response)
      assert.equal(case[8] or case[3], params.username)
      assert.equal(case[5], params.uri)
      assert.equal(session.opaque, params.opaque)
      assert.equal(session.has_qop and "00000001" or nil, params.nc)
      assert.equal(case[8] and "true" or nil, params.userhash)
    end)
  end

  it("makes a session's key once, of its first nonce", function()
    -- By the definition, with the numbers of the other examples.
    local httpclient = require("httpclient")
    local function h(text) return httpclient.hex(httpclient.digest("SHA256", text)) end
    local session = digest.first({ 'Digest realm="r", nonce="n1", qop=auth, algorithm=SHA-256-sess' })
    session.cnonce = "c"
    local key = h(h("u:r:p") .. ":n1:c")
    local first = params_of(digest.authorization(session, "u", "p", "PUT", "/x"))
    assert.equal(h(key .. ":n1:00000001:c:auth:" .. h("PUT:/x")), first.response)
    for _, info in ipairs({ 'qop=auth', 'nextnonce=""', 'nextnonce="n1"', 'nextnonce="a\1"' }) do
      digest.take_info(session, info)
      assert.same({ "n1", 1 }, { session.nonce, session.count }, info)
    end
    digest.take_info(session, 'qop=auth, NextNonce="n2"')
    local second = params_of(digest.authorization(session, "u", "p", "PUT", "/x"))
    assert.equal("00000001", second.nc)
    assert.equal("n2", second.nonce)
    assert.equal(h(key .. ":n2:00000001:c:auth:" .. h("PUT:/x")), second.response)
    assert.equal("00000002", params_of(digest.authorization(session, "u", "p", "PUT", "/x")).nc)
  end)

  it("quotes what it repeats, and hashes what is meant", function()
    local session = digest.first({
      [[Digest realm="a \"b\" \\c", nonce="n\"", opaque="o\\", qop="auth"]] })
    assert.equal([[a "b" \c]], session.realm)
    local value = digest.authorization(session, [[u"s\]], "p", "GET", "/")
    assert.truthy(value:find([[realm="a \"b\" \\c"]], 1, true), value)
    assert.truthy(value:find([[username="u\"s\\"]], 1, true), value)
    assert.truthy(value:find([[nonce="n\""]], 1, true), value)
    assert.truthy(value:find([[opaque="o\\"]], 1, true), value)
  end)

  it("writes a name that is not ASCII as the server knows it", function()
    local utf8 = digest.first({ 'Digest realm="r", nonce="n", qop="auth", charset="utf-8"' })
    assert.truthy(digest.authorization(utf8, "J\195\164s\195\184n Doe", "p", "GET", "/")
      :find("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,", 1, true))
    local plain = digest.first({ 'Digest realm="r", nonce="n", qop="auth"' })
    assert.truthy(digest.authorization(plain, "J\195\164", "p", "GET", "/")
      :find('username="J\195\164"', 1, true))
  end)

  it("leaves alone what it can't answer", function()
    for _, text in ipairs({ 'Digest realm="r"', 'Digest nonce="n"', 'Digest realm="r", nonce=""',
      'Digest realm="r", nonce="n", algorithm=SHA-1', 'Digest realm="r", nonce="n", qop="auth-int"',
      'Digest realm="r", nonce="n", nonce="m"', 'Digest realm="r\1", nonce="n"', "Digest abc=",
      'Basic realm="r", nonce="n"' }) do
      assert.is_nil(digest.first({ text }), text)
      assert.is_nil(digest.best({ text }), text)
    end
  end)
end)

describe("Of several Digest challenges", function()
  local function challenge(nonce, algorithm)
    return ('Digest realm="r", nonce="%s", qop="auth", algorithm=%s'):format(nonce, algorithm)
  end
  local list = { challenge("a", "unknown"), challenge("b", "MD5"), challenge("c", "SHA-256"),
    "Basic realm=x", challenge("d", "MD5-sess"), challenge("e", "SHA-512-256-sess"),
    challenge("f", "SHA-512-256"), challenge("g", "SHA-256") }

  it("the first or the best is taken, in one field or in many", function()
    for _, values in ipairs({ list, { table.concat(list, ", ") },
      { table.concat(list, ", ", 1, 3), table.concat(list, ", ", 4) } }) do
      assert.equal("b", digest.first(values).nonce)
      assert.equal("e", digest.best(values).nonce)
    end
    assert.is_nil(digest.first({}))
    assert.is_nil(digest.best({ list[1], list[4] }))
  end)

  it("each is read once", function()
    local cost = require("spec.support.cost")
    local one = challenge("n", "MD5") .. ", "
    for _, take in ipairs({ digest.first, digest.best }) do
      cost.check_linear("a Digest", function(text) take({ text }) end, function(n)
        return one:rep(math.ceil(n / #one)) end)
    end
  end)
end)

describe("A list of challenges", function()
  local function shown(...)
    local names = {}
    for index, challenge in ipairs(challenges_of({ ... })) do
      local params = {}
      for name, text in pairs(challenge.params) do
        params[#params + 1] = name .. "=" .. text
      end
      table.sort(params)
      names[index] = challenge.scheme .. "(" .. (challenge.token68 or table.concat(params, "|"))
        .. ")"
    end
    return table.concat(names, " ")
  end

  it("is read whatever its commas part", function()
    for text, expected in pairs({
      ['Basic realm="a, b", Digest realm="c", nonce=d'] = "basic(realm=a, b) digest(nonce=d|realm=c)",
      ["Negotiate, NTLM abc==, Basic realm=x"] = "negotiate() ntlm(abc==) basic(realm=x)",
      [',, Newauth realm="apps", type=1,title="Login to \\"apps\\"", Basic realm="simple" ,'] =
        'newauth(realm=apps|title=Login to "apps"|type=1) basic(realm=simple)',
      ["Basic"] = "basic()", [""] = "", [" , "] = "",
      ['Digest realm = "x" ,\tnonce =y'] = "digest(nonce=y|realm=x)",
      ["DIGEST REALM=x"] = "digest(realm=x)",
      ['Basic realm="open'] = "basic()", ['realm="x", Basic'] = "",
      ['Basic realm="x" y, Digest nonce=z'] = "basic(realm=x)",
      ['A a="b", =x, C'] = "a(a=b)",
    }) do
      assert.equal(expected, shown(text), text)
    end
    assert.equal("basic(realm=x) digest(nonce=n)", shown("Basic realm=x", "Digest nonce=n"))
  end)

  it("takes no more time than it is long", function()
    local cost = require("spec.support.cost")
    for _, make in ipairs({
      function(n) return ("A "):rep(n) end, function(n) return ("a=b,"):rep(n) end,
      function(n) return 'A b="' .. ("\\"):rep(n) end, function(n) return "A " .. ("b"):rep(n) end,
      function(n) return (" ,"):rep(n) end, function(n) return 'A b="' .. ('c"'):rep(n) end,
      function(n) return "A b" .. (" "):rep(n) end, function(n) return ('A b="c",'):rep(n) end,
    }) do
      cost.check_linear("challenges", function(text) challenges_of({ text }) end, make)
    end
  end)
end)
