-- Whom Windows trusts: a certificate of its store ROOT, unless that is for other purposes alone, or in the store
-- Disallowed, or disabled.
local certs = require("spec.support.certs")
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local SERVERS, PROGRAMS = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3"

-- The stores are read once in a process.
local SCRIPT = [[
local response, why = require("httpclient").fetch(arg[1])
print(response and response.body or why)
]]

local cases = {
  { "is not in it", nil, nil, false },
  { "is in it", "for all", nil, true },
  { "is in it for servers", SERVERS, nil, true },
  { "is in it for signed programs", PROGRAMS, nil, false },
  { "is in it, and disallowed", "for all", "for all", false },
  { "is in it, and has been disabled", "for all", nil, false, -10 },
  { "is in it, and is to be disabled tomorrow", "for all", nil, true, 86400 },
}

describe("An authority of a server, in Windows' store", function()
  if not native.trust then
    it("is trusted", function() pending("this is no Windows") end)
    return
  end

  local function put(name, pem, usage, disabled)
    if not usage then return true end
    local is_kept = native.trust(name, pem, usage ~= "for all" and usage or nil, disabled)
    finally(function() assert.is_true(native.distrust(name, pem)) end)
    return is_kept
  end

  for index, case in ipairs(cases) do
    it(("that %s is %s"):format(case[1], case[4] and "trusted" or "not trusted"), function()
      local name = ("Authority %d at %.6f"):format(index, native.monotonic())
      local authority = certs.make({ subject = name, extensions = {
        { "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" } } })
      local certificate = certs.make({ subject = "localhost", issuer = authority,
        names = "DNS:localhost" })
      if not put("ROOT", authority.cert, case[2], case[5]) then
        pending("this store (wine's) keeps no time since when it is disabled")
        return
      end
      put("Disallowed", authority.cert, case[3])
      local server = assert(native.script({ { "accept" }, { "starttls", certificate.tls() },
        { "recv_until", "\r\n\r\n" },
        { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" }, { "close_notify" },
        { "close" } }))
      finally(function() server:stop() end)
      local folder = tempdir.new()
      finally(function() folder:close() end)
      local out = program.run(program.lua(folder:write("script.lua", SCRIPT),
        "https://localhost:" .. server:port()),
        { env = { SSL_CERT_FILE = false, SSL_CERT_DIR = false } }).out
      assert.equal(case[4], out == "hello\n", out)
      if not case[4] then assert.truthy(out:find("certificate", 1, true), out) end
    end)
  end
end)
