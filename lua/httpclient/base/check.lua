-- check.lua: what is raised for a wrong argument: the same words as the core's, at the place of the caller.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)

local check = {}

-- What messages call the value: the class of an object, else the type.
local function name_of(value)
  if value == httpclient.null then
    return "null"
  elseif value ~= value then
    return "NaN"
  end
  local meta = type(value) == "table" and getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  if type(value) == "userdata" then
    name = tostring(value):match("^(%u%w*): ")
  end
  return type(name) == "string" and name or type(value)
end
check.name_of = name_of

-- `level` is that of error(), as seen by the caller of each function here.
function check.fail(index, method, problem, level)
  error(("bad argument #%d to '%s' (%s)"):format(index, method, problem), level + 1)
end

-- The name of the table that has this function, where the value is that table: the function was called with a colon.
function check.owner_of(method, value)
  if type(value) ~= "table" or type(rawget(value, method)) ~= "function" then
    return nil
  elseif value == httpclient then
    return "httpclient"
  end
  for name, member in pairs(httpclient) do
    if rawequal(member, value) then
      return name
    end
  end
end

function check.fail_type(index, method, expected, value, level)
  local owner = index == 1 and check.owner_of(method, value)
  if owner then
    error(("bad argument #1 to '%s' (%s expected, got %s): use %s.%s(), with a dot ('.')"):format(method, expected,
      owner, owner, method), level + 1)
  end
  check.fail(index, method, ("%s expected, got %s"):format(expected, name_of(value)), level + 1)
end

-- A method that was called on something else. `sample`: what a variable with such an object is called
function check.fail_self(method, class, sample, value, level)
  error(("calling '%s' on bad self (%s expected, got %s): use %s:%s(), with a colon (':')"):format(method, class,
    value == nil and "no value" or name_of(value), sample, method), level + 1)
end

-- What an object of the class holds under this key of it. Raises where a method was called on
-- something else, as fail_self.
function check.own(self, key, method, class, sample, level)
  local own = type(self) == "table" and rawget(self, key)
  if not own then
    check.fail_self(method, class, sample, self, level + 1)
  end
  return own
end

return check
