---@meta httpclient
-- The whole public module for the Lua language server (LuaLS): types, both call forms, what comes back. Nothing here
-- runs. What each call promises is written in docs/api.md.
---@diagnostic disable: missing-return, unused-local

---@class httpclient
---@field HTTPClient HTTPClient
---@field HTTPRequest HTTPRequest
---@field Poller Poller
---@field TLSOptions TLSOptions
---@field X509Certificate X509Certificate
---@field CryptoKey CryptoKey
---@field StreamPeerTCP StreamPeerTCP
---@field StreamPeerTLS StreamPeerTLS
---@field StreamPeerSSL StreamPeerTLS
---@field Inflater Inflater
---@field CookieJar CookieJar
---@field EventSource EventSource
---@field Session Session
---@field pool httpclient.Pool
---@field json httpclient.JSON
---@field Error httpclient.Error
---@field OK 0
---@field FAILED 1
---@field ERR_UNAVAILABLE 2
---@field ERR_UNCONFIGURED 3
---@field ERR_UNAUTHORIZED 4
---@field ERR_PARAMETER_RANGE_ERROR 5
---@field ERR_OUT_OF_MEMORY 6
---@field ERR_FILE_NOT_FOUND 7
---@field ERR_FILE_BAD_DRIVE 8
---@field ERR_FILE_BAD_PATH 9
---@field ERR_FILE_NO_PERMISSION 10
---@field ERR_FILE_ALREADY_IN_USE 11
---@field ERR_FILE_CANT_OPEN 12
---@field ERR_FILE_CANT_WRITE 13
---@field ERR_FILE_CANT_READ 14
---@field ERR_FILE_UNRECOGNIZED 15
---@field ERR_FILE_CORRUPT 16
---@field ERR_FILE_MISSING_DEPENDENCIES 17
---@field ERR_FILE_EOF 18
---@field ERR_CANT_OPEN 19
---@field ERR_CANT_CREATE 20
---@field ERR_QUERY_FAILED 21
---@field ERR_ALREADY_IN_USE 22
---@field ERR_LOCKED 23
---@field ERR_TIMEOUT 24
---@field ERR_CANT_CONNECT 25
---@field ERR_CANT_RESOLVE 26
---@field ERR_CONNECTION_ERROR 27
---@field ERR_CANT_ACQUIRE_RESOURCE 28
---@field ERR_CANT_FORK 29
---@field ERR_INVALID_DATA 30
---@field ERR_INVALID_PARAMETER 31
---@field ERR_ALREADY_EXISTS 32
---@field ERR_DOES_NOT_EXIST 33
---@field ERR_DATABASE_CANT_READ 34
---@field ERR_DATABASE_CANT_WRITE 35
---@field ERR_COMPILATION_FAILED 36
---@field ERR_METHOD_NOT_FOUND 37
---@field ERR_LINK_FAILED 38
---@field ERR_SCRIPT_FAILED 39
---@field ERR_CYCLIC_LINK 40
---@field ERR_INVALID_DECLARATION 41
---@field ERR_DUPLICATE_SYMBOL 42
---@field ERR_PARSE_ERROR 43
---@field ERR_BUSY 44
---@field ERR_SKIP 45
---@field ERR_HELP 46
---@field ERR_BUG 47
---@field ERR_PRINTER_ON_FIRE 48
---@field null lightuserdata stands for null in tables; equals cjson.null
---@field _VERSION string "httpclient X.Y.Z"
local httpclient = {}

---A body that is sent: a string, an open file or pipe from its position on, or a function that returns the next piece,
---nil at the end.
---@alias httpclient.Body string|file*|fun(): string?|httpclient.Memory

---Memory outside of Lua: a Data object of LÖVE, or a light userdata or a pointer of FFI with a size.
---@alias httpclient.Memory userdata|{ pointer: any, size: integer }
---`{"Name: value"}` or `{Name = "value"}`
---@alias httpclient.Headers string[]|table<string, string|integer>
---Values by name; another letter case finds the entry too.
---@alias httpclient.HeaderDictionary table<string, string>
---An object of the script's own: put_partial_data and get_partial_data, and what else it has of a StreamPeer.
---@alias httpclient.AnyStream StreamPeerTCP|StreamPeerTLS|table|userdata

---@class httpclient.Error
---@field OK 0
---@field FAILED 1
---@field ERR_UNAVAILABLE 2
---@field ERR_UNCONFIGURED 3
---@field ERR_UNAUTHORIZED 4
---@field ERR_PARAMETER_RANGE_ERROR 5
---@field ERR_OUT_OF_MEMORY 6
---@field ERR_FILE_NOT_FOUND 7
---@field ERR_FILE_BAD_DRIVE 8
---@field ERR_FILE_BAD_PATH 9
---@field ERR_FILE_NO_PERMISSION 10
---@field ERR_FILE_ALREADY_IN_USE 11
---@field ERR_FILE_CANT_OPEN 12
---@field ERR_FILE_CANT_WRITE 13
---@field ERR_FILE_CANT_READ 14
---@field ERR_FILE_UNRECOGNIZED 15
---@field ERR_FILE_CORRUPT 16
---@field ERR_FILE_MISSING_DEPENDENCIES 17
---@field ERR_FILE_EOF 18
---@field ERR_CANT_OPEN 19
---@field ERR_CANT_CREATE 20
---@field ERR_QUERY_FAILED 21
---@field ERR_ALREADY_IN_USE 22
---@field ERR_LOCKED 23
---@field ERR_TIMEOUT 24
---@field ERR_CANT_CONNECT 25
---@field ERR_CANT_RESOLVE 26
---@field ERR_CONNECTION_ERROR 27
---@field ERR_CANT_ACQUIRE_RESOURCE 28
---@field ERR_CANT_FORK 29
---@field ERR_INVALID_DATA 30
---@field ERR_INVALID_PARAMETER 31
---@field ERR_ALREADY_EXISTS 32
---@field ERR_DOES_NOT_EXIST 33
---@field ERR_DATABASE_CANT_READ 34
---@field ERR_DATABASE_CANT_WRITE 35
---@field ERR_COMPILATION_FAILED 36
---@field ERR_METHOD_NOT_FOUND 37
---@field ERR_LINK_FAILED 38
---@field ERR_SCRIPT_FAILED 39
---@field ERR_CYCLIC_LINK 40
---@field ERR_INVALID_DECLARATION 41
---@field ERR_DUPLICATE_SYMBOL 42
---@field ERR_PARSE_ERROR 43
---@field ERR_BUSY 44
---@field ERR_SKIP 45
---@field ERR_HELP 46
---@field ERR_BUG 47
---@field ERR_PRINTER_ON_FIRE 48

