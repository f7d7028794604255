-- places.lua: where downloads write before they are complete, and which of these places are in use.
--
-- Others may be able to write to the folder: a file is made anew, never through a link that waits
-- at its name, and only one of the user's own is continued; what has come in its place before it is
-- open is not written to.
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local core = require("httpclient.core")
local finalizer = require(root .. ".base.finalizer")
local kept = require(root .. ".base.kept")
local random = require(root .. ".base.random")

local places = {}

local state = kept("downloads", {
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

-- Not to be guessed by others who may write to the folder.
function places.temporary_name(path)
  return ("%s.%s.tmp"):format(path, random.hex(8))
end

return places
