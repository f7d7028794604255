-- Tasks of this thread against the frame server of spec/support/h2.lua, in clear by prior knowledge.
--
--   local world = h2_tasks.start(finally)
--   local task = world:fetch("/path", { method = "POST", body = "x" })
--   local peer = world:accept({ [3] = 1 })      -- the next connection; its SETTINGS
--   local request = peer:await("HEADERS")
--   peer:answer(request.stream, "hello")
--   assert.equal("hello", world:result(task).body)
local certs = require("spec.support.certs")
local h2 = require("spec.support.h2")
local httpclient = require("httpclient")
local native = require("spec_native")
local support = require("spec.support.client")

local h2_tasks = {}

local World = {}
World.__index = World

local mover = { poll = function() httpclient.process() end }

-- All that is begun ends with the test.
function h2_tasks.start(finally)
  local world = setmetatable({ listener = assert(native.listen({ host = "127.0.0.1" })),
    tasks = {}, peers = {} }, World)
  finally(function()
    for _, task in ipairs(world.tasks) do task:cancel() end
    httpclient.pool.close_idle()
    for _, peer in ipairs(world.peers) do peer:close() end
    world.listener:close()
  end)
  return world
end

function World:url(path)
  return ("http://127.0.0.1:%d%s"):format(self.listener:port(), path or "/")
end

function World:fetch(path, options)
  options = options or {}
  options.http_version = options.http_version or "2"
  local task = httpclient.async(httpclient.fetch, self:url(path), options)
  self.tasks[#self.tasks + 1] = task
  return task
end

-- So many of them.
function World:fetch_many(count, options)
  local tasks = {}
  for i = 1, count do
    tasks[i] = self:fetch("/" .. i, options)
  end
  return tasks
end

local Extra = {}

-- A whole answer: head, content, END_STREAM.
function Extra:answer(stream, body, fields)
  local head = { { ":status", "200" } }
  for _, field in ipairs(fields or {}) do head[#head + 1] = field end
  self:send(h2.headers(stream, head), h2.data(stream, body or "", h2.END_STREAM))
end

-- The next so many requests. -> their streams
function Extra:requests(count)
  local streams = {}
  for i = 1, count do
    streams[i] = self:await("HEADERS").stream
  end
  return streams
end

-- What has come up to now, without waiting for more than a few rounds.
function Extra:drain()
  local last = nil
  for _ = 1, 30 do
    httpclient.process()
    native.sleep(0.0005)
    local head = self.conn:recv_n(9, 0)
    if head then
      local size = h2.number(head:sub(1, 3))
      last = { type = head:byte(4), stream = h2.number(head:sub(6, 9)),
        payload = size > 0 and self:read(size) or "" }
      self.seen[#self.seen + 1] = last
    end
  end
  return last
end

function World:try_accept()
  httpclient.process()
  return self.listener:accept(0)
end

local function add_peer(world, peer)
  for name, method in pairs(Extra) do peer[name] = method end
  world.peers[#world.peers + 1] = peer
  return peer
end

-- The next connection; settings: those of the server.
function World:accept(settings)
  local conn = support.until_true(function() return self:try_accept() end, nil,
    function() return "a connection" end)
  return add_peer(self, h2.greet(conn, { mover }, settings))
end

-- The next connection, with TLS: the server takes the first of these protocols that is offered.
-- -> what was agreed on, and the connection
function World:accept_tls(protocols)
  local conn = support.until_true(function() return self:try_accept() end)
  assert(conn:starttls(certs.localhost.tls({ alpn = protocols })))
  support.until_true(function()
    httpclient.process()
    local done, why = conn:handshake("step")
    assert(not why or why == "timeout", why)
    return done
  end, nil, function() return "the handshake" end)
  self.peers[#self.peers + 1] = conn
  return conn:tls_info().alpn, conn
end

-- -> a peer on it
function World:greet(conn, settings)
  return add_peer(self, h2.greet(conn, { mover }, settings))
end

-- A task of https that trusts the server.
function World:fetch_tls(path, options)
  options = options or {}
  options.tls_options = options.tls_options or httpclient.TLSOptions.client(certs.ca.cert)
  local url = ("https://localhost:%d%s"):format(self.listener:port(), path)
  local task = httpclient.async(httpclient.fetch, url, options)
  self.tasks[#self.tasks + 1] = task
  return task
end

-- A peer that has neither read nor sent anything.
function h2_tasks.peer(world, conn)
  return add_peer(world, h2.silent(conn, { mover }))
end

-- -> the first result of the task, or nil, message, code
function World:result(task) -- luacheck: ignore self
  support.until_true(function()
    httpclient.process()
    return task:status() ~= "running"
  end, nil, function() return "a task" end)
  return task:result()
end

-- Each of them has failed, since its stream was refused.
function World:expect_refused(tasks)
  for _, task in ipairs(tasks) do
    local none, message = self:result(task)
    assert(none == nil, "a task was not refused")
    assert(message:find("REFUSED_STREAM", 1, true), message)
  end
end

-- Moves the tasks so often that whatever can happen has happened.
function World:settle(rounds) -- luacheck: ignore self
  for _ = 1, rounds or 40 do
    httpclient.process()
    native.sleep(0.0005)
  end
end

return h2_tasks
