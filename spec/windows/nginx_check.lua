-- What a program on Windows does with a server that is not ours: run under wine by .ci/windows-test against nginx.
--
--   lua nginx_check.lua FOLDER PLAIN_PORT TLS_PORT         SSL_CERT_FILE names the authority
--
-- Prints "N passed, N failed".
local httpclient = require("httpclient")
local folder, plain_port, tls_port = arg[1], arg[2], arg[3]
local plain, secure = "http://127.0.0.1:" .. plain_port, "https://localhost:" .. tls_port
local Error = httpclient.Error
local passed, failed = 0, 0

local function check(name, ok, detail)
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
    print("failed: " .. name .. (detail and (": " .. tostring(detail)) or ""))
  end
end

local function try(name, body)
  local ok, message = pcall(body)
  check(name, ok, message)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

local big = ("0123456789abcdef"):rep(65536) -- 1 MiB, as the server has it

try("a GET", function()
  local response = assert(httpclient.fetch(plain .. "/big"))
  assert(response.status == 200 and response.body == big)
end)

try("HTTP/2 over TLS, trusted by SSL_CERT_FILE", function()
  local response = assert(httpclient.fetch(secure .. "/big"))
  assert(response.body == big)
  assert(response.http_version == "2", response.http_version)
end)

try("HTTP/1.1 over TLS", function()
  local response = assert(httpclient.fetch(secure .. "/big", { http_version = "1.1" }))
  assert(response.body == big and response.http_version == "1.1")
end)

try("a wrong name is refused", function()
  local response, _, code = httpclient.fetch("https://127.0.0.1:" .. tls_port .. "/big")
  assert(not response and code == Error.ERR_CONNECTION_ERROR, code)
end)

try("a pin that is not the server's is refused", function()
  local options = httpclient.TLSOptions.client(nil, nil,
    { pinned_keys = { "sha256/" .. ("A"):rep(43) .. "=" } })
  local response, message = httpclient.fetch(secure .. "/big", { tls_options = options })
  assert(not response and message:find("pin"), message)
end)

try("a name that is not there", function()
  local response, _, code = httpclient.fetch("http://does-not-exist.invalid/")
  assert(not response and code == Error.ERR_CANT_RESOLVE, code)
end)

try("nobody listens", function()
  local response, _, code = httpclient.fetch("http://127.0.0.1:1/")
  assert(not response and code == Error.ERR_CANT_CONNECT, code)
end)

try("an upload from a string, a function and a file", function()
  local file_path = folder .. "/upload"
  write(file_path, big)
  local file = assert(io.open(file_path, "rb"))
  assert(file:read(16))
  local pieces = { "one ", "two ", "three" }
  local bodies = {
    { big, big },
    { file, big:sub(17) },
    { function() return table.remove(pieces, 1) end, "one two three" },
  }
  for i, case in ipairs(bodies) do
    local put = assert(httpclient.fetch(plain .. "/put" .. i, { method = "PUT", body = case[1] }))
    assert(put.ok, put.status)
    assert(httpclient.fetch(plain .. "/put" .. i).body == case[2], i)
  end
  assert(file:seek() == 16, "the script's place in the file has moved")
  file:close()
end)

local name = folder .. "/gr\195\182\195\159e \230\151\165.bin"

try("a download to a path in UTF-8", function()
  assert(httpclient.fetch(plain .. "/big", { download_file = name }))
  local response = assert(httpclient.fetch(plain .. "/put9",
    { method = "PUT", body = "small" }))
  assert(response.ok)
  assert(httpclient.fetch(plain .. "/put9", { download_file = name }))
end)

try("a download that is continued", function()
  local target = folder .. "/resumed"
  local response, _, code = httpclient.fetch(plain .. "/slow",
    { download_file = target, resume = true, timeout = 3 })
  assert(not response and code == Error.ERR_TIMEOUT, code)
  local again = assert(httpclient.fetch(plain .. "/slow",
    { download_file = target, resume = true, timeout = 60 }))
  assert(again.status == 206, again.status)
  assert(read(target) == big)
end)

try("a file that somebody has open is replaced, or the reason is told", function()
  local target = folder .. "/replaced"
  write(target, "old")
  local held = assert(io.open(target, "rb"))
  local response, message = httpclient.fetch(plain .. "/put9", { download_file = target })
  held:close()
  assert(response or message:find("open") or message:find("denied"), message)
  assert(read(target) == (response and "small" or "old"))
end)

try("a body into a script's file", function()
  local client = httpclient.new()
  client.blocking_mode_enabled = true
  assert(client:connect_to_host("127.0.0.1", tonumber(plain_port)) == Error.OK)
  while client:get_status() <= httpclient.HTTPClient.STATUS_CONNECTING do client:poll() end
  assert(client:request(httpclient.HTTPClient.METHOD_GET, "/big") == Error.OK)
  while client:get_status() == httpclient.HTTPClient.STATUS_REQUESTING do client:poll() end
  local file = assert(io.open(folder .. "/sink", "wb"))
  while client:get_status() == httpclient.HTTPClient.STATUS_BODY do
    assert(client:read_response_body_to_file(file))
  end
  assert(file:write("!"))
  file:close()
  client:close()
  assert(read(folder .. "/sink") == big .. "!")
end)

try("a time limit", function()
  local begin = httpclient.monotonic_time()
  local response, _, code = httpclient.fetch(plain .. "/slow", { timeout = 1 })
  assert(not response and code == Error.ERR_TIMEOUT, code)
  assert(httpclient.monotonic_time() - begin < 10)
end)

try("1,000 clients in a Poller", function()
  local poller, done, clients = httpclient.Poller.new(), 0, {}
  for i = 1, 1000 do
    local client = httpclient.new()
    assert(client:connect_to_host("127.0.0.1", tonumber(plain_port)) == Error.OK)
    poller:add(client)
    clients[i] = { client = client, size = 0 }
  end
  local deadline = httpclient.monotonic_time() + 60 * (tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1)
  while done < #clients and httpclient.monotonic_time() < deadline do
    poller:wait(1)
    for _, entry in ipairs(clients) do
      local client, status = entry.client, entry.client:get_status()
      if status == httpclient.HTTPClient.STATUS_CONNECTED and not entry.is_asked then
        entry.is_asked = client:request(httpclient.HTTPClient.METHOD_GET, "/small") == Error.OK
      elseif status == httpclient.HTTPClient.STATUS_BODY then
        entry.size = entry.size + #client:read_response_body_chunk()
      end
      if not entry.is_done and entry.size == 5 then
        entry.is_done, done = true, done + 1
        poller:remove(client)
        client:close()
      end
    end
  end
  assert(done == #clients, done)
end)

try("20 tasks", function()
  local sum = 0
  for _ = 1, 20 do
    httpclient.async(function()
      local body = assert(httpclient.fetch(secure .. "/small")).body
      sum = sum + #body
    end)
  end
  httpclient.run()
  assert(sum == 100, sum)
end)

print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
