-- conf.lua: what LÖVE sets up before the game begins. The identity names the save directory.
function love.conf(t)
  t.identity = "httpclient-orbit"
  t.version = "11.4"
  t.window.title = "Orbit"
  t.window.width = 960
  t.window.height = 540
  t.window.minwidth, t.window.minheight = 480, 270
  t.window.resizable = true
  for _, name in ipairs({ "audio", "sound", "joystick", "physics", "touch", "video" }) do
    t.modules[name] = false
  end
end
