-- decoding.lua: asks for coded content (RFC 9110 section 8.4), and has the client take the codings
-- off again, which the core does on the way of a byte.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local fields = require(root .. ".message.fields")
local httpclient = require(root)

local BODY = httpclient.HTTPClient.STATUS_BODY
local get_status = httpclient.HTTPClient.get_status

local decoding = { adds_the_same = true }

-- --- asking

-- What the build can decode, in the order in which browsers name them.
local features = httpclient.features()
local known = { "gzip", "deflate", features.brotli and "br" or nil }
known[#known + 1] = features.zstd and "zstd" or nil

local is_possible = { identity = true }
for _, name in ipairs(known) do
  is_possible[name] = true
end
local USUAL = "Accept-Encoding: " .. table.concat(known, ", ")

-- Of a list what can be decoded. -> nil: nothing
local function line_of(names)
  local possible = {}
  for _, name in ipairs(names) do
    possible[#possible + 1] = is_possible[name] and name or nil
  end
  return possible[1] and "Accept-Encoding: " .. table.concat(possible, ", ")
end

-- A range counts the bytes as they are stored.
local function wanted_line(t)
  local wanted = t.options.accept_encoding
  if not wanted or not t.options.accept_gzip or t.is_resumable then
    return nil
  end
  return wanted == true and USUAL or line_of(wanted)
end

function decoding.before_send(t, lines)
  local line = wanted_line(t)
  if line and not fields.have(lines, "accept-encoding") and not fields.have(lines, "range") then
    lines[#lines + 1] = line
  end
end

-- --- taking it off

-- A part of something coded is handed over as it is: nothing can be decoded from its middle on.
function decoding.before_content(t)
  local is_part = t.head.status == 206 and fields.have(t.headers, "range")
  t.is_decoded = false
  if not t.options.accept_gzip or t.is_resumable or is_part or get_status(t.client) ~= BODY then
    return
  end
  local is_decoded, message = core.decode_body(t.client)
  if is_decoded == nil then
    return message, "BODY_DECOMPRESS_FAILED"
  end
  t.is_decoded = is_decoded
end

return decoding
