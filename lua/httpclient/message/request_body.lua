-- request_body.lua: what a transfer has to know of the body that it sends: how long it is, and how to send it again.
local request_body = {}

local function is_closed(body)
  return io.type(body) == "closed file"
end

-- A function can be called once; a file is read again from where it stood. -> can the body of the transfer be sent?
function request_body.rewind(t)
  if is_closed(t.body) then
    return false -- since the call
  elseif type(t.body) == "function" then
    return not t.body_is_used
  elseif t.body ~= nil and type(t.body) ~= "string" then
    t.body_start = t.body_start or t.body:seek("cur")
    if not t.body_start then
      return not t.body_is_used -- a pipe: the client says what it thinks of it
    end
    return t.body:seek("set", t.body_start) ~= nil
  end
  return true
end

-- What the caller's own field lines say.
local function declared_size(headers)
  for _, line in ipairs(headers) do
    local name, value = line:match("^([^:]*):[ \t]*(%d+)[ \t]*$")
    if name and name:lower() == "content-length" then
      return tonumber(value)
    end
  end
  return -1
end

-- -> bytes; -1 where that is not known in advance
function request_body.size(body, headers)
  if type(body) == "string" then
    return #body
  elseif body == nil then
    return 0
  elseif type(body) == "function" then
    return declared_size(headers)
  end
  if is_closed(body) then
    return -1
  end
  local at = body:seek("cur")
  local size = at and body:seek("end")
  if at then
    body:seek("set", at)
  end
  return size and size - at or declared_size(headers)
end

return request_body
