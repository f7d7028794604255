-- tolerate_missing_close_notify: what may end without one, and what may not.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local support = require("spec.support.client")
local tempdir = require("spec.support.tempdir")
local tls = require("spec.support.tls")

local Error = httpclient.Error
local HEAD = "HTTP/1.1 200 OK\r\n"
local CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"

-- How the server's side ends.
local endings = {
  close = function(conn) conn:close() end,
  reset = function(conn) conn:reset() end,
}

for _, version in ipairs({ "1.2", "1.3" }) do
  describe("tolerate_missing_close_notify, TLS " .. version, function()
    local function world(extra)
      local client, conn, outcome = tls.connect({ tls = tls.trusting(nil, extra),
        server = certs.localhost.tls({ max = version }) })
      finally(function() tls.close(outcome) end)
      return client, conn
    end

    -- Plays bytes and an ending. -> body, status (name), message
    local function play(extra, bytes, ending)
      local client, conn = world(extra)
      tls.ask(client, conn)
      conn:send(bytes)
      endings[ending](conn)
      support.pump(client, support.is_answered_or_failed)
      local body, status = "", client:get_status()
      if client:has_response() then
        body, status = support.read_all(client)
      end
      return body, support.status_name(status), select(2, client:get_last_error())
    end

    -- What comes, the ending, with the option: status; words of the message.
    local cases = {
      { HEAD .. "\r\nhello", "close", "STATUS_DISCONNECTED" },
      { HEAD .. "\r\n", "close", "STATUS_DISCONNECTED" },
      { "HTTP/1.0 200 OK\r\n\r\n" .. ("x"):rep(200000), "close", "STATUS_DISCONNECTED" },
      { HEAD .. "Content-Length: 5\r\nConnection: close\r\n\r\nhello", "close",
        "STATUS_DISCONNECTED" },
      { HEAD .. "Content-Length: 6\r\n\r\nhello", "close", "STATUS_CONNECTION_ERROR",
        "without close_notify" },
      { HEAD .. CHUNKED .. "5\r\nhello\r\n", "close", "STATUS_CONNECTION_ERROR",
        "without close_notify" },
      { HEAD .. CHUNKED .. "5\r\nhello\r\n0\r\n", "close", "STATUS_CONNECTION_ERROR",
        "without close_notify" },
      { HEAD .. "Content-Le", "close", "STATUS_CONNECTION_ERROR", "without close_notify" },
      { "", "close", "STATUS_CONNECTION_ERROR", "without close_notify" },
      { HEAD .. "\r\nhello", "reset", "STATUS_CONNECTION_ERROR", "reset" },
    }
    for _, case in ipairs(cases) do
      it(("takes %q, ended by %s, for %s"):format(case[1]:sub(1, 60):gsub("%c+", " "), case[2],
        case[3]), function()
        local body, status, message = play({ tolerate_missing_close_notify = true }, case[1],
          case[2])
        assert.equal(case[3], status, message)
        assert.truthy(message:find(case[4] or "", 1, true), message)
        if not case[4] then
          assert.equal(case[1]:match("\r\n\r\n(.*)"), body)
        end
      end)
    end

    it("is off where nobody asks for it", function()
      for _, extra in ipairs({ {}, { tolerate_missing_close_notify = false } }) do
        local body, status, message = play(extra, HEAD .. "\r\nhello", "close")
        assert.equal("STATUS_CONNECTION_ERROR", status)
        assert.equal("hello", body)
        assert.truthy(message:find("without close_notify", 1, true), message)
      end
    end)

    it("counts for bodies that go to a file", function()
      local folder = tempdir.new()
      finally(function() folder:close() end)
      local client, conn = world({ tolerate_missing_close_notify = true })
      tls.ask(client, conn)
      conn:send(HEAD .. "\r\n" .. ("hello"):rep(50000))
      conn:close()
      support.pump(client, support.is_answered_or_failed)
      local file = assert(io.open(folder:file("body"), "wb"))
      local code = Error.OK
      while client:get_status() == httpclient.HTTPClient.STATUS_BODY and code == Error.OK do
        code = client:read_response_body_to_file(file)
      end
      file:close()
      assert.equal(("hello"):rep(50000), tempdir.read(folder:file("body")))
    end)
  end)
end

it("tolerate_missing_close_notify is a boolean", function()
  local ok, message = pcall(tls.trusting, nil, { tolerate_missing_close_notify = 1 })
  assert.is_false(ok)
  assert.truthy(message:find("extra.tolerate_missing_close_notify: boolean expected, got number", 1,
    true), message)
end)
