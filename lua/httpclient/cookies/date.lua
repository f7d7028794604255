-- date.lua: the dates of cookies (RFC 6265bis section 5.1.1), which are read from whatever a server
-- has written. A token that fits nowhere is passed over, so no date is refused for its form.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local calendar = require(root .. ".base.calendar")
local texts = require(root .. ".base.text")

local months = {}
for number,
  name in ipairs({ "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
    "dec" }) do
  months[name] = number
end

-- What stands between tokens. All else belongs to one, control characters and bytes over 7F too.
local DELIMITERS = "[\t -/;-@%[\\%]^_`{-~]"

-- A number of digits, at the beginning of the token and with no digit behind it.
local function leading_number(token, least, most)
  local digits = token:match("^[0-9]+")
  return digits and #digits >= least and #digits <= most and tonumber(digits) or nil
end

-- Each takes what is its own of the token. -> did it?

local function take_time(found, token)
  local hour, minute, second, behind = token:match("^([0-9]+):([0-9]+):([0-9]+)(.?)")
  if not hour or behind:find("^[0-9]") or #hour > 2 or #minute > 2 or #second > 2 then
    return false
  end
  found.hour, found.minute, found.second = tonumber(hour), tonumber(minute), tonumber(second)
  return true
end

local function take_day(found, token)
  found.day = leading_number(token, 1, 2)
  return found.day ~= nil
end

local function take_month(found, token)
  found.month = months[texts.lower(token:sub(1, 3))]
  return found.month ~= nil
end

local function take_year(found, token)
  found.year = leading_number(token, 2, 4)
  return found.year ~= nil
end

local function take_token(found, token)
  return not found.hour and take_time(found, token) or not found.day and take_day(found, token)
    or not found.month and take_month(found, token) or not found.year and take_year(found, token)
end

local function full_year(year)
  return year <= 69 and year + 2000 or year <= 99 and year + 1900 or year
end

-- -> seconds since 1970 began (UTC); nil where the text is no date
return function(text)
  local found = {}
  for token in text:gsub(DELIMITERS, " "):gmatch("[^ ]+") do
    take_token(found, token)
  end
  if not (found.hour and found.day and found.month and found.year) then
    return nil
  end
  local year = full_year(found.year)
  if year < 1601 or found.hour > 23 or found.minute > 59 or found.second > 59 then
    return nil
  end
  return calendar.seconds_of(year, found.month, found.day, found.hour, found.minute, found.second)
end
