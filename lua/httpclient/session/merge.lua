-- merge.lua: the options of one request, laid over those of its session.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local array = require(root .. ".base.array")
local fields = require(root .. ".message.fields")
local options = require(root .. ".options")
local texts = require(root .. ".base.text")

-- Meant for the session's own server, where it has one.
local SECRET = { authorization = true, cookie = true, ["proxy-authorization"] = true }

local function name_of(line)
  return texts.lower(texts.trim(line:match("^[^:]*")))
end

local known = options.of("fetch")

-- Does this value of a request only remove what the session has?
local function removes(name, value)
  return value == false and known[name] and not known[name].kind.is(false)
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

-- What says the same as a field line: one excludes the other.
local SAME = { auth = "authorization", bearer = "authorization", multipart = "content-type" }

-- Of an option and a field line the session's gives way to the request's.
local function forget_same(merged, given, names, lines)
  for option, name in pairs(SAME) do
    if given[option] then
      names[name] = true
    elseif fields.have(lines, name) then
      merged[option] = nil
    end
  end
end

local function merge_headers(merged, own, given, place)
  local names, lines = take_headers(given.headers or {})
  if not lines then
    return given.headers -- what is none is told where it is used
  end
  local own_lines = fields.normalize(own.headers or {})
  if not own_lines then
    return own.headers
  end
  forget_same(merged, given, names, lines)
  names.authorization = names.authorization or place.has_user
  local kept = {}
  for _, line in ipairs(own_lines) do
    local name = name_of(line)
    if not names[name] and (place.is_home or not SECRET[name]) then
      kept[#kept + 1] = line
    end
  end
  return fields.join(kept, lines)
end

local function is_list(query)
  return type(query[1]) == "table"
end

local function is_plain(query)
  return not is_list(query) and getmetatable(query) == nil
end

-- Some tables say themselves how they are walked; pairs() does not ask them on every Lua.
local function walker_of(query)
  local meta = getmetatable(query)
  return type(meta) == "table" and rawget(meta, "__pairs") or nil
end

local function pairs_of(query)
  local walk, names, list = walker_of(query), {}, {}
  if walk then
    for name, value in walk(query) do
      list[#list + 1] = { name, value }
    end
    return list
  elseif is_list(query) then
    return query
  end
  for name in pairs(query) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for index, name in ipairs(names) do
    list[index] = { name, query[name] }
  end
  return list
end

local function copy_of(own)
  local copy = {}
  for name, value in pairs(own) do
    copy[name] = value
  end
  return copy
end

local function merge_plain(own, given)
  local merged = copy_of(own)
  for name, value in pairs(given) do
    if value == false and own[name] ~= nil then
      merged[name] = nil
    else
      merged[name] = value
    end
  end
  return merged
end

local function is_broken(query)
  return is_list(query) and not array.is(query)
end

local function merge_query(own, given)
  if not own or type(given) ~= "table" or is_broken(given) then
    return given -- what is none is told where it is used
  elseif is_broken(own) then
    return own
  elseif is_plain(own) and is_plain(given) then
    return merge_plain(own, given)
  end
  local merged, names, given_pairs = {}, {}, pairs_of(given)
  for _, pair in ipairs(given_pairs) do
    names[type(pair) == "table" and pair[1] or pair] = true
  end
  for _, pair in ipairs(pairs_of(own)) do
    if type(pair) ~= "table" or not names[pair[1]] then -- what is no pair is told where it is used
      merged[#merged + 1] = pair
    end
  end
  for _, pair in ipairs(given_pairs) do
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
    if given[one] ~= nil and given[two] == nil and not removes(one, given[one]) then
      merged[two] = nil
    elseif given[two] ~= nil and given[one] == nil and not removes(two, given[two]) then
      merged[one] = nil
    end
  end
end

-- Nor does what means nothing without an option that the request has done away with.
local function forget_alone(merged, given)
  for _, pair in ipairs(options.needs) do
    if given[pair[1]] == nil and merged[pair[2]] == nil then
      merged[pair[1]] = nil
    end
  end
end

-- Nothing is said beside what the session says, to its own server.
local function merge_nothing(own)
  local merged = copy_of(own)
  merged.headers = own.headers and fields.lines_or_given(own.headers)
  return merged
end

-- `own`: the session's; place: is_home, the request goes to its own server and may have its credentials; has_user,
-- there are others in the URL.
return function(own, given, place)
  if place.is_home and not place.has_user and options.say_nothing(given) then
    return merge_nothing(own)
  end
  local merged = copy_of(own)
  forget_contrary(merged, given)
  if not place.is_home or place.has_user or given.auth ~= nil or given.bearer ~= nil then
    merged.auth, merged.bearer = nil, nil
  end
  for name, value in pairs(given) do
    if removes(name, value) then
      merged[name] = nil
    else
      merged[name] = value
    end
  end
  forget_alone(merged, given)
  local headers = given.headers
  if type(headers) == "table" or headers == nil and own.headers then
    merged.headers = merge_headers(merged, own, given, place)
  end
  if given.query then
    merged.query = merge_query(own.query, given.query)
  end
  return merged
end
