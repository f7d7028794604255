-- luajit_pairs.lua: does this LuaJIT hang where a finalizer runs a loop over pairs() that was
-- compiled for other keys? The loop's trace is left at once, for the place where it begins, and
-- entered again, for ever: the exit is extended by a side trace, or left to the interpreter, only
-- where no finalizer is running. LuaJIT has mended it in August 2023 (commit 119fd1fa). Nothing of
-- this project takes part.
local function walk(t)
  local n = 0
  for _, value in pairs(t) do
    n = n + #value
  end
  return n
end
local named = {}
for i = 1, 50 do named["name" .. i] = "x" end
for _ = 1, 200 do walk(named) end
local done = 0
getmetatable(newproxy(true)).__gc = function()
  walk({ "a", "b" })
  walk({ a = "b", c = "d" })
  walk({ [1.5] = "x", b = { 1 } })
  done = done + 1
end
collectgarbage()
collectgarbage()
print("done", done)
