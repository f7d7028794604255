-- Event loops that are not ours, set up as the documentation says.
local tempdir = require("spec.support.tempdir")
require("luv") -- here: its loop stays open to the end of the process

local loops = {}

-- The recipe for this loop's module in docs/fetch.md, word for word: what stands before the example behind it.
function loops.set_waiter(name)
  for block in tempdir.read("docs/fetch.md"):gmatch("\n```lua\n(.-)\n```") do
    local recipe = block:match("^(local %l+ = require%(\"" .. name
      .. "\"%)\n.-httpclient%.set_waiter%b())")
    if recipe then
      local source = "local httpclient = require('httpclient')\n" .. recipe
      return assert((loadstring or load)(source, "=docs/fetch.md"))()
    end
  end
  error("no recipe for " .. name)
end

return loops
