-- What test_clock.c runs: fetch on a connection of HTTP/2 that was idle for long, by a clock that
-- can be put forward.
local h2 = require("spec.support.h2")
local h2_tasks = require("spec.support.h2_tasks")
local httpclient = require("httpclient")

local pool = httpclient.pool
local put_forward = ... -- (seconds)
local IDLE, UNANSWERED = 31, 5

local script = {}

local function equal(expected, actual)
  if expected ~= actual then
    error(("%s expected, got %s"):format(tostring(expected), tostring(actual)), 2)
  end
end

-- action(world, peer): one connection that has had a request, and was idle for so long since.
local function on_idle(seconds, action)
  local ends
  local world = h2_tasks.start(function(fn) ends = fn end)
  local warm = world:fetch("/")
  local peer = world:accept()
  peer:answer(peer:await("HEADERS").stream, "warm")
  equal("warm", world:result(warm).body)
  world:settle()
  put_forward(seconds)
  peer.seen = {}
  action(world, peer)
  ends()
  local used, idle, queued = pool.count()
  equal("0 0 0", ("%d %d %d"):format(used, idle, queued))
end

-- The next frame, which has to be a PING, unless there is a request already.
local function next_of(peer)
  local frame = peer:frame()
  while frame.type == "SETTINGS" or frame.type == "WINDOW_UPDATE" do frame = peer:frame() end
  return frame
end

function script.asks_whether_the_server_lives()
  on_idle(IDLE, function(world, peer)
    local task = world:fetch("/", { method = "POST", body = "content" })
    local ping = next_of(peer)
    equal("PING", ping.type)
    peer:drain()
    equal(0, #peer.seen) -- nothing else goes out before the answer
    peer:send(h2.frame("PING", h2.ACK, 0, ping.payload))
    local request = peer:await("HEADERS")
    equal("content", peer:await("DATA").payload)
    peer:answer(request.stream, "here")
    equal("here", world:result(task).body)
    equal(nil, world:try_accept())
  end)
end

-- With a body of each kind; it was not sent, so it can be sent elsewhere.
function script.goes_elsewhere_when_nobody_answers()
  for _, kind in ipairs({ "string", "none" }) do
    on_idle(IDLE, function(world, peer)
      local task = world:fetch("/", { method = "POST", body = kind == "string" and "content"
        or nil })
      equal("PING", next_of(peer).type)
      world:settle()
      equal(nil, world:try_accept())
      put_forward(UNANSWERED)
      local second = world:accept()
      local request = second:await("HEADERS")
      if kind == "string" then equal("content", second:await("DATA").payload) end
      second:answer(request.stream, "elsewhere")
      equal("elsewhere", world:result(task).body)
    end)
  end
end

function script.takes_a_function_elsewhere_that_was_not_asked()
  on_idle(IDLE, function(world, peer)
    local asked = 0
    local task = world:fetch("/", { method = "POST", body = function()
      asked = asked + 1
      return asked == 1 and "content" or nil
    end })
    equal("PING", next_of(peer).type)
    world:settle()
    equal(0, asked)
    put_forward(UNANSWERED)
    local second = world:accept()
    local request = second:await("HEADERS")
    equal("content", second:await("DATA").payload)
    second:answer(request.stream, "elsewhere")
    equal("elsewhere", world:result(task).body)
  end)
end

-- Those that wait behind the question share its fate, whatever they are.
function script.takes_those_that_wait_with_it()
  on_idle(IDLE, function(world, peer)
    local post = world:fetch("/post", { method = "POST", body = "content" })
    local get = world:fetch("/get")
    equal("PING", next_of(peer).type)
    world:settle()
    put_forward(UNANSWERED)
    local second = world:accept()
    for _ = 1, 2 do second:answer(second:await("HEADERS").stream, "elsewhere") end
    equal("elsewhere", world:result(post).body)
    equal("elsewhere", world:result(get).body)
    equal(nil, world:try_accept())
  end)
end

function script.asks_nothing_before_what_can_be_sent_again()
  on_idle(IDLE, function(world, peer)
    local task = world:fetch("/")
    local request = next_of(peer)
    equal("HEADERS", request.type)
    peer:answer(request.stream, "x")
    equal("x", world:result(task).body)
  end)
end

function script.asks_nothing_where_the_server_was_heard_a_moment_ago()
  on_idle(IDLE - 2, function(world, peer)
    local task = world:fetch("/", { method = "POST" })
    local request = next_of(peer)
    equal("HEADERS", request.type)
    peer:answer(request.stream, "x")
    equal("x", world:result(task).body)
  end)
end

return script
