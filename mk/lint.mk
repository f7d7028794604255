# Lint: what compilers and checkers find without running anything, and the rules of the source tree.

.PHONY: lint
lint:
	@.ci/deps lint
	@$(MAKE) check-includes check-functions check-rockspec check-lua check-format
	@$(MAKE) check-compilers check-modes check-symbols check-cppcheck check-tidy
	@echo "lint: nothing found"

# --- rules of the tree

.PHONY: check-includes check-functions check-rockspec
check-includes:
	@$(LUA) .ci/check-includes.lua
	@$(LUA) .ci/check-calls.lua
	@$(LUA) .ci/check-owners.lua
	@$(LUA) .ci/check-requires.lua
	@$(LUA) .ci/check-platform.lua

check-functions:
	@$(LUA) .ci/check-functions.lua $(core_sources) $(wildcard core/platform/windows/*.c) \
	  $(binding_sources) $(native_sources) $(shell find core bindings -name '*.h')
	@$(LUA) .ci/check-names.lua
	@$(LUA) .ci/check-sentences.lua

check-rockspec:
	@$(LUA) .ci/check-rockspec.lua $(wildcard *.rockspec)

# --- how it looks

# The version is named since every one breaks lines in its own way. Debian 12 and 13 have this one.
CLANG_FORMAT ?= clang-format-19
c_files = $(shell find core bindings spec fuzz examples bench -name '*.[ch]' | sort)
lua_scripts = $(shell find lua spec examples bench fuzz .ci -name '*.lua' | sort)

.PHONY: format check-format
format:
	@.ci/deps lint
	@$(CLANG_FORMAT) -i $(c_files)
	@$(LUA) .ci/wrap.lua $(lua_scripts)

check-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(c_files)
	@$(LUA) .ci/wrap.lua --check $(lua_scripts)
	@$(LUA) .ci/check-lines.lua

# --- compilers

.PHONY: check-compilers check-modes check-symbols
COMPILERS ?= gcc clang

# Clang warns of the same with and without optimizing; gcc sees more when it optimizes.
check-compilers:
	@set -e; for cc in $(COMPILERS); do \
	  case $$cc in *clang*) flags=CFLAGS=-O0 ;; *) flags= ;; esac; \
	  for lua in $(LUAS); do \
	  $(MAKE) -s -j$(JOBS) CC=$$cc BUILD=$(BUILD)/lint-$$cc WERROR=1 LUA=$$lua $$flags objects; done; \
	  $(MAKE) -s -j$(JOBS) CC=$$cc BUILD=$(BUILD)/lint-$$cc WERROR=1 $$flags c-tests; done

check-modes:
	@.ci/check-modes $(TLS_CFLAGS)

# The module exports its door alone, and lacks nothing that the interpreter and the libraries do
# not have.
check-symbols: $(module)
	@nm -D --defined-only $(module) | awk \
	  '$$3 !~ /^(luaopen_httpclient_core|_init|_fini|_edata|_end|__bss_start)$$/ \
	  {print "exported: " $$3; bad = 1} END {exit bad}'
	@nm -D --undefined-only $(module) | awk \
	  '$$2 ~ /^hcl?_/ {print "missing: " $$2; bad = 1} END {exit bad}'
	@set -e; for cc in gcc clang; do .ci/check-exports $$cc $(TLS_CFLAGS); done

# --- checkers

.PHONY: check-lua check-cppcheck check-tidy
check-lua:
	@luacheck -q lua spec examples bench fuzz .ci

# Newer ones look at every branch only when they are told to, and say so otherwise.
check-cppcheck:
	@cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
	  $$(cppcheck --help | grep -q -e --check-level && echo --check-level=exhaustive) \
	  --error-exitcode=1 --suppressions-list=.ci/cppcheck.txt -j $(JOBS) \
	  $(filter -D%,$(DEFINES) $(CPPFLAGS) $(TLS_CFLAGS)) core bindings spec/support/native

check-tidy:
	@printf '%s\n' $(core_sources) $(binding_sources) | xargs -P $(JOBS) -n 4 sh -c \
	  'log=$(BUILD)/tidy.$$$$.log; clang-tidy --quiet "$$@" -- -std=c11 $(DEFINES) $(TLS_CFLAGS) $(lua_flags) \
	  2>$$log || { cat $$log; exit 1; }' tidy
	@rm -f $(BUILD)/tidy.*.log

help::
	@echo 'lint            both compilers, luacheck, cppcheck, clang-tidy, rules of the source tree'
	@echo 'format          lays the C and Lua files out as lint wants them'
