-- cookies.lua: the jar of the option `cookies` (RFC 6265bis): each request of a transfer gets what
-- is for its URL, and each answer is asked for what it sets, whether it is the last one or not.
--
-- The caller's own Cookie line comes first, and its names are not sent twice.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local texts = require(root .. ".base.text")

local get_values = httpclient.HTTPClient.get_response_header_values

local cookies = { options = { "cookies" }, adds_the_same = true }

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

local function text_for(t, taken)
  local jar = t.options.cookies
  return jar and getmetatable(jar).text_for(jar, t.url, taken)
end

-- What the lines depend on beside the options.
function cookies.depends_on(t)
  return text_for(t) or false
end

-- `known`: what depends_on has just given, where there is no line of the caller's; nil: nobody has asked.
function cookies.before_send(t, lines, known)
  local at, own = own_line(lines)
  local text = known
  if known == nil then
    text = text_for(t, own and names_in(own))
  end
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
    getmetatable(jar).take(jar, t.url, get_values(t.client, "Set-Cookie"))
  end
  return false
end

return cookies
