-- Breaks lines of Lua code that are too long, at commas and before operators: what clang-format is for the C files.
--
--   lua .ci/wrap.lua [--check] FILE...
--
-- Never changes what the code means. Lines without a good place to break stay as they are, as comments do. --check:
-- changes nothing, names the files that it would change, and fails.
local WIDTH = 100

local openers = { ["("] = true, ["{"] = true, ["["] = true, ["function"] = true, ["do"] = true,
  ["then"] = true,
  ["repeat"] = true }
local closers = { [")"] = true, ["}"] = true, ["]"] = true, ["end"] = true, ["until"] = true,
  ["elseif"] = true }
local before = { [".."] = true, ["and"] = true,
  ["or"] = true } -- a break comes before these, and behind a comma

-- -> the offset behind a string, comment or long bracket that begins at `at`; nil for anything else
local function skip_text(text, at)
  local is_comment = text:sub(at, at + 1) == "--"
  local level = text:match("^%[(=*)%[", is_comment and at + 2 or at)
  if level then
    return select(2, assert(text:find("]" .. level .. "]", at, true))) + 1
  end
  if is_comment then
    return text:find("\n", at, true) or #text + 1
  end
  local quote = text:match("^[\"']", at)
  if not quote then
    return nil
  end
  at = at + 1
  while text:sub(at, at) ~= quote do
    at = at + (text:sub(at, at) == "\\" and 2 or 1)
  end
  return at + 1
end

-- Calls token(from, to, text) for each; strings, numbers and comments are tokens too.
local function each_token(source, token)
  local at = 1
  while at <= #source do
    local from = source:find("%S", at)
    if not from then
      return
    end
    at = skip_text(source, from)
      or select(2, source:find("^[%a_][%w_]*", from))
      and select(2, source:find("^[%a_][%w_]*", from)) + 1
      or select(2, source:find("^%.%.+", from)) and select(2, source:find("^%.%.+", from)) + 1
      or from + 1
    token(from, at - 1, source:sub(from, at - 1))
  end
end

