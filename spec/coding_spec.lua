-- Content codings: which are asked for, and that all that comes coded is decoded on the way of a byte, to a string, a
-- function or a file.
local httpclient = require("httpclient")
local nginx = require("spec.support.nginx")
local pipe = require("spec.support.pipe")
local serve = require("spec.support.serve")
local tempdir = require("spec.support.tempdir")

local Error, fetch, HTTPClient = httpclient.Error, httpclient.fetch, httpclient.HTTPClient
local answer = serve.answer
local with_server = require("spec.support.served")(after_each)

local features = httpclient.features()
local coders = {
  gzip = { "gzip", "-c" },
  br = features.brotli and { "brotli", "-q", "5", "-c", "-" } or nil,
  zstd = features.zstd and { "zstd", "-q", "-c", "-" } or nil,
}
local names = {}
for name in pairs(coders) do
  names[#names + 1] = name
end
table.sort(names)

-- What a program has made once: many cases ask for the same.
local made = {}

local function apply(name, text)
  made[name] = made[name] or {}
  made[name][text] = made[name][text] or pipe(coders[name], text)
  return made[name][text]
end

-- "gzip, br": what was applied first stands first
local function coded(codings, text)
  for name in codings:gmatch("%w+") do
    text = apply(name, text)
  end
  return text
end

local function field(codings)
  return "Content-Encoding: " .. codings .. "\r\n"
end

local function chunked(text, more)
  local parts = {}
  for at = 1, #text, 7 do
    local piece = text:sub(at, at + 6)
    parts[#parts + 1] = ("%x\r\n"):format(#piece) .. piece .. "\r\n"
  end
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" .. more .. "\r\n"
    .. table.concat(parts)
    .. "0\r\n\r\n"
end

local function accepted(server)
  return server:requests()[1]:match("\r\nAccept%-Encoding: ([^\r]*)\r\n")
end

local folder
before_each(function() folder = tempdir.new() end)
after_each(function()
  httpclient.pool.close_idle()
  folder:close()
end)

-- Every way that content can take. -> what came of it; nil, message, Error
local ways = {
  ["a string"] = function(url, options)
    local response, message, code = fetch(url, options)
    return response and response.body, message, code
  end,
  ["a function"] = function(url, options)
    local parts = {}
    options.on_data = function(piece)
      parts[#parts + 1] = piece
    end
    local response, message, code = fetch(url, options)
    return response and table.concat(parts), message, code
  end,
  ["a file"] = function(url, options)
    options.download_file = folder.path .. "/file"
    local response, message, code = fetch(url, options)
    return response and tempdir.read(options.download_file), message, code
  end,
  ["an HTTPRequest's file"] = function(url, options)
    local request = httpclient.HTTPRequest.new()
    request.download_file = folder.path .. "/file"
    request.body_size_limit = options.body_size_limit or -1
    assert(request:request(url) == Error.OK)
    local result = request:await()
    if result == httpclient.HTTPRequest.RESULT_SUCCESS then
      return tempdir.read(request.download_file)
    end
    return nil, request:get_last_message(), result
  end,
}

local TEXT = ("some text that repeats, and %d "):rep(3000):gsub("%%d", "numbers")

for _, name in ipairs(names) do
  describe("content coded " .. name, function()
    local packed = coded(name, TEXT)
    local bomb = coded(name, ("\0"):rep(30000000))

    for way, get in pairs(ways) do
      it("is decoded on its way to " .. way, function()
        for _, sent in ipairs({ answer(packed, field(name)), chunked(packed, field(name)),
          "HTTP/1.1 200 OK\r\n" .. field(name:upper()) .. "\r\n" .. packed }) do
          local server = with_server({ { sent } })
          assert.is_true(assert(get(server:url(), {})) == TEXT)
        end
      end)
      it("may be empty, of several parts, and have junk behind it, on its way to "
        .. way, function()
        local twice = name ~= "br" and packed .. coded(name, "") .. packed or packed
        for body, expected in pairs({ [""] = "", [coded(name, "")] = "",
          [twice] = name ~= "br" and TEXT .. TEXT or TEXT, [packed .. "\0junk"] = TEXT }) do
          local server = with_server({ { answer(body, field(name)) } })
          assert.is_true(assert(get(server:url(), {})) == expected)
        end
      end)
      it("that is broken or cut short is an error, on its way to " .. way, function()
        local head = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n"):format(#packed,
          field(name))
        for body, sent in pairs({ nothing = answer("nothing", field(name)),
          cut = answer(packed:sub(1, -2), field(name)), connection = head .. packed:sub(1, -2) }) do
          local server = with_server({ { sent } })
          local got, message = get(server:url(), {})
          assert.is_nil(got)
          local expected = body == "nothing" and name .. " data is broken"
            or body == "cut" and name .. " data ends too early" or "cut short"
          assert.truthy(message:find(expected, 1, true), message)
          assert.is_nil(io.open(folder.path .. "/file"))
        end
      end)
      it("ends at the limit, which counts decoded bytes, on its way to " .. way, function()
        local server = with_server({ { answer(bomb, field(name)) } })
        collectgarbage()
        collectgarbage()
        local before = collectgarbage("count")
        local got, message = get(server:url(), { body_size_limit = 1000000 })
        assert.is_nil(got)
        assert.equal("the body has more than 1000000 bytes", message)
        assert.is_true(collectgarbage("count") - before < 12000)
        local fine = with_server({ { answer(packed, field(name)) } })
        assert.is_true(get(fine:url(), { body_size_limit = #TEXT }) == TEXT)
        fine = with_server({ { answer(packed, field(name)) } })
        assert.is_nil((get(fine:url(), { body_size_limit = #TEXT - 1 })))
      end)
    end

    it("goes to a file without a string of Lua's", function()
      local read = HTTPClient.read_response_body_chunk
      finally(function()
        HTTPClient.read_response_body_chunk = read
      end)
      local server = with_server({ { answer(packed, field(name)) } })
      rawset(HTTPClient, "read_response_body_chunk", function()
        error("a string")
      end)
      local response = assert(fetch(server:url(), { download_file = folder.path .. "/file" }))
      assert.equal(200, response.status)
      assert.is_true(tempdir.read(folder.path .. "/file") == TEXT)
    end)

    it("of answers without content is no matter", function()
      for _, case in ipairs({
        { "HEAD", "HTTP/1.1 200 OK\r\n%sContent-Length: 20\r\n\r\n" },
        { "HEAD", "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n" },
        { "GET", "HTTP/1.1 204 No\r\n%s\r\n" },
        { "GET", "HTTP/1.1 304 Not\r\n%sContent-Length: 20\r\n\r\n" },
        { "GET", "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n" },
      }) do
        local server = with_server({ { case[2]:format(field(name)) } })
        assert.equal("", assert(fetch(server:url(), { method = case[1] })).body)
      end
    end)

    it("comes from nginx, over one connection", function()
      local server = nginx.start({
        web = ("location / { root {{root}}; } location /page.%s { root {{root}}; add_header Content-Encoding %s; }")
          :format(name, name),
      }, { files = { ["page." .. name] = packed, plain = "plain" } })
      finally(function() server:stop() end)
      local url = ("http://127.0.0.1:%d/"):format(server:port("web"))
      for round = 1, 3 do
        local response = assert(fetch(url .. "page." .. name))
        assert.is_true(response.body == TEXT)
        assert.equal(name, response.headers["Content-Encoding"])
        assert.equal(round > 1, response.timings.reused)
        assert.equal("plain", assert(fetch(url .. "plain")).body)
      end
    end)
  end)
end

describe("content in several codings", function()
  it("is decoded in turn", function()
    for _, codings in ipairs({ "gzip, gzip", features.brotli and "gzip, br" or "gzip",
      features.zstd and "zstd, gzip" or "gzip",
      features.brotli and features.zstd and "br, zstd, gzip, br, zstd" or "gzip" }) do
      for _, get in pairs(ways) do
        local server = with_server({ { answer(coded(codings, TEXT), field(codings)) } })
        assert.is_true(assert(get(server:url(), {})) == TEXT)
      end
    end
  end)
  it("may be longer than the limit as it travels, and fit as it is", function()
    local short = "xyz" -- which gzip makes longer
    for _, get in pairs(ways) do
      local server = with_server({ { answer(coded("gzip", short), field("gzip")) } })
      assert.equal(short, assert(get(server:url(), { body_size_limit = 3 })))
    end
  end)
  it("that never becomes content ends at the limit, too", function()
    local nothing = coded("gzip", "")
    local body = nothing:rep(math.ceil(1000000 / #nothing))
    for _, get in pairs(ways) do
      local server = with_server({ { answer(body, field("gzip")) } })
      assert.equal("", assert(get(server:url(), {})))
      server = with_server({ { answer(body, field("gzip")) } })
      local got, message = get(server:url(), { body_size_limit = 10000 })
      assert.is_nil(got)
      assert.equal("the coded body has far more than 10000 bytes", message)
    end
  end)
  it("is a bomb of bombs no longer than to its limit", function()
    local bomb = coded("gzip, gzip, gzip", ("\0"):rep(50000000))
    local server = with_server({ { answer(bomb, field("gzip, gzip, gzip")) } })
    local response, message = fetch(server:url(), { body_size_limit = 100000 })
    assert.is_nil(response)
    assert.equal("the body has more than 100000 bytes", message)
  end)
end)

describe("accept_encoding", function()
  local usual = "gzip, deflate" .. (features.brotli and ", br" or "")
    .. (features.zstd and ", zstd" or "")

  it("asks for all that the build has, for some of it, or for none", function()
    for _, case in ipairs({
      { nil, usual }, { true, usual }, { false, nil }, { {}, nil }, { { "gzip" }, "gzip" },
      { { "identity" }, "identity" }, { { "deflate", "gzip" }, "deflate, gzip" },
      { { "br" }, features.brotli and "br" or nil },
      { { "zstd" }, features.zstd and "zstd" or nil },
    }) do
      local server = with_server({ { answer("x") } })
      assert.equal("x", assert(fetch(server:url(), { accept_encoding = case[1] })).body)
      assert.equal(case[2], accepted(server))
    end
  end)
  it("decodes what comes coded unasked", function()
    for _, name in ipairs(names) do
      for _, wanted in ipairs({ false, {}, { "deflate" }, { "identity" } }) do
        local server = with_server({ { answer(coded(name, TEXT), field(name)) } })
        assert.is_true(assert(fetch(server:url(), { accept_encoding = wanted })).body == TEXT)
      end
    end
  end)
  it("leaves all as it travels where accept_gzip is false", function()
    local packed = coded("gzip", TEXT)
    local server = with_server({ { answer(packed, field("gzip")) } })
    assert.is_true(assert(fetch(server:url(),
      { accept_gzip = false, accept_encoding = true })).body == packed)
    assert.is_nil(accepted(server))
  end)
  it("leaves the caller's own field, and a Range, alone", function()
    local server = with_server({ { answer("x") } })
    assert(fetch(server:url(), { headers = { "accept-encoding: br;q=0.1" } }))
    assert.is_nil(accepted(server))
    server = with_server({ { answer("x") } })
    assert(fetch(server:url(), { headers = { Range = "bytes=0-1" }, accept_encoding = { "gzip" } }))
    assert.is_nil(accepted(server))
  end)
  it("raises for what names no coding", function()
    for _, wrong in ipairs({ "gzip", 5, { "gzip", "lzma" }, { gzip = true }, { "gzip, br" },
      { 1 } }) do
      local ok, message = pcall(fetch, "http://127.0.0.1:1/", { accept_encoding = wrong })
      assert.is_false(ok)
      assert.truthy(message:find("bad option 'accept_encoding' of fetch (true, false, or a list of",
        1, true), message)
    end
  end)
  it("is a property of HTTPRequest", function()
    local request = httpclient.HTTPRequest()
    assert.is_true(request:get_accept_encoding())
    request:set_accept_encoding({ "gzip" })
    local server = with_server({ { answer(coded("gzip", TEXT), field("gzip")) } })
    assert(request:request(server:url()) == Error.OK)
    local _, _, _, body = request:await()
    assert.is_true(body == TEXT)
    assert.equal("gzip", accepted(server))
    assert.is_false((pcall(request.set_accept_encoding, request, { "nothing" })))
  end)
end)
