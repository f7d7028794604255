-- The same where the answer says how the next page is asked for. cursor.lua URL
local httpclient = require("httpclient")
local url = ...

local cursor
repeat
  local page = assert(assert(httpclient.fetch(url, { query = { cursor = cursor } })):json())
  print(table.concat(page.items, "\n"))
  cursor = page.next
until not cursor
