-- request_body.lua: what a transfer has to know of the body that it sends: how long it is, and how to send it again.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local file_place = require(root .. ".message.file_place")

local request_body = {}

local function is_closed(body)
  return io.type(body) == "closed file"
end

local ONCE = "the body comes from a function or a pipe, which can't give it a second time"

-- A function can be called once; a file is read again from where it stood. -> can the body of the transfer be sent?
-- false and why not
function request_body.rewind(t)
  if not t.body then
    return true
  elseif is_closed(t.body) then
    return false, "the file of the body has been closed" -- since the call
  elseif type(t.body) == "table" then
    return t.body:rewind() -- see multipart.lua
  elseif type(t.body) == "function" then
    return not t.body_is_used, ONCE
  elseif type(t.body) ~= "string" then
    t.body_start = t.body_start or t.body:seek("cur")
    if not t.body_start then
      return not t.body_is_used, ONCE -- a pipe: the client says what it thinks of it
    end
    return t.body:seek("set", t.body_start) ~= nil, ONCE
  end
  return true
end

-- What the client gets. A function that nobody has asked is as good as new.
function request_body.outgoing(t)
  local body = t.body
  if not body then
    return ""
  elseif type(body) == "function" then
    return function()
      t.body_is_used = true
      return body()
    end
  elseif type(body) == "table" then
    return function()
      return body:pull()
    end
  end
  t.body_is_used = true
  return body
end

-- Is it one that can be had once only, and has not been asked yet?
function request_body.is_once(t)
  local body = t.body
  if type(body) == "table" then
    return body:is_once()
  end
  return type(body) == "function" or io.type(body) == "file" and not body:seek("cur")
end

-- Does it come from no function of the script's, and from no file?
function request_body.is_text(t)
  local body = t.body
  return not body or type(body) == "string"
end

-- Nothing more of it is sent.
function request_body.close(t)
  if type(t.body) == "table" then
    t.body:close()
  end
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
  elseif not body then
    return 0
  elseif type(body) == "function" then
    return declared_size(headers)
  elseif type(body) == "table" then
    return body.size or -1
  end
  if is_closed(body) then
    return -1
  end
  local _, left = file_place.of(body)
  return left or declared_size(headers)
end

return request_body
