-- layout.lua: where things stand in the window, in pixels. The specs look there, too.
return {
  width = 960, height = 540,
  planet = { x = 310, y = 270, radius = 92 },
  scores = { x = 646, y = 84, width = 290, row = 22 },
  network = { x = 646, y = 308, width = 290, row = 38, dot = 16, text = 34 },
  bar = { x = 34, y = 25, width = 240, height = 6 }, -- in its row of the network's panel
  graph = { x = 24, y = 496, width = 180, height = 28 },
}
