-- Checks that the fields of a connection, of what stands on it and of its exchanges are written by the files that own
-- them alone: all others say what happened, through a function of the owner's. Run in the root of the tree.
--
--   lua .ci/check-owners.lua [STRUCT]          with a struct: who writes what of it
--   lua .ci/check-owners.lua --as PATH FILE    with one file more, as if it stood at PATH
--
-- A write is an assignment, also of a whole struct, or ++ and --. What stands to its left is followed from the
-- variable's declaration, or the result of a function, through the members. It doesn't see what a function does with a
-- pointer to a field, nor one that a macro makes.
local rules = dofile(".ci/rules.lua")

-- struct -> patterns of the files that write it. The headers say the same in words.
local connection = "^core/connection/"
local owners = {
  -- what others tell a connection they tell through the functions in connection.h
  hc_connection = { connection .. "connection%.[ch]$", connection .. "connection_stream%.c$" },
  -- of whoever watches the descriptor; the connection takes its hold off when it ends
  hc_watch = { "^core/poller/" },
  hc_place = { connection .. "place%.h$", connection .. "connection%.c$" },
  hc_seat = { "^core/poller/" },
  hc_exchange = { connection .. "exchange%.[ch]$" },
  hc_h1_exchange = { connection .. "h1_%l+%.c$" },
  hc_h2_exchange = { connection .. "h2_exchange%.c$" },
  hc_h2_link = { connection .. "h2_link%.c$", connection .. "h2_protocol%.c$" },
  -- the receiving side: HTTP/1.1's and HTTP/2's
  hc_answer = { connection .. "receiver%.[ch]$", connection .. "h2_exchange%.c$" },
  hc_receiver = { connection .. "receiver%.[ch]$" },
  hc_sender = { connection .. "sender%.c$" },
  hc_outgoing = { connection .. "sender%.c$" },
  hc_client = { "^core/client/" },
}

-- The rooms that know these structs; no other may include their headers.
local rooms = { connection = true, client = true, poller = true }

-- --- what is declared

-- Without what is no code; lines stay where they are.
local function code_of(path)
  local function blank(text)
    return (text:gsub("[^\n]", " "))
  end
  return (rules.read(path):gsub("/%*.-%*/", blank):gsub("\\.", "__"):gsub('"[^"\n]*"', '""')
    :gsub("'[^'\n]*'", "''"))
end

local members = {} -- struct -> field -> its struct, or true
local returned = {} -- function -> the struct to which it points

local function read_members(name, body)
  members[name] = members[name] or {}
  for declaration in body:sub(2, -2):gsub("%b{}", ""):gmatch("[^;]+") do
    local kind, rest = declaration:gsub("%f[%w_]const%f[^%w_]", ""):gsub("%f[%w_]struct%f[^%w_]",
      "")
      :match("^%s*([%a_][%w_]*)(.*)$")
    if kind and not rest:find("%(") then
      for field in rest:gsub("%b[]", ""):gmatch("[%a_][%w_]*") do
        members[name][field] = kind
      end
    end
  end
end

