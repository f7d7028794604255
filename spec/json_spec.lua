-- JSON: the option of fetch, response:json(), and the codec behind both.
local httpclient = require("httpclient")
local program = require("spec.support.program")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)

-- What the codec is with one of the libraries alone, in a state of its own.
local function run_with(libraries, code)
  local hidden = {}
  for _, name in ipairs({ "cjson", "dkjson" }) do
    if not libraries[name] then
      hidden[#hidden + 1] = ('package.preload[%q] = function() error("hidden") end'):format(name)
    end
  end
  local script = table.concat(hidden, "\n")
    .. '\nlocal httpclient = require("httpclient")\nlocal json = httpclient.json\n' .. code
  local done = program.run(program.lua("-e", script))
  assert.equal(0, done.code, done.err)
  return done.out
end

local has_cjson = pcall(require, "cjson")
local has_dkjson = pcall(require, "dkjson")

describe("The option json", function()
  it("sends the value, as a POST with its type", function()
    local server = with_server({ { { send = answer("ok"), content = #'{"a":[1,true,"x"]}' } } })
    assert.equal("ok", assert(fetch(server:url(), { json = { a = { 1, true, "x" } } })).body)
    local request = server:requests()[1]
    assert.truthy(request:find("^POST / HTTP/1.1\r\n"), request)
    assert.truthy(request:find("\r\nContent-Type: application/json\r\n", 1, true), request)
    assert.truthy(request:find('\r\n\r\n{"a":[1,true,"x"]}', 1, true), request)
  end)

  it("may be any value that JSON has", function()
    for _, case in ipairs({ { false, "false" }, { "x\n", '"x\\n"' }, { 7, "7" },
      { httpclient.null, "null" }, { { httpclient.null, 1 }, "[null,1]" } }) do
      local server = with_server({ { { send = answer("ok"), content = #case[2] } } })
      assert(fetch(server:url(), { json = case[1], method = "PUT" }))
      local request = server:requests()[1]
      assert.truthy(request:find("^PUT "), request)
      assert.equal(case[2], request:match("\r\n\r\n(.*)$"))
    end
  end)

  it("leaves a Content-Type of the caller's", function()
    local server = with_server({ { { send = answer("ok"), content = 1 } } })
    assert(fetch(server:url(), { json = 1, headers = { "content-type: application/x+json" } }))
    local request = server:requests()[1]
    assert.truthy(request:find("\r\ncontent-type: application/x+json\r\n", 1, true), request)
    assert.is_nil(request:find("application/json", 1, true))
  end)

  it("raises for what JSON does not have, at the caller's line", function()
    for _, value in ipairs({ { print }, { [{}] = 1 }, { io.stdout } }) do
      local ok, message = pcall(function()
        fetch("http://h/", { json = value })
      end)
      assert.is_false(ok)
      assert.truthy(message:find("json_spec.lua:%d+: bad option 'json' of fetch"), message)
      assert.is_nil(message:find("message/json.lua", 1, true), message)
    end
    local told, problem = pcall(function()
      return httpclient.json.encode(print)
    end)
    assert.is_false(told)
    assert.is_nil(problem:find("httpclient/", 1, true), problem)
    local ok, message = pcall(fetch, "http://h/", { json = print })
    assert.is_false(ok)
    assert.truthy(message:find("a value that JSON has expected", 1, true), message)
  end)

  it("is not together with another body", function()
    for name, value in pairs({ body = "x", form = {} }) do
      local ok, message = pcall(fetch, "http://h/", { json = 1, [name] = value })
      assert.is_false(ok)
      assert.equal(("fetch takes '%s' or 'json', not both"):format(name), message)
    end
  end)
end)

describe("response:json()", function()
  local function of(body)
    local server = with_server({ { answer(body) } })
    return assert(fetch(server:url())):json()
  end

  it("gives the value of the body", function()
    assert.same({ a = { 1, "ü" }, b = false }, of('{"a": [1, "\\u00fc"], "b": false}'))
    assert.equal(httpclient.null, of("null"))
    assert.equal(false, (of("false")))
    assert.equal(httpclient.null, of('{"a":null}').a)
    assert.equal(3, of("\239\187\191 3 "))
  end)

  it("gives nil and a message for what is none", function()
    for _, body in ipairs({ "", "{", "[1,]", "<html>", "1 2", "{}x", ("["):rep(100000), "nope",
      "[NaN]" }) do
      local value, message = of(body)
      assert.is_nil(value, body:sub(1, 20))
      assert.is_string(message)
      assert.is_nil(message:find("httpclient/", 1, true), message)
    end
  end)

  it("says that the text is none", function()
    local value, message = of("not found")
    assert.is_nil(value)
    assert.truthy(message:find("^the text is no JSON: ."), message)
  end)

  it("is a method of responses", function()
    local server = with_server({ { answer("1") } })
    local response = assert(fetch(server:url()))
    local ok, message = pcall(response.json)
    assert.is_false(ok)
    assert.truthy(message:find("response:json(), with a colon", 1, true), message)
  end)
end)

describe("httpclient.json", function()
  local CODE = [[
    io.write(json.encode({ 1, httpclient.null, "x" }), " ", json.encode({ a = false }), "\n")
    local value = json.decode('{"a":[1,null],"b":"\\u20ac"}')
    io.write(value.a[1], " ", tostring(value.a[2] == httpclient.null), " ", value.b, "\n")
    io.write(tostring(json.decode("null") == httpclient.null), "\n")
    for _, text in ipairs({ "{", "[1] 2", "", "nul", string.rep("[", 300000) }) do
      local nothing, message = json.decode(text)
      assert(nothing == nil and #message > 3, text:sub(1, 10))
    end
    assert(not pcall(json.encode, { print }))
  ]]
  local EXPECTED = '[1,null,"x"] {"a":false}\n1 true €\ntrue\n'

  if has_cjson then
    it("is made of cjson", function()
      assert.equal(EXPECTED, run_with({ cjson = true }, CODE))
    end)
    it("leaves cjson's settings to those who have set them", function()
      assert.equal("1\n", run_with({ cjson = true }, [[
        local cjson = require("cjson")
        cjson.encode_max_depth(1)
        assert(#json.encode({ { { 1 } } }) > 0)
        io.write(cjson.encode_max_depth(), "\n")
      ]]))
    end)
  end
  -- Numbers as they come out again, with each of the libraries.
  local NUMBERS = [[
    local function shown(value) io.write(tostring(value), " ") end
    local got = json.decode('{"a":[1,-2,1.5,1e3,9007199254740992,0],"b":7}')
    for i = 1, 6 do shown(got.a[i] == ({ 1, -2, 1.5, 1000, 2^53, 0 })[i]) end
    shown("/items/" .. got.b)
    shown("/" .. json.decode("12"))
    for _, number in ipairs({ 1234567890123456, 9007199254740991, -1234567890123456, 0.1, 1 / 3, 1e300, 5e-324, 12 }) do
      local text = json.encode({ n = { number } })
      shown(tonumber(text:match("%[(.-)%]")) == number and not text:find('"%d'))
    end
    shown(json.encode(1234567890123456) == "1234567890123456")
    local shared = { 1 / 3, "x" }
    shown(json.encode({ shared, shared }):gsub("0%.3+", "third"))
    if math.type then
      shown(json.encode({ math.maxinteger, math.mininteger }))
    else
      shown("[9223372036854775807,-9223372036854775808]")
    end
    local round = {}
    round[1], round[2], round[3] = round, round, 1 / 3
    shown(pcall(json.encode, round))
    shown(pcall(json.encode, { 1 / 0 }))
  ]]

  -- Whole numbers that floats do not tell apart, at every place where a value may stand, and what looks like them.
  local LONG = [=[
    local function shown(text)
      local value, message = json.decode(text)
      io.write(value ~= nil and type(value) ~= "table" and ("%s"):format(value) or
        value and json.encode(value) or message and "refused", " ")
    end
    local id, most = "1234567890123456789", "9007199254740993"
    for _, form in ipairs({ "#", " #\n", "[#]", '{"#":#}', "[-#,#]", '["#", "\\\\",#]', '["\\"#,"]', '[[#,"x"] , # ]' }) do
      shown((form:gsub("#", id)))
      shown((form:gsub("#", most)))
    end
    for _, wrong in ipairs(is_strict and { "#x", "0#", "{#:1}", "[# #]", '[#"x"]', "#]", "[-]#", '"#', "+#", "[.#]" } or {}) do
      shown((wrong:gsub("#", id)))
    end
    shown("[99999999999999999999]")
    shown("[1234567890123456.5]")
    shown("[1234567890123456e-1]")
  ]=]

  for library, is_there in pairs({ cjson = has_cjson, dkjson = has_dkjson }) do
    if is_there then
      it("keeps all digits of whole numbers where Lua has them, with " .. library, function()
        if not math.type then -- luacheck: compat
          return pending("this Lua has no integers")
        end
        local expected = {}
        for _, form in ipairs({ "#", "#", "[#]", '{"#":#}', "[-#,#]", '["#","\\\\",#]', '["\\"#,"]',
          '[[#,"x"],#]' }) do
          for _, number in ipairs({ "1234567890123456789", "9007199254740993" }) do
            expected[#expected + 1] = (form:gsub("#", number))
          end
        end
        local is_strict = library == "cjson"
        expected = table.concat(expected, " ") .. " " .. ("refused "):rep(is_strict and 10 or 0)
        local out = run_with({ [library] = true },
          "local is_strict = " .. tostring(is_strict) .. "\n" .. LONG)
        assert.equal(expected, out:sub(1, #expected))
        assert.equal("[1e+20] [1234567890123456.5] [123456789012345.6] ", out:sub(#expected + 1))
      end)
      it("keeps numbers as they are, with " .. library, function()
        assert.equal(("true "):rep(6) .. "/items/7 /12 " .. ("true "):rep(9)
          .. '[[third,"x"],[third,"x"]] [9223372036854775807,-9223372036854775808] false false ',
          (run_with({ [library] = true }, NUMBERS)))
      end)
    end
  end

  if has_dkjson then
    it("is made of dkjson where there is no cjson", function()
      assert.equal(EXPECTED, run_with({ dkjson = true }, CODE))
    end)
  end

  it("names both libraries where there is none", function()
    local out = run_with({}, [[
      local ok, message = pcall(httpclient.fetch, "http://h/", { json = 1 })
      io.write(tostring(ok), " ", message, "\n")
      httpclient.prepare()
    ]])
    assert.truthy(out:find("^false"), out)
    assert.truthy(out:find("lua-cjson", 1, true) and out:find("dkjson", 1, true), out)
  end)

  it("names both where an answer is to be read, too, of fetch and of stream", function()
    local server = with_server({ { answer("[1]") }, { answer("[1]") } })
    local out = run_with({}, ([[
      for _, name in ipairs({ "fetch", "stream" }) do
        local response = assert(httpclient[name](%q))
        local value, message = response:json()
        io.write(tostring(value), " ", message, "\n")
        httpclient.pool.close_idle()
      end
    ]]):format(server:url()))
    local line = "nil JSON needs a library: install lua-cjson or dkjson, or set httpclient.json "
      .. "to a table with encode(value) and decode(text)\n"
    assert.equal(line .. line, out)
  end)

  it("can be another one", function()
    local server = with_server({ { { send = answer("mine"), content = 6 } } })
    local codec = httpclient.json
    finally(function() httpclient.json = codec end)
    httpclient.json = {
      encode = function(value) return "<" .. value .. ">" end,
      decode = function(text) return text:upper() end,
    }
    local response = assert(fetch(server:url(), { json = "text" }))
    assert.equal("MINE", response:json())
    assert.truthy(server:requests()[1]:find("\r\n\r\n<text>", 1, true))
    httpclient.json.decode = function() error("no good", 0) end
    assert.same({ nil, "no good" }, { response:json() })
    httpclient.json.encode = function() return nil, "can't" end
    local ok, message = pcall(fetch, "http://h/", { json = 1 })
    assert.is_false(ok)
    assert.truthy(message:find("(can't)", 1, true), message)
  end)
end)
