-- The support of the specs, without the client: what it promises has to hold before anything is measured with it.
local native = require("spec_native")
local certs = require("spec.support.certs")
local nginx = require("spec.support.nginx")
local proxies = require("spec.support.proxy")
local tempdir = require("spec.support.tempdir")

local function run(...)
  local process = assert(native.spawn({ ... }, { stdout = "pipe", stderr = "stdout" }))
  local text = process:read()
  local code = process:wait()
  process:close()
  return code, text
end

describe("certificates", function()
  local function verify_with(entry, ...)
    local command = { "openssl", "verify", "-CAfile", certs.ca.cert_file }
    for _, argument in ipairs({ ... }) do
      command[#command + 1] = argument
    end
    command[#command + 1] = entry.cert_file
    return run((unpack or table.unpack)(command))
  end
  it("are right where they should be", function()
    for _, name in ipairs({ "localhost", "localhost_rsa", "wrong_host", "wildcard", "ip_only",
      "cn_only", "revoked" }) do
      assert.equal(0, (verify_with(certs[name], "-purpose", "sslserver")), name)
    end
    assert.equal(0,
      (verify_with(certs.via_intermediate, "-untrusted", certs.intermediate.cert_file)))
    assert.equal(0, (verify_with(certs.client, "-purpose", "sslclient")))
  end)
  it("are wrong as their name says", function()
    local faults = {
      expired = "certificate has expired", not_yet_valid = "certificate is not yet valid",
      self_signed = "self%-?.?signed certificate",
      unknown_root = "unable to get local issuer certificate",
      missing_intermediate = "unable to get local issuer certificate",
      client_purpose = "unsuitable certificate purpose",
    }
    for name, fault in pairs(faults) do
      local code, text = verify_with(certs[name], "-purpose", "sslserver")
      assert.are_not.equal(0, code, name)
      assert.truthy(text:find(fault), name .. ": " .. text)
    end
  end)
  it("are named as they should be", function()
    local function accepts(entry, ...)
      return (verify_with(entry, ...)) == 0
    end
    assert.is_true(accepts(certs.localhost, "-verify_hostname", "localhost"))
    assert.is_true(accepts(certs.localhost, "-verify_ip", "127.0.0.1"))
    assert.is_false(accepts(certs.wrong_host, "-verify_hostname", "localhost"))
    assert.is_true(accepts(certs.wildcard, "-verify_hostname", "www.example.test"))
    assert.is_false(accepts(certs.ip_only, "-verify_hostname", "localhost"))
  end)
  it("are revoked by lists", function()
    local function revocation(entry, list)
      local path = certs.crl_file(list)
      return verify_with(entry, "-crl_check", "-CRLfile", path)
    end
    assert.equal(0, (revocation(certs.localhost, "good")))
    assert.equal(0, (revocation(certs.revoked, "empty")))
    assert.truthy(select(2, revocation(certs.revoked, "good")):find("certificate revoked"))
    assert.truthy(select(2, revocation(certs.localhost, "expired")):find("CRL has expired"))
    assert.truthy(select(2,
      revocation(certs.localhost, "other")):find("unable to get certificate CRL"))
  end)
  it("have OCSP responses", function()
    local folder = tempdir.new()
    local function check(kind)
      local path = folder:write(kind .. ".der", certs.ocsp(certs.localhost, kind))
      local _, text = run("openssl", "ocsp", "-issuer", certs.ca.cert_file, "-cert",
        certs.localhost.cert_file, "-respin",
        path, "-CAfile", certs.ca.cert_file, "-no_nonce")
      return text
    end
    assert.truthy(check("good"):find("Response verify OK.*: good"))
    assert.truthy(check("delegated"):find("Response verify OK.*: good"))
    assert.truthy(check("revoked"):find("Response verify OK.*: revoked"))
    assert.truthy(check("expired"):find("status expired"))
    assert.truthy(check("wrong_signer"):find("Verify Failure"))
    assert.truthy(check("unknown_signer"):find("Verify Failure"))
    assert.truthy(check("try_later"):find("trylater"))
    folder:close()
  end)
  it("have pins as curl writes them", function()
    local _, text = run("sh", "-c", "openssl x509 -in " .. certs.localhost.cert_file
      .. " -pubkey -noout | " ..
      "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl enc -base64")
    assert.equal("sha256/" .. text:gsub("%s", ""), certs.localhost.pin)
  end)
end)

local function raw_get(port, request)
  local conn = assert(native.connect({ port = port }))
  conn:send(request)
  local answer = assert(conn:recv_all())
  conn:close()
  return answer
end

describe("nginx", function()
  if not nginx.program then
    pending("is not installed")
    return
  end
  it("answers, plain and over TLS", function()
    local server = nginx.start({
      plain = nginx.common, backend = nginx.backend,
      secure = { tls = certs.localhost, protocols = "TLSv1.2",
        body = "location / { return 200 '$ssl_protocol'; }" },
    }, { files = { ["file.txt"] = "from a file" } })
    local function get(path, more)
      return raw_get(server:port("plain"), "GET " .. path
        .. " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" .. (more or "") .. "\r\n")
    end
    assert.truthy(get("/hello"):find("^HTTP/1.1 200 OK\r\n.*\r\n\r\nhello$"))
    assert.truthy(get("/file.txt"):find("\r\n\r\nfrom a file$"))
    assert.truthy(get("/chunked", "Accept-Encoding: gzip\r\n"):find("Transfer%-Encoding: chunked"))
    assert.truthy(get("/empty"):find("^HTTP/1.1 204"))
    local conn = assert(native.connect({ port = server:port("secure") }))
    assert(conn:starttls({ client = true, ca = certs.ca.cert }, "localhost"))
    assert(conn:handshake())
    conn:send("GET / HTTP/1.0\r\n\r\n")
    assert.truthy(conn:recv_all():find("\r\n\r\nTLSv1.2$"))
    conn:close()
    local port = server:port("plain")
    server:stop()
    assert.falsy(native.connect({ port = port }))
  end)
end)

describe("proxies", function()
  for _, name in ipairs({ "tinyproxy", "squid" }) do
    if not proxies.has(name) then
      pending(name .. " is not installed")
    else
      it(name .. " forwards for those with credentials alone", function()
        local target = native.script({
          { "accept" }, { "recv_until", "\r\n\r\n" },
          { "send", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood" },
          { "close" },
        })
        local proxy = proxies[name]({ user = "user", password = "pass" })
        local request = ("GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%%s\r\n"):format(
          target:port(), target:port())
        assert.truthy(raw_get(proxy:port(), request:format("")):find("^HTTP/1.. 407"))
        assert.truthy(raw_get(proxy:port(),
          request:format("Proxy-Authorization: Basic dXNlcjp3cm9uZw==\r\n")):find("^HTTP/1.. 40[17]"))
        assert.truthy(raw_get(proxy:port(),
          request:format("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n")):find("good$"))
        proxy:stop()
        target:stop()
      end)
      it(name .. " tunnels", function()
        local target = native.script({ { "accept" }, { "recv_until", "\n" }, { "send", "pong" },
          { "close" } })
        local proxy = proxies[name]()
        local conn = assert(native.connect({ port = proxy:port() }))
        conn:send(("CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(target:port(), target:port()))
        local head = conn:recv_until("\r\n\r\n")
        if name == "tinyproxy" then
          assert.truthy(head:find("^HTTP/1.. 200"), head)
          conn:send("ping\n")
          assert.equal("pong", conn:recv_all())
        else
          -- Its own list of ports for tunnels is not used here.
          assert.truthy(head:find("^HTTP/1.. 200"), head)
        end
        conn:close()
        proxy:stop()
        target:stop()
      end)
    end
  end
end)

describe("processes", function()
  it("give their output and their code", function()
    local process = assert(native.spawn({ "sh", "-c", "cat; echo $SPEC_VALUE; exit 3" },
      { stdin = "pipe", stdout = "pipe", env = { SPEC_VALUE = "set" } }))
    assert.is_true(process:write("in "))
    process:close_stdin()
    assert.equal("in set\n", process:read())
    assert.equal(3, process:wait())
    process:close()
  end)
  it("are ended by signals", function()
    local process = assert(native.spawn({ "sleep", "100" }))
    assert.equal("timeout", select(2, process:wait(0)))
    assert.is_true(process:running())
    process:kill(15)
    assert.equal(-15, process:wait())
    process:close()
    local none = native.spawn({ "/no/such/program" })
    if none then -- under valgrind, whose vfork is a fork, only the child knows
      assert.equal(127, none:wait())
      none:close()
    end
  end)
  it("see the environment that was set here", function()
    native.setenv("SPEC_VALUE", "from here")
    local _, text = run("sh", "-c", "echo $SPEC_VALUE")
    assert.equal("from here\n", text)
    native.unsetenv("SPEC_VALUE")
    assert.is_nil(os.getenv("SPEC_VALUE"))
  end)
end)

describe("the system", function()
  it("counts descriptors", function()
    local before, why = native.fd_count()
    if not before then
      pending(why)
      return
    end
    local listener = native.listen({})
    assert.equal(before + 1, native.fd_count())
    listener:close()
    assert.equal(before, native.fd_count())
  end)
  it("limits them", function()
    local before = native.rlimit_nofile(native.fd_count() + 4)
    local list, why = {}, nil
    for _ = 1, 20 do
      local listener
      listener, why = native.listen({})
      list[#list + 1] = listener
      if not listener then
        break
      end
    end
    native.rlimit_nofile(before)
    for _, listener in ipairs(list) do
      listener:close()
    end
    assert.truthy(why and why:find("Too many open files"), why)
  end)
  it("measures time and memory", function()
    local begin, busy = native.monotonic(), native.cputime()
    native.sleep(0.01)
    assert.is_true(native.monotonic() - begin >= 0.01)
    assert.is_true(native.cputime() - busy < 5)
    assert.is_true(native.resident_memory() > 100000)
    assert.is_true(native.rusage().maxrss > 0)
  end)
  it("removes temporary folders", function()
    local folder = tempdir.new()
    local path = folder:write("file", "text")
    assert.equal("text", tempdir.read(path))
    folder:close()
    assert.is_nil((io.open(path)))
  end)
end)
