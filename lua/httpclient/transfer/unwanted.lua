-- unwanted.lua: an answer that is not the last one: what is left of it goes, and its connection is
-- kept if that is cheap.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local connection = require(root .. ".transfer.connection")
local waits = require(root .. ".tasks.waits")

local BODY = httpclient.HTTPClient.STATUS_BODY
local now = httpclient.monotonic_time

-- The content is read, for the connection's sake, if it is no more than this and comes at once.
local DRAIN_SIZE = 65536
local DRAIN_SECONDS = 0.25

local function drain(t)
  local client, total = t.client, 0
  local length, patience = client:get_response_body_length(), now() + DRAIN_SECONDS
  if length > DRAIN_SIZE or (length < 0 and not client:is_response_chunked()) then
    return
  end
  while client:get_status() == BODY and total <= DRAIN_SIZE and now() < patience do
    local bytes = client:read_response_body_chunk()
    total = total + #bytes
    if bytes == "" and client:get_status() == BODY then
      waits.wait_for(client, math.min(t.deadline or patience, patience))
    end
    t:check_deadline()
  end
end

-- Forgets the answer of the transfer t.
return function(t)
  drain(t)
  connection.release(t)
  t.head, t.received = nil, 0
end
