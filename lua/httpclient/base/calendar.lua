-- calendar.lua: days and dates, by arithmetic: neither the locale nor what the system can do with a
-- date matters. The calendar is that of today, before it was in use as well.
local floor = math.floor

local calendar = {}

calendar.DAY = 86400 -- seconds

local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- Days from 1970-01-01 to the first of January.
function calendar.days_before_year(year)
  local past = year - 1
  return 365 * (year - 1970) + floor(past / 4) - floor(past / 100) + floor(past / 400) - 477
end

function calendar.days_in(month, year)
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and is_leap and 29 or lengths[month]
end

-- Seconds from the beginning of 1970 (UTC) on; nil where there is no such day.
function calendar.seconds_of(year, month, day, hour, minute, second)
  if day < 1 or day > calendar.days_in(month, year) then
    return nil
  end
  local count = calendar.days_before_year(year) + day - 1
  for past = 1, month - 1 do
    count = count + calendar.days_in(past, year)
  end
  return count * calendar.DAY + hour * 3600 + minute * 60 + second
end

return calendar
