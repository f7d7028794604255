-- What specs of downloads share: a folder for each test, the names in it, and answers that are cut short or go on.
--
--   local downloads = require("spec.support.download")(before_each, after_each)
--   downloads.folder, downloads.names(), downloads.cut_short(...), downloads.rest(...)
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

return function(before_each, after_each)
  local downloads = { tagged = 'ETag: "v1"\r\nAccept-Ranges: bytes\r\n' }

  before_each(function() downloads.folder = tempdir.new() end)
  after_each(function() downloads.folder:close() end)

  -- The names in the folder, in order.
  function downloads.names()
    local process = assert(native.spawn({ "ls", "-A", downloads.folder.path }, { stdout = "pipe" }))
    local list = {}
    for name in process:read():gmatch("[^\n]+") do
      list[#list + 1] = name
    end
    process:wait()
    process:close()
    table.sort(list)
    return list
  end

  function downloads.cut_short(text, all, more)
    return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s"):format(#all,
      more or downloads.tagged, text)
  end

  function downloads.rest(text, from, total, more)
    return ("HTTP/1.1 206 Partial\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%s\r\n%s\r\n%s"):format(#text, from,
      from + #text - 1, total, more or downloads.tagged, text)
  end

  return downloads
end
