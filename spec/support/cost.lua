-- What a call costs as its input grows. A hook that counts sees nothing of a pattern at work, so it is CPU time that is
-- compared, of this process alone: a load on the machine does not count, and of several runs the cheapest does.
local cost = {}

local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

cost.LARGE = 32768
local SMALL = 4096
local RUNS = 3
-- What costs less than this for the large input is not looked at further. To look at each byte from
-- each other one takes a second or more.
local CHEAP = 0.04 * factor
local MOST = 0.3 * factor

-- What peers and users may send, in place of every part of a header field or a URL.
cost.fillers = {
  " ", "\t", ",", " ,", ";", '"', "\\", ".", "/", "../", "/..", "//", "%", "%25", "?", "#", "@",
  ":", "[", "]", "=", "-", "0", "1.", "1:", "/1", "A", "a,", "a=b; ", "gzip , ", "close,",
  "\195\164",
}

-- The filler alone, and between what it may stand between. -> array
function cost.shapes(filler, size)
  local text = filler:rep(math.ceil(size / #filler)):sub(1, size)
  return { text, "x" .. text .. "x" }
end

local function seconds_of(fn, ...)
  local before = os.clock()
  fn(...)
  return os.clock() - before
end

local function cheapest(fn, ...)
  local least = math.huge
  for _ = 1, RUNS do
    least = math.min(least, seconds_of(fn, ...))
  end
  return least
end

local function repeated(fn, times, argument)
  for _ = 1, times do
    fn(argument)
  end
end

-- Raises when the call costs more than in proportion to its input. make(size) -> argument
function cost.check_linear(what, fn, make)
  local large = make(cost.LARGE)
  if seconds_of(fn, large) < CHEAP then
    return
  end
  local small = cheapest(repeated, fn, cost.LARGE / SMALL, (make(SMALL)))
  local most = cheapest(fn, large)
  if most > 4 * small + CHEAP or most > MOST then
    error(("%s: %.1f ms for %d bytes, %.1f ms for the same in pieces of %d"):format(what,
      most * 1e3, cost.LARGE, small * 1e3,
      SMALL), 2)
  end
end

-- fn(text) for each filler in each of its shapes.
function cost.check_texts(what, fn)
  for _, filler in ipairs(cost.fillers) do
    for index = 1, #cost.shapes(filler, 1) do
      cost.check_linear(("%s, shape %d of %q"):format(what, index, filler), fn, function(size)
        return cost.shapes(filler, size)[index]
      end)
    end
  end
end

-- For what can not be called again: one call with the large input.
function cost.check_once(what, fn, ...)
  local taken = seconds_of(fn, ...)
  if taken > MOST then
    error(("%s: %.1f ms"):format(what, taken * 1e3), 2)
  end
end

return cost
