-- Writes the inputs of fuzz/corpus/h2 anew: lua fuzz/seeds_h2.lua. Each is what fuzz_h2.c says of an
-- input: two bytes, then steps of four.
local HEAD, INTERIM, DATA, TRAILERS, RESET, WINDOW, SETTINGS, GOAWAY, OTHER, NONSENSE, CONSUME,
  CLOSE,
  OFFER, DRAIN = 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15
local LAST, PADDED, LENGTH = 4, 8, 8

local seeds = {
  answer = { 64, 255, { HEAD, 0, 0, 0 }, { DATA, 0, 0, 200 }, { CONSUME, 0, 255, 0 },
    { DATA, 0, LAST, 9 } },
  bytes = { 0, 0, { INTERIM, 0, 1, 0 }, { HEAD, 0, LENGTH, 20 }, { DATA, 0, PADDED, 10 },
    { OTHER, 0, 1, 0 }, { DATA, 0, LAST, 10 }, { DRAIN, 0, 9, 0 } },
  trailers = { 5, 9, { HEAD, 1, 16, 0 }, { DATA, 1, 32, 255 }, { TRAILERS, 1, 8, 0 } },
  upload = { 64, 20, { OFFER, 1, 100, 7 }, { DRAIN, 0, 255, 0 }, { OFFER, 2, 255, 7 },
    { WINDOW, 1, 130, 7 }, { SETTINGS, 0, 1, 9 }, { DRAIN, 0, 255, 0 }, { WINDOW, 0, 90, 7 },
    { DRAIN, 0, 255, 0 }, { HEAD, 1, LAST, 0 }, { DRAIN, 0, 255, 0 } },
  early = { 64, 3, { OFFER, 1, 120, 7 }, { DRAIN, 0, 3, 0 }, { HEAD, 1, 3, 0 },
    { DATA, 1, LAST, 40 }, { DRAIN, 0, 255, 0 }, { CONSUME, 1, 255, 0 } },
  bodiless = { 64, 9, { HEAD, 0, 1, 0 }, { TRAILERS, 0, 0, 0 }, { HEAD, 1, 2 + LENGTH, 50 },
    { DATA, 1, LAST, 1 } },
  resets = { 64, 9, { RESET, 0, 7, 0 }, { HEAD, 1, 0, 0 }, { RESET, 1, 0, 0 }, { CLOSE, 2, 0, 0 },
    { DATA, 2, 0, 9 } },
  goodbye = { 3, 9, { HEAD, 0, 0, 0 }, { GOAWAY, 0, 3, 0 }, { GOAWAY, 0, 1, 0 },
    { DATA, 0, LAST, 9 } },
  lengths = { 64, 9, { HEAD, 0, LENGTH, 5 }, { DATA, 0, LAST, 6 }, { HEAD, 1, LENGTH, 5 },
    { DATA, 1, LAST, 4 }, { HEAD, 2, LENGTH + LAST, 5 } },
  nonsense = { 64, 9, { HEAD, 0, 0, 0 }, { NONSENSE, 0, 77, 3 } },
}

os.execute("mkdir -p fuzz/corpus/h2")
for name, seed in pairs(seeds) do
  local parts = { string.char(seed[1], seed[2]) }
  for i = 3, #seed do parts[#parts + 1] = string.char(table.unpack(seed[i])) end
  local file = assert(io.open("fuzz/corpus/h2/" .. name, "wb"))
  file:write(table.concat(parts))
  file:close()
end