---@class HTTPClient.Method
---@field METHOD_GET 0
---@field METHOD_HEAD 1
---@field METHOD_POST 2
---@field METHOD_PUT 3
---@field METHOD_DELETE 4
---@field METHOD_OPTIONS 5
---@field METHOD_TRACE 6
---@field METHOD_CONNECT 7
---@field METHOD_PATCH 8
---@field METHOD_MAX 9

---@class HTTPClient.Status
---@field STATUS_DISCONNECTED 0
---@field STATUS_RESOLVING 1
---@field STATUS_CANT_RESOLVE 2
---@field STATUS_CONNECTING 3
---@field STATUS_CANT_CONNECT 4
---@field STATUS_CONNECTED 5
---@field STATUS_REQUESTING 6
---@field STATUS_BODY 7
---@field STATUS_CONNECTION_ERROR 8
---@field STATUS_SSL_HANDSHAKE_ERROR 9
---@field STATUS_TLS_HANDSHAKE_ERROR 9

---@class HTTPClient.ResponseCode
---@field RESPONSE_CONTINUE 100
---@field RESPONSE_SWITCHING_PROTOCOLS 101
---@field RESPONSE_PROCESSING 102
---@field RESPONSE_OK 200
---@field RESPONSE_CREATED 201
---@field RESPONSE_ACCEPTED 202
---@field RESPONSE_NON_AUTHORITATIVE_INFORMATION 203
---@field RESPONSE_NO_CONTENT 204
---@field RESPONSE_RESET_CONTENT 205
---@field RESPONSE_PARTIAL_CONTENT 206
---@field RESPONSE_MULTI_STATUS 207
---@field RESPONSE_ALREADY_REPORTED 208
---@field RESPONSE_IM_USED 226
---@field RESPONSE_MULTIPLE_CHOICES 300
---@field RESPONSE_MOVED_PERMANENTLY 301
---@field RESPONSE_FOUND 302
---@field RESPONSE_SEE_OTHER 303
---@field RESPONSE_NOT_MODIFIED 304
---@field RESPONSE_USE_PROXY 305
---@field RESPONSE_SWITCH_PROXY 306
---@field RESPONSE_TEMPORARY_REDIRECT 307
---@field RESPONSE_PERMANENT_REDIRECT 308
---@field RESPONSE_BAD_REQUEST 400
---@field RESPONSE_UNAUTHORIZED 401
---@field RESPONSE_PAYMENT_REQUIRED 402
---@field RESPONSE_FORBIDDEN 403
---@field RESPONSE_NOT_FOUND 404
---@field RESPONSE_METHOD_NOT_ALLOWED 405
---@field RESPONSE_NOT_ACCEPTABLE 406
---@field RESPONSE_PROXY_AUTHENTICATION_REQUIRED 407
---@field RESPONSE_REQUEST_TIMEOUT 408
---@field RESPONSE_CONFLICT 409
---@field RESPONSE_GONE 410
---@field RESPONSE_LENGTH_REQUIRED 411
---@field RESPONSE_PRECONDITION_FAILED 412
---@field RESPONSE_REQUEST_ENTITY_TOO_LARGE 413
---@field RESPONSE_REQUEST_URI_TOO_LONG 414
---@field RESPONSE_UNSUPPORTED_MEDIA_TYPE 415
---@field RESPONSE_REQUESTED_RANGE_NOT_SATISFIABLE 416
---@field RESPONSE_EXPECTATION_FAILED 417
---@field RESPONSE_IM_A_TEAPOT 418
---@field RESPONSE_MISDIRECTED_REQUEST 421
---@field RESPONSE_UNPROCESSABLE_ENTITY 422
---@field RESPONSE_LOCKED 423
---@field RESPONSE_FAILED_DEPENDENCY 424
---@field RESPONSE_UPGRADE_REQUIRED 426
---@field RESPONSE_PRECONDITION_REQUIRED 428
---@field RESPONSE_TOO_MANY_REQUESTS 429
---@field RESPONSE_REQUEST_HEADER_FIELDS_TOO_LARGE 431
---@field RESPONSE_UNAVAILABLE_FOR_LEGAL_REASONS 451
---@field RESPONSE_INTERNAL_SERVER_ERROR 500
---@field RESPONSE_NOT_IMPLEMENTED 501
---@field RESPONSE_BAD_GATEWAY 502
---@field RESPONSE_SERVICE_UNAVAILABLE 503
---@field RESPONSE_GATEWAY_TIMEOUT 504
---@field RESPONSE_HTTP_VERSION_NOT_SUPPORTED 505
---@field RESPONSE_VARIANT_ALSO_NEGOTIATES 506
---@field RESPONSE_INSUFFICIENT_STORAGE 507
---@field RESPONSE_LOOP_DETECTED 508
---@field RESPONSE_NOT_EXTENDED 510
---@field RESPONSE_NETWORK_AUTH_REQUIRED 511

---@return HTTPClient
function httpclient.new() end

---A short text for a code of httpclient.Error.
---@param code integer
---@return string
function httpclient.error_string(code) end

---@param fields table
---@return string
function httpclient.query_string_from_dict(fields) end

---Percent-encodes all but the unreserved characters.
---@param text string
---@return string
function httpclient.uri_encode(text) end

---@param text string
---@return string
function httpclient.uri_decode(text) end

---uri_encode by its 3.x name.
---@param text string
---@return string
function httpclient.http_escape(text) end

---uri_decode by its 3.x name.
---@param text string
---@return string
function httpclient.http_unescape(text) end

---Is the text an IP address of the public Internet? Not: private, loopback, link-local, multicast, reserved.
---@param address string
---@return boolean
function httpclient.is_public_address(address) end

---@param bytes string
---@return string text
function httpclient.base64_encode(bytes) end

---@param text string
---@return string? bytes
---@return string? message
---@return integer? code
function httpclient.base64_decode(text) end

---@param bytes string
---@return string text in lower case
function httpclient.hex(bytes) end

---@param algorithm string OpenSSL's name: "sha256", "md5"
---@param data string
---@return string? bytes
---@return string? message
---@return integer? code
function httpclient.digest(algorithm, data) end

---@param algorithm string
---@param key string
---@param data string
---@return string? bytes
---@return string? message
---@return integer? code
function httpclient.hmac(algorithm, key, data) end

---@class httpclient.URL
---@field scheme? string
---@field userinfo? string
---@field user? string
---@field password? string
---@field host? string
---@field port? integer
---@field path string
---@field query? string
---@field fragment? string

---@param text string
---@return httpclient.URL? url
---@return string? message
---@return integer? code
function httpclient.parse_url(text) end

