function love.conf(t)
  t.identity = "httpclient-frames"
  for _, name in ipairs({ "window", "graphics", "audio", "sound", "joystick", "physics", "image",
    "font", "video",
    "mouse", "keyboard", "touch" }) do
    t.modules[name] = false
  end
end
