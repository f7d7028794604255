-- is_public_address: what a script keeps strangers' URLs out of the private network by.
local httpclient = require("httpclient")

local cases = {
  ["8.8.8.8"] = true, ["2606:4700:4700::1111"] = true, ["::ffff:8.8.8.8"] = true,
  ["64:ff9b::8.8.8.8"] = true, ["2002:808:808::1"] = true,
  ["127.0.0.1"] = false, ["10.1.2.3"] = false, ["169.254.169.254"] = false, ["0.0.0.0"] = false,
  ["::1"] = false, ["::"] = false, ["fd00::1"] = false, ["fe80::1%lo"] = false,
  ["::ffff:127.0.0.1"] = false, ["64:ff9b::a9fe:a9fe"] = false, ["2002:7f00:1::"] = false,
  ["[::1]"] = false, ["localhost"] = false, [""] = false, ["8.8.8.8\0"] = false,
  ["134744072"] = false,
}

describe("is_public_address", function()
  for text, expected in pairs(cases) do
    it(("says %s of %q"):format(tostring(expected), text), function()
      assert.equal(expected, httpclient.is_public_address(text))
    end)
  end

  it("raises for what is no text", function()
    for _, value in ipairs({ 127, false, {} }) do
      local ok, message = pcall(httpclient.is_public_address, value)
      assert.is_false(ok)
      assert.truthy(message:find("bad argument #1 to 'is_public_address'", 1, true), message)
    end
  end)
end)
