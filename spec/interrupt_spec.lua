-- Ctrl-C: the interpreter's handler sets a hook that raises, which all that waits gives its chance
-- in good time. What is interrupted, or comes in parts for that reason, is as whole as ever.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local native = require("spec_native")
local program = require("spec.support.program")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local Error = httpclient.Error
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local keep = require("spec.support.kept")(after_each)

local SOON = 4 * factor -- what it interrupts would take 20 s and more
local OK = "HTTP/1.1 200 OK\r\n"
local WHOLE = OK .. "Content-Length: 6\r\n\r\nabcdef"

-- --- a program that is interrupted

-- Connects, sends a request, says that it waits, calls, and says what the call has raised. Then it
-- reads the rest of the answer, and is ended by the error.
local SCRIPT = [[
local httpclient = require("httpclient")
local HTTPClient = httpclient.HTTPClient
local client = HTTPClient.new()
local path = arg[3]
local options = arg[2] == "tls" and httpclient.TLSOptions.client_unsafe() or nil
assert(client:connect_to_host("127.0.0.1", tonumber(arg[1]), options) == 0)
while client:get_status() < HTTPClient.STATUS_CONNECTED do client:wait(10) end
assert(client:request(HTTPClient.METHOD_GET, "/") == 0)
local function read_head()
  while client:get_status() == HTTPClient.STATUS_REQUESTING do client:wait(10) end
end
local function say(text) io.write(text, "\n") io.flush() end
local function file_text()
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end
local call = function() %s end
local ok, why = pcall(call)
assert(not ok and why:find("interrupted!", 1, true), tostring(why))
say("interrupted")
client.blocking_mode_enabled = false
local parts = { file_text() }
read_head()
while client:get_status() == HTTPClient.STATUS_BODY do
  parts[#parts + 1] = client:read_response_body_chunk()
  if parts[#parts] == "" then client:wait(10) end
end
say("body " .. table.concat(parts))
error(why, 0)
]]

-- what the program calls (a wait also ends for bytes that are nobody's, such as TLS's tickets), the
-- answer's bytes before the interruption, those behind it
local BLOCKING = "client.blocking_mode_enabled = true "
local calls = {
  { "client:wait()", "client:poll() say('waiting') while true do client:wait() end", "", WHOLE },
  { "client:wait(seconds)", "client:poll() say('waiting') while true do client:wait(100) end", "",
    WHOLE },
  { "HTTPClient.wait_any",
    "client:poll() say('waiting') while true do HTTPClient.wait_any({ client }, 100) end", "",
    WHOLE },
  { "HTTPClient.wait_any without end",
    "client:poll() say('waiting') while true do HTTPClient.wait_any({ client }) end", "", WHOLE },
  { "Poller:wait", [[
    client:poll()
    local poller = httpclient.Poller.new()
    poller:add(client)
    poller:wait(0)
    say('waiting')
    while true do poller:wait(100) end ]], "", WHOLE },
  { "Poller:wait without end", [[
    client:poll()
    local poller = httpclient.Poller.new()
    poller:add(client)
    poller:wait(0)
    say('waiting')
    while true do poller:wait() end ]], "", WHOLE },
  { "a blocking poll", BLOCKING .. "say('waiting') client:poll()", "", WHOLE },
  { "a blocking poll with a time limit", BLOCKING
    .. "client.response_timeout = 100 say('waiting') client:poll()", "", WHOLE },
  { "a blocking poll inside a head", BLOCKING .. "say('waiting') client:poll()", WHOLE:sub(1, 20),
    WHOLE:sub(21) },
  { "a blocking read", BLOCKING .. "read_head() say('waiting') client:read_response_body_chunk()",
    WHOLE:sub(1, -4), WHOLE:sub(-3) },
  { "a blocking read with a time limit",
    BLOCKING .. "client.idle_timeout = 100 read_head() say('waiting') client:read_response_body_chunk()",
    WHOLE:sub(1, -4), WHOLE:sub(-3) },
  { "a blocking read of a chunked body", BLOCKING
    .. "read_head() say('waiting') client:read_response_body_chunk()",
    OK .. "Transfer-Encoding: chunked\r\n\r\n6;", "x=1\r\nabcdef\r\n0\r\n\r\n" },
  { "a blocking read to a path", BLOCKING
    .. "read_head() say('waiting') client:read_response_body_to_file(path)",
    WHOLE:sub(1, -4), WHOLE:sub(-3) },
  { "a blocking read to a file", BLOCKING .. [[
    local file = io.open(path, "wb")
    read_head()
    say('waiting')
    client:read_response_body_to_file(file) ]], WHOLE:sub(1, -4), WHOLE:sub(-3) },
}
local function script_of(case)
  return (SCRIPT:gsub("%%s", function() return case[2] end))
end

local function server_of(case, secure, trickle)
  return keep(native.script({
    { "accept" },
    secure and { "starttls", certs.localhost.tls() } or { "sleep", 0 },
    { "recv_until", "\r\n\r\n" },
    case[3] == "" and { "sleep", 0 } or { "send", case[3] },
    trickle or { "gate", "go" },
    { "send", case[4] },
    { "stall" },
  }))
end

-- Reads until the child has written the line.
local function hear(child, heard, wanted)
  support.until_true(function()
    local more = child:read_some(0.05)
    heard.text = heard.text .. (more or "")
    return heard.text:find(wanted, 1, true) or not child:running()
  end)
  assert.truthy(heard.text:find(wanted, 1, true), heard.text)
end

-- Until it sleeps in the kernel.
local function await_sleep(child)
  local path = "/proc/" .. child:pid() .. "/stat"
  support.until_true(function()
    return tempdir.read(path):find(") S ", 1, true)
  end)
end

local function start(text, ...)
  local folder = keep(tempdir.new())
  local argv = program.lua(folder:write("script.lua", text), ...)
  argv[#argv + 1] = folder:file("body")
  return keep(assert(native.spawn(argv, { stdout = "pipe", stderr = "stdout" })))
end

describe("Ctrl-C ends", function()
  for _, secure in ipairs({ false, true }) do
    for _, case in ipairs(calls) do
      it(case[1] .. (secure and " over TLS" or "") .. ", and the client goes on", function()
        local server = server_of(case, secure)
        local child = start(script_of(case), tostring(server:port()), secure and "tls" or "plain")
        local heard = { text = "" }
        hear(child, heard, "waiting\n")
        assert.is_true(server:wait_gate("go"))
        await_sleep(child)
        child:kill(2)
        local began = native.monotonic()
        hear(child, heard, "interrupted\n")
        assert.is_true(native.monotonic() - began < SOON, tostring(native.monotonic() - began))
        server:open_gate("go")
        hear(child, heard, "body abcdef\n")
        assert.equal(1, child:wait(support.LIMIT))
      end)
    end

    -- Something comes all the time, but never what is waited for.
    local trickles = {
      { "a blocking poll, while a head trickles in", calls[7][2], "", OK .. "X: " },
      { "a blocking read, while a body trickles in", calls[10][2],
        OK .. "Content-Length: 9000\r\n\r\n", "" },
      { "a blocking read, while the extension of a chunk trickles in", calls[12][2],
        OK .. "Transfer-Encoding: chunked\r\n\r\n6;", "" },
      { "a blocking read to a path, while a body trickles in", calls[13][2], OK .. "\r\n", "" },
      { "a blocking read to a file, while a body trickles in", calls[14][2], OK .. "\r\n", "" },
    }
    for _, case in ipairs(trickles) do
      it(case[1] .. (secure and ", over TLS" or ""), function()
        local server = server_of({ nil, nil, case[3] .. case[4], "" }, secure,
          { "drip", ("x"):rep(1000), 0.02 })
        local child = start(script_of(case), tostring(server:port()), secure and "tls" or "plain")
        local heard = { text = "" }
        hear(child, heard, "waiting\n")
        await_sleep(child)
        child:kill(2)
        local began = native.monotonic()
        hear(child, heard, "interrupted\n")
        assert.is_true(native.monotonic() - began < SOON, tostring(native.monotonic() - began))
      end)
    end
  end
end)

-- --- what comes in parts

-- A client connected to a server in another thread that does the steps after the request's head.
local function world(steps, secure)
  local all = { { "accept" }, secure and { "starttls", certs.localhost.tls() } or { "sleep", 0 },
    { "recv_until", "\r\n\r\n" } }
  for _, step in ipairs(steps) do
    all[#all + 1] = step
  end
  local server = keep(native.script(all))
  return keep(support.connect_port(server:port(),
    { tls = secure and httpclient.TLSOptions.client(certs.ca.cert) or nil }))
end

local function timed(action)
  local began, cpu = native.monotonic(), native.cputime()
  local a, b = action()
  assert.is_true(native.cputime() - cpu < 0.1 * factor, "used the processor")
  return native.monotonic() - began, a, b
end

for _, signals in ipairs({ false, true }) do
  describe(signals and "with other signals all the time" or "without a signal", function()
    before_each(function()
      if signals then
        native.interrupt_every(0.01)
        keep({ close = function() native.interrupt_every(0) end })
      end
    end)

    it("a wait lasts as long as it was told, over several sleeps", function()
      local client = world({ { "stall" } })
      support.request(client)
      client:poll()
      local poller = keep(httpclient.Poller.new())
      for _, seconds in ipairs({ 0.2, 0.7 }) do
        local took, code, ready = timed(function() return client:wait(seconds) end)
        assert.is_true(took >= seconds and took < seconds + 3 * factor, tostring(took))
        assert.same({ Error.OK, false }, { code, ready })
        took, ready = timed(function()
          return httpclient.HTTPClient.wait_any({ client }, seconds)
        end)
        assert.is_true(took >= seconds and took < seconds + 3 * factor, tostring(took))
        assert.same({}, ready)
      end
      poller:add(client)
      poller:wait(0)
      for _, seconds in ipairs({ 0.2, 0.7 }) do
        local took, moved = timed(function() return poller:wait(seconds) end)
        assert.is_true(took >= seconds and took < seconds + 3 * factor, tostring(took))
        assert.same({}, moved)
      end
    end)

    it("a wait ends when there is something, over several sleeps", function()
      local answer = { { "sleep", 0.7 }, { "send", WHOLE }, { "stall" } }
      local waits = {
        function(client) return select(2, client:wait()) end,
        function(client) return httpclient.HTTPClient.wait_any({ client })[1] == client end,
        function(client)
          local poller = keep(httpclient.Poller.new())
          poller:add(client)
          poller:wait(0)
          return poller:wait()[1] == client
        end,
      }
      for _, wait in ipairs(waits) do
        local client = world(answer)
        support.request(client)
        client:poll()
        assert.is_true(wait(client))
        assert.equal("STATUS_BODY", support.status_of(client))
      end
    end)

    for _, secure in ipairs({ false, true }) do
      local how = secure and ", over TLS" or ""
      it("blocking mode waits over several sleeps, and loses nothing" .. how, function()
        local client = world({ { "sleep", 0.6 }, { "send", OK .. "Content-" }, { "sleep", 0.4 },
          { "send", "Length: 900\r\n\r\n" },
          { "sleep", 0.6 }, { "send", "abc" }, { "sleep", 0.4 }, { "send", ("x"):rep(897) },
          { "stall" } }, secure)
        client.blocking_mode_enabled = true
        support.request(client)
        timed(function()
          assert.equal(Error.OK, (client:poll()))
          assert.equal("STATUS_BODY", support.status_of(client))
          assert.equal("abc" .. ("x"):rep(897), client:read_response_body_chunk())
        end)
        assert.equal("STATUS_CONNECTED", support.status_of(client))
      end)

      it("a file gets all of a body over several sleeps" .. how, function()
        local folder = keep(tempdir.new())
        local body = ("x"):rep(500)
        for _, by_path in ipairs({ true, false }) do
          local client = world({ { "send", OK .. "Content-Length: 1500\r\n\r\n" }, { "sleep", 0.4 },
            { "send", body },
            { "sleep", 0.4 }, { "send", body }, { "sleep", 0.4 }, { "send", body }, { "stall" } },
            secure)
          client.blocking_mode_enabled = true
          support.request(client)
          client:poll()
          local target = by_path and folder:file("body")
            or assert(io.open(folder:file("other"), "wb"))
          assert.equal(1500, (client:read_response_body_to_file(target)))
          assert.equal("STATUS_CONNECTED", support.status_of(client))
          if not by_path then target:close() end
          assert.equal(1500, #tempdir.read(folder:file(by_path and "body" or "other")))
        end
      end)
    end
  end)
end

describe("a Poller without end", function()
  it("comes back at once when nobody in it can move", function()
    local poller = keep(httpclient.Poller.new())
    local took, moved = timed(function() return poller:wait() end)
    assert.is_true(took < 5 * factor)
    assert.same({}, moved)
  end)
end)
