-- arguments.lua: what HTTPRequest's methods take, in the forms of 3.x and of 4.3. What is wrong is
-- told at the line of the script that has called them: each is called by a function that the method
-- calls.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local array = require(root .. ".base.array")
local check = require(root .. ".base.check")
local fields = require(root .. ".message.fields")
local options = require(root .. ".options")

local arguments = {}

local function is_whole(value)
  return type(value) == "number" and value % 1 == 0
end

-- request(url [, headers [, ssl_validate_domain]] [, method [, data]]): the boolean of 3.x may be there or not. Where
-- it is nil, a number behind it can only be a method, and the form of 4.3 has no fifth argument.
function arguments.of_request(name, url, headers, ...)
  if type(url) ~= "string" then
    check.fail_type(1, name, "string", url, 4)
  elseif headers ~= nil and type(headers) ~= "table" then
    check.fail_type(2, name, "table", headers, 4)
  end
  local lines, why = fields.normalize(headers or {})
  if not lines then
    check.fail(2, name, why, 4)
  end
  local verify, place, method, data = true, 3, ...
  local third, fourth, fifth = ...
  if type(third) == "boolean"
    or third == nil and (type(fourth) == "number" or fifth ~= nil) then
    verify, place, method, data = third ~= false, 4, select(2, ...)
  end
  if method ~= nil and type(method) ~= "string" and not is_whole(method) then
    check.fail_type(place, name, "integer or string", method, 4)
  end
  return lines, verify, method or "GET", data, place + 1
end

function arguments.body(name, place, data, is_raw)
  if is_raw and type(data) == "table" then
    local parts = {}
    if not array.is(data) then
      check.fail(place, name, "a body's table must be an array of integers from 0 to 255", 4)
    end
    for index, byte in ipairs(data) do
      if not is_whole(byte) or byte < 0 or byte > 255 then
        check.fail(place, name, ("element %d is no integer from 0 to 255"):format(index), 4)
      end
      parts[index] = string.char(byte)
    end
    return table.concat(parts)
  elseif data ~= nil and type(data) ~= "string" and type(data) ~= "function"
    and io.type(data) ~= "file" then
    check.fail_type(place, name, "string, function or file", data, 4)
  end
  return data
end

-- host, port [, user, password] for the method of this name. A host without a port is no proxy that was taken away: the
-- requests would go out without one.
function arguments.check_proxy(name, ...)
  local host, port = ...
  if type(host) == "string" and host ~= "" and port == nil then
    check.fail(2, name, "integer expected, got no value", 4)
  end
  for index, expected in ipairs({ "string", "number", "string", "string" }) do
    local value = select(index, ...)
    if value ~= nil and type(value) ~= expected or index == 2 and type(value) == "number"
      and value % 1 ~= 0 then
      check.fail(index, name, ("%s expected, got %s"):format(index == 2 and "integer" or expected,
        options.shown(value)), 4)
    end
  end
end

return arguments
