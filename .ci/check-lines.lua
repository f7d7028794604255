-- What clang-format and wrap.lua leave to whoever writes: comments and prose end where a line has to end (100 columns
-- in C, 120 in everything else), and no spec file is longer than 500 lines. Run in the root of the tree.
--
--   lua .ci/check-lines.lua [FILE...]      these files alone, by their names' endings
--
-- A line may be longer where nobody can break it: a literal or an #include in code (the formatters break what can be
-- broken), and in Markdown a row of a table, what stands in a block of code, and a word or link that is too long alone.
local rules = dofile(".ci/rules.lua")
local fault = rules.fault

local CODE, PROSE, SPEC_LINES = 100, 120, 500

-- Columns as a reader counts them: a character of UTF-8 is one.
local function width_of(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- --- C

-- Takes the strings out of a line, so that what looks like a comment in one is none.
local function without_strings(line)
  return (line:gsub("\\.", "__"):gsub('"[^"]*"', function(text) return ("_"):rep(#text) end)
    :gsub("'[^']*'", function(text) return ("_"):rep(#text) end))
end

-- Each line of C of which a part that is too far to the right is a comment. Code that is so long is clang-format's.
local function check_c(path, lines)
  local is_inside = false
  for number, line in ipairs(lines) do
    local bare, is_comment = is_inside and line or without_strings(line), is_inside
    local at = 1
    repeat
      local mark = is_inside and "*/" or "/*"
      local from = bare:find(mark, at, true)
      if from then
        is_comment, is_inside, at = true, not is_inside, from + 2
      end
    until not from
    -- a comment behind a long literal ends where it ends: the code before it is what is too long
    local before = bare:match("^(.-)/%*") or ""
    local follows_long_code = not bare:find("^%s*/?%*") and width_of(before) > CODE
    if is_comment and width_of(line) > CODE and not follows_long_code then
      fault("%s:%d: a comment goes beyond column %d", path, number, CODE)
    end
  end
end

-- --- Lua, make, shell

-- Comments that are lines of their own. A long word can not be broken, and neither can an annotation (---@param).
local function check_comments(path, lines, mark)
  for number, line in ipairs(lines) do
    if line:find(mark) and width_of(line) > PROSE and line:find("^%s*%S+%s+%S+%s")
      and not line:find("^%s*%-%-%-[@|]") then
      fault("%s:%d: a comment goes beyond column %d", path, number, PROSE)
    end
  end
end

-- --- Markdown

-- Two words or more before the limit: then there is a place to break.
local function can_be_broken(line)
  return line:sub(1, PROSE):find("%S%s+%S") ~= nil
    and not line:find("^%s*[-*]?%s*%S+$") and not line:find("^%[.-%]:")
end

local function check_markdown(path, lines)
  local is_code = false
  for number, line in ipairs(lines) do
    if line:find("^%s*```") then
      is_code = not is_code
    elseif not is_code and not line:find("^%s*|") and not line:find("^    ")
      and width_of(line) > PROSE and can_be_broken(line) then
      fault("%s:%d: a line goes beyond column %d", path, number, PROSE)
    end
  end
end

-- --- which file is what

local function check_file(path)
  local text, lines = rules.read(path), {}
  for line in text:gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line
  end
  if path:find("%.[ch]$") then
    check_c(path, lines)
  elseif path:find("%.lua$") then
    check_comments(path, lines, "^%s*%-%-")
  elseif path:find("%.md$") then
    check_markdown(path, lines)
  else
    check_comments(path, lines, "^%s*#")
  end
  local is_spec = path:find("^spec/") and (path:find("%.[ch]$") or path:find("%.lua$"))
  if is_spec and #lines > SPEC_LINES then
    fault("%s has %d lines, a file of the specs at most %d", path, #lines, SPEC_LINES)
  end
end

local files = #arg > 0 and arg
  or rules.files("find . -path ./build -prune -o -path ./.git -prune -o -type f "
    .. "\\( -name '*.[ch]' -o -name '*.lua' -o -name '*.md' -o -name '*.mk' -o -name Makefile "
    .. "-o -name CMakeLists.txt -o -path './.ci/*' \\) -print | sed 's,^\\./,,'")
for _, path in ipairs(files) do
  check_file(path)
end
rules.finish(#files)
print(("lines: %d files, none too long or too wide"):format(#files))
