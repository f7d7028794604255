-- Scripted servers (see serve.lua) that are stopped after the test, with no connection to them kept.
--
--   local with_server = require("spec.support.served")(after_each)
--   local server = with_server({ { "HTTP/1.1 200 OK\r\n..." } })
local httpclient = require("httpclient")
local serve = require("spec.support.serve")

return function(after_each)
  after_each(function()
    httpclient.pool.close_idle()
  end)
  local keep = require("spec.support.kept")(after_each)
  return function(...)
    return keep(serve(...))
  end
end
