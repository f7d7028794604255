-- What a server can make 64 KB of in a head costs time in proportion to that: the client's share, and fetch's.
local cost = require("spec.support.cost")
local httpclient = require("httpclient")
local tempdir = require("spec.support.tempdir")

local fetch = httpclient.fetch
local with_server = require("spec.support.served")(after_each)

-- The whole head must stay below max_header_size.
local SIZE = 65000

local names = {
  "Content-Encoding", "Content-Type", "Content-Disposition", "Content-Length", "Content-Range",
  "Content-Location", "Retry-After", "ETag", "Last-Modified", "Date", "Connection",
  "Transfer-Encoding", "Set-Cookie", "Vary", "Cache-Control", "Link", "WWW-Authenticate",
  "Authentication-Info", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Connection",
  "Keep-Alive", "Upgrade", "Trailer", "X-A",
}

-- One answer on a connection of its own for each.
local function serve_each(make)
  local connections = {}
  for _, filler in ipairs(cost.fillers) do
    for _, text in ipairs(cost.shapes(filler, SIZE)) do
      connections[#connections + 1] = { make(text) }
    end
  end
  return with_server(connections), #connections
end

describe("64 KB of anything cost no more than in proportion", function()
  for _, name in ipairs(names) do
    it("in " .. name, function()
      local server, count = serve_each(function(text)
        return "HTTP/1.1 200 OK\r\n" .. name .. ": gzip" .. text .. "\r\n\r\n"
      end)
      for index = 1, count do
        cost.check_once(("%s, answer %d"):format(name, index), function()
          local response = fetch(server:url("/"))
          if response then
            assert(response.headers[name:lower()])
          end
        end)
      end
    end)
  end

  it("in a Location that is followed", function()
    local server, count = serve_each(function(text)
      return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " .. text .. "\r\n\r\n"
    end)
    for index = 1, count do
      cost.check_once(("Location, answer %d"):format(index), fetch, server:url("/a/b/c"),
        { max_redirects = 0 })
    end
  end)

  it("in a reason, a status line, and a field's name", function()
    for _, make in ipairs({
      function(text) return "HTTP/1.1 200 " .. text .. "\r\nContent-Length: 0\r\n\r\n" end,
      function(text) return "HTTP/1.1 200" .. text .. "\r\nContent-Length: 0\r\n\r\n" end,
      function(text) return "HTTP/1.1 200 OK\r\n" .. text .. ": 1\r\nContent-Length: 0\r\n\r\n" end,
      function(text)
        return "HTTP/1.1 200 OK\r\nX: 1\r\n " .. text .. "\r\nContent-Length: 0\r\n\r\n"
      end,
    }) do
      local server, count = serve_each(make)
      for index = 1, count do
        cost.check_once(("answer %d"):format(index), fetch, server:url("/"))
      end
      server:stop()
    end
  end)

  it("in thousands of fields and of folded lines", function()
    local many = { ("a:1\r\n"):rep(12000), ("Set-Cookie:\r\n"):rep(4900),
      ("X:1\r\n y\r\n"):rep(6000), "X:1\r\n" .. (" y\r\n"):rep(12000) }
    local different = {}
    for index = 1, 6000 do different[index] = ("f%x:1\r\n"):format(index) end
    many[#many + 1] = table.concat(different)
    local connections = {}
    for index, lines in ipairs(many) do
      connections[index] = { "HTTP/1.1 200 OK\r\n" .. lines .. "Content-Length: 0\r\n\r\n" }
    end
    local server = with_server(connections)
    for index = 1, #many do
      cost.check_once(("answer %d"):format(index), function()
        assert(fetch(server:url("/")))
      end)
    end
  end)

  for _, name in ipairs({ "ETag", "Last-Modified", "Date", "Content-Range", "Content-Encoding" }) do
    it("in " .. name .. " of a download that goes on", function()
      local folder = tempdir.new()
      local path, connections, cases = folder:file("f"), {}, 0
      for _, filler in ipairs({ " ", "0", ",", '"', "-", "/", "0-", "0-1/" }) do
        for _, text in ipairs(cost.shapes(filler, SIZE)) do
          connections[#connections + 1] = { 'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 9\r\n\r\nabc' }
          local line = name .. ": bytes " .. text .. "\r\n"
          connections[#connections + 1] = { "HTTP/1.1 206 Partial Content\r\n" .. line
            .. "Content-Length: 6\r\n\r\ndefghi" }
          connections[#connections + 1] = { "HTTP/1.1 200 OK\r\n" .. line
            .. "Content-Length: 3\r\n\r\nxyz" }
          cases = cases + 1
        end
      end
      local server = with_server(connections)
      local options = { download_file = path, resume = true }
      for index = 1, cases do
        assert.is_nil(fetch(server:url("/"), options))
        cost.check_once(("%s, case %d"):format(name, index), function()
          assert(fetch(server:url("/"), options))
        end)
      end
      folder:close()
    end)
  end
end)
