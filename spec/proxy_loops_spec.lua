-- Ways by proxies in every kind of loop: SOCKS, an https:// proxy, and both before TLS with the host.
local certs = require("spec.support.certs")
local httpclient = require("httpclient")
local loops = require("spec.support.loops")
local nginx = require("spec.support.nginx")
local proxies = require("spec.support.proxy")
local tls = require("spec.support.tls")

local fetch = httpclient.fetch
local TRUSTING = tls.trusting()
local BODY = [[
    location /slow { limit_rate 400k; root {{root}}; }
    location / { root {{root}}; }]]

-- name -> what starts it, the scheme of its URL
local ways = {
  { "microsocks", "microsocks", "socks5h", {} },
  { "microsocks, names looked up here", "microsocks", "socks5", {} },
  { "microsocks with a password", "microsocks", "socks5h", { user = "u", password = "w" } },
  { "squid with TLS", "squid", "https", { tls = certs.localhost } },
  { "squid with TLS and Digest", "squid", "https",
    { tls = certs.localhost, user = "u", password = "w", auth = "digest" } },
}

local origin

setup(function()
  origin = nginx.start({ plain = BODY, secure = { tls = certs.localhost, body = BODY } },
    { files = { small = "small", slow = ("0123456789"):rep(5000) } })
end)

teardown(function()
  origin:stop()
end)

after_each(function()
  httpclient.set_waiter(nil)
  httpclient.pool.close_idle()
end)

-- Two answers of each origin, one of which takes its time, and one that never comes.
local function script(proxy_url, name, order)
  local options = { proxy = proxy_url, tls_options = TRUSTING, proxy_tls_options = TRUSTING,
    timeout = 30 }
  for _, base in ipairs({ ("http://localhost:%d/"):format(origin:port("plain")),
    ("https://localhost:%d/"):format(origin:port("secure")) }) do
    local slow = assert(fetch(base .. "slow", options))
    assert(slow.status == 200 and #slow.body == 50000)
    local small = assert(fetch(base .. "small", options))
    assert(small.body == "small" and small.proxy)
  end
  local response, message = fetch("https://localhost:1/", options)
  assert(not response and message:find("proxy", 1, true), message)
  order[#order + 1] = name
end

for _, way in ipairs(ways) do
  describe("By " .. way[1], function()
    if not proxies.has(way[2]) then
      pending(way[2] .. " is not there")
      return
    end
    local proxy, url

    setup(function()
      proxy = proxies[way[2]](way[4])
      url = ("%s://%slocalhost:%d"):format(way[3], way[4].user and "u:w@" or "", proxy:port())
    end)

    teardown(function()
      proxy:stop()
    end)

    for _, name in ipairs(loops.names) do
      it("coroutines of " .. name .. " get their answers side by side", function()
        if loops.lack(name) then return pending(loops.lack(name)) end
        local order, ticks, functions = {}, 0, {}
        for _, who in ipairs({ "a", "b", "c" }) do
          functions[#functions + 1] = function() script(url, who, order) end
        end
        functions[#functions + 1] = function() -- the others go on meanwhile
          while #order < 3 and ticks < 3000 do
            ticks = ticks + 1
            httpclient.sleep(0.01)
          end
        end
        loops.run(name, functions)
        table.sort(order)
        assert.same({ "a", "b", "c" }, order)
        assert.is_true(ticks > 5, ticks)
      end)
    end

    it("tasks do, too", function()
      local order, tasks = {}, {}
      for _, who in ipairs({ "a", "b", "c" }) do
        tasks[#tasks + 1] = httpclient.async(script, url, who, order)
      end
      httpclient.run()
      for _, task in ipairs(tasks) do
        assert.equal("done", task:status(), select(2, task:result()))
      end
    end)
  end)
end
