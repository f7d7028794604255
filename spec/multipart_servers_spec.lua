-- Forms of many parts, as servers that are not ours read them.
local httpclient = require("httpclient")
local native = require("spec_native")
local ports = require("spec.support.ports")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local fetch = httpclient.fetch
local keep = require("spec.support.kept")(after_each)
local with_server = require("spec.support.served")(after_each)

local PYTHON = "/usr/bin/python3" -- the system's, for which the packages are
local NODE = ports.find_program("node")
-- name -> the program and its script
local parsers = { flask = { PYTHON, "spec/support/forms.py" },
  aiohttp = { PYTHON, "spec/support/forms.py" },
  node = NODE and { NODE, "spec/support/forms.mjs" } or nil }

local function hex(text)
  return httpclient.hex(text)
end

for parser, command in pairs(parsers) do
  describe("A form of many parts that " .. parser .. " reads", function()
    local folder, process, port

    setup(function()
      folder = tempdir.new()
      local log = folder:file("log")
      local list
      process, list = ports.start(1, function(free)
        return assert(native.spawn({ command[1], command[2], parser, tostring(free[1]) },
          { stdout = log, stderr = log }))
      end, function() return tempdir.read(log) end)
      port = list[1]
    end)

    teardown(function()
      httpclient.pool.close_idle()
      process:close()
      folder:close()
    end)

    local function posted(parts, path)
      local response, message = fetch(("http://127.0.0.1:%d%s"):format(port, path or "/form"),
        { multipart = parts })
      assert(response, message)
      assert.equal(200, response.status, response.body)
      return assert(response:json())
    end

    local null = httpclient.null

    it("has values, in their order and with all bytes", function()
      local got = posted({ { name = "a", value = "1" }, { name = "ü", value = "Grüße\r\n\n" },
        { name = "a", value = "" }, { name = "n", value = 12 } })
      for _, part in ipairs(got) do
        part[3] = null -- Flask gives no type
      end
      local function value(name, text)
        return { name, null, null, #text, hex(text) }
      end
      if parser == "flask" then -- gives the values of one name together
        assert.same({ value("a", "1"), value("a", ""), value("ü", "Grüße\r\n\n"),
          value("n", "12") }, got)
      else
        assert.same({ value("a", "1"), value("ü", "Grüße\r\n\n"), value("a", ""),
          value("n", "12") }, got)
      end
    end)

    it("has files of any size, of none too", function()
      local all = {}
      for byte = 0, 255 do
        all[byte + 1] = string.char(byte)
      end
      local bytes = table.concat(all)
      local long = bytes:rep(8000)
      local path, empty = folder:write("long.bin", long), folder:write("empty.bin", "")
      local pieces = { "abc", bytes }
      local got = posted({ { name = "long", file = path }, { name = "none", file = empty },
        { name = "b", value = bytes, filename = "b.bin", type = "image/png" },
        { name = "f", file = function() return table.remove(pieces, 1) end, filename = "ü.txt" } })
      local plain = "application/octet-stream"
      assert.same({
        { "long", "long.bin", plain, #long, hex(httpclient.digest("SHA256", long)) },
        { "none", "empty.bin", plain, 0, "" },
        { "b", "b.bin", "image/png", 256, hex(bytes) },
        { "f", "ü.txt", plain, 259, hex("abc" .. bytes) },
      }, got)
    end)

    it("has names with quotes and line ends, as browsers write them", function()
      local got = posted({ { name = 'a"b\r\nc', value = "x", filename = 'q"u\no' } })
      -- Most hand over what is written.
      local names = { got[1][1]:gsub("%%22", '"'):gsub("%%0D", "\r"):gsub("%%0A", "\n"),
        (got[1][2]:gsub("%%22", '"'):gsub("%%0A", "\n")) }
      assert.equal('a"b\r\nc', names[1])
      assert.equal(1, #got)
    end)

    if parser == "flask" then
      it("is there after a 307 as well", function()
        local path = folder:write("file.txt", ("text "):rep(50000))
        local got = posted({ { name = "f", file = path } }, "/moved")
        assert.same({ "f", "file.txt", 250000 }, { got[1][1], got[1][2], got[1][4] })
      end)
    end
  end)
end

describe("A file of 5 GiB", function()
  it("has its Content-Length, and flows", function()
    local folder = keep(tempdir.new())
    local path = folder:file("sparse")
    local size = 5 * 2 ^ 30
    assert.equal(0, assert(native.spawn({ "truncate", "-s", ("%.0f"):format(size), path })):wait())
    local enough = 64 * 2 ^ 20
    local server = with_server({ { { send = serve.answer("enough"), content = enough,
      ending = "stall" } } },
      { seconds = 120 })
    local sent, total
    local response = assert(fetch(server:url(), { multipart = { { name = "f", file = path } },
      on_progress = function(_, _, bytes, all)
        sent, total = bytes, all
      end }))
    assert.equal("enough", response.body)
    assert.is_true(sent >= enough and sent < size / 4)
    assert.is_true(total > size and total < size + 500)
    local head = server:requests()[1]:match("^(.-\r\n\r\n)")
    assert.truthy(head:find(("\r\nContent-Length: %.0f\r\n"):format(total), 1, true), head)
  end)
end)
