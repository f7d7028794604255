-- A large download and upload over a bad line, compared byte for byte on the other side. The line
-- is the kernel's (the caller has made it so), or a relay in this thread that holds bytes back,
-- cuts them to pieces, and lets only so many through.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local HTTPClient = httpclient.HTTPClient

local line = {}

-- --- what is sent

local PERIOD = 999983 -- a prime: no buffer's size hides a block that is lost or comes twice

local function new_block()
  local parts, state = {}, 1
  for i = 1, PERIOD do
    state = state * 48271 % 2147483647
    parts[i] = string.char(state % 256)
  end
  return table.concat(parts)
end

-- The bytes from `at` (0: the first) on, `size` of them.
local function stretch(block, at, size)
  local parts = {}
  while size > 0 do
    local from = at % PERIOD
    local piece = block:sub(from + 1, math.min(PERIOD, from + size))
    parts[#parts + 1] = piece
    at, size = at + #piece, size - #piece
  end
  return table.concat(parts)
end

-- Takes pieces and compares each with what belongs there.
local function new_checker(block)
  local checker = { size = 0 }
  function checker.take(bytes)
    if bytes ~= stretch(block, checker.size, #bytes) then
      error(("wrong bytes between %d and %d"):format(checker.size, checker.size + #bytes), 2)
    end
    checker.size = checker.size + #bytes
  end
  return checker
end

-- --- the relay

local QUEUE = 262144 -- bytes that the relay holds, at most, each way

-- One way. quality: piece, the greatest size of what it sends at once; delay and jitter, seconds; rate, bytes a second;
-- gather, seconds for which it collects before it lets anything go.
local function new_way(from, to, quality, chance)
  local queue, first, last, held, due = {}, 1, 0, 0, 0
  local way = { is_over = false }

  local function take_in(now)
    local bytes = held < QUEUE and from:recv(QUEUE - held, 0)
    if bytes == "" then way.ended = true end
    if not bytes or bytes == "" then return false end
    local at = 1
    while at <= #bytes do
      local size = math.min(#bytes - at + 1, 1 + chance(quality.piece or 65536))
      local leaves = now + (quality.delay or 0) + chance(1000) / 1000 * (quality.jitter or 0)
      if quality.gather then leaves = math.ceil(leaves / quality.gather) * quality.gather end
      due = math.max(due, leaves)
      if quality.rate then due = due + size / quality.rate end
      last = last + 1
      queue[last] = { due = due, bytes = bytes:sub(at, at + size - 1) }
      at = at + size
    end
    held = held + #bytes
    return true
  end

  local function let_out(now)
    local moved = false
    while queue[first] and queue[first].due <= now do
      local entry = queue[first]
      local sent = to:send_some(entry.bytes) or #entry.bytes -- nobody is there any more
      held = held - sent
      if sent < #entry.bytes then
        entry.bytes = entry.bytes:sub(sent + 1)
        return sent > 0
      end
      queue[first], first, moved = nil, first + 1, true
    end
    if first > last and way.ended and not way.is_over then
      to:shutdown()
      way.is_over = true
    end
    return moved
  end

  function way.step(now)
    local taken = take_in(now)
    return let_out(now) or taken
  end
  return way
end

local function new_chance()
  local state = 4711
  return function(below)
    state = state * 48271 % 2147483647
    return state % below
  end
end

-- Between a client that is connecting to `front` and a listener. -> step(), close()
local function new_relay(front, client, port, quality)
  local near = support.accept(front, client)
  local far = assert(native.connect({ port = port }))
  local chance = new_chance()
  local up, down = new_way(near, far, quality, chance), new_way(far, near, quality, chance)
  return function()
    local now = native.monotonic()
    local moved = up.step(now)
    return down.step(now) or moved
  end, function()
    near:close()
    far:close()
  end
end

-- --- the exchanges

-- The server's side of the connection: it takes the upload in and sends the download. -> step();
-- state.taken, state.sent
local function new_server(conn, block, size, secure)
  local state = { taken = new_checker(block), sent = 0, head = nil }
  local out = ""
  local function step()
    if secure and not conn:handshake_done() then
      assert(conn:handshake("step") ~= nil)
      return false
    end
    if not state.head then
      state.head = conn:recv_until("\r\n\r\n", 0)
      if not state.head then return false end
      state.is_upload = state.head:find("^POST") ~= nil
    end
    if state.is_upload and state.taken.size < size then
      local bytes = conn:recv(65536, 0)
      if bytes then state.taken.take(bytes) end
      return bytes ~= nil
    end
    if not state.started then
      state.started = true
      out = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(state.is_upload and 0 or size)
    end
    if out == "" and not state.is_upload and state.sent < size then
      out = stretch(block, state.sent, math.min(65536, size - state.sent))
      state.sent = state.sent + #out
    end
    if out == "" then return false end
    local now = assert(conn:send_some(out))
    out = out:sub(now + 1)
    return now > 0
  end
  return step, state
end

local function body_of(block, size)
  local at = 0
  return function()
    if at == size then return nil end
    local piece = stretch(block, at, math.min(100000, size - at))
    at = at + #piece
    return piece
  end
end

-- Options: size (bytes), upload, secure, quality (of a relay; nil: none), seconds (the limit). -> seconds that it took
function line.transfer(options)
  local block, size = line.block or new_block(), options.size
  line.block = block
  local back = assert(native.listen({}))
  local front = options.quality and assert(native.listen({})) or back
  local client = HTTPClient.new()
  assert(client:connect_to_host("127.0.0.1", front:port(), options.secure and tls.trusting()
    or nil) == 0)
  local relay, close_relay = function() return false end, function() end
  if options.quality then
    relay, close_relay = new_relay(front, client, back:port(), options.quality)
  end
  local conn = support.accept(back, client)
  if options.secure then assert(conn:starttls(certs.localhost.tls())) end
  local serve, server = new_server(conn, block, size, options.secure)
  local taken, before, is_asked = new_checker(block), native.monotonic(), false
  local idle = 0
  repeat
    local moved = serve()
    moved = relay() or moved
    client:poll()
    local status = client:get_status()
    if status == HTTPClient.STATUS_CONNECTED and not is_asked then
      is_asked = true
      support.request(client, options.upload and "POST" or "GET", "/",
        options.upload and { ("Content-Length: %d"):format(size) } or {}, options.upload
          and body_of(block, size) or "")
    elseif status == HTTPClient.STATUS_BODY then
      local chunk = client:read_response_body_chunk()
      taken.take(chunk)
      moved = moved or chunk ~= ""
    elseif status >= HTTPClient.STATUS_CONNECTION_ERROR
      or status == HTTPClient.STATUS_CANT_CONNECT then
      error(select(2, client:get_last_error()))
    end
    idle = moved and 0 or idle + 1
    if idle > 3 then native.sleep(0.0003) end
    assert(native.monotonic() - before < (options.seconds or 60), "it takes too long")
    local is_done = is_asked and client:get_status() == HTTPClient.STATUS_CONNECTED
      and client:has_response()
  until is_done
  assert((options.upload and server.taken or taken).size == size, "not all has come")
  client:close()
  conn:close()
  close_relay()
  front:close()
  back:close()
  return native.monotonic() - before
end

return line
