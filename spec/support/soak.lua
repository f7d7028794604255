-- A long run of requests over kept and new connections, plain and TLS, some of which go wrong in
-- every way. What goes wrong is decided beforehand from a seed; the server's side works through the
-- same plan in a thread of its own. Every body is compared with what it must be, byte for byte.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local HTTPClient = httpclient.HTTPClient

local soak = {}

local BATCH = 250            -- requests for each server
local TIMEOUT = 0.02         -- of stalls
local MATTER_SIZE = 1048576

-- --- chance, the same everywhere

local Chance = {}
Chance.__index = Chance

-- Numbers that a double holds exactly (Lehmer's generator, modulus 2^31 - 1).
function Chance:below(n)
  self.state = self.state * 48271 % 2147483647
  return self.state % n
end

function Chance:one_of(list)
  return list[self:below(#list) + 1]
end

local function new_chance(seed)
  return setmetatable({ state = seed % 2147483646 + 1 }, Chance)
end

local function new_matter(chance)
  local parts = {}
  for i = 1, MATTER_SIZE / 4 do
    local a, b = chance:below(65536), chance:below(65536)
    parts[i] = string.char(a % 256, math.floor(a / 256), b % 256, math.floor(b / 256))
  end
  return table.concat(parts)
end

-- --- the plan

local shapes = {
  sized = function(body)
    return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body) .. body
  end,
  chunked = function(body, chance)
    local parts, at = { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" }, 1
    while at <= #body do
      local size = math.min(#body - at + 1, 1 + chance:below(9000))
      parts[#parts + 1] = ("%x\r\n"):format(size) .. body:sub(at, at + size - 1)
        .. "\r\n" -- 5.1: no NUL through %s
      at = at + size
    end
    parts[#parts + 1] = "0\r\nT: 1\r\n\r\n"
    return table.concat(parts)
  end,
  -- Only as a connection's last one.
  to_the_end = function(body)
    return "HTTP/1.1 200 OK\r\n\r\n" .. body
  end,
}

local function new_exchange(chance, matter, shape)
  local size = chance:one_of({ 0, 1, 100, 1000, 4096, 20000 })
  if chance:below(50) == 0 then
    size = 300000
  end
  size = size > 1 and size + chance:below(size) or size
  local offset = chance:below(#matter - size)
  local body = matter:sub(offset + 1, offset + size)
  return { body = body, answer = shapes[shape](body, chance) }
end

-- What the faults make of the server's last answer on a connection.
local faults = {
  reset = function(steps, answer)
    steps[#steps + 1] = { "send", answer }
    steps[#steps + 1] = { "reset" }
  end,
  cut = function(steps, answer)
    steps[#steps + 1] = { "send", answer }
    steps[#steps + 1] = { "close" }
  end,
  stall = function(steps, answer)
    steps[#steps + 1] = { "send", answer }
    steps[#steps + 1] = { "recv_eof" }
    steps[#steps + 1] = { "close" }
  end,
  garbage = function(steps, _, chance)
    local bytes = {}
    for i = 1, 200 do bytes[i] = string.char(chance:below(256)) end
    steps[#steps + 1] = { "send", table.concat(bytes) }
    steps[#steps + 1] = { "close" }
  end,
}
local fault_names = { "reset", "reset", "cut", "cut", "garbage", "garbage", "stall" }
-- There a reset takes away what came before it and was not read yet.
local RESETS_TAKE_DATA = package.config:sub(1, 1) == "\\"

local function new_connection(chance, matter, most)
  local connection = {
    secure = chance:below(2) == 1,
    way = chance:one_of({ "polling", "waiting", "blocking", "fetch", "fetch" }),
    exchanges = {},
  }
  for i = 1, math.min(most, 1 + chance:below(20)) do
    connection.exchanges[i] = new_exchange(chance, matter, chance:one_of({ "sized", "chunked" }))
  end
  local last = #connection.exchanges
  if chance:below(4) == 0 then
    connection.fault = chance:one_of(fault_names)
    if connection.fault == "reset" and connection.way == "fetch" and RESETS_TAKE_DATA then
      connection.fault = "cut"
    end
  elseif chance:below(4) == 0 then
    connection.exchanges[last] = new_exchange(chance, matter, "to_the_end")
    connection.ends = true
  end
  if connection.fault then
    local exchange = connection.exchanges[last]
    -- At least one byte: fetch tries again what died without one.
    exchange.answer = exchange.answer:sub(1, 1 + chance:below(#exchange.answer - 1))
    exchange.broken = true
  end
  return connection
end

local function steps_of(connection, context, chance)
  local steps = { { "accept" } }
  if connection.secure then
    steps[2] = { "starttls", context }
  end
  for _, exchange in ipairs(connection.exchanges) do
    steps[#steps + 1] = { "recv_until", "\r\n\r\n" }
    if exchange.broken then
      faults[connection.fault](steps, exchange.answer, chance)
    else
      steps[#steps + 1] = { "send", exchange.answer }
    end
  end
  if not connection.fault then
    if connection.ends then
      steps[#steps + 1] = { connection.secure and "close_notify" or "shutdown" }
    end
    steps[#steps + 1] = { "recv_eof" }
    steps[#steps + 1] = { "close" }
  end
  return steps
end

-- --- the client's side

-- One request; -> its content, and whether it came to its end.
local function exchange_on(client, way)
  support.request(client, "GET", "/")
  local parts = {}
  while true do
    local status = client:get_status()
    if status == HTTPClient.STATUS_BODY then
      local chunk = client:read_response_body_chunk()
      parts[#parts + 1] = chunk
      if chunk == "" and way ~= "blocking" and client:get_status() == HTTPClient.STATUS_BODY then
        client:wait(1)
      end
    elseif status ~= HTTPClient.STATUS_REQUESTING then
      return table.concat(parts), status == HTTPClient.STATUS_CONNECTED
        or status == HTTPClient.STATUS_DISCONNECTED
    elseif way == "waiting" then
      client:wait(1)
    else
      client:poll()
    end
  end
end

local function run_client(run, connection, port)
  local client = run.client
  client.blocking_mode_enabled = false
  client.response_timeout, client.idle_timeout = 0, 0
  support.connect_port(port, { client = client, host = "127.0.0.1", tls = connection.secure
    and run.options or nil })
  assert(client:get_status() == HTTPClient.STATUS_CONNECTED, select(2, client:get_last_error()))
  client.blocking_mode_enabled = connection.way == "blocking"
  for _, exchange in ipairs(connection.exchanges) do
    if exchange.broken and connection.fault == "stall" then
      client.response_timeout, client.idle_timeout = TIMEOUT, TIMEOUT
    end
    run.check(connection, exchange, exchange_on(client, connection.way))
  end
  client:close()
end

local function run_fetch(run, connection, port)
  local scheme = connection.secure and "https" or "http"
  for _, exchange in ipairs(connection.exchanges) do
    local parts = {}
    local timeout = exchange.broken and connection.fault == "stall" and TIMEOUT or nil
    local response = httpclient.fetch(("%s://127.0.0.1:%d/"):format(scheme, port), {
      tls_options = connection.secure and run.options or nil, proxy = false, accept_gzip = false,
      response_timeout = timeout, idle_timeout = timeout,
      on_data = function(chunk) parts[#parts + 1] = chunk end,
    })
    run.check(connection, exchange, table.concat(parts), response ~= nil)
  end
  httpclient.pool.close_idle()
end

-- --- the run

local function play_batch(run, count)
  local connections, all, total = {}, { seconds = support.LIMIT }, 0
  while total < count do
    local connection = new_connection(run.chance, run.matter, count - total)
    connections[#connections + 1] = connection
    total = total + #connection.exchanges
    for _, step in ipairs(steps_of(connection, run.context, run.chance)) do all[#all + 1] = step end
  end
  local server = assert(native.script(all))
  for _, connection in ipairs(connections) do
    (connection.way == "fetch" and run_fetch or run_client)(run, connection, server:port())
  end
  server:wait(support.LIMIT)
  local why = server:error()
  server:stop()
  assert(not why, why)
end

-- Options: requests, seed, tell(text). An error when a content is wrong. -> counts of the right
-- ones and of those that were broken on purpose, and samples {requests, memory, lua, descriptors}
-- taken after each batch
function soak.run(options)
  local report = { right = 0, broken = 0, samples = {} }
  local chance = new_chance(options.seed or 1)
  local run = {
    chance = chance, matter = new_matter(chance), client = HTTPClient.new(),
    options = tls.trusting(),
    context = native.tls_context(certs.localhost.tls()),
  }
  function run.check(connection, exchange, content, is_whole)
    local counted = exchange.broken and "broken" or "right"
    local fine = is_whole and content == exchange.body
    if exchange.broken then
      fine = not is_whole and exchange.body:sub(1, #content) == content
    end
    report[counted] = report[counted] + 1
    if not fine then
      error(("request %d: %s, fault: %s, TLS: %s: %d of %d bytes, whole: %s"):format(report.right + report.broken, connection.way,
        tostring(connection.fault), tostring(connection.secure), #content, #exchange.body,
        tostring(is_whole)))
    end
  end
  local done, told = 0, 0
  while done < options.requests do
    local count = math.min(BATCH, options.requests - done)
    play_batch(run, count)
    done = done + count
    collectgarbage()
    collectgarbage()
    report.samples[#report.samples + 1] = {
      requests = done, memory = native.resident_memory(), allocated = native.allocated_memory()
        or 0, lua = collectgarbage("count") * 1024,
      descriptors = native.fd_count(),
    }
    if options.tell and done - told >= options.requests / 10 then
      local sample = report.samples[#report.samples]
      options.tell(("%d requests, %.1f MB, %d descriptors"):format(done, sample.memory / 1048576,
        sample.descriptors))
      told = done
    end
  end
  run.client:close()
  return report
end

return soak
