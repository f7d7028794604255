-- expectation.lua: a server that can't do what Expect asks for says so by a 417. The request goes out once more without
-- it (RFC 9110 section 10.1.1), whether the caller has asked or the library.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")
local request_body = require(root .. ".message.request_body")
local texts = require(root .. ".base.text")

-- (It adds nothing; and what has no field lines of the script's has no Expect to be taken out.)
local expectation = { adds_the_same = true, passes_success = true }

local EXPECTATION_FAILED = 417

local function without_expect(lines)
  local kept = {}
  for _, line in ipairs(lines) do
    if texts.lower(line:match("^[^:]*")) ~= "expect" then
      kept[#kept + 1] = line
    end
  end
  return kept
end

function expectation.after_head(t)
  if t.head.status ~= EXPECTATION_FAILED or t.expects_nothing
    or not (t.auth_expects or fields.have(t.headers, "expect")) or not request_body.rewind(t) then
    return false
  end
  t.expects_nothing, t.headers = true, without_expect(t.headers)
  t:trace("retry", "the server knows no Expect: once more without it")
  return true
end

return expectation
