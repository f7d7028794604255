-- What people may see of a head or a URL: nothing that is a credential, or may be one.
local httpclient = require("httpclient")
local cost = require("spec.support.cost")
local secrets = require("httpclient.message.secrets")

local fetch = httpclient.fetch
local answer = require("spec.support.serve").answer
local with_server = require("spec.support.served")(after_each)

describe("A URL that people see has", function()
  for _, case in ipairs({
    { "http://me:s3cret@h/", "http://***@h/" },
    { "//me:s3 cret@h/a", "//***@h/a" },
    { "http://me:s3@cret@h/", "http://***@h/" },
    { "/cb?code=s3cret&state=1", "/cb?code=***&state=1" },
    { "/#access_token=s3cret&page=2", "/#access_token=***&page=2" },
    { "/?a=1#id_token=s3cret", "/?a=1#id_token=***" },
    { "/?a=1;token=s3cret;b=2", "/?a=1;token=***;b=2" },
    { "/?token=s3;cret&b=2", "/?token=***&b=2" },
    { "/?token=s3 cret&b=2", "/?token=***&b=2" },
    { "/?token=s3?cret=", "/?token=***" },
    { "/?next=/x?token=s3cret", "/?next=/x?token=***" },
    { "/?%74oken=s3cret", "/?%74oken=***" },
    { "/?user%5Bpassword%5D=s3cret", "/?user%5Bpassword%5D=***" },
    { "/?apiKey=s3cret&appKey=s3cret&x-key=s3cret", "/?apiKey=***&appKey=***&x-key=***" },
    { "/?pass=s3cret&pin=s3cret&otp=s3cret", "/?pass=***&pin=***&otp=***" },
    { "/?SAMLResponse=s3cret&ticket=s3cret", "/?SAMLResponse=***&ticket=***" },
    { "/?keyword=a&monkey=b&zipcode=c&q=d", "/?keyword=a&monkey=b&zipcode=c&q=d" },
    { "http://h/a@b?c@d", "http://h/a@b?c@d" },
  }) do
    it(("%q become %q"):format(case[1], case[2]), function()
      assert.equal(case[2], secrets.url(case[1]))
    end)
  end
end)

describe("A field that people see has", function()
  for _, case in ipairs({
    { "Location: http://me:s3 cret@h/?token=s3 cret", "Location: http://***@h/?token=***" },
    { "Referer: /#token=s3 cret", "Referer: /#token=***" },
    { "X-Forwarded: Bearer s3cret", "X-Forwarded: Bearer ***" },
    { "X-Own:  basic  s3cret", "X-Own: basic ***" },
    { "Ocp-Apim-Subscription-Key: s3cret", "Ocp-Apim-Subscription-Key: ***" },
    { "X-Functions-Key: s3cret", "X-Functions-Key: ***" },
    { "X.Api.Key : s3cret", "X.Api.Key: ***" },
    { "X-Hub-Signature-256: sha256=s3cret", "X-Hub-Signature-256: ***" },
    { "Authentication-Info: nextnonce=s3cret", "Authentication-Info: ***" },
    { "Refresh: 0; url=http://a:s3cret@h/?sid=s3cret", "Refresh: 0; url=http://***@h/?sid=***" },
    { "Link: <http://a:s3cret@h/?token=s3cret>; rel=next, </b?c=d>",
      "Link: <http://***@h/?token=***>; rel=next, </b?c=d>" },
    { "WWW-Authenticate: Digest realm=r", "WWW-Authenticate: Digest realm=r" },
    { "Content-Type: text/plain; charset=utf-8", "Content-Type: text/plain; charset=utf-8" },
    { "Accept: */*", "Accept: */*" },
  }) do
    it(("%q become %q"):format(case[1], case[2]), function()
      assert.equal(case[2], secrets.line(case[1]))
    end)
  end

  it("its mask in linear time", function()
    cost.check_texts("a URL", secrets.url)
    for _, name in ipairs({ "Location", "Link", "X-Own" }) do
      cost.check_texts(name, function(text) secrets.line(name .. ": " .. text) end)
    end
    for _, filler in ipairs({ "//a@", "?a=", ";token", "&token=b;", "//a;", "#a=?" }) do
      cost.check_linear(filler,
        secrets.url, function(size) return filler:rep(math.floor(size / #filler)) end)
    end
  end)
end)

describe("A redirect", function()
  it("that is refused tells no token, and neither does one that is followed", function()
    for _, redirect in ipairs({ "error", "follow" }) do
      local server = with_server({ { "HTTP/1.1 302 F\r\nContent-Length: 0\r\n"
        .. "Location: /#access_token=s3cret&a=?code=s3cret\r\n\r\n", answer("ok") } })
      local heard = {}
      local _, message = fetch(server:url("/a"), { redirect = redirect, trace = function(_, text)
        heard[#heard + 1] = text
      end })
      heard[#heard + 1] = message
      local text = table.concat(heard, "\n")
      assert.truthy(text:find("access_token=***", 1, true), text)
      assert.is_nil(text:find("s3cret", 1, true), text)
    end
  end)
end)
