-- Apache on a free port, in a temporary folder, as the present user, with pages that ask for credentials:
-- /digest/ and /basic/, user "me", password "se cret"; /open/ asks for none.
--
--   local server = apache.start(); server:url("/digest/page"); server:stop()
local httpclient = require("httpclient")
local native = require("spec_native")
local pipe = require("spec.support.pipe")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local apache = {}

apache.program = ports.find_program("apache2", "httpd")

local MODULES = "/usr/lib/apache2/modules"
local CONFIGURATION = [[
ServerRoot "{{dir}}"
ServerName localhost
PidFile "{{dir}}/pid"
ErrorLog "{{dir}}/error.log"
DefaultRuntimeDir "{{dir}}"
Listen 127.0.0.1:{{port}}
LoadModule mpm_event_module {{modules}}/mod_mpm_event.so
LoadModule authn_core_module {{modules}}/mod_authn_core.so
LoadModule authn_file_module {{modules}}/mod_authn_file.so
LoadModule authz_core_module {{modules}}/mod_authz_core.so
LoadModule authz_user_module {{modules}}/mod_authz_user.so
LoadModule auth_basic_module {{modules}}/mod_auth_basic.so
LoadModule auth_digest_module {{modules}}/mod_auth_digest.so
LoadModule alias_module {{modules}}/mod_alias.so
StartServers 1
ThreadsPerChild 4
MinSpareThreads 1
MaxSpareThreads 4
ServerLimit 1
MaxRequestWorkers 4
DocumentRoot "{{dir}}/www"
<Directory "{{dir}}/www">
  Require all granted
</Directory>
Redirect 307 /digest/moved /digest/page
<Location /digest/>
  AuthType Digest
  AuthName "the realm"
  AuthDigestProvider file
  AuthUserFile "{{dir}}/digest.users"
  AuthDigestNonceLifetime {{lifetime}}
  Require valid-user
</Location>
<Location /basic/>
  AuthType Basic
  AuthName "the realm"
  AuthBasicProvider file
  AuthUserFile "{{dir}}/basic.users"
  Require valid-user
</Location>
]]

-- options.lifetime: seconds that a nonce of the Digest lives
function apache.start(options)
  assert(apache.program, "apache2 is not installed")
  local folder = tempdir.new()
  pipe({ "mkdir", "-p", folder:file("www/digest"), folder:file("www/basic"),
    folder:file("www/open") }, "")
  for _, name in ipairs({ "digest", "basic", "open" }) do
    folder:write("www/" .. name .. "/page", "the page of " .. name)
  end
  local key = httpclient.hex(httpclient.digest("MD5", "me:the realm:se cret"))
  folder:write("digest.users", "me:the realm:" .. key .. "\n")
  local hash = pipe({ "openssl", "passwd", "-apr1", "-stdin" }, "se cret\n")
  folder:write("basic.users", "me:" .. hash .. "\n")
  local known = { dir = folder.path, modules = MODULES,
    lifetime = tostring(options and options.lifetime or 300) }
  local function start(list)
    known.port = tostring(list[1])
    local path = folder:write("apache.conf", (CONFIGURATION:gsub("{{(%l+)}}", known)))
    return assert(native.spawn({ apache.program, "-f", path, "-X" },
      { stdout = folder:file("out"), stderr = folder:file("out") }))
  end
  local process, list = ports.start(1,
    start, function() return tempdir.read(folder:file("out")) end)
  local server = {}
  function server.url(_, path)
    return ("http://127.0.0.1:%d%s"):format(list[1], path)
  end
  function server.stop()
    process:close()
    folder:close()
  end
  return server
end

return apache
