-- Large transfers over bad lines come whole: the kernel's netem and tbf where there are such, and a
-- relay of our own everywhere. `make netem` runs it with NETEM_MB megabytes.
local isolated = require("spec.support.isolated")
local line = require("spec.support.line")

local megabytes = tonumber(os.getenv("NETEM_MB")) or 2
local SIZE = math.floor(megabytes * 1048576)
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1
local SECONDS = (60 + 20 * megabytes) * factor

local ways = {
  { "a download", upload = false, secure = false },
  { "a download over TLS", upload = false, secure = true },
  { "an upload", upload = true, secure = false },
  { "an upload over TLS", upload = true, secure = true },
}

local function tell(name, seconds)
  if megabytes > 10 then print(("note: %s: %d MB in %.1f s"):format(name, megabytes, seconds)) end
end

describe("Over a line that", function()
  local qualities = {
    { "cuts all to small pieces", { piece = 700 } },
    { "delays", { delay = 0.004, jitter = 0.004, piece = 20000 } },
    { "collects", { gather = 0.01 } },
    { "is narrow", { rate = 20 * 1048576, piece = 1400 } },
    { "does all of it", { rate = 20 * 1048576, piece = 1400, delay = 0.002, jitter = 0.003,
      gather = 0.002 } },
  }
  for _, quality in ipairs(qualities) do
    for _, way in ipairs(ways) do
      it(quality[1] .. ", " .. way[1] .. " comes whole", function()
        tell(quality[1] .. ", " .. way[1],
          line.transfer({ size = SIZE, upload = way.upload, secure = way.secure,
          quality = quality[2], seconds = SECONDS }))
      end)
    end
  end
end)

describe("Over a line that the kernel", function()
  local disciplines = {
    { "narrows, and loses what does not fit", "tbf rate 400mbit burst 64kb limit 200kb" },
    { "loses 2% of", "netem loss 2%" },
    { "delays", "netem delay 5ms 3ms" },
    { "mixes up", "netem delay 2ms reorder 25% 50%" },
    { "doubles and damages", "netem duplicate 2% corrupt 0.5%" },
  }
  for _, discipline in ipairs(disciplines) do
    it(discipline[1] .. ", downloads and uploads come whole", function()
      -- What OpenSSL holds through a module that is unloaded would be taken for a leak (see run.lua).
      local program = { [[
        local native = require("spec_native")
        for _, name in ipairs({ "httpclient/core", "spec_native" }) do
          native.pin(package.cpath:match("^[^;?]*") .. name .. ".so")
        end]] }
      for _, way in ipairs(ways) do
        program[#program + 1] = ([[print(%q, require("spec.support.line").transfer({ size = %d, upload = %s, secure = %s,
          seconds = %d }))]]):format(way[1], SIZE, tostring(way.upload), tostring(way.secure), SECONDS)
      end
      local text, why = isolated.run(table.concat(program, "\n"),
        { line = discipline[2], seconds = 4 * SECONDS })
      if not text then
        pending(why .. ", or no " .. discipline[2]:match("%S+") .. " in this kernel")
        return
      end
      assert.truthy(text:find("exit 0$"), text)
      for name, seconds in text:gmatch("(an? [%a ]+)\t([%d.]+)\n") do
        tell(discipline[1] .. ", " .. name, tonumber(seconds))
      end
    end)
  end
end)
