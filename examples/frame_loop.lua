-- frame_loop.lua: a game's loop of 60 frames a second that goes on while a download is under way.
--
--   lua examples/frame_loop.lua URL [FILE]
--
-- Says how many frames there were, how long the longest one was, and how much of a frame the
-- network took. Exit status: 0 for a 2xx answer, 1 for another one, 2 for a wrong call, 4 when
-- there is no complete answer.
local httpclient = require("httpclient")
local HTTPRequest, now = httpclient.HTTPRequest, httpclient.monotonic_time

local FRAME = 1 / 60
local BUDGET = 0.004 -- of each frame, for the network

local function quit(status, message)
  io.stderr:write("frame_loop.lua: ", message, "\n")
  os.exit(status, true)
end

if #arg < 1 or #arg > 2 then
  quit(2, "usage: frame_loop.lua URL [FILE]")
end

local request, completion = HTTPRequest.new(), nil
request.download_file = arg[2] or ""
request:connect("request_completed", function(result, code, _, body)
  completion = { result = result, code = code, size = arg[2] and request:get_downloaded_bytes()
    or #body }
end)
local code, message = request:request(arg[1])
if code ~= httpclient.Error.OK then
  quit(2, message)
end

local frames, longest, longest_process = 0, 0, 0
local began = now()
local frame_began = began
while not completion do
  httpclient.process(BUDGET)
  local processed = now()
  -- Here a game moves its world and draws it.
  httpclient.sleep(math.max(0, frame_began + FRAME - now())) -- stands for the display's clock
  local ended = now()
  frames = frames + 1
  longest = math.max(longest, ended - frame_began)
  longest_process = math.max(longest_process, processed - frame_began)
  frame_began = ended
end
local passed = now() - began

print(("%d frames in %.2f s, %.1f a second; the longest took %.1f ms, %.1f ms of a frame went to the network at most")
  :format(frames, passed, frames / passed, longest * 1000, longest_process * 1000))
if completion.result ~= HTTPRequest.RESULT_SUCCESS then
  quit(4, request:get_last_message())
end
print(("%d, %d bytes"):format(completion.code, completion.size))
if completion.code < 200 or completion.code > 299 then
  quit(1, ("the server answered %d"):format(completion.code))
end