local sources = {}
local function read_source(path, file)
  local code = code_of(file)
  sources[#sources + 1] = { path = path, code = code }
  for name, body in code:gmatch("struct ([%a_][%w_]*) (%b{})") do
    read_members(name, body)
  end
  for kind, name in code:gmatch("\n[%w_ ]-([%a_][%w_]*) %*([%a_][%w_]*)%(") do
    returned[name] = kind
  end
end
for _, path in ipairs(rules.files("find core -name '*.[ch]'")) do
  read_source(path, path)
end
if arg[1] == "--as" then
  read_source(arg[2], arg[3])
end
for name in pairs(owners) do
  if not members[name] then
    rules.fault(".ci/check-owners.lua: there is no struct %s", name)
  end
end

-- --- what is written

-- What the variables of a function are, by its text. One that points to a pointer is none of them: nothing can be
-- written through it at once.
local function variables_of(text)
  local kinds = {}
  for kind, stars, name in text:gmatch("%f[%w_]([%a_][%w_]*)%s+(%**)([%a_][%w_]*)") do
    if members[kind] and #stars < 2 then
      kinds[name] = kind
    end
  end
  return kinds
end

-- The owned struct and its field that "n->h1.common.sent" is in: the innermost one that has an owner. false: it is in
-- none that has. nil, "sent": that can't be told.
local function resolve(chain, kinds)
  local base, rest = chain:match("^([%a_][%w_]*)(.*)$")
  local kind = kinds[base]
  if rest:find("^%(") then
    kind, rest = returned[base], rest:gsub("^%b()", "", 1)
  end
  local field, owner, owners_field
  for sign, name in rest:gsub("%b[]", ""):gmatch("([->.]+)%s*([%a_][%w_]*)") do
    if field then
      kind = kind and members[kind] and members[kind][field]
    end
    field = name
    if owners[kind] then
      owner, owners_field = kind, name
    elseif sign == "->" then
      owner = nil
    end
  end
  if not members[kind] then
    return nil, field
  end
  return owner or false, owners_field
end

local owned = {} -- field -> is it one of a struct with an owner?
for name in pairs(owners) do
  for field in pairs(members[name] or {}) do
    owned[field] = true
  end
end

local function is_owner(path, kind)
  for _, pattern in ipairs(owners[kind]) do
    if path:find(pattern) then
      return true
    end
  end
  return false
end

local written = {} -- struct -> lines for people
local count = 0

local function note(path, line, kind, field)
  if kind == nil and owned[field] then
    rules.fault("%s:%d: whose %s is written can't be told here", path, line, field)
  elseif owners[kind] then
    count = count + 1
    written[kind] = written[kind] or {}
    table.insert(written[kind], ("%-28s %s:%d"):format(field or "(all of it)", path, line))
    if not is_owner(path, kind) then
      rules.fault("%s:%d: %s of %s is written, which is its owner's to do", path, line,
        field or "all", kind)
    end
  end
end

-- Where the bracket that ends at `at` begins.
local function opening_of(text, at)
  local close = text:sub(at, at)
  local open, depth = close == "]" and "[" or "(", 0
  for i = at, 1, -1 do
    local c = text:sub(i, i)
    depth = depth + (c == close and 1 or c == open and -1 or 0)
    if depth == 0 then
      return i
    end
  end
end

-- Where the expression begins that ends at `at` ("n->places[i].next"); nil where that is none of names and members.
local function chain_start(text, at)
  while true do
    at = #text:sub(1, at):match("^(.-)%s*$")
    while text:sub(at, at):find("[%])]") do
      at = opening_of(text, at) - 1
    end
    local name = text:sub(1, at):match("([%a_][%w_]*)$")
    if not name then
      return nil
    end
    at = at - #name
    local before = text:sub(1, at):match("^(.-)%s*%->$") or text:sub(1, at):match("^(.-)%s*%.$")
    if not before then
      return at + 1
    end
    at = #before
  end
end

-- Calls visit(position, chain) for each member that is assigned, and visit(position, variable, true) for what a
-- variable points to as a whole.
local function each_write(text, visit)
  local function take(last)
    local first = chain_start(text, last)
    local chain = first and text:sub(first, last):match("^(.-)%s*$")
    local is_pointed_to = chain and text:sub(1, first - 1):find("[;{}):]%s*%*$") ~= nil
    if chain and chain:find("^[%a_][%w_]*%s*[%-.%[(]") then
      if not is_pointed_to then
        visit(first, chain)
      end
    elseif is_pointed_to then
      visit(first, chain, true)
    end
  end
  for at, sign in text:gmatch("()([-+|&^*/%%<>]*=)%f[^=]") do
    local is_comparison = sign == "<=" or sign == ">=" or text:sub(at - 1, at - 1):find("[=!]")
    if not is_comparison then
      take(at - 1)
    end
  end
  for at in text:gmatch("()%+%+") do
    take(at - 1)
  end
  for at in text:gmatch("()%-%-") do
    take(at - 1)
  end
  -- in front of a variable: to the end of its members
  for first, chain in text:gmatch("[-+][-+]()([%a_][%w_]*[%w_>.%[%]%-]*)") do
    if chain:find("[%-.]") then
      visit(first, chain)
    end
  end
end

-- A function from its first line to the brace at the left edge that ends it.
for _, source in ipairs(sources) do
  local code = rooms[source.path:match("^core/(%l+)/")] and source.code or ""
  for from, text in code:gmatch("\n()([%a][^\n;]*%b()%s*%b{})") do
    local kinds = variables_of(text)
    each_write(text, function(at, chain, is_whole)
      local line = select(2, code:sub(1, from + at - 1):gsub("\n", "")) + 1
      if is_whole then
        note(source.path, line, kinds[chain], nil)
      else
        note(source.path, line, resolve(chain, kinds))
      end
    end)
  end
end

if arg[1] and arg[1] ~= "--as" then
  print(table.concat(written[arg[1]] or { "nobody" }, "\n"))
  return
end
rules.finish(count)
print(("owners: %d writes, each by the struct's own files"):format(count))
