-- cookies.lua: the jar of the option `cookies` (RFC 6265bis): each request of a transfer gets what
-- is for its URL, and each answer is asked for what it sets, whether it is the last one or not.
--
-- The caller's own Cookie line comes first, and its names are not sent twice.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local texts = require(root .. ".base.text")

local cookies = { options = { "cookies" } }

-- The place of the caller's Cookie line in `lines` and its value; nil where there is none.
local function own_line(lines)
  for index, line in ipairs(lines) do
    local name, value = line:match("^([^:]*):(.*)$")
    if name and texts.lower(name) == "cookie" then
      return index, texts.trim(value)
    end
  end
end

local function names_in(value)
  local names = {}
  for pair in value:gmatch("[^;]+") do
    names[texts.trim(pair:match("^([^=]*)=") or "")] = true
  end
  return names
end

function cookies.before_send(t, lines)
  local jar = t.options.cookies
  if not jar then
    return
  end
  local at, own = own_line(lines)
  local text = getmetatable(jar).text_for(jar, t.url, own and names_in(own))
  if text and at then
    lines[at] = lines[at]:match("^[^:]*") .. ": " .. (own ~= "" and own .. "; " or "") .. text
  elseif text then
    lines[#lines + 1] = "Cookie: " .. text
  end
end

-- Wants no other request: it is asked before those that may.
function cookies.after_head(t)
  local jar = t.options.cookies
  if jar and t.head.headers["set-cookie"] then
    getmetatable(jar).take(jar, t.url, t.client:get_response_header_values("Set-Cookie"))
  end
  return false
end

return cookies
