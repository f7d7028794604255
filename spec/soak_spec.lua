-- Many requests, some of which go wrong: every content is right, and neither memory nor descriptors
-- grow. `make soak` runs the same for SOAK_REQUESTS requests.
local soak = require("spec.support.soak")

local requests = tonumber(os.getenv("SOAK_REQUESTS")) or 2000
local measured = not os.getenv("SPEC_TIME_FACTOR") -- sanitizers and valgrind don't give freed memory back
-- What is resident has holes, which fill slowly; what is allocated has none.
local limits = { memory = 3 * 1048576, allocated = 1048576, lua = 1048576 }

local function mean(samples, from, to, name)
  local sum = 0
  for i = from, to do sum = sum + samples[i][name] end
  return sum / (to - from + 1)
end

describe("A soak", function()
  it("of " .. requests .. " requests brings every content, and leaves nothing behind", function()
    local report = soak.run({ requests = requests, seed = tonumber(os.getenv("SOAK_SEED"))
      or 20240229,
      tell = requests > 10000 and function(text) print("note: " .. text) end or nil })
    print(("note: %d right, %d broken on purpose"):format(report.right, report.broken))
    assert.equal(requests, report.right + report.broken)
    assert.is_true(report.broken > requests / 200)
    local samples = report.samples
    -- The first part warms up: OpenSSL's and the allocator's own stores fill.
    local count = #samples
    local first, last = math.ceil(count / 4), math.ceil(count * 3 / 4)
    assert.equal(samples[first].descriptors, samples[count].descriptors)
    for _, name in ipairs({ "memory", "allocated", "lua" }) do
      local before, after = mean(samples, first, math.ceil(count / 2), name),
        mean(samples, last, count, name)
      print(("note: %s %.2f MB, then %.2f MB"):format(name, before / 1048576, after / 1048576))
      assert.is_true(after - before < limits[name] or not measured, name .. " grows")
    end
  end)
end)
