-- A sentence for people, or any text of several words, stands once in the C sources: one that is written out again
-- and again is a rule without a place, and its copies drift apart. Fails for a literal with a blank in it that stands
-- four times or more. Run in the root of the tree.
local rules = dofile(".ci/rules.lua")

local TIMES = 4

local places = {} -- literal -> { where it stands }

local count = 0
for _, path in ipairs(rules.files("find core bindings -name '*.c'")) do
  local number = 0
  count = count + 1
  for line in io.lines(path) do
    number = number + 1
    if not line:find("^%s*#%s*include") then
      for literal in line:gsub('\\"', "''"):gmatch('"([^"]*)"') do
        if #literal >= 8 and literal:find("%w %w") then
          places[literal] = places[literal] or {}
          table.insert(places[literal], ("%s:%d"):format(path, number))
        end
      end
    end
  end
end

local literals = {}
for literal in pairs(places) do
  literals[#literals + 1] = literal
end
table.sort(literals)
for _, literal in ipairs(literals) do
  if #places[literal] >= TIMES then
    rules.fault('%s: "%s" stands %d times', table.concat(places[literal], ", "), literal,
      #places[literal])
  end
end
rules.finish(count)
print(("sentences: %d, none of them %d times"):format(#literals, TIMES))