-- What is open at a place: brackets and blocks, the innermost one last.
local function step(open, token)
  if closers[token.text] then open[#open] = nil end
  if openers[token.text] then open[#open + 1] = token end
end

-- The lines of the file: where each begins, its tokens, how deep and in what it begins, whether it is part of a text.
local function read_lines(source)
  local lines, open = {}, {}
  for start, text in source:gmatch("()([^\n]*)\n") do
    lines[#lines + 1] = { start = start, text = text, tokens = {}, nesting = 0 }
  end
  local number = 1
  local function enter(line)
    line.nesting = #open
    line.is_in_brackets = #open > 0 and #open[#open].text == 1
  end
  each_token(source, function(from, to, text)
    while lines[number + 1] and lines[number + 1].start <= from do
      number = number + 1
      enter(lines[number])
    end
    local line = lines[number]
    local token = { from = from - line.start + 1, to = to - line.start + 1, text = text }
    line.tokens[#line.tokens + 1] = token
    step(open, token)
    for _ = 1, select(2, text:gsub("\n", "")) do
      line.is_text = true
      number = number + 1
      line = lines[number]
      line.is_text = true
      enter(line)
    end
  end)
  return lines
end

local function last_token(line)
  return line and line.tokens[#line.tokens] and line.tokens[#line.tokens].text or ""
end

-- The first of the open functions that end in this line.
local function outermost_function(line, open)
  for i, opener in ipairs(open) do
    if opener.text == "function" then
      local left = {}
      for _, token in ipairs(line.tokens) do
        if token.from >= opener.from then
          step(left, token)
          if #left == 0 then
            return { from = open[i], to = token }
          end
        end
      end
      return nil
    end
  end
end

-- The best place to break the line: behind which column, how deep that is nested, before what, in which function.
local function best_break(line)
  local open, best, cost = {}, nil, math.huge
  local indent, assigned = #line.text:match("^ *"), 0
  for _, token in ipairs(line.tokens) do
    step(open, token)
    if token.text == "=" and #open == 0 and assigned == 0 then assigned = token.to end
  end
  open = {}
  local function consider(at, operator, extra)
    local price = #open * 25 + extra + (WIDTH - at) * 0.5
    if at <= WIDTH and at > indent + 10 and at > assigned and price < cost then
      best, cost = { at = at, depth = #open, operator = operator,
        body = outermost_function(line, open) }, price
    end
  end
  for i, token in ipairs(line.tokens) do
    local following = line.tokens[i + 1]
    if before[token.text] and i > 1 and following then
      consider(token.from - 2, token.text, 3)
    end
    step(open, token)
    if token.text == "," and following then
      consider(token.to, nil, following.text == "function" and last_token(line) == ")" and 200 or 0)
    end
  end
  return best
end

-- A function that stands on one line with all the rest: its body gets a line of its own.
local function unfold_function(line, body)
  local from = select(2, line.text:find("%b()", body.from.to))
  local indent = line.text:match("^ *")
  return { line.text:sub(1, from), indent .. "  "
    .. line.text:sub(from + 1, body.to.from - 1):match("^%s*(.-)%s*$"),
    indent .. line.text:sub(body.to.from) }
end

-- `if x then y end` and its like on one line: three lines.
local function unfold(line)
  local first, last = line.tokens[1].text, last_token(line)
  if (first ~= "if" and first ~= "for" and first ~= "while") or last ~= "end" then
    return nil
  end
  local depth
  for _, token in ipairs(line.tokens) do
    if token.text == "else" or token.text == "elseif" or token.text == "function" then
      return nil
    end
    if token.text == "then" or token.text == "do" then
      if depth then return nil end
      depth = token.to
    end
  end
  local indent = line.text:match("^ *")
  local body = line.text:sub(depth + 1, line.tokens[#line.tokens].from - 1):match("^%s*(.-)%s*$")
  return { line.text:sub(1, depth), indent .. "  " .. body, indent .. "end" }
end

-- -> the lines that take its place, or nil
local function wrap(line, previous)
  if #line.text <= WIDTH or line.is_text or #line.tokens == 0
    or line.tokens[1].text:find("^%-%-") then
    return nil
  end
  local parts = unfold(line)
  if parts then
    return parts
  end
  local place = best_break(line)
  if not place then
    return nil
  end
  if place.body then
    return unfold_function(line, place.body)
  end
  local indent = line.text:match("^ *")
  local goes_on = before[line.tokens[1].text] or before[last_token(previous)]
    or last_token(previous) == "="
    or not place.operator and line.is_in_brackets
  if place.depth > 0 or not goes_on then
    indent = indent .. "  "
  end
  return { line.text:sub(1, place.at), indent .. line.text:sub(place.at + 1):match("^%s*(.*)$") }
end

-- Does the line hold several items of a list whose rows are as long as they may be?
local function is_packed(line)
  local open = {}
  for i, token in ipairs(line.tokens) do
    step(open, token)
    if token.text == "," and #open == 0 and i < #line.tokens then return true end
  end
  return false
end

-- Rows of such a list flow on: what is too much for one begins the next.
local function flows_into(line, following)
  return line.is_in_brackets and following and following.nesting == line.nesting
    and not following.is_text
    and last_token(line) == "," and last_token(following) == ","
    and line.text:match("^ *") == following.text:match("^ *") and is_packed(line)
    and is_packed(following)
end

-- One round; -> the text, whether anything changed
local function wrap_all(source)
  local out, changed, carried = {}, false, nil
  local lines = read_lines(source)
  for i, line in ipairs(lines) do
    local parts = not carried and wrap(line, lines[i - 1])
    if carried then
      line.text, carried = line.text:match("^ *") .. carried .. " " .. line.text:match("^ *(.*)"),
        nil
    end
    if parts and #parts == 2 and flows_into(line, lines[i + 1])
      and parts[2]:match("^ *") == line.text:match("^ *") then
      carried, parts = parts[2]:match("^ *(.*)"), { parts[1] }
    end
    changed = changed or parts and true
    out[#out + 1] = table.concat(parts or { line.text }, "\n")
  end
  return table.concat(out, "\n") .. "\n", changed
end

local function wrapped(source)
  local head = source:match("^#![^\n]*\n") or ""
  local text = source:sub(#head + 1)
  for _ = 1, 100 do
    local changed
    text, changed = wrap_all(text)
    if not changed then break end
  end
  return head .. text
end

local only_check, found = arg[1] == "--check", false
for i = only_check and 2 or 1, #arg do
  local file = assert(io.open(arg[i]))
  local source = file:read("*a")
  file:close()
  local text = wrapped(source)
  if text ~= source and only_check then
    io.stderr:write(arg[i], ": has lines that can be broken (make format)\n")
    found = true
  elseif text ~= source then
    file = assert(io.open(arg[i], "w"))
    assert(file:write(text))
    file:close()
  end
end
os.exit(found and 1 or 0)
