-- What a frame does not pay for: large files whose end comes are freed by a thread of the core's,
-- and a body is joined with one copy.
local core = require("httpclient.core")
local httpclient = require("httpclient")
local native = require("spec_native")
local serve = require("spec.support.serve")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")

local async, fetch, process = httpclient.async, httpclient.fetch, httpclient.process
local factor = tonumber(os.getenv("SPEC_TIME_FACTOR")) or 1

local with_server = require("spec.support.served")(after_each)
local folder

before_each(function() folder = tempdir.new() end)
after_each(function() folder:close() end)

local MIB = ("x"):rep(1048576)
local SIZE = 64 -- MiB

local function write_large(name, size)
  local path = folder:file(name)
  local file = assert(io.open(path, "wb"))
  for _ = 1, size or SIZE do
    assert(file:write(MIB))
  end
  assert(file:close())
  return path
end

local function cost_of(call)
  local before = native.thread_cputime()
  call()
  return native.thread_cputime() - before
end

-- What the system takes to free such a file, and what this thread takes for `call` on another: the
-- least of several, since others use the machine too.
local function least(prepare, call)
  local freeing, costs = math.huge, math.huge
  for _ = 1, 4 do
    local path = write_large("freed")
    freeing = math.min(freeing, cost_of(function() assert(os.remove(path)) end))
    local prepared = prepare()
    costs = math.min(costs, cost_of(function() call(prepared) end))
  end
  return freeing, costs
end

-- Who frees it here takes that time and more. (The sanitizers make all else dearer, and not that.)
local function assert_saves(costs, freeing)
  if factor == 1 then
    assert.is_true(costs < freeing * 0.8, costs .. " of " .. freeing)
  end
end

-- The thread may still be at it.
local function has_descriptors(count)
  support.until_true(function() return native.fd_count() == count end)
end

-- -> the seconds that the longest call took
local function run_frames(task)
  local longest = 0
  while task:status() ~= "done" do
    longest = math.max(longest, cost_of(function() process(0.004) end))
    assert.is_nil(({ failed = true, cancelled = true })[task:status()])
  end
  return longest
end

