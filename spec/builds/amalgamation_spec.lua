-- The single files with the TLS library that this build has (make test-mbedtls): gcc, clang and g++ take them, without
-- a warning, and a host of them fetches over TLS.
local certs = require("spec.support.certs")
local native = require("spec_native")
local httpclient = require("httpclient")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local folder = tempdir.new()
teardown(function() folder:close() end)

local WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual "
  .. "-Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror -DHC_WITH_MBEDTLS"
local LUA = "$(pkg-config --cflags lua5.4 | sed 's/-I/-isystem /g')"

local function sh(command, ...)
  return program.run({ "sh", "-c", command:format(...) }, { merge = true, seconds = 300 })
end

local FINE = { code = 0, out = "", err = "" }

describe("the single files with mbedTLS", function()
  setup(function()
    assert.same(FINE, program.run(program.make("amalgamation", "BUILD=" .. folder.path),
      { merge = true }))
  end)

  for _, compiler in ipairs({ "gcc -std=c11", "clang -std=c11", "g++ -x c -std=gnu17" }) do
    it("are taken by " .. compiler .. ", with and without the binding", function()
      if sh("command -v %s", compiler:match("%S+")).code ~= 0 then
        return pending(compiler .. " is not there")
      end
      for _, more in ipairs({ LUA, "-DHC_WITHOUT_LUA" }) do
        assert.same(FINE, sh("cd %s/amalgamation && %s %s %s -fsyntax-only httpclient.c",
          folder.path,
          compiler, WARNINGS, more))
      end
    end)
  end

  -- The last byte of the sealed text is wrong: so the padding is, and all before the last block is the key.
  it("leave nothing of a key in memory that could be opened but for its end", function()
    local key = folder:file("key.der")
    local made = sh([[openssl pkcs8 -topk8 -nocrypt -in %s -outform DER -out %s &&
      openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 1000 -passout pass:word -in %s -outform DER -out %s.sealed]],
      certs.client.key_file, key, certs.client.key_file, key)
    assert.equal(0, made.code, made.out)
    local sealed = tempdir.read(key .. ".sealed")
    sealed = sealed:sub(1, -2) .. string.char((sealed:byte(-1) + 1) % 256)
    local pem = folder:write("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      .. httpclient.base64_encode(sealed):gsub(("."):rep(64), "%0\n")
      .. "\n-----END ENCRYPTED PRIVATE KEY-----\n")
    assert.same(FINE, sh([[cp spec/builds/wiped.c %s/amalgamation && cd %s/amalgamation &&
      cc -std=c11 -Wall -Wextra -Werror -DHC_WITH_MBEDTLS -DHC_WITHOUT_LUA -O0 -pthread wiped.c httpclient.c -o wiped \
        $(pkg-config --libs mbedtls mbedx509 mbedcrypto 2>/dev/null || echo -lmbedtls -lmbedx509 -lmbedcrypto) -lz -ldl &&
      ./wiped %s %s word]],
      folder.path, folder.path, key, pem))
  end)

  it("fetch over TLS in a host that has no OpenSSL", function()
    local here = sh("pwd -P").out:gsub("\n", "")
    assert.same(FINE, sh([[cd %s && mkdir -p include/httpclient &&
      cp amalgamation/httpclient.h include/httpclient &&
      cc -std=c11 %s -DHC_WITHOUT_LUA -O0 -pthread -c amalgamation/httpclient.c -o one.o &&
      cc -std=c11 -Wall -Wextra -Werror -Iinclude %s/examples/embed/get.c one.o -o get -pthread \
        $(pkg-config --libs mbedtls mbedx509 mbedcrypto 2>/dev/null || echo -lmbedtls -lmbedx509 -lmbedcrypto) -lz -ldl]],
      folder.path, WARNINGS, here))
    assert.is_nil(sh("ldd %s/get", folder.path).out:find("libssl", 1, true))
    local server = native.script({ { "accept" }, { "starttls", certs.localhost.tls() },
      { "recv_until", "\r\n\r\n" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
      { "close" } })
    local result = program.run({ folder:file("get"), "https://localhost", tostring(server:port()),
      "/" }, { env = { SSL_CERT_FILE = certs.ca.cert_file } })
    server:stop()
    assert.same({ 0, "hello" }, { result.code, result.out }, result.err)
  end)
end)
