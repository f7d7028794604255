-- Objects that are used once more after their own finalizer: another one's finalizer, which keeps them, can do so. What
-- they make then has an end, too, where Lua calls a finalizer twice.
local httpclient = require("httpclient")
local native = require("spec_native")

local keep = require("spec.support.kept")(after_each)

-- From Lua 5.3 on setmetatable marks an object for its finalizer once more.
local function calls_finalizers_twice()
  local count = 0
  setmetatable({}, { __gc = function(self)
    count = count + 1
    if count == 1 then setmetatable(self, getmetatable(self)) end
  end })
  for _ = 1, 4 do collectgarbage() end
  return count == 2
end

-- The finalizer of what is made last comes first, and the object's own behind it.
local function resurrected(new)
  local kept = {}
  local function lose()
    local object = new()
    setmetatable({}, { __gc = function() kept[1] = object end })
  end
  lose()
  for _ = 1, 2 do collectgarbage() end
  return kept
end

local function collect_all()
  for _ = 1, 4 do collectgarbage() end
end

describe("after its finalizer", function()
  if not calls_finalizers_twice() or not native.fd_count() then
    pending("an object gives back what it has made: no finalizer comes twice, or descriptors can't be counted")
    return
  end

  it("a client that is used again gives its connection back", function()
    local listener = keep(native.listen({})) -- accepts nothing
    collect_all()
    local before = native.fd_count()
    local kept = resurrected(httpclient.HTTPClient.new)
    assert.equal(httpclient.HTTPClient.STATUS_DISCONNECTED, kept[1]:get_status())
    assert.equal(0, kept[1]:connect_to_host("127.0.0.1", listener:port()))
    kept[1]:poll()
    assert.is_true(native.fd_count() > before)
    kept[1] = nil
    collect_all()
    assert.equal(before, native.fd_count())
  end)

  it("a Poller that is used again gives its descriptor back", function()
    collect_all()
    local before = native.fd_count()
    local kept = resurrected(httpclient.Poller.new)
    assert.equal(0, kept[1]:count())
    assert.is_true(native.fd_count() > before)
    kept[1] = nil
    collect_all()
    assert.equal(before, native.fd_count())
  end)
end)
