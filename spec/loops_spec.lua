-- The client inside other people's event loops: cqueues, luv, LuaSocket's select.
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")
local uv = require("luv") -- here: its loop stays open to the end of the process

local HTTPClient = httpclient.HTTPClient

-- A whole exchange against a server in another thread; wait(client) is the loop's part. The polls are counted: a loop
-- that spins shows in them.
local function exchange(wait)
  local script = native.script({
    { "accept" },
    { "recv_until", "\r\n\r\n" },
    { "sleep", 0.05 },
    { "send", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde" },
    { "sleep", 0.05 },
    { "send", "fghij" },
    { "stall" },
  })
  local client = HTTPClient.new()
  finally(function()
    client:close()
    script:stop()
  end)
  client:connect_to_host("localhost", script:port())
  local parts, rounds, asked = {}, 0, false
  while client:get_status() ~= HTTPClient.STATUS_CONNECTED or not asked do
    wait(client)
    client:poll()
    if client:get_status() == HTTPClient.STATUS_CONNECTED and not asked then
      asked = true
      support.request(client)
    end
    if client:get_status() == HTTPClient.STATUS_BODY then
      parts[#parts + 1] = client:read_response_body_chunk()
    end
    rounds = rounds + 1
    assert(rounds < 60, "the loop spins")
  end
  assert.equal("abcdefghij", table.concat(parts))
end

-- Three exchanges in one Poller; wait(poller) is the loop's part.
local function exchanges(wait)
  local poller, scripts, bodies, asked = httpclient.Poller.new(), {}, {}, {}
  finally(function()
    for _, script in ipairs(scripts) do
      script:stop()
    end
  end)
  for i = 1, 3 do
    scripts[i] = native.script({
      { "accept" },
      { "recv_until", "\r\n\r\n" },
      { "sleep", 0.02 * i },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na" },
      { "sleep", 0.02 },
      { "send", "b" },
      { "stall" },
    })
    local client = HTTPClient.new()
    client:connect_to_host("localhost", scripts[i]:port())
    poller:add(client)
    bodies[client] = ""
  end
  local rounds, done = 0, 0
  while done < 3 do
    wait(poller)
    for _, client in ipairs(poller:wait(0)) do
      local status = client:get_status()
      if status == HTTPClient.STATUS_CONNECTED and not asked[client] then
        asked[client] = true
        support.request(client)
      elseif status == HTTPClient.STATUS_BODY then
        bodies[client] = bodies[client] .. client:read_response_body_chunk()
        if client:get_status() == HTTPClient.STATUS_CONNECTED then
          done = done + 1
          poller:remove(client)
          client:close()
        end
      end
    end
    rounds = rounds + 1
    assert(rounds < 100, "the loop spins")
  end
  for _, body in pairs(bodies) do
    assert.equal("ab", body)
  end
end

-- The three loops, each with what waits in it for one object.
local function in_cqueues(run)
  local cqueues = require("cqueues")
  local queue = cqueues.new()
  -- No pcall: 5.1 can not yield across it. An error comes out of loop().
  queue:wrap(run, function(object)
    cqueues.poll(object, 5)
  end)
  local done, message = queue:loop()
  queue:close()
  assert(done, message)
end

local function wait_in_luv(object)
  local seconds = object:timeout()
  if seconds == 0 then
    return
  end
  local is_windows = package.config:sub(1, 1) == "\\"
  local new_poll = is_windows and uv.new_socket_poll or uv.new_poll
  local poll, timer = assert(new_poll(object:get_fd())), uv.new_timer()
  local function done()
    poll:stop()
    timer:stop()
    poll:close()
    timer:close()
  end
  poll:start(object:events(), done)
  timer:start(math.ceil((seconds or 5) * 1000), 0, done)
  uv.run()
end

local function wait_in_select(object)
  local events = object:events() or ""
  require("socket").select(events:find("r") and { object } or {}, events:find("w") and { object }
    or {},
    object:timeout() or 5)
end

describe("an HTTPClient", function()
  it("works in cqueues", function()
    in_cqueues(exchange)
  end)
  it("works in luv", function()
    exchange(wait_in_luv)
  end)
  it("works in LuaSocket's select", function()
    exchange(wait_in_select)
  end)
end)

describe("a Poller", function()
  it("works in cqueues", function()
    in_cqueues(exchanges)
  end)
  it("works in luv", function()
    exchanges(wait_in_luv)
  end)
  it("works in LuaSocket's select", function()
    exchanges(wait_in_select)
  end)
end)
