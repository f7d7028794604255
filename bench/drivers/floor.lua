-- floor.lua: the workloads of ours.lua, line for line, with the module of floor.c in the client's place.
local common = require("common")

package.loaded.httpclient = require("bench_floor")
local run = common.run
function common.run(_, workloads) return run("floor", workloads) end

require("ours")
