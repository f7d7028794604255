-- The server of examples/demo, as the documentation's examples need it: plain and TLS.
--
--   local server = demo_server.start(); server.plain, server.tls (ports), server.authority (PEM file); server.stop()
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local demo_server = {}

demo_server.path = program.build() .. "/examples/demo/server"

function demo_server.start()
  local folder = tempdir.new()
  local authority = folder:file("ca.pem")
  local process = assert(native.spawn({ demo_server.path, authority },
    { stdin = "pipe", stdout = "pipe", stderr = "inherit" }))
  local text = ""
  repeat
    local more = assert(process:read_some())
    assert(more ~= "", "the demo server ended")
    text = text .. more
  until text:find("\ntls %d+\n")
  return {
    plain = tonumber(text:match("plain (%d+)")),
    tls = tonumber(text:match("tls (%d+)")),
    authority = authority,
    stop = function()
      process:close_stdin()
      process:wait()
      process:close()
      folder:close()
    end,
  }
end

return demo_server
