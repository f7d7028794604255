-- reference.lua: any URI or relative reference taken apart, and resolved against a base (RFC 3986).
--
-- Patterns name their bytes, so that nothing depends on the locale, and none takes more than linear
-- time. Reasons never quote the URL, which may hold a password.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local authority = require(root .. ".url.authority")
local texts = require(root .. ".base.text")

local reference = {}

-- What stands before the mark and what behind it; nil where there is none.
local function split(text, mark)
  local at = text:find(mark, 1, true)
  if not at then
    return text, nil
  end
  return text:sub(1, at - 1), text:sub(at + 1)
end

-- Any URI or relative reference: {scheme, userinfo, host, is_ipv6, port, path, query, fragment}.
-- What is not there is nil; the path is always a string. Scheme and host are in lower case, nothing
-- is decoded. Or nil and the reason.
function reference.parse(text)
  if texts.has_control(text) then
    return nil, "the URL holds a control character"
  end
  local parts, rest = { is_ipv6 = false }, text
  rest, parts.fragment = split(rest, "#")
  rest, parts.query = split(rest, "?")
  local _, colon = rest:find("^[A-Za-z][A-Za-z0-9+.-]*:")
  if colon then
    parts.scheme, rest = texts.lower(rest:sub(1, colon - 1)), rest:sub(colon + 1)
  end
  if rest:sub(1, 2) ~= "//" then
    parts.path = rest
    return parts
  end
  local slash = rest:find("/", 3, true) or #rest + 1
  parts.path = rest:sub(slash)
  local ok, reason = authority.parse(parts, rest:sub(3, slash - 1))
  if not ok then
    return nil, reason
  end
  return parts
end

-- RFC 3986 section 5.2.4.
function reference.remove_dot_segments(path)
  if path:sub(1, 1) == "/" and not path:find("/.", 1, true) then
    return path
  end
  local from = 1
  while path:find("^%.%.?/", from) do
    from = path:find("/", from, true) + 1
  end
  local rest = path:sub(from)
  if rest == "." or rest == ".." then
    return ""
  end
  local kept, first = {}, rest:match("^[^/]*")
  kept[1] = first ~= "" and first or nil
  local last
  for segment in rest:sub(#first + 1):gmatch("/[^/]*") do
    last = segment
    if segment == "/.." then
      kept[#kept] = nil
    elseif segment ~= "/." then
      kept[#kept + 1] = segment
    end
  end
  if last == "/." or last == "/.." then
    kept[#kept + 1] = "/"
  end
  return table.concat(kept)
end

local function merge_paths(base, path)
  if base.host and base.path == "" then
    return "/" .. path
  end
  return (base.path:match("^.*/") or "") .. path
end

local function copy_authority(to, from)
  to.userinfo, to.host, to.is_ipv6, to.port = from.userinfo, from.host, from.is_ipv6, from.port
end

local function parts_of(value)
  if type(value) == "table" then
    return value
  end
  return reference.parse(value)
end

-- `relative` (text or parts) seen from the base (the same), RFC 3986 section 5.2.2. New parts, or nil and the reason.
function reference.resolve(base, relative)
  local from, why = parts_of(base)
  if not from then
    return nil, why
  end
  local ref, reason = parts_of(relative)
  if not ref then
    return nil, reason
  end
  local to = { scheme = ref.scheme or from.scheme, query = ref.query, fragment = ref.fragment }
  if ref.scheme or ref.host then
    copy_authority(to, ref)
    to.path = reference.remove_dot_segments(ref.path)
    return to
  end
  copy_authority(to, from)
  if ref.path == "" then
    to.path = from.path
    to.query = ref.query or from.query
  elseif ref.path:sub(1, 1) == "/" then
    to.path = reference.remove_dot_segments(ref.path)
  else
    to.path = reference.remove_dot_segments(merge_paths(from, ref.path))
  end
  return to
end

return reference
