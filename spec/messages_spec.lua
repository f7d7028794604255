-- What messages of wrong calls say, for every function of every class, however it is reached: its
-- name, and where a dot was written for a colon.
local httpclient = require("httpclient")
local core = require("httpclient.core")
local support = require("spec.support.messages")

local fails, text_of_call = support.fails, support.text_of_call

-- class, an object, what messages call one, what is called with a dot
local classes = {
  { "HTTPClient", core.HTTPClient.new, "client",
    { new = true, wait_any = true, query_string_from_dict = true } },
  { "Poller", core.Poller.new, "poller", { new = true } },
  { "StreamPeerTCP", core.StreamPeerTCP.new, "stream", { new = true } },
  { "StreamPeerTLS", core.StreamPeerTLS.new, "stream", { new = true } },
  { "TLSOptions", core.TLSOptions.client, "options", { client = true, client_unsafe = true } },
  { "X509Certificate", core.X509Certificate.new, "certificate", { new = true } },
  { "CryptoKey", core.CryptoKey.new, "key", { new = true } },
  { "Inflater", function() return core.Inflater.new("gzip") end, "inflater", { new = true } },
  { "Signal", core.Signal.new, "signal", { new = true } },
}

local function functions_of(class)
  local names = {}
  for name, value in pairs(class) do
    if type(value) == "function" then names[#names + 1] = name end
  end
  table.sort(names)
  assert(#names > 2)
  return names
end

for _, case in ipairs(classes) do
  local class_name, make, sample, statics = case[1], case[2], case[3], case[4]
  local class = core[class_name]

  describe("The methods of " .. class_name, function()
    it("say to use a colon, and their name, when they are called with a dot", function()
      for _, name in ipairs(functions_of(class)) do
        for _, self in ipairs(not statics[name] and support.wrong_selves or {}) do
          for _, message in ipairs(fails(class[name], self.n, self[1], "example.com", 80)) do
            local start = ("calling '%s' on bad self (%s"):format(name, class_name:find("^Stream")
              and "Stream" or class_name)
            assert.equal(start, message:sub(1, #start))
            local hint = ("): use %s:%s(), with a colon (':')"):format(sample, name)
            assert.equal(hint, message:sub(-#hint))
            assert.truthy(message:find("expected, got " .. self.text, 1, true), message)
          end
        end
      end
    end)

    it("say what they need when they are called on the class", function()
      for _, name in ipairs(functions_of(class)) do
        for _, message in ipairs(not statics[name] and fails(class[name], 1, class) or {}) do
          local hint = (", the class %s): %s:%s() needs an object"):format(class_name, sample, name)
          assert.equal(hint, message:sub(-#hint))
        end
      end
    end)

    it("name themselves for every argument, which is counted without the object", function()
      local object, count = make(), 0
      for _, name in ipairs(functions_of(class)) do
        for _, arguments in ipairs(support.junk) do
          local ok, message = pcall(class[name], statics[name] and arguments[1] or object,
            support.unpack(arguments, 1, 4))
          if not ok then count = count + support.check_name(message, name) end
        end
      end
      assert.truthy(count > (class_name == "Signal" and -1 or 1), class_name)
    end)

    it("have metamethods with names", function()
      for name, method in pairs(debug.getmetatable(make())) do
        for _, arguments in ipairs(type(method) == "function" and support.junk or {}) do
          local ok, message = pcall(method, support.unpack(arguments, 1, 4))
          -- Where there is no own __close it is __gc.
          if not ok then support.check_name(message:gsub("'__gc'", "'" .. name .. "'"), name) end
        end
      end
    end)
  end)
end

describe("A list of clients with a gap", function()
  it("raises: those behind it would be waited for by nobody", function()
    local HTTPClient = httpclient.HTTPClient
    local clients = {}
    clients[1], clients[3] = HTTPClient.new(), HTTPClient.new()
    assert.has_error(function() HTTPClient.wait_any(clients, 0) end)
    assert.error_matches(function() HTTPClient.wait_any({ [2] = HTTPClient.new() }, 0) end,
      "bad argument #1 to 'wait_any' (an array without gaps is needed)", 1, true)
    clients[2] = HTTPClient.new()
    clients.names = {}
    assert.equal(3, #HTTPClient.wait_any(clients, 0))
  end)
end)

describe("A proxy's host without its port", function()
  it("raises: the requests would go out without a proxy", function()
    local client = httpclient.HTTPClient.new()
    for _, name in ipairs({ "set_http_proxy", "set_https_proxy" }) do
      assert.error_matches(function() client[name](client, "proxy.test") end,
        "bad argument #2 to '" .. name .. "' (number expected, got no value)", 1, true)
      assert.equal(0, (client[name](client, "proxy.test", -1)))
      assert.equal(0, (client[name](client, "")))
    end
  end)
end)

-- Nothing of what no function takes is looked up in the file system.
describe("The module's functions", function()
  it("name themselves", function()
    local count = 0
    for name, fn in pairs(core) do
      local ok, message = true, nil
      if type(fn) == "function" and name ~= "new" then
        ok, message = pcall(fn, print, print, print)
      end
      if not ok then
        count = count + support.check_name(message, name)
        assert.equal(("bad argument #%d to '%s' ("):format(message:match("#(%d)") or 0, name),
          message:match("^.-%("))
      end
    end
    assert.truthy(count >= 14, count)
  end)

  it("say to use a dot when they are called on their class with a colon", function()
    local client = core.HTTPClient.new()
    assert.truthy(text_of_call(core.HTTPClient.wait_any, core.HTTPClient, { client }):find(
      "bad argument #2 to 'wait_any' (number expected, got table): use HTTPClient.wait_any(), with a dot ('.')", 1, true))
    assert.truthy(text_of_call(core.TLSOptions.client, core.TLSOptions):find(
      "bad argument #1 to 'client' (X509Certificate or PEM text expected, got table): use TLSOptions.client(), with a dot", 1, true))
    assert.equal("a=1", core.HTTPClient:query_string_from_dict({ a = 1 }))
    assert.equal("a=1", client:query_string_from_dict({ a = 1 }))
    assert.equal("a=1", core.HTTPClient.query_string_from_dict({ a = 1 }))
  end)

  it("count the fields of a query string as the first argument, whatever stands in front of them",
    function()
    local client = core.HTTPClient.new()
    local expected = "bad argument #1 to 'query_string_from_dict' (table expected, got number)"
    assert.equal(expected, text_of_call(core.query_string_from_dict, 5))
    assert.equal(expected, text_of_call(client.query_string_from_dict, client, 5))
    assert.equal(expected, text_of_call(client.query_string_from_dict, core.HTTPClient, 5))
  end)
end)

describe("Fields of HTTPClient", function()
  it("are named when a wrong value is written", function()
    local client = core.HTTPClient.new()
    for name, value in pairs({ read_chunk_size = 5, max_header_size = 2.5, connect_timeout = -1,
      response_timeout = 1e19,
      idle_timeout = "1", blocking_mode_enabled = 1, connection = 5 }) do
      for _, wrong in ipairs({ value, print }) do
        local ok, message = pcall(function() client[name] = wrong end)
        assert.is_false(ok)
        assert.truthy(message:find("messages_spec.lua:%d+: HTTPClient%." .. name .. "[: ]"),
          message)
        assert.is_nil(message:find("argument", 1, true), message)
      end
    end
  end)

  it("include the headers, whose look-up takes a table alone", function()
    local index = debug.getmetatable(core.HTTPClient.new():get_response_headers_as_dictionary()).__index
    for _, arguments in ipairs(support.junk) do
      if type(arguments[1]) ~= "table" then
        assert.truthy(text_of_call(index, arguments[1],
          "x"):find("bad argument #1 to '__index' (table expected", 1, true))
      end
    end
  end)
end)

describe("A text that is no PEM text", function()
  local wanted = 'PEM text is wanted ("-----BEGIN %s-----"), and %s:load(path) reads files'
  local certificate = wanted:format("CERTIFICATE", "X509Certificate")
  local key = wanted:format("PRIVATE KEY", "CryptoKey")
  local TLSOptions = httpclient.TLSOptions

  for _, text in ipairs({ "ca.pem", "/etc/ssl/certs/ca-certificates.crt", "", "-----BEGIN",
    ("-"):rep(65536) }) do
    it(("is taken for a path: '%.40s'"):format(text), function()
      for _, message in ipairs({
        text_of_call(TLSOptions.client, text),
        text_of_call(TLSOptions.client_unsafe, text),
        text_of_call(TLSOptions.client, nil, nil, { certificate = text }),
        select(2, httpclient.X509Certificate.new():load_from_string(text)),
      }) do
        assert.truthy(message:find(certificate, 1, true), message)
      end
      for _, message in ipairs({
        text_of_call(TLSOptions.client, nil, nil, { private_key = text }),
        select(2, httpclient.CryptoKey.new():load_from_string(text)),
      }) do
        assert.truthy(message:find(key, 1, true), message)
      end
    end)
  end

  it("is told apart from PEM text of another kind", function()
    local text = "-----BEGIN SECRET-----\nsecret\n-----END SECRET-----\n"
    local message = text_of_call(TLSOptions.client, text)
    assert.truthy(message:find("(certificate number 1 of the PEM text is malformed)", 1, true),
      message)
    assert.is_nil(message:find("load", 1, true))
  end)

  it("says so the other way round, and shows nothing of what may be a key", function()
    local text = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n"
    for _, object in ipairs({ httpclient.X509Certificate.new(), httpclient.CryptoKey.new() }) do
      local code, message = object:load(text)
      assert.equal(httpclient.Error.ERR_FILE_BAD_PATH, code)
      assert.equal("a path is wanted, and this is PEM text, which load_from_string(text) takes",
        message)
    end
    local message = text_of_call(TLSOptions.client, nil, nil, { crl_file = text })
    assert.truthy(message:find("extra.crl_file: a path is wanted, and this is PEM text", 1, true),
      message)
    assert.is_nil(message:find("secret", 1, true))
  end)
end)
