-- The build by CMake with the TLS library that this build has (make test-mbedtls, make test-notls): as a part of
-- another project, and installed and found, as a unity build.
local cmake = require("spec.support.cmake")

local tls = require("httpclient").features().mbedtls and "mbedtls" or "OFF"
local place = cmake.place()
teardown(function() place:close() end)

local ways = {
  { "as a part of another project", place.add },
  { "installed and found, as a unity build", place.install },
}

describe("CMake with HTTPCLIENT_TLS=" .. tls, function()
  for _, way in ipairs(ways) do
    it("builds the library, " .. way[1], function()
      local path = way[2](place, "-DHTTPCLIENT_LUA=OFF -DHTTPCLIENT_MODULE=OFF -DHTTPCLIENT_TLS="
        .. tls)
      local result = cmake.get(path)
      assert.same({ 0, "hello" }, { result.code, result.out })
      local linked = cmake.sh("ldd '%s'", path)
      assert.is_nil(linked:find("libssl", 1, true))
      assert.equal(tls == "mbedtls", linked:find("libmbedtls", 1, true) ~= nil)
    end)
  end
end)
