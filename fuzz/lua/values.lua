-- values.lua: values of all kinds for arguments, right and wrong ones, and the round's population of objects.
local httpclient = require("httpclient")
local random = require("fuzz.lua.random")

local values = {}

local MOST = 40 -- objects that are held at a time

local population = {}    -- array of { kind =, object = }
local all = setmetatable({}, { __mode = "k" })

-- Takes the object into the population; one of the old ones may go. -> the object
function values.keep(kind, object)
  if type(object) == "userdata" then
    all[object] = kind
  end
  local index = #population < MOST and #population + 1 or random.below(MOST)
  population[index] = { kind = kind, object = object }
  return object
end

-- One of this kind; nil when there is none.
function values.some(kind)
  local start = random.below(math.max(1, #population))
  for offset = 0, #population - 1 do
    local entry = population[(start + offset) % #population + 1]
    if entry.kind == kind then
      return entry.object
    end
  end
  return nil
end

function values.any_object()
  return #population > 0 and random.pick(population).object or nil
end

function values.each(kind, fn)
  for _, entry in ipairs(population) do
    if entry.kind == kind then
      fn(entry.object)
    end
  end
end

function values.forget_some()
  for _ = 1, random.below(10) do
    if #population > 0 then
      table.remove(population, random.below(#population))
    end
  end
end

function values.forget_all()
  population = {}
end

function values.kind_of(object)
  for _, entry in ipairs(population) do
    if entry.object == object then
      return entry.kind
    end
  end
end

-- The kinds of all that were made and not collected, with their numbers.
function values.left()
  local counts = {}
  for _, kind in pairs(all) do
    counts[kind] = (counts[kind] or 0) + 1
  end
  return counts
end

-- --- files

local folder = assert(os.getenv("FUZZ_FOLDER"), "fuzz/lua/run starts this")
local names = { "one", "two", "three" }

function values.path()
  return folder .. "/" .. random.pick(names)
end

-- What downloads may leave, by the contract: the file, and what resume goes on with.
function values.remove_files()
  for _, name in ipairs(names) do
    for _, ending in ipairs({ "", ".part", ".part.info" }) do
      os.remove(folder .. "/" .. name .. ending)
    end
  end
end

function values.file()
  local file = assert(io.open(values.path(), random.pick({ "w+b", "a+b" })))
  if random.chance(60) then
    file:write(("file "):rep(random.below(500)))
    file:seek("set", 0)
  end
  if random.chance(5) then
    file:close()
  end
  return values.keep("file", file)
end

-- --- values

local texts = { "", "x", "\0", "\r\n", "a: b", ("long"):rep(3000), "127.0.0.1", "GET", "/", "%zz",
  "\255\254", "http://[", "-1", "0x10" }
local numbers = { 0, 1, -1, 0.5, 255, 65536, -2147483649, 2 ^ 53, -2 ^ 53, 1e308, 0 / 0 }

local makers = {
  function() return nil end,
  function() return random.chance(50) end,
  function() return random.pick(numbers) end,
  function() return random.pick(texts) end,
  function() return {} end,
  function() return { random.pick(texts), random.pick(numbers) } end,
  function() return setmetatable({}, { __index = function() error("thrown by __index") end }) end,
  function() return function() return random.pick(texts) end end,
  function() return coroutine.create(function() end) end,
  function() return values.any_object() end,
  function() return httpclient.null end,
  function() return io.stdout end,
  function() return httpclient end,
}

-- Anything but what makes a wait endless.
function values.any()
  return random.pick(makers)()
end

function values.text()
  return random.chance(80) and random.pick(texts) or random.bytes(random.below(40))
end

function values.integer()
  return random.chance(70) and random.between(-2, 700)
    or random.pick({ 256, 65536, 16777216, 2 ^ 31, 2 ^ 53 })
end

-- Never long: the other side is in this thread.
function values.seconds()
  return random.pick({ 0, 0, 0.0001, 0.001, 0.002 })
end

function values.boolean()
  return random.chance(50)
end

return values
