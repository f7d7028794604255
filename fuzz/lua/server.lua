-- server.lua: listeners in this very thread, plain and TLS, that play server and proxy. step()
-- moves every connection as far as it goes without waiting; what is answered is drawn, well or
-- badly formed.
local certs = require("spec.support.certs")
local native = require("spec_native")
local random = require("fuzz.lua.random")

local server = {}

local MOST = 60 -- connections; the oldest is closed

local listeners, conns, free_port

server.gzipped = "\31\139\8\0\0\0\0\0\2\3\203H\205\201\201WH+\173\170R\200\192\202\4\0\173\12U\212!\0\0\0"

local function body()
  return (random.pick({ "x", "0123456789", "\0\r\n", "body " })):rep(random.pick({ 0, 1, 7, 300,
    9000 }))
end

local function head(status, ...)
  return ("HTTP/1.1 %s\r\n%s\r\n"):format(status, table.concat({ ... }, "\r\n")
    .. (select("#", ...) > 0 and "\r\n" or ""))
end

local function chunked(text)
  local parts = {}
  while #text > 0 do
    local size = random.below(#text)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(size, text:sub(1, size))
    text = text:sub(size + 1)
  end
  return table.concat(parts) .. "0\r\n" .. random.pick({ "", "X-Trailer: t\r\n" }) .. "\r\n"
end

local answers = {
  function()
    local text = body()
    return head("200 OK", "Content-Length: " .. #text) .. text
  end,
  function()
    return head("200 OK", "Transfer-Encoding: chunked", "X-A: 1", "x-a: 2") .. chunked(body())
  end,
  function()
    return head("200", "Connection: close") .. body(), "close"
  end,
  function()
    return head("200 OK", "Content-Encoding: gzip", "Content-Length: " .. #server.gzipped)
      .. server.gzipped
  end,
  function()
    return head("200 OK", "Content-Encoding: " .. random.pick({ "gzip", "deflate" }),
      "Content-Length: 40") .. random.bytes(40)
  end,
  function()
    return head(random.pick({ "301 M", "302 F", "303 S", "307 T", "308 P" }), "Content-Length: 0",
      "Location: "
      .. random.pick({ "/", "/other", "http://127.0.0.1:" .. listeners.plain:port() .. "/", "..",
        "http://", "https://[::1", "" }))
  end,
  function()
    return head(random.pick({ "204 No Content", "304 Not Modified", "404 Not Found", "416 Range",
      "503 Busy" }), "Content-Length: 0")
  end,
  function()
    return head("100 Continue") .. head("103 Early", "Link: x")
      .. head("200 OK", "Content-Length: 2") .. "ok"
  end,
  function()
    local text = body()
    return head("206 Partial", "Content-Range: bytes 5-9/10", 'ETag: "a"', "Content-Length: "
      .. #text) .. text
  end,
  function()
    return head("200 OK", "Content-Length: 1000") .. "short", "close"
  end,
  function()
    return head("101 Switching Protocols", "Upgrade: x", "Connection: upgrade") .. "raw"
  end,
  function()
    return random.bytes(random.below(60))
  end,
  function()
    return ("HTTP/1.1 200 OK\r\n" .. ("X-Y: z\r\n"):rep(random.below(600)))
  end,
}

local function answer()
  local text, ending = random.pick(answers)()
  if random.chance(15) then
    text = random.spoiled(text)
  elseif random.chance(5) then
    text = text .. text
  end
  if random.chance(10) then
    ending = random.pick({ "close", "reset", "shutdown" })
  end
  return text, ending
end

function server.open()
  listeners = { plain = assert(native.listen({})), tls = assert(native.listen({})),
    silent = assert(native.blackhole()) }
  local gone = assert(native.listen({}))
  free_port = gone:port()
  gone:close()
  conns = {}
end

function server.close()
  for _, conn in ipairs(conns) do
    conn.conn:close()
  end
  for _, listener in pairs(listeners) do
    listener:close()
  end
  conns = {}
end

-- "plain", "tls", "silent" (connections hang), "refused"
function server.port(kind)
  return kind == "refused" and free_port or listeners[kind]:port()
end

local function close(conn)
  for index, other in ipairs(conns) do
    if other == conn then
      table.remove(conns, index)
    end
  end
  conn.conn:close()
end

function server.close_all()
  while conns[1] do
    close(conns[1])
  end
end

local function take_in(conn, is_tls)
  conns[#conns + 1] = { conn = conn, input = "", output = "", is_shaking = is_tls }
  if is_tls then
    conn:starttls(random.pick({ certs.localhost, certs.localhost,
      certs.expired }).tls(random.chance(30) and { alpn = "http/1.1" } or nil))
  end
  if #conns > MOST then
    close(conns[1])
  end
end

local function accept(name)
  local conn = listeners[name]:accept(0)
  if conn then
    take_in(conn, name == "tls")
  end
end

local function end_connection(conn, ending)
  if ending == "reset" then
    conn.conn:reset()
  elseif ending == "shutdown" then
    conn.conn:shutdown()
    return
  end
  close(conn)
end

local function write(conn)
  local size = random.chance(30) and random.below(200) or #conn.output
  local sent, why = conn.conn:send_some(conn.output:sub(1, size))
  if not sent then
    return close(conn), why
  end
  conn.output = conn.output:sub(sent + 1)
  if conn.output == "" and conn.ending then
    end_connection(conn, conn.ending)
  end
end

local function reply(conn)
  local stop = select(2, conn.input:find("\r\n\r\n", 1, true))
  if not stop then
    return
  end
  local request = conn.input:sub(1, stop)
  conn.input = conn.input:sub(stop + 1)
  if random.chance(8) then
    return -- silence
  elseif request:sub(1, 8) == "CONNECT " and random.chance(80) then
    conn.conn:send_some("HTTP/1.1 200 Fine\r\n\r\n")
    conn.is_shaking = conn.conn:starttls(certs.localhost.tls())
    return
  end
  conn.output, conn.ending = answer()
end

local function move(conn)
  if conn.is_shaking then
    local done = conn.conn:handshake("step")
    if done == nil then
      return close(conn)
    end
    conn.is_shaking = not done
    return
  elseif conn.output ~= "" then
    return write(conn)
  end
  local bytes, why = conn.conn:recv(65536, 0)
  if bytes == "" or (not bytes and why ~= "timeout") then
    return close(conn)
  end
  conn.input = (conn.input .. (bytes or "")):sub(-100000)
  reply(conn)
end

function server.step()
  accept("plain")
  accept("tls")
  for index = #conns, 1, -1 do
    if conns[index] then
      move(conns[index])
    end
  end
end

return server
