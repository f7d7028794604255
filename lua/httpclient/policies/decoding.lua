-- decoding.lua: asks for coded content (RFC 9110 section 8.4), and takes the coding off again before the sink.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local decoder = require(root .. ".message.decoder")
local fields = require(root .. ".message.fields")
local results = require(root .. ".base.results")

local BODY = httpclient.HTTPClient.STATUS_BODY

local decoding = {}

-- A range counts the bytes as they are stored.
local function is_wanted(t)
  return t.options.accept_gzip and not t.is_resumable
end

function decoding.before_send(t, lines)
  if is_wanted(t) and not fields.have(lines, "accept-encoding")
    and not fields.have(lines, "range") then
    lines[#lines + 1] = "Accept-Encoding: gzip, deflate"
  end
end

local Decoding = {}
Decoding.__index = Decoding

function Decoding:write(bytes)
  local ok, message = self.decoder:feed(bytes, self.put, self.pause)
  if not ok then
    return nil, message, "BODY_DECOMPRESS_FAILED"
  end
  return true
end

function Decoding:finish()
  local ok, message = self.decoder:finish()
  if not ok then
    return nil, message, "BODY_DECOMPRESS_FAILED"
  end
  return self.inner:finish()
end

function Decoding:close()
  self.decoder:close()
end

-- A part of something coded is handed over as it is: nothing can be decoded from its middle on.
function decoding.wrap_sink(t, sink)
  local is_part = t.head.status == 206 and fields.have(t.headers, "range")
  if not is_wanted(t) or is_part or t.client:get_status() ~= BODY then
    return nil
  end
  local made, message = decoder.new(t.client:get_response_header("Content-Encoding"))
  if not made then
    return nil, message, "BODY_DECOMPRESS_FAILED"
  end
  local function put(piece)
    local ok, why, result = sink:write(piece)
    if not ok then
      results.fail(result, why)
    end
  end
  local function pause()
    t:pause()
  end
  return setmetatable({ inner = sink, decoder = made, put = put, pause = pause }, Decoding)
end

return decoding
