-- range.lua: a download that goes on where an earlier one was broken off asks for the rest alone.
local range = { options = { "download_file" } }

function range.before_send(t, lines)
  if t.file then
    for _, line in ipairs(t.file:range_lines()) do
      lines[#lines + 1] = line
    end
  end
end

return range
