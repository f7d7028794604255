-- Calls functions wrongly, in all the ways in which Lua can reach them, and looks at what they say of it.
local messages = {}

messages.unpack = table.unpack or unpack -- luacheck: ignore

-- Not nothing, as a first argument, and what messages call it; n: how many arguments that is
messages.wrong_selves = {
  { n = 0, text = "no value" }, { n = 1, text = "nil" }, { n = 3, 80, text = "number" },
  { n = 3, "example.com", text = "string" }, { n = 1, {}, text = "table" },
  { n = 2, print, text = "function" }, { n = 1, io.stdout, text = "" },
  { n = 1, require("httpclient").null, text = "null" },
}

-- Arguments of which most functions take few. No path among them, and no long time.
messages.junk = {
  { print, print, print, print }, { {}, {}, {}, {} }, { true, true, true, true },
  { 0.001, 0.001, 0.001, 0.001 }, { "\0", "\0", "\0", "\0" }, { nil, print }, { "\0", 1, print },
  { 0, "/", 5 }, { 0, "/", {}, true }, { 0, "/", { 5 } }, { 0, "/", { a = print } }, { 0, 5 },
  { 1e300, -1 }, { -1, "x", 1, 1 }, { "\0", 1, true, 5 }, { { 1 } }, { { a = print } },
}

local unpack = messages.unpack

-- The ways: each calls fn with the first n of its arguments. The second stands on a line of this file.
local ways = {
  function(fn, ...) return pcall(fn, ...) end,
  function(fn, ...)
    return pcall(function(...)
      local result = fn(...)
      return result
    end, ...)
  end,
  function(fn, ...)
    local object = { field = fn }
    return pcall(function(...)
      local result = object.field(...)
      return result
    end, ...)
  end,
  function(fn, ...)
    return coroutine.wrap(function(...)
      return pcall(fn, ...)
    end)(...)
  end,
}

-- -> the messages without their places, which are right
function messages.fails(fn, n, ...)
  local texts = {}
  for index, way in ipairs(ways) do
    local ok, message = way(fn, unpack({ ... }, 1, n))
    assert(not ok, "no error")
    assert(not message:find("'?'", 1, true), message)
    local is_lua = index == 2 or index == 3
    local place, text = message:match("^([^ ]*messages%.lua:%d+: )(.*)$")
    assert((place ~= nil) == is_lua, message)
    texts[index] = text or message
  end
  return texts
end

-- -> what fn(...) raises when pcall calls it
function messages.text_of_call(fn, ...)
  local ok, message = pcall(fn, ...)
  assert(not ok, "no error")
  return message
end

-- -> 1 when the message is one of a wrong argument, which then has the name; else 0
function messages.check_name(message, name)
  if type(message) ~= "string" then
    return 0
  end
  assert(not message:find("'?'", 1, true), message)
  assert(not message:find("attempt to", 1, true), message)
  if message:find("bad argument", 1, true) then
    assert(message:find(("bad argument #%%d to '%s' %%("):format(name)), message .. " of " .. name)
    return 1
  end
  return 0
end

return messages