---RFC 3986 section 5.2.
---@param base string
---@param reference string
---@return string? url
---@return string? message
---@return integer? code
function httpclient.resolve_url(base, reference) end

---"Sun, 06 Nov 1994 08:49:37 GMT"
---@param seconds? number since 1970; nil: now
---@return string
function httpclient.http_date(seconds) end

---@param text string
---@return integer? seconds
---@return string? message
---@return integer? code
function httpclient.parse_http_date(text) end

---@class httpclient.Link
---@field url string
---@field rel string
---@field rels string[]
---@field anchor? string
---@field title? string
---@field params table<string, string>

---@param value string of a Link field (RFC 8288)
---@return httpclient.Link[] links by number, and by relation
function httpclient.parse_link(value) end

---@class httpclient.Features
---@field openssl string|false
---@field mbedtls string|false
---@field zlib string|false
---@field nghttp2 string|false
---@field http2 string|false the same: is there HTTP/2?
---@field brotli string|false
---@field zstd string|false
---@field idn2 string|false
---@field psl string|false
---@field platform string

---What this build has.
---@return httpclient.Features
function httpclient.features() end

---Seconds of a clock that nobody can set.
---@return number
function httpclient.monotonic_time() end

---One call, one response: redirects, kept connections, decoding, files. Inside a task the others go on, outside it
---waits.
---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response nil when there is no complete answer
---@return string? message
---@return integer? code of httpclient.Error
---@return httpclient.FetchFailure? facts
function httpclient.fetch(url, options) end

---@class httpclient.FetchFailure
---@field sent boolean whether any request of the call has gone out, so that the server may have acted on it
---@field attempts integer how many requests were begun, redirects included

---@class httpclient.FetchAllFailure: httpclient.FetchFailure
---@field error integer of httpclient.Error

---One part of a form: with a value, or with a file.
---@class httpclient.Part
---@field name? string not in a map
---@field value? string|number|boolean
---@field file? string|file*|fun(): string? a path, an open file from where it stands, a function that gives pieces
---@field filename? string the file's own; "blob" where it has none
---@field type? string application/octet-stream; none of a value without filename
---@field size? integer bytes of what a function or a pipe gives

---By number, or by name. Keep the table: a Digest's nonce is remembered with it.
---@class httpclient.Auth
---@field [1]? string user
---@field [2]? string password
---@field [3]? "basic"|"digest"|"any"
---@field user? string
---@field password? string
---@field scheme? "basic"|"digest"|"any" "basic"

---true: 3 attempts; or their number.
---@alias httpclient.Retry boolean|integer|httpclient.RetryOptions

---@class httpclient.RetryOptions
---@field attempts? integer 3, the first one included
---@field backoff? number seconds: 0.5; twice as much each time
---@field max_backoff? number seconds: 30
---@field statuses? integer[]|table<integer, true> 408, 429, 500, 502, 503, 504
---@field methods? (string|integer)[]|table<string, true> the idempotent ones
---@field on_retry? fun(info: httpclient.RetryInfo): boolean? false: no other attempt

---@class httpclient.RetryInfo
---@field reason string
---@field status? integer of the answer, where there was one
---@field error? integer of httpclient.Error, where there was none
---@field sent boolean whether the attempt that failed had gone out
---@field attempt integer the number of the attempt that failed
---@field attempts integer how many there are at most
---@field delay number seconds until the next one
---@field method string

---Hears of each task of async() that fails, at once. Where there is none, the error of a task that
---nobody asks comes out of process() or run() when it is collected.
---@type fun(task: httpclient.Task, message: any, trace: any)?
httpclient.on_task_error = nil -- a field to write

---Runs fn(...) as a task, from its first step on in process() and run().
---@param fn function
---@param ... any its arguments
---@return httpclient.Task
function httpclient.async(fn, ...) end

---Moves every task and HTTPRequest, without waiting; with a number as long as something is ready, for about that time.
---@param seconds? number
function httpclient.process(seconds) end

---Works until all tasks and HTTPRequests have ended.
function httpclient.run() end

---Waits: inside a task for this one only.
---@param seconds number
function httpclient.sleep(seconds) end

---Inside a task: goes on in the next process() call; in run() with what else there is to do.
function httpclient.next_frame() end

---Does all that the first uses would do: for a loading screen.
function httpclient.prepare() end

---The codec of the option json and of response:json(); may be replaced.
---@class httpclient.JSON
---@field encode fun(value: any): string raises for what JSON does not have; httpclient.null stands for null
---@field decode fun(text: string): any, string? nil and a message where the text is no JSON

---@param path string
---@param passphrase? string|fun(): string
---@return X509Certificate? certificate of the key
---@return CryptoKey|string key or message
---@return X509Certificate|integer|nil chain the other certificates, or Error
function httpclient.load_pkcs12(path, passphrase) end

---Hands the waiting outside of tasks, and run()'s, to an event loop; nil: back to the kernel.
---@param fn? fun(client: HTTPClient|Poller, seconds: number?)
function httpclient.set_waiter(fn) end

---@class HTTPClient: HTTPClient.Method, HTTPClient.Status, HTTPClient.ResponseCode
---@overload fun(): HTTPClient
---@field Method HTTPClient.Method
---@field Status HTTPClient.Status
---@field ResponseCode HTTPClient.ResponseCode
---@field blocking_mode_enabled boolean
---@field http_version "1.1"|"auto"|"2"
---@field read_chunk_size integer
---@field max_header_size integer
---@field connect_timeout number
---@field response_timeout number
---@field idle_timeout number
---@field address_family 0|4|6
---@field local_address string
---@field connect_to string
---@field allow_address nil|fun(address: string, port: integer): boolean?
---@field connection httpclient.AnyStream?
local HTTPClient = {}

---@return HTTPClient
function HTTPClient.new() end

---The 3.x form, and that of 4.3.
---@overload fun(self: HTTPClient, host: string, port?: integer, tls_options?: TLSOptions): integer, string?
---@param host string
---@param port? integer -1: 80, or 443 with TLS
---@param use_ssl? boolean
---@param verify_host? boolean
---@return integer code of httpclient.Error
---@return string? message
function HTTPClient:connect_to_host(host, port, use_ssl, verify_host) end

function HTTPClient:close() end

---To a Unix socket of this machine; "@name" is an abstract one.
---@overload fun(self: HTTPClient, path: string, host?: string, tls_options?: TLSOptions): integer, string?
---@param path string
---@param host? string for Host and TLS, maybe with a port; default "localhost"
---@param use_tls? boolean
---@param verify_host? boolean
---@return integer code
---@return string? message
function HTTPClient:connect_to_unix_socket(path, host, use_tls, verify_host) end

