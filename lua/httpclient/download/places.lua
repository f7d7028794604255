-- places.lua: where downloads write before they are complete, and which of these places are in use.
--
-- Others may be able to write to the folder: a file is made anew, never through a link that waits
-- at its name, and only one of the user's own is continued; what has come in its place before it is
-- open is not written to.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local httpclient = require(root)
local core = require("httpclient.core")
local finalizer = require(root .. ".base.finalizer")
local kept = require(root .. ".base.kept")

local places = {}

local state = kept("downloads", {
  serial = 0,
  in_use = {},     -- temporary name -> the download that writes to it now
  at_exit = nil,
})
local in_use = state.in_use
places.in_use = in_use

-- A program may end in the midst of its downloads; a fork of it ends without them.
state.at_exit = state.at_exit or finalizer(function()
  for _, download in pairs(in_use) do
    if download.process == core.process_number() then
      download:drop()
    end
  end
end)

-- Not to be guessed by others who may write to the folder, nor used twice.
function places.temporary_name(path)
  state.serial = state.serial + 1
  local address = tostring({}):match("0x(%x+)") or "0"
  return ("%s.%s%06x%d.tmp"):format(path, address,
    math.floor(httpclient.monotonic_time() * 1e6) % 0x1000000, state.serial)
end

-- -> file; nil and a message. What `path` leads to may be another thing than a moment ago.
function places.open(path, mode, owner)
  local file, message = io.open(path, mode)
  if file and not core.is_present_file(path, file, owner) then
    file:close()
    return nil, ("can't open %s: something else is in its place"):format(path)
  end
  return file, message
end

return places
