-- Measures the C functions (a definition begins and ends at the left edge). Fails for a function over 80 lines that is not
-- allowed below, and for a file over 600.
local allowed = {
  -- name = why it may be long: a switch over states
}

local lengths, faults = {}, {}

local function measure(path)
  local number, start, name = 0, nil, nil
  for line in io.lines(path) do
    number = number + 1
    if not start and line:find("^[%a_].*%)%s*{%s*$") or (not start and line:find("^ .*%)%s*{$") and name) then
      start = number
      name = line:match("([%w_]+)%s*%(") or name
    elseif not start and line:find("^[%a_][^;=]*%([^;]*,$") then
      name = line:match("([%w_]+)%s*%(") -- the head goes on in the next line
    elseif start and line:find("^}") then
      local length = number - start + 1
      lengths[#lengths + 1] = length
      if length > 80 and not allowed[name] then
        faults[#faults + 1] = ("%s:%d: %s has %d lines"):format(path, start, tostring(name), length)
      end
      start, name = nil, nil
    end
  end
  if number > 600 then
    faults[#faults + 1] = ("%s has %d lines"):format(path, number)
  end
end

for _, path in ipairs(arg) do
  measure(path)
end
table.sort(lengths)
local count, under = #lengths, 0
for _, length in ipairs(lengths) do
  under = under + (length < 50 and 1 or 0)
end
for _, text in ipairs(faults) do
  io.stderr:write(text, "\n")
end
if #faults > 0 or count == 0 then
  os.exit(1)
end
print(("functions: %d, median %d lines, %.0f%% under 50, longest %d"):format(count, lengths[math.floor((count + 1) / 2)],
  100 * under / count, lengths[count]))
