# The game of examples/love, put together as it is shipped: its files, the Lua files in
# lib/httpclient/ with the library beside them, and the authority of its server.

.PHONY: demo-love love-game
love_game := $(BUILD)/love/orbit

love-game: all demo-server
	@rm -rf $(love_game) && mkdir -p $(love_game)/lib
	@cp examples/love/*.lua $(love_game)
	@cp -R lua/httpclient $(love_game)/lib
	@cp $(module) $(love_game)/lib/httpclient

# LÖVE has LuaJIT inside.
demo-love:
	@.ci/deps love luajit
	@$(MAKE) -s -j$(JOBS) LUA=luajit love-game
	@examples/love/run $(demo_server) $(love_game) $(PICTURES)

help::
	@echo 'demo-love       the game of examples/love, with its servers; where there is no display,'
	@echo '                it plays itself and leaves pictures in $(BUILD)/love (PICTURES=)'
