-- policies.lua: what a transfer does beyond one request and one answer. Each policy is a file in
-- policies/ and a line in the list here; it has one or more of four hooks, which are called in the
-- order of the list. One that has a list of `options` may be left out where none of them is given:
--
--   before_send(t, lines)    the request goes out now: add to its field lines, or change t. (adds_the_same: by the
--                            options alone, to what has neither field lines of the script's nor user information; where
--                            it is by something else as well, depends_on(t) gives that: one value, false where it is
--                            nothing, and where it was asked before_send has it as well. There is one such policy)
--   after_head(t)            the head of an answer is in: true, and t changed, to send another request instead.
--                            (passes_success: it has nothing to say where the status is one of 200 to 299)
--   after_failure(t, failure)  there is no answer, or its content was cut off: true to send the request once
--                            more. What the failure says: is_unsent, nothing of this request has gone out;
--                            is_unanswered, nothing came; is_reset, on a connection that stands; is_final, it
--                            would be the same again
--   before_content(t)        the content is read now: a message and the name of a result to end the transfer instead
--
-- `t` is the transfer, see transfer.lua. A hook may wait by its methods, and end it by
-- results.fail().
local root = (...):match("^(.*)%.[^.]*%.[^.]*$")
local fields = require(root .. ".message.fields")
local results = require(root .. ".base.results")

local list = {
  require(root .. ".policies.trace"),
  require(root .. ".policies.cookies"),
  require(root .. ".policies.auth"),
  require(root .. ".policies.credentials"),
  require(root .. ".policies.range"),
  require(root .. ".policies.decoding"),
  require(root .. ".policies.expectation"),
  require(root .. ".policies.proxy_auth"),
  require(root .. ".policies.redirect"),
  require(root .. ".policies.refused"),
  require(root .. ".policies.stale"),
  require(root .. ".policies.retry"),
}

local NAMES = { "before_send", "after_head", "after_failure", "before_content" }

-- -> the hooks of the list, by name; add_the_same: each before_send does, as long as depends_on(t) gives the same;
-- after_success: what after_head has for one.
-- `options`: without those of policies that are for options which are not there
local function hooks_of(options)
  local hooks = { before_send = {}, after_head = {}, after_failure = {}, before_content = {} }
  hooks.add_the_same, hooks.depends_on, hooks.after_success = true, false, {}
  for _, policy in ipairs(list) do
    local is_asked = not (options and policy.options)
    for _, name in ipairs(not is_asked and policy.options or {}) do
      is_asked = is_asked or options[name]
    end
    if is_asked and policy.before_send and not policy.adds_the_same then
      hooks.add_the_same = false
    end
    hooks.depends_on = is_asked and policy.depends_on or hooks.depends_on
    if is_asked and not policy.passes_success then
      hooks.after_success[#hooks.after_success + 1] = policy.after_head
    end
    for _, name in ipairs(NAMES) do
      local of_name = hooks[name]
      of_name[#of_name + 1] = is_asked and policy[name] or nil
    end
  end
  return hooks
end

-- The options that policies are for, and the hooks for each choice among them that was seen: a number
-- with a bit for each option that is given.
local asked_by, chosen = {}, {}
for _, policy in ipairs(list) do
  for _, name in ipairs(policy.options or {}) do
    asked_by[#asked_by + 1] = name
  end
end

local function choose_hooks(t)
  local options, known = t.options, t.known
  if known then
    known.hooks = known.hooks or hooks_of(options)
    return known.hooks
  end
  local choice = 0
  for index = 1, #asked_by do
    choice = choice * 2 + (options[asked_by[index]] and 1 or 0)
  end
  chosen[choice] = chosen[choice] or hooks_of(options)
  return chosen[choice]
end

local function hooks_for(t)
  t.hooks = t.hooks or choose_hooks(t)
  return t.hooks
end

local policies = {}

local function made_lines(t, hooks, cause)
  local lines, before_send = fields.copy(t.headers), hooks.before_send
  for index = 1, #before_send do
    before_send[index](t, lines, cause)
  end
  return lines
end

-- -> the field lines of the request that goes out now; not to be written to. Those of most are made once.
function policies.lines_of(t)
  local known, hooks = t.known, t.hooks or hooks_for(t)
  if not (known and hooks.add_the_same and t.url.keys) or t.headers[1] then
    return made_lines(t, hooks)
  end
  local cause = hooks.depends_on and hooks.depends_on(t)
  if known.lines_cause ~= cause then
    known.lines, known.lines_cause = made_lines(t, hooks, cause), cause
  end
  return known.lines
end

-- -> does one of them want another request?
function policies.after_head(t)
  local hooks = t.hooks or hooks_for(t)
  local after_head = t.head.ok and hooks.after_success or hooks.after_head
  for index = 1, #after_head do
    if after_head[index](t) then
      return true
    end
  end
  return false
end

-- -> does one of them want the request to go out once more?
function policies.after_failure(t, failure)
  local after_failure = hooks_for(t).after_failure
  for index = 1, #after_failure do
    if after_failure[index](t, failure) then
      return true
    end
  end
  return false
end

function policies.before_content(t)
  local before_content = (t.hooks or hooks_for(t)).before_content
  for index = 1, #before_content do
    local message, result = before_content[index](t)
    if message then
      results.fail(result, message)
    end
  end
end

return policies
