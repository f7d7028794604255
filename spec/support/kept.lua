-- What a test opens, closed after it, the newest first.
--
--   local keep = require("spec.support.kept")(after_each)
--   local listener = keep(native.listen({}))
return function(after_each)
  local opened = {}
  after_each(function()
    for i = #opened, 1, -1 do
      local object = opened[i]
      opened[i] = nil
      if object.close then
        object:close()
      else
        object:stop() -- a scripted server
      end
    end
  end)
  return function(object)
    opened[#opened + 1] = object
    return object
  end
end