---@param fn fun(address: string, port: integer): boolean?
---@overload fun(self: HTTPClient, fn: nil)
function HTTPClient:set_allow_address(fn) end

---@return nil|fun(address: string, port: integer): boolean?
function HTTPClient:get_allow_address() end

---@param family 0|4|6
function HTTPClient:set_address_family(family) end

---@return integer
function HTTPClient:get_address_family() end

---@param address string "": any
function HTTPClient:set_local_address(address) end

---@return string
function HTTPClient:get_local_address() end

---@param endpoint string "address:port"; "": none
function HTTPClient:set_connect_to(endpoint) end

---@return string
function HTTPClient:get_connect_to() end

---@return integer code
---@return string? message
function HTTPClient:poll() end

---@return integer status of HTTPClient.Status
function HTTPClient:get_status() end

---Why the client is in an error state; 0 and "" otherwise.
---@return integer code
---@return string message
function HTTPClient:get_last_error() end

---@class httpclient.ProxyOptions
---@field auth? "any"|"digest" "digest": never Basic
---@field tls_options? TLSOptions for TLS with an https:// proxy; nil: full verification

---From the next connection on, in place of the two below.
---@param url? string http://, https://, socks5:// or socks5h://, with user and password; "" or nil: none
---@param options? httpclient.ProxyOptions
---@return integer code
---@return string? message
function HTTPClient:set_proxy(url, options) end

---@param host string "": none
---@param port integer
---@param user? string
---@param password? string
---@return integer code
---@return string? message
function HTTPClient:set_http_proxy(host, port, user, password) end

---@param host string "": none
---@param port integer
---@param user? string
---@param password? string
---@return integer code
---@return string? message
function HTTPClient:set_https_proxy(host, port, user, password) end

---@param method integer|string of HTTPClient.Method, or a token: "PROPFIND"
---@param url string
---@param headers? httpclient.Headers
---@param body? httpclient.Body
---@return integer code
---@return string? message
function HTTPClient:request(method, url, headers, body) end

---As request, with the body sent for every method.
---@param method integer|string of HTTPClient.Method, or a token: "PROPFIND"
---@param url string
---@param headers? httpclient.Headers
---@param body? httpclient.Body|integer[]
---@return integer code
---@return string? message
function HTTPClient:request_raw(method, url, headers, body) end

---A body function that returned "" has something again: the next poll asks it, and whatever waits for the client wakes.
---Without it the function is asked after a millisecond, then after longer and longer pauses, up to 50 milliseconds.
function HTTPClient:resume_body() end

---@return integer
function HTTPClient:get_request_body_sent() end

---@return boolean
function HTTPClient:has_response() end

---Has a byte of the last request's answer come?
---@return boolean
function HTTPClient:has_response_begun() end

---Is the last response complete, its body read to the end?
---@return boolean
function HTTPClient:is_response_complete() end

---@return boolean
function HTTPClient:is_response_chunked() end

---@return integer 0 before the head is in
function HTTPClient:get_response_code() end

---@return string
function HTTPClient:get_response_reason() end

---@return integer -1 when nobody knows
function HTTPClient:get_response_body_length() end

---@return integer
function HTTPClient:get_response_body_received() end

---@return string[] "Name: value"
function HTTPClient:get_response_headers() end

---@return httpclient.HeaderDictionary
function HTTPClient:get_response_headers_as_dictionary() end

---@param name string in any letter case
---@return string?
function HTTPClient:get_response_header(name) end

---@param name string in any letter case
---@return string[]
function HTTPClient:get_response_header_values(name) end

---@return string[] "Name: value"
function HTTPClient:get_response_trailers() end

---@return string "" when nothing is there
function HTTPClient:read_response_body_chunk() end

---@param file string|file* path or open file
---@return integer? moved
---@return string? message
---@return integer? code
---@return integer? moved_before_the_error
function HTTPClient:read_response_body_to_file(file) end

---@param on boolean
function HTTPClient:set_blocking_mode(on) end

---@return boolean
function HTTPClient:is_blocking_mode_enabled() end

---@param size integer 256 to 16777216
function HTTPClient:set_read_chunk_size(size) end

---@return integer
function HTTPClient:get_read_chunk_size() end

---@param size integer 1 to 16777216
function HTTPClient:set_max_header_size(size) end

---@return integer
function HTTPClient:get_max_header_size() end

---@param seconds number 0: never
function HTTPClient:set_connect_timeout(seconds) end

---@return number
function HTTPClient:get_connect_timeout() end

---@param seconds number 0: never
function HTTPClient:set_response_timeout(seconds) end

---@return number
function HTTPClient:get_response_timeout() end

---@param seconds number 0: never
function HTTPClient:set_idle_timeout(seconds) end

---@return number
function HTTPClient:get_idle_timeout() end

---@param peer httpclient.AnyStream?
function HTTPClient:set_connection(peer) end

---@return httpclient.AnyStream?
function HTTPClient:get_connection() end

---Sleeps until poll or a read can do something, or the time is over; then polls.
---@param seconds? number
---@return integer code
---@return boolean ready
---@return string? message
function HTTPClient:wait(seconds) end

---@param clients HTTPClient[]
---@param seconds? number
---@return HTTPClient[] ready
function HTTPClient.wait_any(clients, seconds) end

---@return integer -1: none
function HTTPClient:get_fd() end

---@return integer -1: none
function HTTPClient:getfd() end

---@return integer?
function HTTPClient:pollfd() end

---@return "r"|"w"|"rw"|nil
function HTTPClient:events() end

---@return number? seconds
function HTTPClient:timeout() end

---@return boolean
function HTTPClient:dirty() end

---@return string? address
---@return integer? port
function HTTPClient:get_remote_address() end

---@param version "1.1"|"auto"|"2"
function HTTPClient:set_http_version(version) end

---@return "1.1"|"auto"|"2"
function HTTPClient:get_http_version() end

---@return "1.0"|"1.1"|"2"|"" # of the last response
function HTTPClient:get_response_version() end

---Another client on the same HTTP/2 connection.
---@return HTTPClient?
---@return string? message
---@return integer? code
function HTTPClient:share_connection() end

---@return integer # how many more requests the connection takes now
function HTTPClient:get_free_streams() end

---@return string?
function HTTPClient:get_tls_version() end

---@return string?
function HTTPClient:get_tls_cipher() end

---@return string?
function HTTPClient:get_alpn() end

---@return httpclient.PeerCertificate?
---@return string? message
function HTTPClient:get_peer_certificate() end

---As a method and as a plain function.
---@overload fun(fields: table): string
---@param fields table
---@return string
function HTTPClient:query_string_from_dict(fields) end

