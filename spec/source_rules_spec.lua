-- What `make lint` asks of the source tree's text: the rules that no compiler or formatter checks, each seen to fail.
local program = require("spec.support.program")
local tempdir = require("spec.support.tempdir")

local C_LIMIT, PROSE_LIMIT = 100, 120

-- Is a file of this name and text in order? -> bool, what was said
local function check_lines(name, text)
  local folder = tempdir.new()
  local path = folder:write(name, text)
  local result = program.run(program.lua(".ci/check-lines.lua", path))
  folder:close()
  return result.code == 0, result.err
end

local function words(width)
  return ("word "):rep(width):sub(1, width - 1) .. "."
end

local cases = {
  { "a comment of C at the limit", "a.c", "/* " .. words(C_LIMIT - 6) .. " */\n", true },
  { "a comment of C beyond it", "a.c", "/* " .. words(C_LIMIT - 5) .. " */\n", false },
  { "a line inside a comment of C", "a.h", "/*\n * " .. words(C_LIMIT) .. "\n */\n", false },
  { "a comment behind code", "a.c", "int a; /* " .. words(C_LIMIT) .. " */\n", false },
  { "a comment behind a literal that is too long", "a.c",
    'text("' .. words(C_LIMIT) .. '"); /* why */\n', true },
  { "what looks like a comment in a literal", "a.c", 'text("/* ' .. words(C_LIMIT) .. '");\n',
    true },
  { "a quote in a literal", "a.c", [[text("\"/*", ']] .. words(C_LIMIT) .. "');\n", true },
  { "characters of several bytes", "a.c", "/* " .. ("\195\164"):rep(C_LIMIT - 6) .. " */\n", true },
  { "a comment of Lua at the limit", "a.lua", "-- " .. words(PROSE_LIMIT - 3) .. "\n", true },
  { "a comment of Lua beyond it", "a.lua", "  -- " .. words(PROSE_LIMIT) .. "\n", false },
  { "an annotation", "a.lua", "---@param name string " .. words(PROSE_LIMIT) .. "\n", true },
  { "a comment of make", "a.mk", "# " .. words(PROSE_LIMIT) .. "\n", false },
  { "Markdown at the limit", "a.md", words(PROSE_LIMIT) .. "\n", true },
  { "Markdown beyond it", "a.md", words(PROSE_LIMIT + 1) .. "\n", false },
  { "a row of a table", "a.md", "| " .. words(PROSE_LIMIT) .. " |\n", true },
  { "a block of code", "a.md", "```\n" .. words(PROSE_LIMIT + 9) .. "\n```\n", true },
  { "prose behind a block of code", "a.md", "```\n```\n" .. words(PROSE_LIMIT + 1) .. "\n", false },
  { "an address alone", "a.md", "https://" .. ("a"):rep(PROSE_LIMIT) .. "\n", true },
}

describe("the rules of the source tree", function()
  for _, case in ipairs(cases) do
    local what, name, text, is_right = case[1], case[2], case[3], case[4]
    it(("take %s for %s"):format(what, is_right and "right" or "too wide"), function()
      local passed, said = check_lines(name, text)
      assert.equal(is_right, passed, said)
      assert.equal(is_right, not said:find("beyond column", 1, true))
    end)
  end
end)

-- One file more, as if it stood at `path`. -> bool, what was said
local function check_owners(path, statement)
  local folder = tempdir.new()
  local file = folder:write("planted.c", table.concat({
    '#include "x.h"', "", "static hc_place *place_of(hc_client *c) { return &c->place; }",
    "static void planted(hc_client *c, hc_connection *n, hc_exchange *x, hc_place *p, int i) {",
    "  hc_receiver *r = &n->h1.receiver;", "  " .. statement, "  use(c, n, x, p, r, i);", "}", "" },
    "\n"))
  local result = program.run(program.lua(".ci/check-owners.lua", "--as", path, file))
  folder:close()
  return result.code == 0, result.err
end

local client, connection = "core/client/planted.c", "core/connection/planted.c"
local writes = { -- where, statement, of which struct; nil: it is nobody's else
  { client, "n->state = HC_CONNECTION_OPEN;", "hc_connection" },
  { client, "c->place.connection->is_quiet = true;", "hc_connection" },
  { client, "c->place.knows_room |= true;", "hc_place" },
  { client, "place_of(c)->seat = NULL;", "hc_place" },
  { client, "*p = (hc_place){0};", "hc_place" },
  { client, "x->sent++;", "hc_exchange" },
  { client, "--n->references;", "hc_connection" },
  { client, "i = n->was_used = true;", "hc_connection" },
  { client, "n->h1.common.was_tried = true;", "hc_exchange" },
  { client, "c->status = HC_STATUS_BODY;" },
  { client, "if (n->state == HC_CONNECTION_OPEN && x->sent >= 2) i = 1;" },
  { client, "hc_client other = {.status = HC_STATUS_BODY};\n  (void)other;" },
  { connection, "c->status = HC_STATUS_BODY;", "hc_client" },
  { connection, "r->answer.plan.keeps_alive = false;", "hc_answer" },
  { connection, "n->watch.events += 1;", "hc_watch" },
  { connection, "n->h1.receiver.left -= 1;", "hc_receiver" },
  { "core/connection/connection.c", "n->state = HC_CONNECTION_OPEN;" },
  { "core/connection/receiver.c", "r->answer.plan.keeps_alive = false;" },
}

describe("whose fields a file may write", function()
  for _, case in ipairs(writes) do
    local path, statement, struct = case[1], case[2], case[3]
    it(("is %s: %s in %s"):format(struct and "not" or "said", statement, path), function()
      local passed, said = check_owners(path, statement)
      assert.equal(struct == nil, passed, said)
      assert.truthy(said:find(struct and (" of %s is written"):format(struct) or "^$"), said)
    end)
  end
end)
