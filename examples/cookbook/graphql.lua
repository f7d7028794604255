-- Asks an interface of GraphQL. graphql.lua URL ID
local httpclient = require("httpclient")
local url, id = ...

local response = assert(httpclient.fetch(url, { json = {
  query = "query($id: ID!) { user(id: $id) { name } }", variables = { id = id } } }))
print(response:json().data.user.name)