---@class httpclient.PeerCertificate
---@field subject string
---@field issuer string
---@field names string[]
---@field not_before integer seconds since 1970
---@field not_after integer seconds since 1970
---@field fingerprint string
---@field public_key_pin string
---@field pem string

---@class Poller
local Poller = {}

---@return Poller
function Poller.new() end

---@param client HTTPClient
---@return integer code
---@return string? message
function Poller:add(client) end

---@param client HTTPClient
---@return integer code
---@return string? message
function Poller:remove(client) end

---@return integer
function Poller:count() end

---@param seconds? number
---@return HTTPClient[] moved
function Poller:wait(seconds) end

---@return integer -1: none
function Poller:get_fd() end

---@return integer -1: none
function Poller:getfd() end

---@return integer?
function Poller:pollfd() end

---@return "r"|"w"|"rw"|nil
function Poller:events() end

---@return number? seconds
function Poller:timeout() end

---@return boolean
function Poller:dirty() end

---Lets all clients and the descriptor go; used again, it is a new one.
function Poller:close() end

---@class httpclient.TLSExtra
---@field min_version? "1.0"|"1.1"|"1.2"|"1.3"
---@field max_version? "1.0"|"1.1"|"1.2"|"1.3"
---@field pinned_keys? string[] "sha256/BASE64"
---@field crl_file? string
---@field require_ocsp_stapling? boolean
---@field certificate? X509Certificate|string
---@field private_key? CryptoKey|string
---@field passphrase? string|fun(): string
---@field ciphers? string
---@field alpn? string[]
---@field post_handshake_auth? boolean
---@field legacy_renegotiation? boolean
---@field tolerate_missing_close_notify? boolean
---@field keylog_file? string

---@class TLSOptions
local TLSOptions = {}

---@param trusted_chain? X509Certificate|string PEM text
---@param common_name_override? string
---@param extra? httpclient.TLSExtra
---@return TLSOptions
function TLSOptions.client(trusted_chain, common_name_override, extra) end

---@param trusted_chain? X509Certificate|string PEM text
---@param extra? httpclient.TLSExtra
---@return TLSOptions
function TLSOptions.client_unsafe(trusted_chain, extra) end

---@return boolean
function TLSOptions:is_unsafe_client() end

---@return string
function TLSOptions:get_common_name_override() end

---@return X509Certificate?
function TLSOptions:get_trusted_ca_chain() end

---@return boolean
function TLSOptions:is_server() end

---@class X509Certificate
local X509Certificate = {}

---@return X509Certificate
function X509Certificate.new() end

---@param path string
---@return integer code
---@return string? message
function X509Certificate:load(path) end

---@param path string
---@return integer code
---@return string? message
function X509Certificate:save(path) end

---@param pem string
---@return integer code
---@return string? message
function X509Certificate:load_from_string(pem) end

---@return string
---@return string? message
function X509Certificate:save_to_string() end

---@class CryptoKey
local CryptoKey = {}

---@return CryptoKey
function CryptoKey.new() end

---@param path string
---@param public_only? boolean|string|fun(): string the passphrase may stand here
---@param passphrase? string|fun(): string
---@return integer code
---@return string? message
function CryptoKey:load(path, public_only, passphrase) end

---@param path string
---@param public_only? boolean
---@return integer code
---@return string? message
function CryptoKey:save(path, public_only) end

---@param pem string
---@param public_only? boolean|string|fun(): string the passphrase may stand here
---@param passphrase? string|fun(): string
---@return integer code
---@return string? message
function CryptoKey:load_from_string(pem, public_only, passphrase) end

---@param public_only? boolean
---@return string
---@return string? message
function CryptoKey:save_to_string(public_only) end

---@return boolean
function CryptoKey:is_public_only() end

---What both kinds of streams have.
---@class httpclient.StreamPeer
local StreamPeer = {}

---@param data string
---@return integer code
---@return string? message
function StreamPeer:put_data(data) end

---@param data string
---@return integer code
---@return integer sent
---@return string? message
function StreamPeer:put_partial_data(data) end

---@param bytes integer
---@return integer code
---@return string data
---@return string? message
function StreamPeer:get_data(bytes) end

---@param bytes integer
---@return integer code
---@return string data
---@return string? message
function StreamPeer:get_partial_data(bytes) end

---@return integer
function StreamPeer:get_available_bytes() end

---@return integer code
---@return string? message
function StreamPeer:poll() end

---@class StreamPeerTCP: httpclient.StreamPeer
---@field STATUS_NONE 0
---@field STATUS_CONNECTING 1
---@field STATUS_CONNECTED 2
---@field STATUS_ERROR 3
local StreamPeerTCP = {}

---@return StreamPeerTCP
function StreamPeerTCP.new() end

---@param host string
---@param port integer
---@return integer code
---@return string? message
function StreamPeerTCP:connect_to_host(host, port) end

function StreamPeerTCP:disconnect_from_host() end

---@return integer status
function StreamPeerTCP:get_status() end

---@return string
function StreamPeerTCP:get_connected_host() end

---@return integer
function StreamPeerTCP:get_connected_port() end

---@return integer
function StreamPeerTCP:get_local_port() end

---@param on boolean
function StreamPeerTCP:set_no_delay(on) end

---@class StreamPeerTLS: httpclient.StreamPeer
---@field STATUS_DISCONNECTED 0
---@field STATUS_HANDSHAKING 1
---@field STATUS_CONNECTED 2
---@field STATUS_ERROR 3
---@field STATUS_ERROR_HOSTNAME_MISMATCH 4
local StreamPeerTLS = {}

---@return StreamPeerTLS
function StreamPeerTLS.new() end

---@param stream httpclient.AnyStream
---@param common_name string
---@param tls_options? TLSOptions
---@return integer code
---@return string? message
function StreamPeerTLS:connect_to_stream(stream, common_name, tls_options) end

function StreamPeerTLS:disconnect_from_stream() end

---@return integer status
function StreamPeerTLS:get_status() end

---@return httpclient.AnyStream?
function StreamPeerTLS:get_stream() end

---@class Inflater
local Inflater = {}

---@param coding "gzip"|"x-gzip"|"deflate"
---@return Inflater
function Inflater.new(coding) end

---@param bytes string
---@param max? integer decoded bytes of this call, 65536
---@return string? decoded
---@return boolean|string more or the message
---@return integer? code
function Inflater:feed(bytes, max) end

---@return boolean? complete
---@return string? message
---@return integer? code
function Inflater:finish() end

---@return boolean
function Inflater:is_done() end

function Inflater:close() end

