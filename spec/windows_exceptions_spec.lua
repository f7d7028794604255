-- What the run under wine leaves out is named by cause, and there are few causes.
local causes = require("spec.windows.exceptions")
local tempdir = require("spec.support.tempdir")

local function paths_of(cause)
  local list = {}
  for _, path in ipairs(cause.files or {}) do
    list[#list + 1] = path
  end
  for _, tests in ipairs({ cause.tests or {}, cause.newer or {} }) do
    for path in pairs(tests) do
      list[#list + 1] = path
    end
  end
  return list
end

describe("The specs that do not run under wine", function()
  it("are left out for fewer than ten causes, each with its reason", function()
    assert.is_true(#causes < 10, #causes)
    local seen = {}
    for _, cause in ipairs(causes) do
      assert.is_true(#cause.reason > 20 and not seen[cause.reason], cause.reason)
      seen[cause.reason] = true
    end
  end)

  it("are in files that are there, none of which is named both whole and in part", function()
    local whole = {}
    for _, cause in ipairs(causes) do
      for _, path in ipairs(not cause.on_older and cause.files or {}) do
        assert.is_nil(whole[path], path)
        whole[path] = true
      end
    end
    for _, cause in ipairs(causes) do
      for _, path in ipairs(paths_of(cause)) do
        assert.truthy(tempdir.read(path):find("describe(", 1, true), path)
        assert.is_true(not whole[path] or (cause.tests or {})[path] == nil
          and (cause.newer or {})[path] == nil, path)
      end
    end
  end)
end)
