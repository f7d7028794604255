-- Nothing that a server does raises SIGPIPE in the host, whose default is to end: here in a process
-- of its own, where nobody has set anything else.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local TRIES = 40
local SIZE = 100 * 1024 * 1024

-- Reads the head, refuses the upload and is gone with the upload unread.
local function refusing_server(tries)
  return assert(native.script({
    { "repeat", tries, {
      { "accept" },
      { "recv_until", "\r\n\r\n" },
      { "send", "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge" },
      { "close" },
    } },
  }))
end

local PRELUDE = [[
local port, path, tries = arg[1], arg[2], tonumber(arg[3])
local httpclient = require("httpclient")
]]

local uploads = {
  fetch = [[
for _ = 1, tries do
  local file = assert(io.open(path, "rb"))
  httpclient.fetch("http://127.0.0.1:" .. port .. "/", { method = "PUT", body = file, timeout = 60 })
  file:close()
end
]],
  HTTPClient = [[
local HTTPClient = httpclient.HTTPClient
for _ = 1, tries do
  local client, file = HTTPClient.new(), assert(io.open(path, "rb"))
  client:connect_to_host("127.0.0.1", tonumber(port))
  while client:get_status() == HTTPClient.STATUS_CONNECTING do client:wait(10) end
  assert(client:request_raw(HTTPClient.METHOD_PUT, "/", {}, file) == 0)
  while client:get_status() == HTTPClient.STATUS_REQUESTING do client:wait(10) end
  client:close()
  file:close()
end
]],
  ["HTTPClient in blocking mode"] = [[
local HTTPClient = httpclient.HTTPClient
for _ = 1, tries do
  local client, file = HTTPClient.new(), assert(io.open(path, "rb"))
  client.blocking_mode_enabled = true
  client:connect_to_host("127.0.0.1", tonumber(port))
  while client:get_status() == HTTPClient.STATUS_CONNECTING do client:poll() end
  assert(client:request_raw(HTTPClient.METHOD_PUT, "/", {}, file) == 0)
  client:poll()
  client:close()
  file:close()
end
]],
}

describe("an upload that the server refuses", function()
  for name, body in pairs(uploads) do
    it("does not end the program: " .. name, function()
      local folder, server = tempdir.new(), refusing_server(TRIES)
      finally(function()
        server:stop()
        folder:close()
      end)
      local file = assert(io.open(folder:file("body"), "wb"))
      assert(file:seek("set", SIZE - 1)) -- a sparse one: nothing is written but its end
      assert(file:write("x") and file:close())
      local script = folder:write("upload.lua", PRELUDE .. body .. "print('alive')\n")
      local run = program.run(program.lua(script, tostring(server:port()), folder:file("body"),
        tostring(TRIES)))
      assert.same({ code = 0, out = "alive\n", err = "" }, run)
    end)
  end
end)

describe("a body that goes to a pipe", function()
  -- stdio takes all of what it was given, and meets the end when it makes room for it.
  for _, buffering in ipairs({ "no", "line", "full" }) do
    it(("does not end the program when its reader goes, with buffering %q"):format(buffering),
      function()
      local folder = tempdir.new()
      local server = assert(native.script({
        { "repeat", 5, {
          { "accept" },
          { "recv_until", "\r\n\r\n" },
          { "send", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" },
          { "send_some", ("line\n"):rep(10000), 20 },
          { "close" },
        } },
      }))
      finally(function()
        server:stop()
        folder:close()
      end)
      local script = folder:write("pipe.lua", PRELUDE .. [[
        local HTTPClient = httpclient.HTTPClient
        for _ = 1, tries do
          local client = HTTPClient.new()
          local pipe = assert(io.popen("head -c 70000 >/dev/null", "w"))
          pipe:setvbuf(arg[2], 20000)
          client.blocking_mode_enabled = true
          client:connect_to_host("127.0.0.1", tonumber(port))
          while client:get_status() == HTTPClient.STATUS_CONNECTING do client:poll() end
          client:request(HTTPClient.METHOD_GET, "/", {})
          client:poll()
          local moved, message = client:read_response_body_to_file(pipe)
          assert(not moved and message:find("can't write the file", 1, true), message)
          client:close()
          -- What stdio still holds is the script's: its close would write that.
          pipes = pipes or {}
          pipes[#pipes + 1] = pipe
        end
        print("alive")
        io.stdout:flush()
        os.execute("kill -KILL $PPID")
      ]])
      local run = program.run(program.lua(script, tostring(server:port()), buffering, "5"))
      assert.same({ out = "alive\n", err = "" }, { out = run.out, err = run.err })
    end)
  end
end)