---@class HTTPRequest.Result
---@field RESULT_SUCCESS 0
---@field RESULT_CHUNKED_BODY_SIZE_MISMATCH 1
---@field RESULT_CANT_CONNECT 2
---@field RESULT_CANT_RESOLVE 3
---@field RESULT_CONNECTION_ERROR 4
---@field RESULT_SSL_HANDSHAKE_ERROR 5
---@field RESULT_TLS_HANDSHAKE_ERROR 5
---@field RESULT_NO_RESPONSE 6
---@field RESULT_BODY_SIZE_LIMIT_EXCEEDED 7
---@field RESULT_BODY_DECOMPRESS_FAILED 8
---@field RESULT_REQUEST_FAILED 9
---@field RESULT_DOWNLOAD_FILE_CANT_OPEN 10
---@field RESULT_DOWNLOAD_FILE_WRITE_ERROR 11
---@field RESULT_REDIRECT_LIMIT_REACHED 12
---@field RESULT_TIMEOUT 13

---The engine's flags of connect(); the first two change nothing.
---@class HTTPRequest.ConnectFlags
---@field CONNECT_DEFERRED 1
---@field CONNECT_PERSIST 2
---@field CONNECT_ONE_SHOT 4
---@field CONNECT_ONESHOT 4

---What goes on: "lookup", "connection", "tls", "request", "response" (the heads; CONNECT, its answer and 1xx, too),
---"trailers", "redirect", "retry", "auth", "failure"; no secrets.
---@alias httpclient.Trace fun(event: string, text: string)

---@alias httpclient.Completed fun(result: integer, response_code: integer, headers: string[], body: string)
---Bytes of content that have come and gone; -1 for a total that nobody knows.
---@alias httpclient.Progress fun(received: integer, total: integer, sent: integer, send_total: integer)

---@class HTTPRequest: HTTPRequest.Result, HTTPRequest.ConnectFlags
---@overload fun(): HTTPRequest
---@field Result HTTPRequest.Result
---@field accept_gzip boolean false: neither ask for coded content nor decode it: true
---@field accept_encoding boolean|string[] the codings that are asked for; true: all that the build has
---@field allow_downgrade boolean a redirect may lead from https to http: false
---@field http_version "auto"|"1.1"|"2" "auto": HTTP/2 where a server of https has it
---@field body_size_limit integer bytes, decoded; -1: none
---@field download_chunk_size integer 256 to 16777216: 65536
---@field download_file string a path; "": into memory
---@field max_redirects integer negative: no limit: 8
---@field proxy string http://, https://, socks5:// or socks5h://; "": none
---@field proxy_auth "any"|"digest" "digest": never Basic
---@field proxy_tls_options? TLSOptions for TLS with an https:// proxy
---@field resume boolean go on with a download that was broken off: false
---@field retry httpclient.Retry false
---@field auth? httpclient.Auth
---@field bearer? string
---@field timeout number seconds for all; 0: none
---@field use_threads boolean without effect
---@field on_request_completed? httpclient.Completed called like the handlers of connect
---@field on_progress? httpclient.Progress
---@field request_completed httpclient.Signal
---@field trace? httpclient.Trace
local HTTPRequest = {}

---request_completed of one HTTPRequest, as 4.x has it.
---@class httpclient.Signal
local Signal = {}

---@param handler httpclient.Completed
---@param flags? integer HTTPRequest.CONNECT_ONE_SHOT: for the next completion alone
---@return integer code of httpclient.Error
---@return string? message
function Signal:connect(handler, flags) end

---@param handler httpclient.Completed
---@return integer code of httpclient.Error
---@return string? message
function Signal:disconnect(handler) end

---@param handler httpclient.Completed
---@return boolean
function Signal:is_connected(handler) end

---A new, idle object.
---@return HTTPRequest
function HTTPRequest.new() end

---The 4.3 form, and that of 3.x with ssl_validate_domain as third argument.
---@overload fun(self: HTTPRequest, url: string, headers: httpclient.Headers?, verify: boolean, method: integer|string|nil, data: httpclient.Body?): integer, string?
---@param url string
---@param headers? httpclient.Headers
---@param method? integer|string of HTTPClient.Method, or a token: "PROPFIND"
---@param data? httpclient.Body ignored for METHOD_GET
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:request(url, headers, method, data) end

---The same, with the data sent for every method.
---@overload fun(self: HTTPRequest, url: string, headers: httpclient.Headers?, verify: boolean, method: integer|string|nil, data: any): integer, string?
---@param url string
---@param headers? httpclient.Headers
---@param method? integer|string of HTTPClient.Method, or a token: "PROPFIND"
---@param data? httpclient.Body|integer[]
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:request_raw(url, headers, method, data) end

---Ends the request at once; no completion follows.
function HTTPRequest:cancel_request() end

---@param signal "request_completed"
---@param handler httpclient.Completed
---@param flags? integer HTTPRequest.CONNECT_ONE_SHOT: for the next completion alone
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:connect(signal, handler, flags) end

---@param signal "request_completed"
---@param handler httpclient.Completed
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:disconnect(signal, handler) end

---@param signal "request_completed"
---@param handler httpclient.Completed
---@return boolean
function HTTPRequest:is_connected(signal, handler) end

---Waits for the end of the last request; inside a task the others go on. Nothing when it was cancelled.
---@return integer? result of HTTPRequest.Result
---@return integer? response_code
---@return string[]? headers
---@return string? body
function HTTPRequest:await() end

---The Content-Length of the answer; -1 without one.
---@return integer
function HTTPRequest:get_body_size() end

---Bytes of content that this request has brought, before decoding.
---@return integer
function HTTPRequest:get_downloaded_bytes() end

---@return integer status of HTTPClient.Status
function HTTPRequest:get_http_client_status() end

---Why the last request has failed; "" when it has not.
---@return string
function HTTPRequest:get_last_message() end

---The property `proxy`, checked at once.
---@param url? string "" or nil: none
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:set_proxy(url) end

---@return string
function HTTPRequest:get_proxy() end

---@param value "any"|"digest"
function HTTPRequest:set_proxy_auth(value) end

---@return "any"|"digest"
function HTTPRequest:get_proxy_auth() end

---@param value? TLSOptions
function HTTPRequest:set_proxy_tls_options(value) end

---@return TLSOptions?
function HTTPRequest:get_proxy_tls_options() end

---"" or -1: none.
---@param host string
---@param port integer
---@param user? string
---@param password? string
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:set_http_proxy(host, port, user, password) end

---"" or -1: none.
---@param host string
---@param port integer
---@param user? string
---@param password? string
---@return integer code of httpclient.Error
---@return string? message
function HTTPRequest:set_https_proxy(host, port, user, password) end

---nil: full verification.
---@param options? TLSOptions
function HTTPRequest:set_tls_options(options) end

