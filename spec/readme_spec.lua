-- What the README and the docs show is true: every Lua block runs, against the demo server in the
-- place of example.com, and prints what its "-->" comments say, if it has any; every block of C or
-- C++ stands word for word in a file that is built and run by another spec; every link leads
-- somewhere.
--
-- A Lua block that can't run by itself has the line <!-- fragment: REASON --> before it; it is only
-- compiled. A C block has <!-- file: PATH -->, and so may a Lua block. In a block `httpclient` is the module,
-- `HTTPClient` its class, `client` a client that is connected.
local demo_server = require("spec.support.demo_server")
local httpclient = require("httpclient")
local native = require("spec_native")
local ports = require("spec.support.ports")
local program = require("spec.support.program")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")
pcall(require, "luv") -- here: its loop stays open to the end of the process

local pages = { "README.md", "CHANGELOG.md", "bench/README.md" }
for name in program.run({ "ls", "docs" }).out:gmatch("[^\n]+%.md") do
  pages[#pages + 1] = "docs/" .. name
end

-- --- reading

-- -> list of { language =, text =, mark =, value =, line = }; mark and value: of the comment before the block
local function blocks_of(path)
  local list, block, comment, number = {}, nil, nil, 0
  for line in (tempdir.read(path) .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if block and line:find("^```%s*$") then
      block.text = table.concat(block.lines, "\n")
      list[#list + 1] = block
      block, comment = nil, nil
    elseif block then
      block.lines[#block.lines + 1] = line
    elseif line:find("^```") then
      local mark, value = (comment or ""):match("^<!%-%- (%l+): (.-) %-%->$")
      block = { language = line:match("^```(%S*)"), lines = {}, mark = mark, value = value,
        line = number }
    elseif line ~= "" then
      comment = line
    end
  end
  assert(not block, path .. ": a block without end")
  return list
end

-- A heading's anchor: lower case, words joined with '-', nothing but letters, digits, '-' and '_'.
local function anchors_of(path)
  local anchors, inside = {}, false
  for line in (tempdir.read(path) .. "\n"):gmatch("(.-)\n") do
    if line:find("^```") then
      inside = not inside
    end
    local heading = not inside and line:match("^#+ (.*)$")
    if heading then
      anchors[heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")] = true
    end
  end
  return anchors
end

-- Lua opens no folder on Windows.
local function is_there(path)
  if native.file_mode then
    return native.file_mode(path)
  end
  local file = io.open(path)
  if file then
    file:close()
  end
  return file
end

local function links_of(path)
  local text = tempdir.read(path):gsub("```.-\n```", ""):gsub("`[^`\n]*`", "")
  local list = {}
  for target in text:gmatch("%]%(([^)%s]+)%)") do
    list[#list + 1] = target
  end
  return list
end

-- "docs", "../README.md" -> "README.md"
local function join(folder, relative)
  local parts = {}
  for part in (folder .. "/" .. relative):gmatch("[^/]+") do
    if part == ".." then
      assert(table.remove(parts), relative)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

-- --- running

-- The demo server in the place of example.com.
local function localized(text, server)
  text = text:gsub('"https://example%.com", %-1', ('"https://localhost", %d'):format(server.tls))
  text = text:gsub('"example%.com", 443', ('"localhost", %d'):format(server.tls))
  text = text:gsub('"example%.com", %-1, ', ('"localhost", %d, '):format(server.tls))
  text = text:gsub('"example%.com", 80', ('"127.0.0.1", %d'):format(server.plain))
  text = text:gsub("https://example%.com", ("https://localhost:%d"):format(server.tls))
  text = text:gsub("http://example%.com", ("http://127.0.0.1:%d"):format(server.plain))
  assert(not text:find("example%.com"), "an example.com that is not replaced")
  return text
end

local function expected_of(text)
  local lines = {}
  for line in text:gmatch("%-%-> *([^\n]*)") do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

local function compile(text, name, environment)
  if setfenv then
    local chunk, message = loadstring(text, "=" .. name)
    return chunk and setfenv(chunk, environment), message
  end
  return load(text, "=" .. name, "t", environment)
end

-- -> what it printed
local function run(text, name, server)
  local printed, connected = {}, nil
  local known = { httpclient = httpclient, HTTPClient = httpclient.HTTPClient }
  function known.print(...)
    local line = {}
    for i = 1, select("#", ...) do
      line[i] = tostring((select(i, ...)))
    end
    printed[#printed + 1] = table.concat(line, "\t")
  end
  local environment = setmetatable({}, {
    __index = function(_, key)
      if key == "client" then
        connected = connected or support.connect_port(server.plain)
        return connected
      end
      return known[key] == nil and _G[key] or known[key]
    end,
  })
  local ok, message = pcall(assert(compile(localized(text, server), name, environment)))
  if connected then
    connected:close()
  end
  httpclient.pool.close_idle()
  assert(ok, message)
  return table.concat(printed, "\n")
end

-- The first module that the block requires and that is not there for this Lua.
local function missing_module(text)
  for name in text:gmatch('require%("([%w_.]+)"%)') do
    if not pcall(require, name) then
      return name
    end
  end
end

-- --- the tests

local server

local kinds = {}

function kinds.c(_, block, name)
  it(name .. " is part of the file that it names", function()
    assert.equal("file", block.mark)
    assert.truthy(tempdir.read(block.value):find(block.text, 1, true), "not word for word in "
      .. block.value)
  end)
end

kinds.cpp = kinds.c

function kinds.lua(path, block, name)
  if block.mark == "file" then
    return kinds.c(path, block, name)
  elseif block.mark then
    assert(block.mark == "fragment" and #block.value > 10, name .. ": a fragment needs a reason")
    it(name .. " (fragment) compiles", function()
      assert(compile(block.text, name, {}))
    end)
    return
  end
  it(name .. " runs", function()
    local missing = missing_module(block.text)
    if missing then
      return pending(missing .. " is not there for this Lua")
    end
    local printed = run(block.text, name, server)
    httpclient.pool.close_idle()
    collectgarbage()
    collectgarbage()
    if block.text:find("-->", 1, true) then
      assert.equal(expected_of(block.text), printed, path)
    end
  end)
end

function kinds.sh(_, block, name)
  it(name .. " is a script for the shell", function()
    local folder = tempdir.new()
    local path = folder:write("block.sh", block.text .. "\n")
    assert.same({ code = 0, out = "", err = "" }, program.run({ "sh", "-n", path }))
    folder:close()
  end)
end

-- What other languages write instead is checked by them as far as it can be without their libraries.
local function checks_syntax(command)
  return function(_, block, name)
    it(name .. " has no mistake in its syntax", function()
      if not ports.find_program(command[1]) then
        return pending(command[1] .. " is not there")
      end
      local folder = tempdir.new()
      local argv = { ports.find_program(command[1]), command[2], command[3] }
      argv[#argv + 1] = folder:write("block.mjs", block.text .. "\n")
      local done = program.run(argv)
      folder:close()
      assert.same({ code = 0, out = "", err = "" }, done)
    end)
  end
end

kinds.python = checks_syntax({ "python3", "-c",
  "import ast, sys; ast.parse(open(sys.argv[1]).read())" })
kinds.js = checks_syntax({ "node", "--check" })

-- Output and the like; and the numbers of the benchmarks.
kinds.text = function() end
kinds[""] = function(path, _, name)
  assert(path == "bench/README.md", name .. ": a block without a language")
end

describe("The examples:", function()
  setup(function()
    server = demo_server.start()
    native.setenv("SSL_CERT_FILE", server.authority)
  end)
  teardown(function()
    native.unsetenv("SSL_CERT_FILE")
    server.stop()
  end)
  -- What they print depends on the server, so it does not stand there.
  for number,
    expected in ipairs({ "28\n200\n200", "200\ttext/plain\nHello from the demo server.\n",
      "TLSv1.3" }) do
    it(("block %d of the README prints what the server has"):format(number), function()
      assert.equal(expected, run(blocks_of("README.md")[number].text, "README", server))
      collectgarbage()
      collectgarbage()
    end)
  end
  for _, path in ipairs(pages) do
    for _, block in ipairs(blocks_of(path)) do
      local name = ("%s:%d"):format(path, block.line)
      assert(kinds[block.language], name .. ": unknown language " .. block.language)(path, block,
        name)
    end
  end
end)

describe("The links in", function()
  for _, path in ipairs(pages) do
    it(path .. " lead somewhere", function()
      local folder = path:match("^(.*)/") or "."
      for _, target in ipairs(links_of(path)) do
        local file, anchor = target:match("^([^#]*)#?(.*)$")
        if not target:find("^%a[%w+.-]*:") then
          local full = file == "" and path or join(folder, file)
          assert(is_there(full), ("%s: there is no %s"):format(path, full))
          assert(anchor == "" or anchors_of(full)[anchor],
            ("%s: %s has no heading for #%s"):format(path, full, anchor))
        end
      end
    end)
  end
end)

describe("The README", function()
  it("names files and targets that are there", function()
    local text = tempdir.read("README.md")
    for name in text:gmatch("`([%w_.-]+/[%w_./-]*)`") do
      local there = io.open(name)
      assert(there, name)
      there:close()
    end
    local rules = tempdir.read("Makefile")
    for _, part in ipairs({ "test", "lint", "fuzz", "bench", "amalgamation" }) do
      rules = rules .. tempdir.read("mk/" .. part .. ".mk")
    end
    for target in text:gmatch("make ([%l-]+)") do
      assert.truthy(rules:find("\n" .. target .. "[ %w-]*:", 1), target)
    end
  end)
  it("starts with the two commands", function()
    assert.truthy(tempdir.read("README.md"):find("\n    make demo [^\n]*\n    make test [^\n]*\n"))
  end)
  it("stays short", function()
    assert.is_true(select(2, tempdir.read("README.md"):gsub("\n", "")) < 190)
  end)
end)
