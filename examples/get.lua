-- get.lua: fetches a URL through HTTPClient alone.
--
--   lua examples/get.lua [-o FILE] URL
--
-- The body goes to standard output, or into FILE; progress to standard error when that is a terminal. Redirects are not
-- followed. Exit status: 0 for a 2xx answer, 1 for another one, 2 for a wrong call, 3 when no connection could be made,
-- 4 when the exchange failed, 5 when the output could not be written.
local httpclient = require("httpclient")
local HTTPClient = httpclient.HTTPClient

local progress_is_shown

local function quit(status, message)
  io.stderr:write(progress_is_shown and "\n" or "", "get.lua: ", message, "\n")
  os.exit(status, true)
end

local function parse_arguments()
  local url, output
  local i = 1
  while arg[i] do
    if arg[i] == "-o" then
      output = arg[i + 1] or quit(2, "-o needs a file")
      i = i + 1
    elseif arg[i]:find("^-") then
      quit(2, "unknown option " .. arg[i])
    elseif url then
      quit(2, "one URL, please")
    else
      url = arg[i]
    end
    i = i + 1
  end
  return url or quit(2, "usage: get.lua [-o FILE] URL"), output
end

-- "http://host:port/path?query#fragment" -> "http://host", port or -1, "/path?query"
local function split_url(url)
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme or not (scheme:lower() == "http" or scheme:lower() == "https") then
    quit(2, "only http:// and https:// URLs can be fetched")
  end
  local authority, target = rest:match("^([^/?#]*)([^#]*)")
  local host, port = authority:match("^(%[.*%]):?(%d*)$")
  if not host then
    host, port = authority:match("^([^:]*):?(%d*)$")
  end
  if not host or host == "" then
    quit(2, "the URL has no usable host (user info is not taken here)")
  end
  if target:sub(1, 1) ~= "/" then
    target = "/" .. target
  end
  return scheme .. "://" .. host, tonumber(port) or -1, target
end

local function is_terminal()
  local result = package.config:sub(1, 1) == "/" and os.execute("test -t 2")
  return result == true or result == 0
end

local function connect(client, host, port)
  local code, message = client:connect_to_host(host, port)
  if code ~= 0 then
    quit(2, message)
  end
  while client:get_status() ~= HTTPClient.STATUS_CONNECTED do
    local result, _, reason = client:wait()
    if result ~= 0 then
      quit(3, reason)
    end
  end
end

local function request(client, target)
  local code, message = client:request(HTTPClient.METHOD_GET, target, {})
  if code ~= 0 then
    quit(2, message)
  end
  while client:get_status() == HTTPClient.STATUS_REQUESTING do
    local result, _, reason = client:wait()
    if result ~= 0 then
      quit(4, reason)
    end
  end
end

local function show_progress(client)
  local total = client:get_response_body_length()
  local received = client:get_response_body_received()
  if total > 0 then
    io.stderr:write(("\r%5.1f%% of %.1f MiB"):format(received / total * 100, total / 1048576))
  else
    io.stderr:write(("\r%.1f MiB"):format(received / 1048576))
  end
  progress_is_shown = true
end

-- A file for a response that has no body, too.
local function create(output)
  local file, message = io.open(output, "wb")
  if not file then
    quit(5, message)
  end
  file:close()
end

local function save(client, output)
  local progress, shown = is_terminal(), 0
  if output and client:get_status() ~= HTTPClient.STATUS_BODY then
    create(output)
  end
  while client:get_status() == HTTPClient.STATUS_BODY do
    client:wait() -- at once where something can be read, the end of the body included
    local moved, message, code = client:read_response_body_to_file(output or io.stdout)
    if not moved then
      local is_network = code == httpclient.Error.ERR_CONNECTION_ERROR
        or code == httpclient.Error.ERR_TIMEOUT
      quit(is_network and 4 or 5, message)
    end
    if progress and os.time() ~= shown then
      show_progress(client)
      shown = os.time()
    end
  end
  local code, message = client:get_last_error()
  if code ~= 0 then
    quit(4, message)
  end
  if progress_is_shown then
    show_progress(client)
    io.stderr:write("\n")
  end
  progress_is_shown = false
end

local function judge(client)
  local code = client:get_response_code()
  if code >= 200 and code <= 299 then
    return
  end
  local elsewhere = client:get_response_header("Location")
  quit(1, ("the server answered %d %s%s"):format(code, client:get_response_reason(),
    elsewhere and ", Location: " .. elsewhere or ""))
end

local url, output = parse_arguments()
local client = HTTPClient.new()
local host, port, target = split_url(url)
connect(client, host, port)
request(client, target)
save(client, output)
judge(client)