describe("a large file", function()
  it("that is replaced is freed by another thread", function()
    local before = native.fd_count()
    local freeing, costs = least(function()
      return { write_large("old"), folder:write("new", "new") }
    end, function(paths)
      assert.is_true(core.replace_file(paths[2], paths[1]))
    end)
    assert.equal("new", tempdir.read(folder:file("old")))
    has_descriptors(before)
    assert_saves(costs, freeing)
  end)

  it("that is removed is freed by another thread", function()
    local before = native.fd_count()
    local freeing, costs = least(function() return write_large("old") end, core.remove_file)
    assert.is_nil((io.open(folder:file("old"))))
    has_descriptors(before)
    assert_saves(costs, freeing)
  end)

  it("that a download replaces takes no frame's time, and none of its descriptors stay", function()
    local freeing, longest, before = math.huge, math.huge, native.fd_count()
    for _ = 1, 4 do
      local freed, path = write_large("freed"), write_large("old")
      freeing = math.min(freeing, cost_of(function() assert(os.remove(freed)) end))
      local server = with_server({ { serve.answer("the new one") } })
      local task = async(fetch, server:url(), { download_file = path })
      longest = math.min(longest, run_frames(task))
      server:stop()
      assert.equal("the new one", tempdir.read(path))
    end
    httpclient.pool.close_idle()
    has_descriptors(before)
    assert_saves(longest, freeing)
  end)

  it("that a cancelled download has begun goes, with its descriptor", function()
    local before = native.fd_count()
    local size = 16 * #MIB
    local server = with_server({ { { send = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size + 1) .. MIB:rep(16),
      ending = "stall" } } })
    local received = 0
    local task = async(fetch, server:url(),
      { download_file = folder:file("new"), on_progress = function(bytes)
      received = bytes
    end })
    support.until_true(function()
      process(0.004)
      return received == size
    end)
    task:cancel()
    process(0)
    server:stop()
    has_descriptors(before)
    local list = assert(native.spawn({ "ls", "-A", folder.path }, { stdout = "pipe" }))
    assert.equal("", list:read())
    list:wait()
    list:close()
  end)

  it("takes the place of another one beside the frames", function()
    local begin = core.FileReplacement.begin
    local replacement = begin(write_large("new", 5), write_large("old", 5))
    assert.is_true(replacement:await())
    assert.is_true(replacement:is_done())
    assert.is_true(replacement:await())
    assert.is_nil(io.open(folder:file("new")))
    replacement = begin(folder:file("none"), folder:file("old"))
    assert.is_true(replacement:is_done())
    assert.equal("no such file or directory", (select(2, replacement:await())))
    assert.error_matches(function() begin("a\0b", "c") end, "NUL byte", 1, true)
    begin(write_large("new", 5), folder:file("old"))
    collectgarbage()
    collectgarbage()
    support.until_true(function() return not io.open(folder:file("new")) end)
  end)

  it("that a cancelled download was putting in place is there as a whole, or not at all", function()
    for frames = 0, 2 do
      local path = write_large("old", 5)
      -- With a validator what has come is kept.
      local server = with_server({ { serve.answer(MIB:rep(8), 'ETag: "1"\r\n') } })
      local task = async(fetch, server:url(), { download_file = path, resume = true })
      support.until_true(function()
        process(0.004)
        local part = io.open(path .. ".part")
        local size = part and part:seek("end")
        if part then part:close() end
        return size == 8 * #MIB or not part and tempdir.read(path) == MIB:rep(8)
      end)
      for _ = 1, frames do process(0.004) end
      task:cancel()
      process(0)
      server:stop()
      local is_new = tempdir.read(path) == MIB:rep(8)
      assert.is_true(is_new or tempdir.read(path) == MIB:rep(5))
      assert.equal(is_new, not io.open(path .. ".part"))
      os.remove(path .. ".part")
      os.remove(path .. ".part.info")
    end
  end)

  it("that is not there is no reason to fail but for a rename", function()
    assert.is_nil((core.replace_file(folder:file("none"), folder:file("other"))))
    assert.equal("no such file or directory",
      (select(2, core.replace_file(folder:file("none"), folder:file("other")))))
    core.remove_file(folder:file("none"))
  end)
end)

describe("a body", function()
  it("is joined from any number of pieces", function()
    for _, count in ipairs({ 0, 1, 2, 300, 8192, 8193, 20000 }) do
      local parts = {}
      for index = 1, count do
        parts[index] = ("%d,"):format(index)
      end
      local joined = core.join(parts)
      assert.is_true(table.concat(parts) == joined, count)
      assert.equal(count, #parts)
    end
    assert.error_matches(function() core.join() end, "table expected", 1, true)
  end)

  it("is gathered first where joining would take two copies", function()
    local is_older = _VERSION == "Lua 5.1" or _VERSION == "Lua 5.2"
    for _, count in ipairs({ 0, 1, 100, 20000 }) do
      local parts = {}
      for index = 1, count do
        parts[index] = ("%016d"):format(index)
      end
      local gathered = core.gather(parts)
      assert.equal(is_older and count == 20000, gathered ~= parts)
      assert.is_true(table.concat(parts) == core.join(gathered), count)
    end
    local odd = { 1, 2 }
    assert.equal(odd, core.gather(odd)) -- table.concat's
    assert.error_matches(function() core.gather() end, "table expected", 1, true)
  end)

  it("of many pieces is whole", function()
    local parts = {}
    for index = 1, 40000 do
      parts[index] = ("%064d"):format(index)
    end
    local body = table.concat(parts)
    local server = with_server({ { serve.answer(body) } })
    local request = httpclient.HTTPRequest.new()
    request.download_chunk_size = 256
    request:request(server:url())
    local _, code, _, received = request:await()
    assert.equal(200, code)
    assert.is_true(received == body)
  end)
end)
