-- The constants: numbers, flat names, and tables that can be read and walked but not changed.
local httpclient = require("httpclient")
local class = httpclient.HTTPClient

local expected = {
  METHOD_GET = 0,
  METHOD_HEAD = 1,
  METHOD_POST = 2,
  METHOD_PUT = 3,
  METHOD_DELETE = 4,
  METHOD_OPTIONS = 5,
  METHOD_TRACE = 6,
  METHOD_CONNECT = 7,
  METHOD_PATCH = 8,
  METHOD_MAX = 9,
  STATUS_DISCONNECTED = 0,
  STATUS_RESOLVING = 1,
  STATUS_CANT_RESOLVE = 2,
  STATUS_CONNECTING = 3,
  STATUS_CANT_CONNECT = 4,
  STATUS_CONNECTED = 5,
  STATUS_REQUESTING = 6,
  STATUS_BODY = 7,
  STATUS_CONNECTION_ERROR = 8,
  STATUS_SSL_HANDSHAKE_ERROR = 9,
  STATUS_TLS_HANDSHAKE_ERROR = 9,
  RESPONSE_CONTINUE = 100,
  RESPONSE_SWITCHING_PROTOCOLS = 101,
  RESPONSE_PROCESSING = 102,
  RESPONSE_OK = 200,
  RESPONSE_CREATED = 201,
  RESPONSE_ACCEPTED = 202,
  RESPONSE_NON_AUTHORITATIVE_INFORMATION = 203,
  RESPONSE_NO_CONTENT = 204,
  RESPONSE_RESET_CONTENT = 205,
  RESPONSE_PARTIAL_CONTENT = 206,
  RESPONSE_MULTI_STATUS = 207,
  RESPONSE_ALREADY_REPORTED = 208,
  RESPONSE_IM_USED = 226,
  RESPONSE_MULTIPLE_CHOICES = 300,
  RESPONSE_MOVED_PERMANENTLY = 301,
  RESPONSE_FOUND = 302,
  RESPONSE_SEE_OTHER = 303,
  RESPONSE_NOT_MODIFIED = 304,
  RESPONSE_USE_PROXY = 305,
  RESPONSE_SWITCH_PROXY = 306,
  RESPONSE_TEMPORARY_REDIRECT = 307,
  RESPONSE_PERMANENT_REDIRECT = 308,
  RESPONSE_BAD_REQUEST = 400,
  RESPONSE_UNAUTHORIZED = 401,
  RESPONSE_PAYMENT_REQUIRED = 402,
  RESPONSE_FORBIDDEN = 403,
  RESPONSE_NOT_FOUND = 404,
  RESPONSE_METHOD_NOT_ALLOWED = 405,
  RESPONSE_NOT_ACCEPTABLE = 406,
  RESPONSE_PROXY_AUTHENTICATION_REQUIRED = 407,
  RESPONSE_REQUEST_TIMEOUT = 408,
  RESPONSE_CONFLICT = 409,
  RESPONSE_GONE = 410,
  RESPONSE_LENGTH_REQUIRED = 411,
  RESPONSE_PRECONDITION_FAILED = 412,
  RESPONSE_REQUEST_ENTITY_TOO_LARGE = 413,
  RESPONSE_REQUEST_URI_TOO_LONG = 414,
  RESPONSE_UNSUPPORTED_MEDIA_TYPE = 415,
  RESPONSE_REQUESTED_RANGE_NOT_SATISFIABLE = 416,
  RESPONSE_EXPECTATION_FAILED = 417,
  RESPONSE_IM_A_TEAPOT = 418,
  RESPONSE_MISDIRECTED_REQUEST = 421,
  RESPONSE_UNPROCESSABLE_ENTITY = 422,
  RESPONSE_LOCKED = 423,
  RESPONSE_FAILED_DEPENDENCY = 424,
  RESPONSE_UPGRADE_REQUIRED = 426,
  RESPONSE_PRECONDITION_REQUIRED = 428,
  RESPONSE_TOO_MANY_REQUESTS = 429,
  RESPONSE_REQUEST_HEADER_FIELDS_TOO_LARGE = 431,
  RESPONSE_UNAVAILABLE_FOR_LEGAL_REASONS = 451,
  RESPONSE_INTERNAL_SERVER_ERROR = 500,
  RESPONSE_NOT_IMPLEMENTED = 501,
  RESPONSE_BAD_GATEWAY = 502,
  RESPONSE_SERVICE_UNAVAILABLE = 503,
  RESPONSE_GATEWAY_TIMEOUT = 504,
  RESPONSE_HTTP_VERSION_NOT_SUPPORTED = 505,
  RESPONSE_VARIANT_ALSO_NEGOTIATES = 506,
  RESPONSE_INSUFFICIENT_STORAGE = 507,
  RESPONSE_LOOP_DETECTED = 508,
  RESPONSE_NOT_EXTENDED = 510,
  RESPONSE_NETWORK_AUTH_REQUIRED = 511,
}
local errors = {
  [0] = "OK", "FAILED", "ERR_UNAVAILABLE", "ERR_UNCONFIGURED", "ERR_UNAUTHORIZED",
  "ERR_PARAMETER_RANGE_ERROR", "ERR_OUT_OF_MEMORY", "ERR_FILE_NOT_FOUND", "ERR_FILE_BAD_DRIVE",
  "ERR_FILE_BAD_PATH", "ERR_FILE_NO_PERMISSION", "ERR_FILE_ALREADY_IN_USE", "ERR_FILE_CANT_OPEN",
  "ERR_FILE_CANT_WRITE", "ERR_FILE_CANT_READ", "ERR_FILE_UNRECOGNIZED", "ERR_FILE_CORRUPT",
  "ERR_FILE_MISSING_DEPENDENCIES", "ERR_FILE_EOF", "ERR_CANT_OPEN", "ERR_CANT_CREATE",
  "ERR_QUERY_FAILED", "ERR_ALREADY_IN_USE", "ERR_LOCKED", "ERR_TIMEOUT", "ERR_CANT_CONNECT",
  "ERR_CANT_RESOLVE", "ERR_CONNECTION_ERROR", "ERR_CANT_ACQUIRE_RESOURCE", "ERR_CANT_FORK",
  "ERR_INVALID_DATA", "ERR_INVALID_PARAMETER", "ERR_ALREADY_EXISTS", "ERR_DOES_NOT_EXIST",
  "ERR_DATABASE_CANT_READ", "ERR_DATABASE_CANT_WRITE", "ERR_COMPILATION_FAILED",
  "ERR_METHOD_NOT_FOUND", "ERR_LINK_FAILED", "ERR_SCRIPT_FAILED", "ERR_CYCLIC_LINK",
  "ERR_INVALID_DECLARATION", "ERR_DUPLICATE_SYMBOL", "ERR_PARSE_ERROR", "ERR_BUSY", "ERR_SKIP",
  "ERR_HELP", "ERR_BUG", "ERR_PRINTER_ON_FIRE",
}

