-- What the TLS specs share: a client and a scripted server that shake hands in this thread, whatever comes of it.
local assert = require("luassert")
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local tls = {}

local Error = httpclient.Error
local HTTPClient = httpclient.HTTPClient

-- Options that trust certs.ca; `name` overrides the host.
function tls.trusting(name, extra)
  return httpclient.TLSOptions.client(certs.ca.cert, name, extra)
end

-- One step of the server's side of the handshake. `side` keeps what came of it.
local function step_server(side)
  if side.done or side.why then
    return
  end
  local done, why = side.conn:handshake("step")
  side.done, side.why = done, why
end

-- Connects a client to a listener of this thread. Options: host ("localhost"), listen (the
-- listener's address), listener, client, args (what follows the port in connect_to_host) or tls
-- (its third argument), server (for starttls). -> what came of it: client, conn, listener, status
-- (name), code and message of the last poll, last_code and last_message, info (what the server
-- saw), why (what the server's side complained of)
function tls.attempt(options)
  local listener = options.listener or assert(native.listen({ host = options.listen }))
  local client = options.client or HTTPClient.new()
  local args = options.args or { options.tls, nil }
  local code, message = client:connect_to_host(options.host or "localhost", listener:port(),
    args[1], args[2])
  assert(code == Error.OK, message)
  local side = { conn = support.accept(listener, client) }
  assert(side.conn:starttls(options.server or certs.localhost.tls()))
  support.until_true(function()
    step_server(side)
    code, message = client:poll()
    if support.is_connected_or_failed(client) then
      if client:get_status() ~= HTTPClient.STATUS_CONNECTED then
        return true
      end
      step_server(side)
      return side.done or side.why
    end
  end, nil, function()
    return ("the handshake's end; the client is in %s, the server says %s"):format(
      support.status_name(client:get_status()), tostring(side.why))
  end)
  local last_code, last_message = client:get_last_error()
  return {
    client = client, conn = side.conn, listener = listener, why = side.why,
    status = support.status_name(client:get_status()), code = code, message = message,
    last_code = last_code, last_message = last_message, info = side.conn:tls_info(),
  }
end

function tls.close(outcome)
  outcome.client:close()
  outcome.conn:close()
  outcome.listener:close()
end

-- As attempt, for a handshake that must succeed. -> client, conn, outcome
function tls.connect(options)
  local outcome = tls.attempt(options)
  assert(outcome.status == "STATUS_CONNECTED", outcome.status .. ": " .. outcome.last_message)
  return outcome.client, outcome.conn, outcome
end

-- Sends a request and waits until the server has it.
function tls.ask(client, conn, method, path)
  support.request(client, method, path)
  support.until_true(function()
    client:poll()
    return conn:recv_until("\r\n\r\n", 0)
  end, nil, function()
    return "the request"
  end)
end

-- One exchange with a body of five bytes, so that what comes behind the handshake is taken in, too.
function tls.exchange(client, conn)
  tls.ask(client, conn)
  assert(conn:send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
  support.pump(client, support.is_answered_or_failed)
  return (support.read_all(client))
end

-- The client is in that status, the words are in its error's message, and poll goes on saying so.
function tls.expect_error(client, status, ...)
  assert.equal(status, support.status_of(client))
  local code, message = client:get_last_error()
  assert.equal(Error.ERR_CONNECTION_ERROR, code)
  for _, words in ipairs({ ... }) do
    assert.truthy(message:find(words, 1, true), message)
  end
  assert.same({ code, message }, { client:poll() })
end

return tls
