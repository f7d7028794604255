-- The server's side of HTTP/2, frame by frame (RFC 9113 section 4.1), in the thread of the spec.
-- What no well-behaved server sends can be sent as well.
--
--   local peer = h2.accept(listener, client)      -- a client with http_version "2"; the preface and SETTINGS are read
--   peer:send(h2.settings({}), h2.headers(1, { { ":status", "200" } }), h2.data(1, "hello", h2.END_STREAM))
--   local frame = peer:await("HEADERS")           -- polls the clients; { type =, flags =, stream =, payload = }
local native = require("spec_native")
local support = require("spec.support.client")

local h2 = { END_STREAM = 1, END_HEADERS = 4, ACK = 1 }

h2.PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

local types = { [0] = "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE",
  "PING", "GOAWAY",
  "WINDOW_UPDATE", "CONTINUATION" }
local numbers = {}
for number = 0, #types do
  numbers[types[number]] = number
end

-- An unsigned number of so many bytes, the most significant first.
local function big_endian(number, size)
  local bytes = {}
  for i = size, 1, -1 do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end
h2.big_endian = big_endian

function h2.number(text)
  local number = 0
  for i = 1, #text do
    number = number * 256 + text:byte(i)
  end
  return number
end

function h2.frame(kind, flags, stream, payload)
  payload = payload or ""
  return big_endian(#payload, 3) .. string.char(numbers[kind] or kind, flags)
    .. big_endian(stream, 4) .. payload
end

-- A length of HPACK's with seven bits in its first byte (RFC 7541 section 5.1).
local function hpack_length(size)
  if size < 127 then return string.char(size) end
  local bytes = { string.char(127) }
  size = size - 127
  while size >= 128 do
    bytes[#bytes + 1] = string.char(size % 128 + 128)
    size = math.floor(size / 128)
  end
  return table.concat(bytes) .. string.char(size)
end

-- Literals without indexing and without Huffman (RFC 7541 section 6.2.2).
function h2.hpack(fields)
  local parts = {}
  for i, field in ipairs(fields) do
    parts[i] = "\0" .. hpack_length(#field[1]) .. field[1] .. hpack_length(#field[2]) .. field[2]
  end
  return table.concat(parts)
end

function h2.settings(values)
  local parts = {}
  for id, value in pairs(values or {}) do
    parts[#parts + 1] = big_endian(id, 2) .. big_endian(value, 4)
  end
  return h2.frame("SETTINGS", 0, 0, table.concat(parts))
end

function h2.headers(stream, fields, flags)
  return h2.frame("HEADERS", (flags or 0) + h2.END_HEADERS, stream, h2.hpack(fields))
end

function h2.data(stream, text, flags) return h2.frame("DATA", flags or 0, stream, text) end
function h2.rst(stream, code) return h2.frame("RST_STREAM", 0, stream, big_endian(code, 4)) end
function h2.window(stream, size)
  return h2.frame("WINDOW_UPDATE", 0, stream, big_endian(size, 4))
end
function h2.goaway(last, code, text)
  return h2.frame("GOAWAY", 0, 0, big_endian(last, 4) .. big_endian(code, 4) .. (text or ""))
end

-- --- the connection

local Peer = {}
Peer.__index = Peer

function Peer:send(...)
  assert(self.conn:send(table.concat({ ... })))
end

-- One byte after the other, the clients polled in between.
function Peer:trickle(bytes)
  for i = 1, #bytes do
    if not self.conn:send(bytes:sub(i, i)) then return end
    self:poll()
  end
end

function Peer:poll()
  for _, client in ipairs(self.clients) do
    client:poll()
  end
end

function Peer:read(size)
  return support.until_true(function()
    self:poll()
    return self.conn:recv_n(size, 0)
  end, nil, function() return "bytes of the client" end)
end

function Peer:frame()
  local head = self:read(9)
  local size = h2.number(head:sub(1, 3))
  return { type = types[head:byte(4)] or head:byte(4), flags = head:byte(5),
    stream = h2.number(head:sub(6, 9)),
    payload = size > 0 and self:read(size) or "" }
end

-- The next frame of that type; acknowledged settings and pings, window updates and what else comes before are kept in
-- `seen`.
function Peer:await(kind)
  while true do
    local frame = self:frame()
    if frame.type == kind then return frame end
    self.seen[#self.seen + 1] = frame
  end
end

function Peer:close() self.conn:close() end

-- A peer that has neither read nor sent anything.
function h2.silent(conn, clients)
  return setmetatable({ conn = conn, clients = clients, seen = {} }, Peer)
end

-- A peer on an accepted connection, the client's introduction read, and ours sent (settings: a table, by number).
function h2.greet(conn, clients, settings)
  local peer = h2.silent(conn, clients)
  peer:send(h2.settings(settings))
  peer.preface = peer:read(#h2.PREFACE)
  peer.settings = peer:await("SETTINGS")
  peer:send(h2.frame("SETTINGS", h2.ACK, 0))
  return peer
end

-- A client that connects to the listener by prior knowledge -> client, peer. Options: client, settings.
function h2.connect(listener, options)
  options = options or {}
  local client = options.client or require("httpclient").HTTPClient.new()
  client.http_version = "2"
  local _, conn = support.connect(listener, { client = client })
  return client, h2.greet(conn, { client }, options.settings)
end

-- --- what specs do again and again

h2.OK = { { ":status", "200" } }

-- action(client, peer) with a connected client; peer:share() gives another client on the
-- connection. All end with the test, whose `finally` is given.
function h2.with_peer(finally, settings, action)
  local listener = assert(native.listen({ host = "127.0.0.1" }))
  local client, peer = h2.connect(listener, { settings = settings })
  local others = {}
  finally(function()
    for _, other in ipairs(others) do other:close() end
    client:close()
    peer:close()
    listener:close()
  end)
  function peer:share()
    local other = assert(client:share_connection())
    others[#others + 1] = other
    self.clients[#self.clients + 1] = other
    return other
  end
  return action(client, peer)
end

-- Sends a request. -> its HEADERS
function h2.ask(client, peer, method, headers, body)
  support.request(client, method, "/", headers, body)
  return peer:await("HEADERS")
end

return h2
