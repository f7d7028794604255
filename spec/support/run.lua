-- Runs one spec file on the interpreter that this is started with: lua5.3 spec/support/run.lua spec/url_spec.lua
--
-- Further arguments go to busted (--filter="text"). The output handler collects the garbage after every test, looks for
-- descriptors left open at the end, and prints "N passed, N failed" as the last line.
local native = require("spec_native")

-- What the specs start shall not inherit it (see mk/test.mk, asan).
native.setenv("SPEC_PRELOAD", os.getenv("LD_PRELOAD") or "")
native.unsetenv("LD_PRELOAD")
-- Servers on this machine are not to be reached through somebody's proxy.
for _, name in ipairs({ "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY",
  "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY" }) do
  native.unsetenv(name)
end

-- LuaJIT may finalize an object of the support after it has unloaded it.
local pinned = os.getenv("SPEC_PIN") and { "httpclient/core", "spec_native" } or { "spec_native" }
for _, name in ipairs(pinned) do
  native.pin((package.cpath:match("^[^;]*"):gsub("%?", name)))
end
if package.config:sub(1, 1) == "\\" then
  require("spec.support.windows.setup")
end

local own = { "--output=spec/support/output.lua", "--pattern=", "--no-auto-insulate" }
for i = #own, 1, -1 do
  table.insert(arg, 1, own[i])
end
arg[0] = "spec"

local ok, message = pcall(require("busted.runner"), { standalone = false })
local outcome = package.loaded["spec.support.outcome"]
if not ok and message ~= nil then
  io.stderr:write(tostring(message), "\n")
end
if not ok or not outcome or outcome.failed > 0 then
  os.exit(1, true)
end
