-- What gets installed, and how: make install and uninstall, pkg-config, luarocks, make env.
local native = require("spec_native")
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
local interpreter = os.getenv("LUA")
local version = rawget(_G, "jit") and "5.1" or _VERSION:match("%d.%d")

-- A script that fetches through the module that it finds.
local SCRIPT = [[
local HTTPClient = require("httpclient").HTTPClient
local client = HTTPClient.new()
client:connect_to_host("127.0.0.1", tonumber(arg[1]))
while client:get_status() ~= HTTPClient.STATUS_CONNECTED do assert(client:wait(10) == 0) end
client:request(HTTPClient.METHOD_GET, "/", {})
client.blocking_mode_enabled = true
client:poll()
io.write(client:read_response_body_chunk())
]]

local function serve()
  return native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", HELLO },
    { "close" } })
end

local function make(...)
  local result = program.run(program.make(...), { merge = true, seconds = 300 })
  assert(result.code == 0, result.out)
  return result.out
end

-- The files below a folder, relative to it.
local function files_below(folder)
  local list = {}
  for path in program.run({ "find", folder, "-type", "f" }).out:gmatch("[^\n]+") do
    list[#list + 1] = path:sub(#folder + 2)
  end
  table.sort(list)
  return list
end

-- Runs the script with nothing but what is installed below the folder.
local function fetch_with(folder, prefix)
  local root = folder.path .. prefix
  local script = folder:write("script.lua", SCRIPT)
  local server = serve()
  local argv = program.lua(script, tostring(server:port()))
  local result = program.run(argv, {
    env = {
      LUA_PATH = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua"):format(root, version, root,
        version),
      LUA_CPATH = ("%s/lib/lua/%s/?.so"):format(root, version),
    },
  })
  server:stop()
  os.remove(script)
  return result
end