---@param value boolean
function HTTPRequest:set_accept_gzip(value) end

---@return boolean|string[]
function HTTPRequest:get_accept_encoding() end

---@param value boolean|string[]
function HTTPRequest:set_accept_encoding(value) end

---@return boolean
function HTTPRequest:is_accepting_gzip() end

---@param value boolean
function HTTPRequest:set_allow_downgrade(value) end

---@return boolean
function HTTPRequest:get_allow_downgrade() end

---@param value "auto"|"1.1"|"2"
function HTTPRequest:set_http_version(value) end

---@return "auto"|"1.1"|"2"
function HTTPRequest:get_http_version() end

---@param value integer
function HTTPRequest:set_body_size_limit(value) end

---@return integer
function HTTPRequest:get_body_size_limit() end

---@param value integer
function HTTPRequest:set_download_chunk_size(value) end

---@return integer
function HTTPRequest:get_download_chunk_size() end

---@param value string
function HTTPRequest:set_download_file(value) end

---@return string
function HTTPRequest:get_download_file() end

---@param value integer
function HTTPRequest:set_max_redirects(value) end

---@return integer
function HTTPRequest:get_max_redirects() end

---@param value boolean
function HTTPRequest:set_resume(value) end

---@return boolean
function HTTPRequest:get_resume() end

---@param value number
function HTTPRequest:set_timeout(value) end

---@return number
function HTTPRequest:get_timeout() end

---@param value boolean
function HTTPRequest:set_use_threads(value) end

---@return boolean
function HTTPRequest:is_using_threads() end

---@param value? httpclient.Completed
function HTTPRequest:set_on_request_completed(value) end

---@return httpclient.Completed?
function HTTPRequest:get_on_request_completed() end

---@param value? httpclient.Progress
function HTTPRequest:set_on_progress(value) end

---@return httpclient.Progress?
function HTTPRequest:get_on_progress() end

---@param value httpclient.Auth?
function HTTPRequest:set_auth(value) end

---@return httpclient.Auth?
function HTTPRequest:get_auth() end

---@param value string?
function HTTPRequest:set_bearer(value) end

---@return string?
function HTTPRequest:get_bearer() end

---@param value httpclient.Retry
function HTTPRequest:set_retry(value) end

---@return httpclient.Retry
function HTTPRequest:get_retry() end

---@param value httpclient.Trace?
function HTTPRequest:set_trace(value) end

---@return httpclient.Trace?
function HTTPRequest:get_trace() end

---An unknown option raises.
---@class httpclient.FetchOptions
---@field method? string|integer a token, sent as it is, or a number; GET, and POST with a body or form
---@field headers? httpclient.Headers
---@field body? httpclient.Body not together with form
---@field form? table a body made by query_string_from_dict
---@field multipart? table a form of many parts: httpclient.Part[], or a map of names to values or parts
---@field json? any a body made by httpclient.json
---@field query? table written behind the URL's own query
---@field timeout? number seconds for all; 0: none
---@field connect_timeout? number seconds: 30; 0: none
---@field response_timeout? number seconds: 300; 0: none
---@field idle_timeout? number seconds: 300; 0: none
---@field redirect? "follow"|"manual"|"error" "follow"; "manual": the redirect is the answer
---@field max_redirects? integer 8; 0: as redirect = "manual"; negative: no limit
---@field retry? httpclient.Retry false
---@field auth? httpclient.Auth user, password and scheme; stay with the origin of the URL
---@field bearer? string a token; stays with the origin of the URL
---@field allow_downgrade? boolean a redirect may lead from https to http
---@field http_version? "auto"|"1.1"|"2" "auto": HTTP/2 where a server of https has it
---@field tls_options? TLSOptions
---@field cookies? CookieJar
---@field proxy? string|false http://, https://, socks5:// or socks5h://; false: none; nil: the environment's
---@field proxy_auth? "any"|"digest" "digest": never Basic
---@field proxy_tls_options? TLSOptions for TLS with an https:// proxy; nil: full verification
---@field unix_socket? string a path, or "@name": over this socket, whatever host the URL names
---@field connect_to? table<string, string> "host:port" of URLs to the "address:port" to connect to
---@field allow_address? fun(address: string, port: integer): boolean? asked before each connection
---@field address_family? 4|6
---@field local_address? string an IP address of this machine to connect from
---@field max_header_size? integer bytes: 65536
---@field accept_gzip? boolean false: neither ask for coded content nor decode it
---@field accept_encoding? boolean|string[] the codings that are asked for; true: all that the build has
---@field body_size_limit? integer bytes, decoded; -1: none
---@field download_file? string a path that the body goes to
---@field resume? boolean with download_file: go on where an earlier call was broken off
---@field on_data? fun(chunk: string): boolean? gets the body piece by piece; false: no more of it
---@field buffer? httpclient.Memory|fun(size: integer?): httpclient.Memory what the body goes into; on_data gets the size of each piece then
---@field on_response? fun(response: httpclient.Response) once the head of the answer is in
---@field trace? httpclient.Trace hears what goes on
---@field on_progress? httpclient.Progress

---@class httpclient.Response
---@field status integer
---@field ok boolean 200 to 299
---@field reason string
---@field http_version string "1.0", "1.1" or "2"
---@field headers httpclient.HeaderDictionary repeated ones joined with ", "; of Set-Cookie the first
---@field header_list string[] "Name: value" in arrival order
---@field trailers string[] the same, from behind the last chunk
---@field body string "" where it went to a file, a buffer or to on_data
---@field buffer? httpclient.Memory what the body went into
---@field buffered? integer how many bytes are there, at its beginning
---@field body_size integer the Content-Length, of an answer to HEAD too; -1 without one
---@field url string the final one, without fragment and user information
---@field remote_address string|nil "ip:port" of whom it came from, the proxy where there is one; nil by a Unix socket
---@field redirects integer how many were followed
---@field history httpclient.Redirect[] the answers that were redirects, in their order
---@field location? string where the answer's Location points to, as a whole URL
---@field links? httpclient.Link[] of the Link fields, and by relation: links.next; URLs are whole
---@field stopped? boolean true where on_data wanted no more
---@field proxy? string by whose way it came, without user and password; nil: no proxy
---@field timings httpclient.Timings
local Response = {}

---All values of a header field, any letter case: the way to Set-Cookie.
---@param name string
---@return string[] values
function Response:header_values(name) end

---A trailing field, any letter case; repeated ones joined with ", ".
---@param name string
---@return string? value
function Response:trailer(name) end

---The body, decoded by httpclient.json.
---@return any value nil where the body is no JSON
---@return string? message
function Response:json() end

