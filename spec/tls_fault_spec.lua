-- TLS with an attacker on the line: every byte that the server sends is once flipped and once the
-- last one. Whatever that does, nothing wrong is ever handed out, nothing hangs, and nothing cut
-- short looks whole.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local tls = require("spec.support.tls")

local HTTPClient = httpclient.HTTPClient
local Error = httpclient.Error

-- SPEC_FEWER: where each connection takes long, so many times fewer.
local STEP = 5 * (tonumber(os.getenv("SPEC_FEWER")) or 1)

-- One exchange through a relay. `change(bytes, at)` gets what the server sent, which starts behind
-- `at` bytes, and gives what goes on to the client, and true where the line is cut behind it. ->
-- what came of it
local function play(listeners, context, options, answer, change)
  local client = HTTPClient.new()
  assert.equal(Error.OK, (client:connect_to_host("127.0.0.1", listeners.front:port(), options)))
  local near = support.accept(listeners.front, client)
  local far = assert(native.connect({ port = listeners.back:port() }))
  local conn = assert(listeners.back:accept())
  assert(conn:starttls(context))
  local at, quiet, is_cut, is_answered, body, shaken = 0, 0, false, false, "", false
  local outcome = {}

  local function move()
    local moved = false
    local bytes = near:recv(65536, 0)
    if bytes and bytes ~= "" then
      far:send(bytes)
      moved = true
    end
    bytes = not is_cut and far:recv(65536, 0)
    if bytes and bytes ~= "" then
      local changed, cut = change(bytes, at)
      at = at + #bytes
      near:send(changed)
      is_cut = cut
      moved = true
    end
    return moved
  end

  local function serve()
    if not conn:handshake_done() then
      conn:handshake("step")
    elseif not is_answered and conn:recv_until("\r\n\r\n", 0) then
      conn:send(answer)
      conn:close_notify()
      is_answered = true
    end
  end

  support.until_true(function()
    serve()
    local moved = move()
    client:poll()
    local status = client:get_status()
    if status == HTTPClient.STATUS_CONNECTED and not shaken then
      shaken = true
      client:request(HTTPClient.METHOD_GET, "/", {})
    elseif status == HTTPClient.STATUS_BODY then
      local chunk = client:read_response_body_chunk()
      body = body .. chunk
      moved = moved or chunk ~= ""
    elseif shaken and status ~= HTTPClient.STATUS_REQUESTING then
      return true
    elseif status ~= HTTPClient.STATUS_CONNECTING and status ~= HTTPClient.STATUS_REQUESTING then
      return true
    end
    quiet = moved and 0 or quiet + 1
    if quiet > 3 then
      near:shutdown() -- a length that was changed may promise more than ever comes
    end
    return false
  end)
  outcome.status = support.status_name(client:get_status())
  outcome.body, outcome.size, outcome.shaken = body, at, shaken
  outcome.code, outcome.message = client:get_last_error()
  for _, object in ipairs({ client, near, far, conn }) do
    object:close()
  end
  return outcome
end

local function pass(bytes)
  return bytes, false
end

local function flip(position, mask)
  return function(bytes, at)
    local i = position - at
    if i < 1 or i > #bytes then
      return bytes, false
    end
    local value = bytes:byte(i)
    local bit = math.floor(value / mask) % 2
    return bytes:sub(1, i - 1) .. string.char(bit == 1 and value - mask or value + mask)
      .. bytes:sub(i + 1), false
  end
end

local function cut(position)
  return function(bytes, at)
    if at + #bytes <= position then
      return bytes, at + #bytes == position
    end
    return bytes:sub(1, math.max(0, position - at)), true
  end
end

local function describe_failure(outcome)
  return ("%s, %q: %d %s"):format(outcome.status, outcome.body, outcome.code, outcome.message)
end

for _, version in ipairs({ "1.2", "1.3" }) do
  describe("over TLS " .. version, function()
    local listeners, context, options
    -- The answer runs to the end of the connection: what is cut looks like the end unless TLS tells it apart.
    local answer = "HTTP/1.1 200 OK\r\n\r\nhello"
    setup(function()
      listeners = { front = assert(native.listen({})), back = assert(native.listen({})) }
      -- With RSA the flight is always of the same size.
      context = native.tls_context(certs.localhost_rsa.tls({ max = version,
        session_tickets = false }))
      options = tls.trusting()
    end)
    teardown(function()
      listeners.front:close()
      listeners.back:close()
    end)

    local function whole_size()
      local outcome = play(listeners, context, options, answer, pass)
      assert.same({ "STATUS_DISCONNECTED", "hello" }, { outcome.status, outcome.body },
        describe_failure(outcome))
      return outcome.size
    end

    it("a flipped bit never changes what is handed out", function()
      local intact = 0
      for position = 1, whole_size(), STEP do
        local outcome = play(listeners, context, options, answer,
          flip(position, 2 ^ (position % 8)))
        if outcome.status == "STATUS_DISCONNECTED" then
          assert.equal("hello", outcome.body, "byte " .. position)
          intact = intact + 1
        else
          local text = "byte " .. position .. ": " .. describe_failure(outcome)
          assert.equal(outcome.shaken and "STATUS_CONNECTION_ERROR" or "STATUS_TLS_HANDSHAKE_ERROR",
            outcome.status, text)
          assert.equal(Error.ERR_CONNECTION_ERROR, outcome.code, text)
          assert.is_true(#outcome.message > 10, text)
          assert.is_true(outcome.body == "" or outcome.body == "hello", text)
        end
      end
      -- A few fields of the first records count for nothing (RFC 8446 section 5.1).
      assert.is_true(intact <= 6, intact .. " flipped bits passed")
    end)

    it("a cut line never looks like an end", function()
      local size = whole_size()
      for position = 0, size - 1, STEP do
        local outcome = play(listeners, context, options, answer, cut(position))
        local text = ("cut behind %d of %d: %s"):format(position, size, describe_failure(outcome))
        assert.equal(outcome.shaken and "STATUS_CONNECTION_ERROR" or "STATUS_TLS_HANDSHAKE_ERROR",
          outcome.status, text)
        assert.equal(Error.ERR_CONNECTION_ERROR, outcome.code, text)
        assert.is_true(outcome.body == "" or outcome.body == "hello", text)
      end
    end)
  end)
end
