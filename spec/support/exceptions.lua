-- Tests that a build with another TLS library fails by its nature: SPEC_EXCEPTIONS names a Lua file that lists them,
-- spec -> patterns of names. They fail without being counted; a pattern that no failure needs is a failure.
local path = os.getenv("SPEC_EXCEPTIONS")
local lists = path and path ~= "" and assert(loadfile(path))() or {}

local function list_of_this_file()
  for _, argument in ipairs(arg) do
    if lists[argument] then
      return lists[argument]
    end
  end
  return {}
end

local exceptions = {}

-- -> how many of the failures are on the list, and the others
function exceptions.count(...)
  local list, used, count, kept = list_of_this_file(), {}, 0, {}
  for _, failures in ipairs({ ... }) do
    for _, failure in ipairs(failures) do
      local found
      for _, pattern in ipairs(list) do
        found = found or (failure.name or ""):find(pattern) and pattern
      end
      if found then
        used[found], count = true, count + 1
      else
        kept[#kept + 1] = failure
      end
    end
  end
  for _, pattern in ipairs(list) do
    if not used[pattern] then
      kept[#kept + 1] = { name = pattern,
        message = "is no exception any more: nothing of that name failed" }
    end
  end
  return count, kept
end

return exceptions