local function enum_of(name)
  if name:find("^METHOD_") then
    return "Method"
  end
  return name:find("^STATUS_") and "Status" or "ResponseCode"
end

local tables = {
  { "HTTPClient.Method", function() return class.Method end, "METHOD_GET", 10 },
  { "HTTPClient.Status", function() return class.Status end, "STATUS_BODY", 11 },
  { "HTTPClient.ResponseCode", function() return class.ResponseCode end, "RESPONSE_OK", 61 },
  { "httpclient.Error", function() return httpclient.Error end, "ERR_TIMEOUT", 49 },
}

describe("the constants", function()
  it("have the reference's numbers in their tables, flat on the class, and on an instance",
    function()
    local client, count = class.new(), 0
    for name, value in pairs(expected) do
      count = count + 1
      assert.equal(value, class[enum_of(name)][name], name)
      assert.equal(value, class[name], name)
      assert.equal(value, client[name], name)
    end
    assert.equal(82, count)
  end)

  it("of Error are the reference's 49", function()
    for number = 0, 48 do
      assert.equal(number, httpclient.Error[errors[number]], errors[number])
    end
  end)

  it("are integers where Lua has them", function()
    if math.type then
      assert.equal("integer", math.type(class.METHOD_GET))
      assert.equal("integer", math.type(class.Method.METHOD_GET))
      assert.equal("integer", math.type(httpclient.Error.OK))
    end
  end)
end)

for _, case in ipairs(tables) do
  local name, get, known, size = case[1], case[2], case[3], case[4]
  describe(name, function()
    it("is a table", function()
      assert.equal("table", type(get()))
    end)
    it("is the same table at each access", function()
      assert.equal(get(), get())
    end)
    it("can be walked with pairs, each name once", function()
      local seen, count = {}, 0
      for key, value in pairs(get()) do
        assert.is_nil(seen[key])
        assert.equal(get()[key], value)
        seen[key] = value
        count = count + 1
      end
      assert.equal(size, count)
    end)
    it("raises on an unknown name, and says which", function()
      for _, unknown in ipairs({ known:lower(), known .. "_FOO", "" }) do
        local ok, message = pcall(function() return get()[unknown] end)
        assert.is_false(ok)
        assert.truthy(message:find("no constant " .. unknown .. " in " .. name, 1, true), message)
      end
      assert.is_false((pcall(function() return get()[1] end)))
    end)
    it("raises on a write to a new name", function()
      local ok, message = pcall(function() get().METHOD_NEW = 1 end)
      assert.is_false(ok)
      assert.truthy(message:find(name .. " is read-only", 1, true), message)
    end)
    -- Without __pairs (5.1, LuaJIT) a table can't both be walked and refuse this; there the next access undoes it.
    it("keeps its values whatever a script writes", function()
      local before = get()[known]
      local ok = pcall(function() get()[known] = 77 end)
      if _VERSION ~= "Lua 5.1" then
        assert.is_false(ok)
      end
      assert.equal(before, get()[known])
      pcall(function() get()[known] = nil end)
      assert.equal(before, get()[known])
    end)
    it("does not give its metatable away", function()
      assert.is_false(getmetatable(get()))
      assert.is_false((pcall(setmetatable, get(), {})))
    end)
  end)
end

describe("error_string", function()
  it("has a text for every code, all different", function()
    local seen = {}
    for number = 0, 48 do
      local text = httpclient.error_string(number)
      assert.is_true(#text > 0)
      assert.is_nil(seen[text], text)
      seen[text] = true
    end
  end)
  it("has one for numbers that are no code", function()
    local text = httpclient.error_string(49)
    assert.equal("string", type(text))
    assert.equal(text, httpclient.error_string(-1))
    assert.equal(text, httpclient.error_string(2 ^ 40))
  end)
  it("takes integers only", function()
    assert.is_false((pcall(httpclient.error_string, "1")))
    assert.is_false((pcall(httpclient.error_string, 1.5)))
    assert.is_false((pcall(httpclient.error_string)))
  end)
end)
