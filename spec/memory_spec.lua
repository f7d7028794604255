-- Content that goes into memory outside of Lua, and comes from there: a light userdata with a size,
-- and on LuaJIT what FFI has. (LÖVE's Data objects: love_spec.lua.)
local core = require("httpclient.core")
local httpclient = require("httpclient")
local native = require("spec_native")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)

local has_ffi, ffi = pcall(require, "ffi")

-- -> memory as the options take it, and what keeps it
local function new_memory(size)
  local keeper, pointer = native.new_memory(size)
  return { pointer = pointer, size = size }, keeper
end

local function content(memory, size)
  return core.memory_string(memory.pointer, 0, size)
end

local LARGE = ("0123456789abcdef"):rep(20000)

describe("A buffer", function()
  it("takes the body, and nothing behind it is touched", function()
    local memory, keeper = new_memory(10)
    local server = with_server({ { answer("hello") } })
    local response = assert(fetch(server:url(), { buffer = memory }))
    assert.same({ "", 5, "hello\0\0\0\0\0" }, { response.body, response.buffered,
      content(memory, 10) })
    assert.equal(memory, response.buffer)
    assert.truthy(keeper)
  end)

  it("may be exactly as large as the body, and as a large one", function()
    local memory, keeper = new_memory(#LARGE)
    local server = with_server({ { answer(LARGE) } })
    local response = assert(fetch(server:url(), { buffer = memory }))
    assert.equal(#LARGE, response.buffered)
    assert.is_true(content(memory, #LARGE) == LARGE)
    assert.truthy(keeper)
  end)

  it("that is too small fails the call, and is not left", function()
    local memory, keeper = new_memory(8)
    memory.size = 4
    local server = with_server({ { answer("hello") } })
    local response, message, code = fetch(server:url(), { buffer = memory })
    assert.same({ nil, "the body has more than the buffer's 4 bytes", httpclient.FAILED },
      { response, message, code })
    assert.equal("hell\0\0\0\0", content({ pointer = memory.pointer }, 8))
    assert.truthy(keeper)
  end)

  it("is made by a function that hears the size", function()
    local sizes, memory, keeper = {}, nil, nil
    local function make(size)
      sizes[#sizes + 1] = size or "unknown"
      memory, keeper = new_memory(size or 100)
      return memory
    end
    local server = with_server({
      { answer("hello") },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" } })
    assert.equal(5, assert(fetch(server:url(), { buffer = make })).buffered)
    assert.equal("hello", content(memory, 5))
    assert.equal(3, assert(fetch(server:url(), { buffer = make })).buffered)
    assert.equal("abc", content(memory, 3))
    assert.same({ 5, "unknown" }, sizes)
    assert.truthy(keeper)
    server = with_server({ { answer("hello") } })
    assert.has_error(function() fetch(server:url(), { buffer = function() end }) end,
      "the function 'buffer' must give memory: a Data object, or a table of pointer and size")
  end)

  it("is filled again and again where on_data takes what is in it", function()
    local memory, keeper = new_memory(1000)
    local parts = {}
    local server = with_server({ { answer(LARGE) } })
    local response = assert(fetch(server:url(), { buffer = memory, on_data = function(size)
      parts[#parts + 1] = content(memory, size)
    end }))
    assert.is_true(table.concat(parts) == LARGE)
    assert.equal(#LARGE, response.buffered)
    assert.truthy(keeper)
    server = with_server({ { answer(LARGE) } })
    response = assert(fetch(server:url(), { buffer = memory, on_data = function() return false
    end }))
    assert.is_true(response.stopped)
  end)

  it("gets decoded content", function()
    local memory, keeper = new_memory(100)
    local coded = "\31\139\8\0\0\0\0\0\0\3\203\72\205\201\201\7\0\134\166\16\54\5\0\0\0"
    local server = with_server({ { answer(coded, "Content-Encoding: gzip\r\n") } })
    assert.equal(5, assert(fetch(server:url(), { buffer = memory })).buffered)
    assert.equal("hello", content(memory, 5))
    assert.truthy(keeper)
  end)

  it("is for answers that are ok: an error's page is a string, also beside on_data", function()
    local memory, keeper = new_memory(100)
    local called = false
    local server = with_server({
      { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone" } })
    local response = assert(fetch(server:url(), { buffer = memory, on_data = function()
      called = true
    end }))
    assert.same({ 404, "gone", false }, { response.status, response.body, called })
    assert.is_nil(response.buffered)
    assert.equal("\0", content(memory, 1))
    assert.truthy(keeper)
  end)

  it("of a body that is cut off holds what had come", function()
    local memory, keeper = new_memory(100)
    local server = with_server({ { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello" } })
    assert.is_nil(fetch(server:url(), { buffer = memory }))
    assert.equal("hello\0", content(memory, 6))
    assert.truthy(keeper)
  end)

  it("is refused where it is none", function()
    local null = httpclient.null
    for _, wrong in ipairs({ 1, "text", {}, { size = 1 }, { pointer = null, size = 1 },
      { pointer = "x", size = 1 }, { pointer = native.new_memory(1), size = 1 },
      { pointer = select(2, native.new_memory(1)), size = -1 },
      { pointer = select(2, native.new_memory(1)), size = 1.5 },
      httpclient.HTTPClient.new() }) do
      assert.is_false((pcall(fetch, "http://127.0.0.1:1/", { buffer = wrong })), tostring(wrong))
    end
    local _, message = pcall(fetch, "http://127.0.0.1:1/", { buffer = 1 })
    assert.truthy(message:find("bad option 'buffer' of fetch (memory or a function that gives it "
      .. "expected, got 1)", 1, true), message)
  end)
end)

describe("Memory as a body", function()
  it("is sent with its size, and once more where that is asked for", function()
    local memory, keeper = new_memory(#LARGE)
    local server = with_server({ { answer(LARGE) } })
    assert(fetch(server:url(), { buffer = memory }))
    local got = {}
    server = with_server({
      { { content = #LARGE,
        send = "HTTP/1.1 307 No\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n" },
      { content = #LARGE, send = answer("done") } } })
    local response = assert(fetch(server:url(), { method = "POST", body = memory,
      on_progress = function(_, _, sent, total) got = { sent, total } end }))
    assert.equal("done", response.body)
    assert.same({ #LARGE, #LARGE }, got)
    local requests = server:requests()[1]
    assert.is_true(requests:sub(-#LARGE) == LARGE)
    local _, count = requests:gsub(("\r\nContent%%-Length: %d\r\n"):format(#LARGE), "")
    assert.equal(2, count)
    assert.truthy(keeper)
  end)
end)

if has_ffi and rawget(_G, "jit") then
  describe("With LuaJIT's FFI, memory", function()
    it("is an array or a pointer", function()
      local array = ffi.new("uint8_t[?]", 16)
      for _, pointer in ipairs({ array, ffi.cast("char *", array), ffi.cast("void *", array) }) do
        ffi.fill(array, 16)
        local server = with_server({ { answer("hello") } })
        local response = assert(fetch(server:url(), { buffer = { pointer = pointer, size = 16 } }))
        assert.equal("hello", ffi.string(array, response.buffered))
      end
    end)
  end)
end
