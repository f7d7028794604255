-- uncompiled.lua: loads a part of the module so that LuaJIT leaves its functions to the interpreter.
--
-- They wait, call the core and make closures: the compiler gives up on most of their paths, and takes up to four
-- milliseconds of a frame for one of them. 100 fetches cost 350 us each with it and 45 without, 10,000 cost 33 either
-- way. What a script has is compiled as ever.
local jit = rawget(_G, "jit")

local depth = 0

-- What `require` asks first while a part is loaded: the others know where its file is. Nil: they don't, and say so.
local function searcher_below(root)
  local prefix = root .. "."
  local function search(name)
    if name:sub(1, #prefix) ~= prefix then
      return nil
    end
    for _, other in ipairs(package.loaders) do
      local loader = other ~= search and other(name)
      if type(loader) == "function" then
        pcall(jit.off, loader, true) -- refuses what is not Lua
        return loader
      end
    end
  end
  return search
end

-- As pcall(require, name), for a part below `root`.
return function(root, name)
  if not jit or depth > 0 then
    return pcall(require, name)
  end
  local loaders, search = package.loaders, searcher_below(root)
  table.insert(loaders, 1, search)
  depth = 1
  local ok, module = pcall(require, name)
  depth = 0
  for index, other in ipairs(loaders) do
    if other == search then
      table.remove(loaders, index)
      break
    end
  end
  return ok, module
end
