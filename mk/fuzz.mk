# Fuzzing: libFuzzer on the parsers and the exchange, and calls of the binding drawn by a seed.

FUZZ_SECONDS ?= 60
FUZZ_CORPUS ?= corpus

fuzz_sources := $(sort $(wildcard fuzz/fuzz_*.c))
fuzz_parts := fuzz/memory_peer.c fuzz/reference.c
fuzzers := $(fuzz_sources:fuzz/%.c=$(BUILD)/%)

.PHONY: fuzzers
fuzzers: $(fuzzers)

# The one that has a Lua state in it.
$(BUILD)/fuzz_query: fuzz/fuzz_query.c $(lua_library)
	$(call say,cc,$(compile) $(lua_flags) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(lua_library) \
	  $(lua_link) $(LIBS))

$(BUILD)/fuzz_%: fuzz/fuzz_%.c $(fuzz_parts) $(library)
	$(call say,cc,$(compile) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(fuzz_parts) $(library) $(LIBS))

-include $(wildcard $(BUILD)/*.d)

# Each fuzzer for FUZZ_SECONDS, on top of the inputs in fuzz/corpus; what it finds stays in the
# build folder. The short run starts from nothing but those inputs, with a fixed seed and number of
# runs: it looks for what broke, not for luck.
.PHONY: fuzz fuzz-smoke
fuzz:
	@.ci/deps fuzz
	@$(MAKE) -s -j$(JOBS) CC=clang BUILD=$(BUILD)/fuzz HARDENING= LINK_HARDENING= \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(SANITIZERS)" fuzzers
	@set -e; for name in $(notdir $(fuzzers)); do \
	  grown=$(BUILD)/fuzz/$(FUZZ_CORPUS)/$$name; mkdir -p $$grown $(BUILD)/fuzz/found; \
	  seeds=fuzz/corpus/$${name#fuzz_}; test -d $$seeds || seeds=; \
	  echo "$$name, $(FUZZ_SECONDS) s"; \
	  $(BUILD)/fuzz/$$name $(FUZZ_FLAGS) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 \
	    -verbosity=0 -timeout=10 -artifact_prefix=$(BUILD)/fuzz/found/$$name- $$grown $$seeds; \
	done

fuzz-smoke:
	@rm -rf $(BUILD)/fuzz/smoke
	@$(MAKE) FUZZ_SECONDS=3 FUZZ_CORPUS=smoke FUZZ_FLAGS="-seed=1 -runs=60000" fuzz

# Calls of the binding on each Lua for FUZZ_SECONDS; FUZZ_SEED=N FUZZ_SEEDS=1 plays one of them
# again. FUZZ_ASAN=1: under the sanitizers.
FUZZ_SMOKE_SECONDS ?= 6
run_fuzz_lua = set -e; for lua in $(TEST_LUAS); do $(MAKE) -s -j$(JOBS) LUA=$$lua all native; \
  BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/lua/run $$lua; done
fuzz_lua_args = FUZZ_SECONDS=$(FUZZ_SECONDS) TEST_LUAS="$(TEST_LUAS)" run-fuzz-lua

.PHONY: fuzz-lua fuzz-lua-smoke run-fuzz-lua
fuzz-lua:
	@.ci/deps test $(TEST_LUAS)
ifeq ($(FUZZ_ASAN),1)
	@LUA_WRAPPER="$(preload_asan)" \
	  $(MAKE) BUILD=$(BUILD)/asan $(call sanitized,$(SANITIZERS)) $(fuzz_lua_args)
else
	@$(MAKE) WERROR=1 $(fuzz_lua_args)
endif

run-fuzz-lua:
	@$(run_fuzz_lua)

# The same seeds each time.
fuzz_lua_smoke = FUZZ_SEED=1 $(MAKE) FUZZ_SECONDS=$(FUZZ_SMOKE_SECONDS)
fuzz-lua-smoke:
	@$(fuzz_lua_smoke) TEST_LUAS="$(LUAS)" fuzz-lua
	@$(fuzz_lua_smoke) TEST_LUAS="$(ASAN_LUAS)" FUZZ_ASAN=1 fuzz-lua

help::
	@echo 'fuzz            each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS); fuzz-smoke: for 3'
	@echo 'fuzz-lua        calls of the binding, drawn by FUZZ_SEED; FUZZ_ASAN=1: under the sanitizers'
