-- date.lua: HTTP's dates (RFC 9110 section 5.6.7), written and read in English and by arithmetic:
-- neither the locale nor what the system can do with a date matters.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local calendar = require(root .. ".base.calendar")
local check = require(root .. ".base.check")

local INVALID = httpclient.Error.ERR_INVALID_PARAMETER
local floor = math.floor
local DAY, days_before_year, days_in = calendar.DAY, calendar.days_before_year, calendar.days_in

local date = {}

local days = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local long_days = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local months = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
  "Dec" }

local function index_of(list)
  local map = {}
  for index, name in ipairs(list) do
    map[name] = index
  end
  return map
end
local day_of, long_day_of, month_of = index_of(days), index_of(long_days), index_of(months)

-- --- the calendar

local function year_of(day)
  local year = 1970 + floor(day / 365.2425)
  if day < days_before_year(year) then
    return year - 1
  end
  return day >= days_before_year(year + 1) and year + 1 or year
end

-- The largest and smallest times that have four digits for the year.
local LEAST, MOST = days_before_year(0) * DAY, days_before_year(10000) * DAY - 1

-- --- writing

-- http_date([seconds]) -> "Sun, 06 Nov 1994 08:49:37 GMT"; without a number the time of now
function date.http_date(seconds)
  seconds = seconds == nil and os.time() or seconds
  if type(seconds) ~= "number" then
    check.fail_type(1, "http_date", "number", seconds, 2)
  elseif not (seconds >= LEAST and seconds < MOST + 1) then
    check.fail(1, "http_date", "a time from year 0 to 9999 expected", 2)
  end
  seconds = floor(seconds)
  local day, rest = floor(seconds / DAY), seconds % DAY
  local year = year_of(day)
  local left, month = day - days_before_year(year), 1
  while left >= days_in(month, year) do
    left, month = left - days_in(month, year), month + 1
  end
  return ("%s, %02.0f %s %04.0f %02.0f:%02.0f:%02.0f GMT"):format(days[(day + 4) % 7 + 1], left + 1,
    months[month], year, floor(rest / 3600), floor(rest / 60) % 60, rest % 60)
end

-- --- reading

-- Two digits: a year that seems more than 50 years ahead was in the last century.
local function full_year(digits)
  local now = year_of(floor(os.time() / DAY))
  local year = now - now % 100 + tonumber(digits)
  return year > now + 50 and year - 100 or year
end

-- A leap second is the one behind it, as for every clock that does not know of them.
local function seconds_of(year, month, day, time)
  local hour, minute, second = time:match("^(%d%d):(%d%d):(%d%d)$")
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not (hour and month and hour <= 23 and minute <= 59 and second <= 60) then
    return nil
  end
  return calendar.seconds_of(year, month, day, hour, minute, second)
end

local readers = {
  -- IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  function(text)
    local name, day, month, year, time =
      text:match("^(%a%a%a), (%d%d) (%a%a%a) (%d%d%d%d) ([%d:]+) GMT$")
    if day_of[name] then
      return seconds_of(tonumber(year), month_of[month], tonumber(day), time)
    end
  end,
  -- RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  function(text)
    local name, day, month, year, time =
      text:match("^(%a+), (%d%d)%-(%a%a%a)%-(%d%d) ([%d:]+) GMT$")
    if long_day_of[name] then
      return seconds_of(full_year(year), month_of[month], tonumber(day), time)
    end
  end,
  -- asctime: Sun Nov  6 08:49:37 1994
  function(text)
    local name, month, day, time, year =
      text:match("^(%a%a%a) (%a%a%a) ([ %d]%d) ([%d:]+) (%d%d%d%d)$")
    if day_of[name] then
      return seconds_of(tonumber(year), month_of[month], tonumber(day), time)
    end
  end,
}

-- parse_http_date(text) -> seconds since 1970; or nil, message, Error. The day of the week has to be
-- one, and is not compared with the date.
function date.parse_http_date(text)
  if type(text) ~= "string" then
    check.fail_type(1, "parse_http_date", "string", text, 2)
  end
  for _, read in ipairs(readers) do
    local seconds = read(text)
    if seconds then
      return seconds
    end
  end
  return nil, "the text is no date of HTTP's", INVALID
end

return date
