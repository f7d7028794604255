-- nginx on free ports, in a temporary folder, as the present user.
--
--   local server = nginx.start({ plain = "location / { return 200 'hello'; }",
--                                secure = { tls = certs.localhost, protocols = "TLSv1.3", body = "..." } })
--   server:port("plain"); server:stop()
--
-- With http2 = true a server speaks HTTP/2 where ALPN agrees on it.
--
-- In a body, {{port:NAME}} is the port of the server NAME and {{dir}} the folder; {{root}} is a folder below it whose
-- files are served where nothing else is said, filled by the option files = {name = text}.
local native = require("spec_native")
local ports = require("spec.support.ports")
local tempdir = require("spec.support.tempdir")

local nginx = {}

nginx.program = ports.find_program("nginx")

-- At both loopbacks: a proxy that looks localhost up may take either.
local addresses = ports.every_loopback() == "::" and { "127.0.0.1", "[::1]" } or { "127.0.0.1" }

local function listen_line(port, is_tls, is_http2)
  local lines = {}
  for i, address in ipairs(addresses) do
    lines[i] = ("listen %s:%d%s%s;"):format(address, port, is_tls and " ssl" or "",
      is_http2 and " http2" or "")
  end
  return table.concat(lines, " ")
end

local function server_block(server, port)
  local lines = { listen_line(port, server.tls, server.http2) }
  if server.tls then
    lines[#lines + 1] = "ssl_certificate " .. server.tls.chain_file .. ";"
    lines[#lines + 1] = "ssl_certificate_key " .. server.tls.key_file .. ";"
    lines[#lines + 1] = "ssl_protocols " .. (server.protocols or "TLSv1.2 TLSv1.3") .. ";"
  end
  if server.client_ca then
    lines[#lines + 1] = "ssl_client_certificate " .. server.client_ca.cert_file .. ";"
    lines[#lines + 1] = "ssl_verify_client on;"
  end
  lines[#lines + 1] = server.body or "location / { root {{root}}; }"
  return "server {\n    " .. table.concat(lines, "\n    ") .. "\n  }"
end

local function configuration(servers, names, port_of, dir)
  local blocks = {}
  for i, name in ipairs(names) do
    blocks[i] = server_block(servers[name], port_of[name])
  end
  local text = ([[
daemon off;
master_process off;
worker_processes 1;
pid {{dir}}/nginx.pid;
error_log {{dir}}/error.log;
events { worker_connections 2048; }
http {
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path {{dir}}/body;
  proxy_temp_path {{dir}}/proxy;
  fastcgi_temp_path {{dir}}/fastcgi;
  uwsgi_temp_path {{dir}}/uwsgi;
  scgi_temp_path {{dir}}/scgi;
  client_max_body_size 0;
  keepalive_requests 100000;
  %s
}
]]):gsub("%%s", function()
    return table.concat(blocks, "\n  ")
  end)
  return (text:gsub("{{([a-z]+):?([%w_]*)}}", function(what, name)
    if what == "port" then
      return tostring(assert(port_of[name], "no server " .. name))
    end
    return what == "root" and dir .. "/www" or dir
  end))
end

local function sorted_names(servers)
  local names = {}
  for name, server in pairs(servers) do
    names[#names + 1] = name
    if type(server) == "string" then
      servers[name] = { body = server }
    end
  end
  table.sort(names)
  return names
end

local function write_files(folder, files)
  assert(native.spawn({ "mkdir", folder:file("www") })):wait()
  for name, text in pairs(files or {}) do
    folder:write("www/" .. name, text)
  end
end

-- servers: name -> body text, or {body =, tls = entry of certs, protocols =, client_ca = entry}. Options: files.
function nginx.start(servers, options)
  assert(nginx.program, "nginx is not installed")
  local folder = tempdir.new()
  local names = sorted_names(servers)
  local port_of = {}
  write_files(folder, options and options.files)
  local function start(list)
    for i, name in ipairs(names) do
      port_of[name] = list[i]
    end
    local path = folder:write("nginx.conf", configuration(servers, names, port_of, folder.path))
    return assert(native.spawn({ nginx.program, "-p", folder.path, "-c", path, "-e",
      folder:file("error.log") },
      { stderr = folder:file("stderr.log") }))
  end
  local function log()
    return tempdir.read(folder:file("stderr.log"))
  end
  local process = ports.start(#names, start, log)
  local server = { folder = folder, process = process }
  function server.port(_, name)
    return assert(port_of[name], "no server " .. tostring(name))
  end
  function server.log()
    return tempdir.read(folder:file("error.log"))
  end
  function server.stop()
    process:close()
    folder:close()
  end
  return server
end

-- A bit of everything: plain, chunked (through a server block that it is a proxy of), closing (no keep-alive), large.
nginx.common = [[
    location = /hello { return 200 'hello'; }
    location = /empty { return 204; }
    location = /redirect { return 302 /hello; }
    location = /chunked { proxy_pass http://127.0.0.1:{{port:backend}}/file; proxy_http_version 1.0; proxy_buffering off; }
    location = /echo { client_body_buffer_size 1m; proxy_pass http://127.0.0.1:{{port:backend}}/length; proxy_set_header X-Length $content_length; }
    location = /closing { keepalive_timeout 0; return 200 'bye'; }
    location / { root {{root}}; }]]

-- Answers without a length to HTTP/1.0, so that what stands in front of it has to chunk.
nginx.backend = [[
    location = /file { gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0; gzip_proxied any; return 200 'backend'; }
    location = /length { return 200 '$http_x_length'; }]]

return nginx
