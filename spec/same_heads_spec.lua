-- Heads that are much like the one before on their connection: what is kept of that one (lines, strings, the reason)
-- must never be said of another.
local haunt = require("spec.support.haunt")
local httpclient = require("httpclient")
local support = require("spec.support.client")

local HTTPClient = httpclient.HTTPClient
local keep, listen = require("spec.support.world")(after_each)

-- What the dictionary of these lines has to be; the first spelling of a name stands for all.
local function fields_of(lines)
  local fields, spelling = {}, {}
  for _, line in ipairs(lines) do
    local name, value = line:match("^([^:]+): (.*)$")
    local first = spelling[name:lower()]
    if first then
      fields[first] = fields[first] .. "; " .. value
    else
      spelling[name:lower()] = name
      fields[name] = value
    end
  end
  return fields
end

local function head(status, lines)
  return "HTTP/1." .. status .. "\r\n" .. table.concat(lines, "\r\n")
    .. (#lines > 0 and "\r\n" or "")
    .. "\r\n"
end

local function dictionary_of(client)
  local plain = {}
  for name, value in pairs(client:get_response_headers_as_dictionary()) do plain[name] = value end
  return plain
end

-- Their content is empty.
local function ask(client, conn, bytes)
  support.answer(client, conn, bytes)
  client:read_response_body_chunk()
end

local function check_status(client, conn, status, lines)
  ask(client, conn, head(status, lines))
  local code, reason = status:match("^%d (%d+) ?(.*)$")
  assert.equal(tonumber(code), client:get_response_code())
  assert.equal(reason, client:get_response_reason())
  assert.same(lines, client:get_response_headers())
end

local LENGTH = "Content-Length: 0"
local long = ("v"):rep(41)

-- Each differs from the ones around it in another way.
local heads = {
  { "Server: a", "Date: 1", "X: y", LENGTH },
  { "Server: a", "Date: 1", "X: y", LENGTH },
  { "Server: a", "Date: 2", "X: y", LENGTH },
  { "Server: a", "Date: 2", "X: z", LENGTH },
  { "Server: a", "Date: 12", "X: z", LENGTH },
  { "Server: a", "Date: 12", LENGTH },
  { "Server: a", "Date: 12", LENGTH, "X: z" },
  { "Server: a", "Date: 12", LENGTH, "X: z", "Y: z" },
  { "Server: a", "Date: 12", LENGTH, "X: z" },
  { "server: a", "Date: 12", LENGTH, "X: z" },
  { "server: a", "Date: 12", LENGTH, "X: " .. long },
  { "server: a", "Date: 13", LENGTH, "X: " .. long },
  { "server: a", "Date: 13", LENGTH, "X: " .. long .. "w" },
  { "server: a", "server: b", LENGTH, "X: w" },
  { "server: a", "Server: b", LENGTH, "X: w" },
  { "server: a", "Server: b", LENGTH, "X: w", "x: v", "X: u" },
  { "server: a", "Server: c", LENGTH, "X: w", "x: v", "X: u" },
  { "X: u", "X: w", LENGTH },
  { "X: u", "Z: w", LENGTH },
  { "Z: u", "X: w", LENGTH },
  { LENGTH },
  { LENGTH, "A: b" },
  { LENGTH, "A:  b" },
  { LENGTH, "A: b" },
}
local many = {}
for i = 1, 64 do many[i] = ("Name-%d: %d"):format(i, i) end
many[64] = LENGTH
heads[#heads + 1], heads[#heads + 2] = many, many
local others = {}
for i, line in ipairs(many) do others[i] = line end
others[7], others[40] = "Name-41: 7", "Name-8: 40"
heads[#heads + 1], heads[#heads + 2] = others, many

local function normal(lines)
  local same = {}
  for i, line in ipairs(lines) do same[i] = line:gsub(":  ", ": ") end
  return same
end

describe("A head that is like the one before", function()
  it("has its own fields, one after the other", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    for _, lines in ipairs(heads) do
      ask(client, conn, head("1 200 OK", lines))
      assert.same(normal(lines), client:get_response_headers())
      assert.same(fields_of(normal(lines)), dictionary_of(client))
      assert.same(fields_of(normal(lines)), dictionary_of(client))
    end
  end)

  it("has its own fields when not all were asked for", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    for step = 2, 5 do
      for i, lines in ipairs(heads) do
        ask(client, conn, head("1 200 OK", lines))
        if i % step == 0 then assert.same(fields_of(normal(lines)), dictionary_of(client)) end
      end
    end
  end)

  it("has its own fields beside those of another client", function()
    local one, its = support.connect(listen())
    local other, others_conn = support.connect(listen())
    for _, object in ipairs({ one, its, other, others_conn }) do keep(object) end
    for shift = 0, 3 do
      for i, lines in ipairs(heads) do
        local theirs = heads[(i + shift) % #heads + 1]
        ask(one, its, head("1 200 OK", lines))
        ask(other, others_conn, head("1 200 OK", theirs))
        if i % 3 ~= 0 then assert.same(fields_of(normal(theirs)), dictionary_of(other)) end
        if i % 5 ~= 0 then assert.same(fields_of(normal(lines)), dictionary_of(one)) end
      end
    end
  end)

  -- Ten values that are new each time, and need much memory; and ten that stay, and are different for each client.
  local function changing(who, number)
    local lines, much = {}, ("x"):rep(3000)
    for i = 1, 10 do lines[i] = ("New-%d: %s%d.%d%s"):format(i, who, number, i, much) end
    for i = 11, 20 do lines[i] = ("Same-%d: %s"):format(i, who) end
    lines[21] = LENGTH
    return lines
  end

  it("has its own fields where a finalizer asks for those of another meanwhile", function()
    local one, its = support.connect(listen())
    local other, others_conn = support.connect(listen())
    for _, object in ipairs({ one, its, other, others_conn }) do keep(object) end
    if _VERSION == "Lua 5.4" then collectgarbage("incremental", 0, 1000, 4)
    else collectgarbage("setpause", 0) end
    finally(function()
      if _VERSION == "Lua 5.4" then collectgarbage("incremental", 200, 100, 13)
      else collectgarbage("setpause", 200) end
    end)
    local expected, wrong
    local stop = haunt(function()
      local found = expected and dictionary_of(other) or nil
      for name, value in pairs(found or {}) do
        if expected[name] ~= value then wrong = name .. ": " .. value end
      end
    end, 50)
    for round = 1, 150 do
      local mine, theirs = changing("one", round), changing("other", round)
      expected = nil
      ask(one, its, head("1 200 OK", mine))
      ask(other, others_conn, head("1 200 OK", theirs))
      local all_of_theirs = fields_of(theirs)
      expected = all_of_theirs -- from here on
      local found = one:get_response_headers_as_dictionary()
      expected = nil
      assert.same(fields_of(mine), setmetatable(found, nil))
      assert.is_nil(wrong)
      if round % 3 == 0 then assert.same(fields_of(theirs), dictionary_of(other)) end
    end
    assert.is_true(stop() > 10)
  end)

  it("has its own status line", function()
    local client, conn = support.connect(listen())
    keep(client)
    keep(conn)
    for _, status in ipairs({ "1 200 OK", "1 200 OK", "1 404 OK", "1 200 OKAY", "1 200 OK",
      "1 200 ", "1 201 OK", "1 201", "1 999 OL", "1 207 OL", "1 207 O", "1 207 OL" }) do
      check_status(client, conn, status, { LENGTH })
    end
  end)

  local refused = { "2 200 OK", "1 020 OK", "1 2x0 OK", "1  200 OK", "x 200 OK", "1 2000 OK" }
  for _, status in ipairs(refused) do
    local line = "HTTP/" .. (status:find("^2 ") and "2.0" .. status:sub(2) or "1." .. status)
    it(("is refused when it begins with %q"):format(line), function()
      local client, conn = support.connect(listen())
      keep(client)
      keep(conn)
      check_status(client, conn, "1 200 OK", { LENGTH })
      ask(client, conn, line .. "\r\n" .. LENGTH .. "\r\n\r\n")
      assert.equal(HTTPClient.STATUS_CONNECTION_ERROR, client:get_status())
    end)
  end
end)
