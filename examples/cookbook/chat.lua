-- Asks a language model, and shows its answer while it comes. chat.lua URL KEY QUESTION
local httpclient = require("httpclient")
local url, key, question = ...

local response = assert(httpclient.stream(url, { bearer = key, json = {
  stream = true, messages = { { role = "user", content = question } } } }))
for event in response:events() do
  if event.data == "[DONE]" then break end
  io.write(httpclient.json.decode(event.data).choices[1].delta.content)
  io.flush()
end
response:close()