---Seconds, of the last exchange but for `total`.
---@class httpclient.Redirect
---@field status integer
---@field url string where that answer came from
---@field headers httpclient.HeaderDictionary
---@field header_list string[]

---@class httpclient.Timings
---@field resolve number
---@field connect number TCP, proxy and TLS
---@field response number from the request to the head of the answer
---@field body number
---@field total number of all, redirects included
---@field reused boolean a kept connection, where the first two are 0

---@class httpclient.Task
---@field trace? string the traceback of a failed one
local Task = {}

---Waits until it has ended, or for the time, then as result().
---@param seconds? number
---@return any ...
function Task:wait(seconds) end

---Ends it where it waits, and closes its connection.
---@return boolean was there something to end?
function Task:cancel() end

---@return "running"|"done"|"failed"|"cancelled"
function Task:status() end

---What the function has returned; nil and a message or error while it runs, when it has failed or was cancelled.
---@return any ...
function Task:result() end

---The connections that fetch and HTTPRequest keep.
---@class httpclient.Pool
---@field max_per_host integer in use at a time to one origin: 6; 0: no limit
---@field max_idle integer kept in all: 32
---@field idle_timeout number seconds that one is kept: 60; 0: none is
local Pool = {}

---Closes all connections that are not in use.
function Pool.close_idle() end

---@return integer used in use
---@return integer idle kept
---@return integer queued tasks that wait for one
function Pool.count() end

---A response whose content is read as it comes.
---@class httpclient.Stream: httpclient.Response
local Stream = {}

---One request; comes back with the head of the answer. Takes what fetch takes but on_data, download_file, resume,
---buffer.
---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Stream? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function httpclient.stream(url, options) end

---What has come and was not read yet; waits until there is some.
---@param size? integer the most bytes
---@return string? bytes nil at the end
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Stream:read(size) end

---Raises where the content is cut short.
---@param size? integer the most bytes of one
---@return fun(): string? iterator
function Stream:chunks(size) end

---Lines without their ends. Raises where the content is cut short.
---@param limit? integer the most bytes of one
---@return fun(): string? iterator
function Stream:lines(limit) end

---@class httpclient.Event
---@field type string
---@field data string
---@field id string

---The events of text/event-stream. Raises where the content is cut short.
---@param limit? integer the most bytes of one
---@return fun(): httpclient.Event? iterator
function Stream:events(limit) end

---What is left of the content, as JSON.
---@return any value
---@return string? message
function Stream:json() end

---Ends it: a connection on which more was to come is closed.
function Stream:close() end

---Many requests, some at a time. What on_each adds to the list is fetched, too.
---@param list (string|table)[] URLs, or { url, options }
---@param options? { jobs?: integer, on_each?: fun(index: integer, response: httpclient.Response|false, message: string?, failure: httpclient.FetchAllFailure?) }
---@return (httpclient.Response|false)[] responses
---@return table<integer, string> messages
---@return table<integer, httpclient.FetchAllFailure> failures
function httpclient.fetch_all(list, options) end

---@class httpclient.SessionOptions: httpclient.FetchOptions
---@field base_url? string
---@field cookies? CookieJar|true

---Options that are the same for many requests, with cookies and connections of their own.
---@class Session
---@field cookies? CookieJar
local Session = {}

---@param defaults? httpclient.SessionOptions
---@return Session? session
---@return string? message
---@return integer? error
function Session.new(defaults) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:fetch(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:get(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:head(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:post(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:put(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:patch(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Response? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:delete(url, options) end

---@param url string
---@param options? httpclient.FetchOptions
---@return httpclient.Stream? response
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function Session:stream(url, options) end

---@param list (string|table)[]
---@param options? { jobs?: integer, on_each?: fun(index: integer, response: httpclient.Response|false, message: string?, failure: httpclient.FetchAllFailure?) }
---@return (httpclient.Response|false)[] responses
---@return table<integer, string> messages
---@return table<integer, httpclient.FetchAllFailure> failures
function Session:fetch_all(list, options) end

---Closes its connections; every call after that raises.
function Session:close() end

---@class httpclient.EventSourceOptions: httpclient.FetchOptions
---@field reconnect? boolean
---@field last_event_id? string
---@field on_event? fun(event: httpclient.Event)
---@field on_open? fun(response: httpclient.Stream)
---@field on_error? fun(message: string, error: integer?, facts: httpclient.FetchFailure)

---The events of a server, over one connection after the other.
---@class EventSource
---@field CONNECTING 0
---@field OPEN 1
---@field CLOSED 2
---@field ready_state integer
---@field last_event_id string
---@field on_event? fun(event: httpclient.Event)
---@field on_open? fun(response: httpclient.Stream)
---@field on_error? fun(message: string, error: integer?, facts: httpclient.FetchFailure)
local EventSource = {}

---@param url string
---@param options? httpclient.EventSourceOptions
---@return EventSource? source
---@return string? message
---@return integer? error
function EventSource.new(url, options) end

---Waits for the next event.
---@param seconds? number
---@return httpclient.Event? event
---@return string? message
---@return integer? error
---@return httpclient.FetchFailure? facts
function EventSource:next(seconds) end

---@return fun(): httpclient.Event? iterator
function EventSource:events() end

---Ends it and its connection.
function EventSource:close() end

---The cookies of one user (RFC 6265bis), for any number of transfers.
---@class CookieJar
local CookieJar = {}

---@class httpclient.Cookie
---@field name string
---@field value string
---@field domain string
---@field path string
---@field expires? integer as of os.time(); nil: until the program ends
---@field secure boolean
---@field http_only boolean
---@field host_only boolean
---@field same_site? "Strict"|"Lax"|"None"

---Empty, or with the cookies of a file, which need not be there yet.
---@param path? string
---@return CookieJar? jar
---@return string? message
---@return integer? error
function CookieJar.new(path) end

---Takes a Set-Cookie value as if an answer from the URL had it.
---@param url string
---@param set_cookie_value string
---@return true? taken
---@return string? message why it is ignored
---@return integer? error
function CookieJar:set(url, set_cookie_value) end

---@param url string
---@return string? value of the Cookie field of a request to the URL
---@return string? message
---@return integer? error
function CookieJar:get(url) end

---@return httpclient.Cookie[] cookies in the order in which they came
function CookieJar:cookies() end

---Removes all, or those of one domain.
---@param domain? string
function CookieJar:clear(domain) end

---Writes a file in the format of curl and wget.
---@param path? string
---@return true? written
---@return string? message
---@return integer? error
function CookieJar:save(path) end

---Adds the cookies of such a file.
---@param path? string
---@return integer? count
---@return string? message
---@return integer? error
function CookieJar:load(path) end

return httpclient
