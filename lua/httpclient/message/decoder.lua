-- decoder.lua: content codings (RFC 9110 section 8.4) taken off content that comes in pieces.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local texts = require(root .. ".base.text")

local Decoder = {}
Decoder.__index = Decoder

-- What is held of decoded content at a time, so that a small answer can not become a large one in memory.
local PIECE = 65536
-- Each coding may multiply the size by a thousand; nobody means more than one or two.
local CODINGS_MAX = 5

local coding_of = { gzip = "gzip", ["x-gzip"] = "gzip", deflate = "deflate", identity = "" }

-- The codings in the order in which they were applied. nil: one is unknown.
local function codings_of(value)
  local codings = {}
  for element in value:gmatch("[^,]+") do
    local name = texts.trim(element)
    local coding = name == "" and "" or coding_of[texts.lower(name)]
    if not coding then
      return nil
    elseif coding ~= "" then
      codings[#codings + 1] = coding
    end
  end
  return codings
end

-- For the value of Content-Encoding, or nil. -> a decoder; nil where content is taken as it is,
-- which is so with unknown codings too; nil and a message where it is refused
local function new(value)
  local codings = value and codings_of(value)
  if not codings or #codings == 0 then
    return nil
  elseif #codings > CODINGS_MAX then
    return nil, ("the content is coded %d times"):format(#codings)
  end
  local self = setmetatable({ is_empty = true }, Decoder)
  for index = #codings, 1, -1 do -- what was applied last is taken off first
    self[#self + 1] = httpclient.Inflater.new(codings[index])
  end
  return self
end

local function feed(self, index, bytes, put, pause)
  local inflater = self[index]
  repeat
    local piece, more = inflater:feed(bytes, PIECE)
    if not piece then
      return nil, more
    elseif piece ~= "" and self[index + 1] then
      local ok, message = feed(self, index + 1, piece, put, pause)
      if not ok then
        return nil, message
      end
    elseif piece ~= "" then
      put(piece)
    end
    bytes = ""
    if more == true then
      pause()
    end
  until more ~= true
  return true
end

-- Calls put(piece) with what comes of the bytes, pause() where that goes on. -> true; nil, message
function Decoder:feed(bytes, put, pause)
  self.is_empty = false
  return feed(self, 1, bytes, put, pause)
end

-- No more will come. Content without a byte is complete, though it is in no coding. -> true; nil, message
function Decoder:finish()
  for _, inflater in ipairs(self.is_empty and {} or self) do
    local ok, message = inflater:finish()
    if not ok then
      return nil, message
    end
  end
  return true
end

function Decoder:close()
  for _, inflater in ipairs(self) do
    inflater:close()
  end
end

return { new = new }
