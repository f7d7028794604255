-- A client for one interface: what all its requests have in common is said once. client.lua URL
local httpclient = require("httpclient")
local url = ...

local api = httpclient.Session.new({ base_url = url, bearer = "token1", timeout = 20, retry = true,
  headers = { ["User-Agent"] = "my-program/1.0", Accept = "application/json" } })

local items = assert(assert(api:get("items", { query = { q = "jit" } })):json())
print(items[1].name)
local made = assert(api:post("items", { json = { name = "moonjit" } }))
print(made.status, made:json().name)
