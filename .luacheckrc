-- luacheck: every Lua that the project supports, and busted's names in the specs.
std = "max"
max_line_length = 120 -- code that can be broken ends at 100, see .ci/wrap.lua
cache = false
exclude_files = { "build/**" }

-- Specs and examples read and set their own arguments.
files["spec/support/run.lua"] = { globals = { "arg" } }
files["spec"] = { std = "max+busted", max_line_length = 170 } -- bytes of the wire, and patterns
files["bench"] = { max_line_length = 140 }
files["examples/love"] = { std = "max+love" }
files["bench/drivers/love"] = { std = "max+love" }
files["lua/httpclient/meta.lua"] = { max_line_length = false, ignore = { "21.", "23.", "24.", "31." } } -- annotations only: nothing is used
