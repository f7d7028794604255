-- merge.lua: the options of one request, laid over those of its session.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")
local options = require(root .. ".options")
local texts = require(root .. ".base.text")

-- Meant for the session's own server, where it has one.
local SECRET = { authorization = true, cookie = true, ["proxy-authorization"] = true }

local function name_of(line)
  return texts.lower(texts.trim(line:match("^[^:]*")))
end

-- Names of the given fields, and these without those that only remove one; nil where the table is none
local function take_headers(given)
  local names, kept = {}, {}
  for key, value in pairs(given) do
    if value == false and type(key) == "string" then
      names[texts.lower(key)] = true
    else
      kept[key] = value
    end
  end
  local lines = fields.normalize(kept)
  for _, line in ipairs(lines or {}) do
    names[name_of(line)] = true
  end
  return names, lines
end

local function merge_headers(own, given, is_home)
  local names, lines = {}, {}
  if type(given) == "table" then
    names, lines = take_headers(given)
  end
  local merged = {}
  for _, line in ipairs(fields.normalize(own or {}) or {}) do
    local name = name_of(line)
    if not names[name] and (is_home or not SECRET[name]) then
      merged[#merged + 1] = line
    end
  end
  return lines and fields.join(merged, lines) or given -- what is none is told where it is used
end

local function is_list(query)
  return type(query[1]) == "table"
end

local function is_plain(query)
  return not is_list(query) and getmetatable(query) == nil
end

local function pairs_of(query)
  if is_list(query) then
    return query
  end
  local names, list = {}, {}
  for name in pairs(query) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for index, name in ipairs(names) do
    list[index] = { name, query[name] }
  end
  return list
end

local function merge_plain(own, given)
  local merged = {}
  for name, value in pairs(own) do
    merged[name] = value
  end
  for name, value in pairs(given) do
    if value == false and own[name] ~= nil then
      merged[name] = nil
    else
      merged[name] = value
    end
  end
  return merged
end

local function merge_query(own, given)
  if not own or type(given) ~= "table" then
    return given
  elseif is_plain(own) and is_plain(given) then
    return merge_plain(own, given)
  end
  local merged, names = {}, {}
  for _, pair in ipairs(pairs_of(given)) do
    names[type(pair) == "table" and pair[1] or pair] = true
  end
  for _, pair in ipairs(pairs_of(own)) do
    if type(pair) ~= "table" or not names[pair[1]] then -- what is no pair is told where it is used
      merged[#merged + 1] = pair
    end
  end
  for _, pair in ipairs(pairs_of(given)) do
    if type(pair) ~= "table" or pair[2] ~= false then
      merged[#merged + 1] = pair
    end
  end
  return merged
end

-- What contradicts an option of the request does not come from the session: content of another kind, for one.
local function forget_contrary(merged, given)
  for _, pair in ipairs(options.contradictions) do
    local one, two = pair[1], pair[2]
    if given[one] ~= nil and given[two] == nil then
      merged[two] = nil
    elseif given[two] ~= nil and given[one] == nil then
      merged[one] = nil
    end
  end
end

-- `own`: the session's; is_home: the request goes to its own server, and may have its credentials.
return function(own, given, is_home)
  local merged, known = {}, options.of("fetch")
  for name, value in pairs(own) do
    merged[name] = value
  end
  forget_contrary(merged, given)
  if not is_home then
    merged.auth, merged.bearer = nil, nil
  end
  if given.auth ~= nil or given.bearer ~= nil then
    merged.auth, merged.bearer = nil, nil
  end
  for name, value in pairs(given) do
    if value == false and known[name] and not known[name].kind.is(false) then
      merged[name] = nil
    else
      merged[name] = value
    end
  end
  if own.headers or given.headers then
    merged.headers = merge_headers(own.headers, given.headers, is_home)
  end
  if given.query then
    merged.query = merge_query(own.query, given.query)
  end
  return merged
end
