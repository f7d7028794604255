# The library as single files, for engines that take sources in: see .ci/amalgamate.lua.

.PHONY: amalgamation
amalgamation:
	@mkdir -p $(BUILD)/amalgamation
	@$(LUA) .ci/amalgamate.lua $(BUILD)/amalgamation

help::
	@echo 'amalgamation    httpclient.c, httpclient.h and httpclient.lua, in $(BUILD)/amalgamation'
