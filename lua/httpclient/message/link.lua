-- link.lua: the Link header field (RFC 8288), read as its appendix B.2 reads it: what is behind the
-- first mistake is not there. All in linear time.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local check = require(root .. ".base.check")
local texts = require(root .. ".base.text")

local lower = texts.lower
local link = {}

-- --- one parameter

-- A quoted string, whose opening quote stands at `from`. -> text, position behind it
local function quoted(value, from)
  local parts, at = {}, from + 1
  while true do
    local stop = value:find('["\\]', at)
    parts[#parts + 1] = value:sub(at, stop and stop - 1)
    if not stop then
      return table.concat(parts), #value + 1
    elseif value:sub(stop, stop) == '"' then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1] = value:sub(stop + 1, stop + 1)
    at = stop + 2
  end
end

-- -> name, value ("" where there is none), position behind it
local function parameter(value, at)
  local _, stop, name = value:find("^([^ \t=;,]*)[ \t]*", at)
  if value:sub(stop + 1, stop + 1) ~= "=" then
    return lower(name), "", stop + 1
  end
  at = value:match("^[ \t]*()", stop + 2)
  if value:sub(at, at) == '"' then
    local text, behind = quoted(value, at)
    return lower(name), text, behind
  end
  local text = value:match("^[^;,]*", at)
  return lower(name), texts.trim(text), at + #text
end

-- Behind the target -> array of { name, value }, position behind them
local function parameters(value, at)
  local list = {}
  while true do
    at = value:match("^[ \t]*()", at)
    if value:sub(at, at) ~= ";" then
      return list, at
    end
    local name, text
    name, text, at = parameter(value, value:match("^;[ \t]*()", at))
    if name ~= "" then
      list[#list + 1] = { name, text }
    end
    -- What stands behind a quoted string does not belong to it.
    at = value:match("^[^;,]*()", at)
  end
end

-- --- what they mean

local utf8_of_byte = texts.table_of(function(byte)
  local code = byte:byte()
  return string.char(192 + math.floor(code / 64), 128 + code % 64)
end)

local function utf8_of(latin)
  return (latin:gsub("[\128-\255]", utf8_of_byte))
end

-- RFC 8187: charset'language'percent-encoded. -> text in UTF-8; nil: not in a charset that is known
local function extended(value)
  local charset, text = value:match("^([^']*)'[^']*'(.*)$")
  charset = charset and lower(charset)
  if charset == "utf-8" then
    return httpclient.uri_decode(text)
  elseif charset == "iso-8859-1" then
    return utf8_of(httpclient.uri_decode(text))
  end
end

-- Once each; of those that come twice, the first counts (section 3.4).
local function first_values(list)
  local values = {}
  for _, entry in ipairs(list) do
    local name, value = entry[1], entry[2]
    if name:find("%*$") then
      value = extended(value)
    end
    if value and values[name] == nil then
      values[name] = value
    end
  end
  return values
end

-- "next  PREV" -> { "next", "prev" }
local function relations(rel)
  local list = {}
  for name in rel:gmatch("[^ \t]+") do
    list[#list + 1] = lower(name)
  end
  return list
end

local function made(url, list)
  local params = first_values(list)
  return {
    url = url, rel = params.rel or "", rels = relations(params.rel or ""), anchor = params.anchor,
    title = params["title*"] or params.title, params = params,
  }
end

-- --- all of it

-- The first link of each relation, of those that are about the page itself and not about an anchor.
local function by_relation(links)
  local first = {}
  for _, entry in ipairs(links) do
    for _, name in ipairs(entry.anchor and {} or entry.rels) do
      first[name] = first[name] or entry
    end
  end
  return first
end

-- parse_link(value) -> array of { url, rel, rels, anchor, title, params }. It can be asked for a
-- relation as well: parse_link(value).next
function link.parse_link(value)
  if type(value) ~= "string" then
    check.fail_type(1, "parse_link", "string", value, 2)
  end
  local links, at = {}, 1
  while true do
    at = value:match("^[ \t,]*()", at)
    local url, behind = value:match("^<([^>]*)>()", at)
    if not url then
      return setmetatable(links, { __index = by_relation(links) })
    end
    local list
    list, at = parameters(value, behind)
    links[#links + 1] = made(texts.trim(url), list)
    at = value:match("^[^,]*()", at)
  end
end

return link
