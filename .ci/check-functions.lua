-- Measures the C functions (a definition begins and ends at the left edge). Fails for a function
-- over 80 lines that is not allowed below, for a file over 600, for a pointer compared with NULL in
-- a condition, and in core and bindings for a parameter that is a bool: two functions or a named
-- flag say at the call what is meant. (A pointer to one is a result.)
local rules = dofile(".ci/rules.lua")
local fault = rules.fault

local allowed = {
  -- name = why it may be long: a switch over states
}

local lengths = {}

-- A parameter stands behind a parenthesis or a comma, or begins a line of a head that goes on:
-- members end with a semicolon.
local function check_parameters(path, number, line)
  local code = line:gsub("/%*.-%*/", ""):gsub("\"[^\"]*\"", "")
  local is_ours = path:find("^core/") or path:find("^bindings/")
  local behind = code:find("[(,]%s*bool%s+[%a_][%w_]*%s*[,)]") or code:find("[(,]%s*bool%s*[,)]")
  local begins = code:find("^%s+bool%s+[%a_][%w_]*%s*%)")
    or code:find("^%s+bool%s+[%a_][%w_]*%s*,[^;]*$")
  if is_ours and (behind or begins) then
    fault("%s:%d: a bool as parameter", path, number)
  end
end

-- One way to ask whether something is there: `!x` and `x`. `x != NULL` stays for a value.
local function check_null(path, number, line)
  if line:find("== NULL", 1, true) or line:find("[%w_%]] != NULL [&|?]") then
    fault("%s:%d: ask !x or x, not x == NULL", path, number)
  end
end

local function measure(path)
  local number, start, name = 0, nil, nil
  for line in io.lines(path) do
    number = number + 1
    check_parameters(path, number, line)
    check_null(path, number, line)
    if not start and line:find("^[%a_].*%)%s*{%s*$")
      or (not start and line:find("^ .*%)%s*{$") and name) then
      start = number
      name = line:match("([%w_]+)%s*%(") or name
    elseif not start and line:find("^[%a_][^;=]*%([^;]*,$") then
      name = line:match("([%w_]+)%s*%(") -- the head goes on in the next line
    elseif start and line:find("^}") then
      local length = number - start + 1
      lengths[#lengths + 1] = length
      if length > 80 and not allowed[name] then
        fault("%s:%d: %s has %d lines", path, start, tostring(name), length)
      end
      start, name = nil, nil
    end
  end
  -- A host reads the public header alone, from one end to the other.
  if number > (path == "core/httpclient.h" and 700 or 600) then
    fault("%s has %d lines", path, number)
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
rules.finish(count)
print(("functions: %d, median %d lines, %.0f%% under 50, longest %d"):format(count,
  lengths[math.floor((count + 1) / 2)],
  100 * under / count, lengths[count]))