describe("make install", function()
  local folder = tempdir.new()
  local destination = "DESTDIR=" .. folder.path

  it("puts the module where this Lua looks, and library, headers and pkg-config file", function()
    make("install", destination, "PREFIX=/opt/x")
    local there = {}
    for _, name in ipairs(files_below(folder.path)) do
      there[name] = true
    end
    for _, name in ipairs({
      "share/lua/" .. version .. "/httpclient/init.lua", "share/lua/" .. version
        .. "/httpclient/meta.lua",
      "lib/lua/" .. version .. "/httpclient/core.so", "lib/libhttpclient.a",
      "lib/pkgconfig/httpclient.pc", "include/httpclient/httpclient.h",
      "include/httpclient/poller.h",
    }) do
      assert.is_true(there["opt/x/" .. name], name)
    end
  end)
  it("is enough for a script", function()
    assert.same({ code = 0, out = "hello", err = "" }, fetch_with(folder, "/opt/x"))
  end)
  it("ships every Lua file of the tree", function()
    local names = files_below("lua/httpclient")
    assert.truthy(#names > 20)
    for _, name in ipairs(names) do
      assert(io.open(("%s/opt/x/share/lua/%s/httpclient/%s"):format(folder.path, version, name)),
        name):close()
    end
  end)
  it("leaves no trace of DESTDIR in what it installs", function()
    local result = program.run({ "grep", "-rlF", folder.path, folder.path .. "/opt/x/lib/pkgconfig",
      folder.path .. "/opt/x/share" })
    assert.equal("", result.out)
  end)
  it("is undone by make uninstall, to the last file", function()
    make("uninstall", destination, "PREFIX=/opt/x")
    assert.same({}, files_below(folder.path))
    assert.equal("", program.run({ "find", folder.path, "-name", "httpclient" }).out)
    folder:close()
  end)
end)

describe("make env", function()
  it("prints the two lines that make the build loadable from anywhere", function()
    local lines = make("env")
    assert.truthy(lines:find('^export LUA_PATH="[^"\n]+"\nexport LUA_CPATH="[^"\n]+"\n$'), lines)
    local command = ([[%scd /; exec %s %s -e 'print(require("httpclient")._VERSION)']]):format(lines, program.wrapper, interpreter)
    local result = program.run({ "sh", "-c", command },
      { env = { LUA_PATH = false, LUA_CPATH = false } })
    assert.same({ code = 0, out = require("httpclient")._VERSION .. "\n", err = "" }, result)
  end)
end)

-- One Lua stands for all: no Lua is in it.
if interpreter == "lua5.4" then
  describe("The installed C library", function()
    it("is found by pkg-config, and makes a program with its headers alone", function()
      local folder = tempdir.new()
      make("install", "PREFIX=" .. folder.path)
      local out = folder:file("get")
      -- The flags of this build (sanitizers) come in through the environment's MAKEFLAGS; here a
      -- compiler is started by hand.
      local command = ([[set -e; export PKG_CONFIG_PATH='%s/lib/pkgconfig'
        cp examples/embed/get.c '%s/'; cd '%s'; flags=$(pkg-config --cflags --libs httpclient)
        ${CC:-cc} -std=c11 -Wall -Wextra -Werror %s get.c $flags -o '%s'; pkg-config --modversion httpclient]]):format(folder.path,
        folder.path, folder.path, os.getenv("SPEC_PIN") and "-fsanitize=address,undefined" or "",
        out)
      local built = program.run({ "sh", "-c", command }, { merge = true })
      assert.equal(0, built.code, built.out)
      assert.equal(require("httpclient")._VERSION:match("%S+$") .. "\n", built.out)
      local server = serve()
      local result = program.run({ out, "127.0.0.1", tostring(server:port()), "/" })
      server:stop()
      folder:close()
      assert.same({ code = 0, out = "hello", err = "HTTP/1.1 200\nContent-Length: 5\n" }, result)
    end)
    it("has headers for C and C++ that are complete, and hides none of the system's", function()
      local folder = tempdir.new()
      make("install", "PREFIX=" .. folder.path)
      local command = ([[cd '%s/include'; export LC_ALL=C
        compilers="${CC:-cc}"
        if command -v clang >/dev/null; then compilers="$compilers clang"; fi
        for header in $(find httpclient -name '*.h'); do
          echo "#include <${header#httpclient/}>" | ${CC:-cc} -x c -E - >/dev/null 2>&1 && echo "$header hides the system's"
          for cc in $compilers; do for language in 'c -std=c11' 'c -std=gnu17 -D_GNU_SOURCE' 'c++ -std=c++11' 'c++ -std=c++20'; do
            printf "#include <$header>\n typedef int some;\n" | $cc -x $language -Wall -Wextra -pedantic -Werror -I. -fsyntax-only - 2>&1
          done; done
        done
        printf '#include <httpclient/httpclient.h>\nint main() { hc_client_delete(hc_client_new()); }\n' >../host.cpp
        flags=$(PKG_CONFIG_PATH=../lib/pkgconfig pkg-config --cflags --libs httpclient)
        ${CXX:-c++} %s ../host.cpp $flags -o ../host && ../host]]):format(folder.path,
        os.getenv("SPEC_PIN") and "-fsanitize=address,undefined" or "")
      local result = program.run({ "sh", "-c", command }, { merge = true })
      folder:close()
      assert.same({ code = 0, out = "", err = "" }, result)
    end)
  end)
end

-- One Lua stands for all: it compiles everything anew.
if interpreter == "lua5.4" and program.wrapper == "" then
  describe("luarocks make", function()
    it("builds and installs the rock without network, from a copy of the tree", function()
      if not pcall(program.run, { "luarocks", "--version" }) then
        return pending("luarocks is not there")
      end
      local folder = tempdir.new()
      local copy, tree = folder:file("copy"), folder:file("tree")
      local command = ([[set -e; mkdir '%s'; cp -R core bindings lua *.rockspec LICENSE README.md '%s'; cd '%s'
        http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
          luarocks --lua-version %s --tree '%s' make *.rockspec CFLAGS='-O0 -fPIC' >log 2>&1 || { cat log; exit 1; }]]):format(copy,
        copy, copy, version, tree)
      local result = program.run({ "sh", "-c", command }, { merge = true, seconds = 240 })
      assert.equal(0, result.code, result.out)
      assert.same({ code = 0, out = "hello", err = "" }, fetch_with(folder, "/tree"))
      folder:close()
    end)
  end)
end
