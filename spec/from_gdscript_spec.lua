-- The table of docs/from-gdscript.md, row by row: what a script that is ported meets first.
local httpclient = require("httpclient")
local native = require("spec_native")
local tempdir = require("spec.support.tempdir")

local keep = require("spec.support.kept")(after_each)

local HTTPClient, HTTPRequest = httpclient.HTTPClient, httpclient.HTTPRequest

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

local servers = {}
after_each(function()
  for _, server in ipairs(servers) do server:stop() end
  servers = {}
end)

local function answering()
  local server = native.script({ { "accept" }, { "recv_until", "\r\n\r\n" }, { "send", HELLO },
    { "close" } })
  servers[#servers + 1] = server
  return ("http://127.0.0.1:%d/"):format(server:port())
end

teardown(httpclient.pool.close_idle)

describe("From GDScript", function()
  it("a dot in place of a colon is told for what it is", function()
    local client, request = HTTPClient.new(), HTTPRequest.new()
    local signal = request.request_completed
    for words, call in pairs({
      ["use client:poll(), with a colon"] = function() client.poll() end,
      ["use request:cancel_request(), with a colon"] = function() request.cancel_request() end,
      ["use request.request_completed:connect(), with a colon"] = function()
        signal.connect(print)
      end,
    }) do
      assert.error_matches(call, words, 1, true)
    end
  end)

  it("classes are called, too, and codes stand by themselves", function()
    assert.equal(HTTPClient.STATUS_DISCONNECTED, HTTPClient():get_status())
    assert.equal(0, HTTPRequest():get_downloaded_bytes())
    assert.same({ 0, 0, 44 }, { httpclient.OK, httpclient.Error.OK, httpclient.ERR_BUSY })
    assert.equal(httpclient.StreamPeerTLS, httpclient.StreamPeerSSL)
  end)

  it("a failure is a number with a sentence, and a wrong type is raised with the argument's name",
    function()
      local code, message = HTTPClient.new():request(HTTPClient.METHOD_GET, "/", {})
      assert.equal(httpclient.ERR_INVALID_PARAMETER, code)
      assert.truthy(message:find("STATUS_DISCONNECTED", 1, true))
      assert.error_matches(function() HTTPClient.new():connect_to_host(12) end,
        "bad argument #1 to 'connect_to_host'", 1, true)
    end)

  it("a field that no HTTPRequest has raises, read or written", function()
    local request = HTTPRequest.new()
    assert.error_matches(function() return request.nothing end, "has no field 'nothing'", 1, true)
    assert.error_matches(function() request.nothing = 1 end, "has no field 'nothing'", 1, true)
  end)

  it("the query of a dictionary is made by the class and by an object", function()
    assert.equal("name=Ada", HTTPClient.query_string_from_dict({ name = "Ada" }))
    assert.equal("name=Ada", HTTPClient.new():query_string_from_dict({ name = "Ada" }))
  end)

  it("a signal is connected in the way of 3.x and of 4.x", function()
    local heard = {}
    local request = HTTPRequest.new()
    local function three(result, code) heard[#heard + 1] = "3: " .. result .. " " .. code end
    local function four(_, _, _, body) heard[#heard + 1] = "4: " .. body end
    request:connect("request_completed", three)
    request.request_completed:connect(four)
    assert.equal(0, request:request(answering()))
    httpclient.run()
    assert.same({ "3: 0 200", "4: hello" }, heard)
    request.request_completed:disconnect(four)
    assert.is_false(request.request_completed:is_connected(four))
    assert.is_true(request.request_completed:is_connected(three))
  end)

  it("a request that is dropped goes on, and one that is cancelled is not heard of", function()
    local heard = {}
    local function start(name)
      local request = HTTPRequest.new()
      request.request_completed:connect(function() heard[#heard + 1] = name end)
      assert.equal(0, request:request(answering()))
      return request
    end
    start("dropped")
    start("cancelled"):cancel_request()
    collectgarbage()
    collectgarbage()
    httpclient.run()
    assert.same({ "dropped" }, heard)
  end)

  it("the engine's paths are refused in words, whoever takes a path", function()
    local words = "the engine's"
    local request = HTTPRequest.new()
    assert.error_matches(function() request.download_file = "user://x" end, words, 1, true)
    assert.error_matches(function()
      httpclient.fetch("http://127.0.0.1:1/", { download_file = "res://x" })
    end, words, 1, true)
    local folder = keep(tempdir.new())
    for _, call in ipairs({
      function(path) return httpclient.X509Certificate.new():load(path) end,
      function(path) return httpclient.X509Certificate.new():save(path) end,
      function(path) return httpclient.CryptoKey.new():load(path) end,
      function(path) return httpclient.CryptoKey.new():save(path) end,
    }) do
      local code, message = call("user://x")
      assert.equal(httpclient.ERR_FILE_BAD_PATH, code)
      assert.truthy(message:find(words, 1, true), message)
      assert.is_nil((select(2, call(folder:file("user"))) or ""):find(words, 1, true))
    end
  end)
end)
