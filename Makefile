# httpclient: the C core, the Lua module for one interpreter (LUA=lua5.4), and all that checks them.
#
#   make            the module for $(LUA), and the static libraries
#   make demo       builds and runs examples/demo.lua
#   make test       all tests on all five Luas (LUA=... given: on that one), installing what is missing
#   make help       the other targets
#
# eval "$(make -s env LUA=lua5.3)" makes the uninstalled build loadable.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# --- knobs ------------------------------------------------------------------------------------------------------------

find = $(shell sh -c 'command -v $(1)' 2>/dev/null)

LUAS ?= lua5.1 lua5.2 lua5.3 lua5.4 luajit
# The Luas that the tests run on: the one that was asked for, else all.
TEST_LUAS ?= $(if $(filter command environment,$(firstword $(origin LUA))),$(LUA),$(LUAS))
ifeq ($(origin LUA),undefined)
LUA := $(firstword $(foreach name,lua5.4 lua5.3 lua5.2 lua5.1 luajit lua,$(if $(call find,$(name)),$(name))) lua5.4)
endif

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g
CPPFLAGS ?=
LDFLAGS ?=
# 1: warnings are errors.
WERROR ?= 0
JOBS ?= $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),2)
# Files for `make test` and its kin; both can be narrowed: make test SPECS=spec/fetch_spec.lua C_TESTS=
SPECS ?= $(sort $(wildcard spec/*_spec.lua))
C_TESTS ?= $(sort $(wildcard spec/core/test_*.c spec/bindings/test_*.c))
FUZZ_SECONDS ?= 60
FUZZ_CORPUS ?= corpus

ifeq ($(origin CC),default)
CC := cc
endif

# --- the interpreter --------------------------------------------------------------------------------------------------

# 5.1 to 5.4, or luajit: the folder of what is built against its headers.
ifeq ($(origin LUA_ABI),undefined)
LUA_ABI := $(shell $(LUA) -e 'io.write(jit and "luajit" or _VERSION:match("%d.%d"))' 2>/dev/null)
ifeq ($(LUA_ABI),)
LUA_ABI := $(if $(findstring jit,$(LUA)),luajit,$(patsubst lua%,%,$(notdir $(LUA))))
endif
endif
# LuaJIT looks for modules where Lua 5.1 does.
LUA_VERSION := $(if $(filter luajit,$(LUA_ABI)),5.1,$(LUA_ABI))
LUA_SHAREDIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
LUA_LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib

LUA_PC ?= $(firstword $(foreach name,$(if $(filter luajit,$(LUA_ABI)),luajit,lua$(LUA_ABI) lua-$(LUA_ABI) lua$(subst .,,$(LUA_ABI)) lua),\
  $(if $(shell $(PKG_CONFIG) --exists $(name) 2>/dev/null && echo yes),$(name))))
ifdef LUA_INCDIR
lua_flags = -isystem $(LUA_INCDIR)
else
lua_flags = $(patsubst -I%,-isystem %,$(if $(LUA_PC),$(shell $(PKG_CONFIG) --cflags $(LUA_PC))))
endif

lua_link = $(shell $(PKG_CONFIG) --libs $(LUA_PC))

# --- flags ------------------------------------------------------------------------------------------------------------

SYSTEM := $(shell uname -s)

WARNINGS ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
  -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef

ifeq ($(SYSTEM),Darwin)
# The interpreter brings the symbols of Lua.
SHARED ?= -bundle -undefined dynamic_lookup
HARDENING ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
LINK_HARDENING ?=
else
SHARED ?= -shared
# Some compilers define _FORTIFY_SOURCE themselves; it needs optimization.
HARDENING ?= -fstack-protector-strong $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LINK_HARDENING ?= -Wl,-z,relro,-z,now,--as-needed
endif

DEFINES = -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=0x30000000L
COMPILE_FLAGS = -std=c11 -fPIC -pthread -fvisibility=hidden $(DEFINES) $(CPPFLAGS) $(TLS_CFLAGS) $(HARDENING) $(CFLAGS) $(WARNINGS)
compile = $(CC) $(COMPILE_FLAGS) $(if $(filter 1,$(WERROR)),-Werror) -MMD -MP
TLS_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags openssl zlib 2>/dev/null)
LIBS ?= $(or $(shell $(PKG_CONFIG) --libs openssl zlib 2>/dev/null),-lssl -lcrypto -lz) $(if $(filter Linux,$(SYSTEM)),-ldl)
# V=1 shows the commands.
say = $(if $(filter 1,$(V)),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,echo '  $(1) $@';) )$(2)
link = $(CC) -pthread $(CFLAGS) $(LINK_HARDENING) $(LDFLAGS)

# --- what is built from what --------------------------------------------------------------------------------------------

abi := $(BUILD)/$(LUA_ABI)
core_sources := $(sort $(wildcard core/*/*.c core/*/*/*.c))
binding_sources := $(sort $(wildcard bindings/*.c))
native_sources := $(sort $(wildcard spec/support/native/*.c))
fuzz_sources := $(sort $(wildcard fuzz/fuzz_*.c))
fuzz_parts := fuzz/memory_peer.c fuzz/reference.c

core_objects := $(core_sources:%.c=$(BUILD)/%.o)
hooked_objects := $(core_sources:%.c=$(BUILD)/hooks/%.o)
binding_objects := $(binding_sources:%.c=$(abi)/%.o)
native_objects := $(native_sources:%.c=$(abi)/%.o)
c_tests := $(patsubst spec/core/%.c,$(BUILD)/hooks/%,$(filter spec/core/%,$(C_TESTS)))
binding_tests := $(patsubst spec/bindings/%.c,%,$(filter spec/bindings/%,$(C_TESTS)))
fuzzers := $(fuzz_sources:fuzz/%.c=$(BUILD)/%)

library := $(BUILD)/libhttpclient.a
# httpclient.h and what it includes.
public_headers = $(sort $(patsubst $(CURDIR)/core/%,%,$(realpath $(filter %.h,\
  $(shell $(CC) -std=c11 -MM $(wildcard core/httpclient.h core/poller.h) 2>/dev/null)))))
headers := $(BUILD)/include/httpclient/.copied
lua_library := $(abi)/libhttpclient_lua.a
module := $(abi)/httpclient/core.so
native := $(abi)/spec_native.so

.PHONY: all libraries objects c-tests binding-tests native fuzzers env demo test test-all asan valgrind tsan soak netem gc-stress coverage \
  lint bench bench-plots fuzz fuzz-smoke \
  install uninstall clean help FORCE
.PHONY: check-includes check-rockspec check-functions check-symbols check-lua check-cppcheck check-tidy check-compilers check-modes

all: $(module) libraries
libraries: $(library) $(lua_library) $(headers)
objects: $(core_objects) $(hooked_objects) $(binding_objects) $(native_objects)
c-tests: $(c_tests)
binding-tests: $(binding_tests:%=$(abi)/%)
native: $(native)
fuzzers: $(fuzzers)

# Changes only when the flags do: then all is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(COMPILE_FLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(COMPILE_FLAGS) $(LDFLAGS)' >$@

$(BUILD)/core/%.o: core/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) -c $< -o $@)

# The core with the hooks of the C tests (failing allocations).
$(BUILD)/hooks/core/%.o: core/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) -DHC_TEST_HOOKS -c $< -o $@)

$(abi)/bindings/%.o: bindings/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(lua_flags) -c $< -o $@)

$(abi)/spec/support/native/%.o: spec/support/native/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(lua_flags) -c $< -o $@)

$(library): $(core_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

# As they are installed: a host includes <httpclient/...> in either case.
$(headers): $(shell find core -name '*.h')
	@rm -rf $(@D) && mkdir -p $(@D)
	@set -e; for header in $(public_headers); do mkdir -p $$(dirname $(@D)/$$header); cp core/$$header $(@D)/$$header; done
	@touch $@

$(lua_library): $(core_objects) $(binding_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

$(module): $(core_objects) $(binding_objects)
	@mkdir -p $(@D)
	$(call say,ld,$(link) $(SHARED) -o $@ $^ $(LIBS))

$(native): $(native_objects)
	$(call say,ld,$(link) $(SHARED) -o $@ $^ $(LIBS))

$(BUILD)/hooks/libhttpclient.a: $(hooked_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

$(BUILD)/hooks/test_%: spec/core/test_%.c $(BUILD)/hooks/libhttpclient.a
	$(call say,cc,$(compile) -DHC_TEST_HOOKS $(LDFLAGS) -o $@ $< $(BUILD)/hooks/libhttpclient.a $(LIBS))

# These have Lua states of their own, with the module and the specs' support linked in.
$(abi)/test_%: spec/bindings/test_%.c $(lua_library) $(native_objects)
	$(call say,cc,$(compile) $(lua_flags) $(LDFLAGS) -o $@ $< $(native_objects) $(lua_library) $(lua_link) $(LIBS) -lm)

# The one that has a Lua state in it.
$(BUILD)/fuzz_query: fuzz/fuzz_query.c $(lua_library)
	$(call say,cc,$(compile) $(lua_flags) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(lua_library) $(lua_link) $(LIBS))

$(BUILD)/fuzz_%: fuzz/fuzz_%.c $(fuzz_parts) $(library)
	$(call say,cc,$(compile) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(fuzz_parts) $(library) $(LIBS))

-include $(core_objects:.o=.d) $(hooked_objects:.o=.d) $(wildcard $(BUILD)/hooks/*.d $(BUILD)/*.d $(abi)/*.d $(abi)/bindings/*.d \
  $(abi)/spec/support/native/*.d)

env:
	@here=$$(pwd); printf 'export LUA_PATH="%s/lua/?.lua;%s/lua/?/init.lua;;"\nexport LUA_CPATH="%s/?.so;;"\n' \
	  "$$here" "$$here" "$(if $(filter /%,$(abi)),,$$here/)$(abi)"

demo:
	@.ci/deps demo $(LUA)
	@$(MAKE) -s -j$(JOBS) all demo-server
	@eval "$$($(MAKE) -s env)" && $(LUA) examples/demo.lua $(demo_server)

# The small server that ships with the examples.
.PHONY: demo-server
demo_server := $(BUILD)/examples/demo/server
demo-server: $(demo_server)
$(demo_server): examples/demo/server.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(LDFLAGS) -o $@ $< $(LIBS))

# --- tests ------------------------------------------------------------------------------------------------------------

build_tests = set -e; for lua in $(TEST_LUAS); do $(MAKE) -s -j$(JOBS) LUA=$$lua all native binding-tests; done; \
  $(MAKE) -s -j$(JOBS) c-tests demo-server
# The C tests run in the same queue as the specs.
abi_of = $(if $(filter $(LUA),$(1)),$(LUA_ABI),$(if $(findstring jit,$(1)),luajit,$(patsubst lua%,%,$(notdir $(1)))))
test_jobs = $(c_tests:%=c:%) $(foreach lua,$(TEST_LUAS),$(binding_tests:%=c:$(BUILD)/$(call abi_of,$(lua))/%)) \
  $(foreach spec,$(SPECS),$(TEST_LUAS:%=%:$(spec)))
run_tests = BUILD=$(BUILD) CC="$(CC)" JOBS=$(JOBS) spec/run $(test_jobs)

test:
	@.ci/deps test $(TEST_LUAS)
	@$(MAKE) WERROR=1 run-tests

test-all:
	@$(MAKE) TEST_LUAS="$(LUAS)" test

.PHONY: run-tests
run-tests:
	@$(build_tests)
	@$(run_tests)

# Address and undefined-behaviour sanitizers. The interpreters themselves are not instrumented, so the run-time comes
# in with LD_PRELOAD; programs that the specs start do not inherit it.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
ASAN_LUAS ?= lua5.4 luajit
export ASAN_OPTIONS ?= detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:detect_stack_use_after_return=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/spec/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1

asan:
	@.ci/deps test $(ASAN_LUAS)
	@LUA_WRAPPER="env LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) SPEC_TIME_FACTOR=3" SPEC_PIN=1 \
	  $(MAKE) BUILD=$(BUILD)/asan WERROR=1 HARDENING= LINK_HARDENING= CFLAGS="-O1 -g -fno-omit-frame-pointer $(SANITIZERS)" \
	  TEST_LUAS="$(ASAN_LUAS)" run-tests

# LuaJIT is left out: its own code generator reads memory in ways that valgrind reports.
VALGRIND_LUAS ?= lua5.4
VALGRIND ?= valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
  --error-exitcode=99 --keep-debuginfo=yes \
  --suppressions=$(abspath spec/support/valgrind.supp)

valgrind:
	@.ci/deps lint
	@.ci/deps test $(VALGRIND_LUAS)
	@C_WRAPPER="$(VALGRIND)" LUA_WRAPPER="env SPEC_TIME_FACTOR=20 $(VALGRIND)" SPEC_SECONDS=1800 \
	  $(MAKE) WERROR=1 TEST_LUAS="$(VALGRIND_LUAS)" run-tests

# What threads share: the resolver's workers, OpenSSL, and Lua states in several threads. OpenSSL and Lua themselves are
# not instrumented.
TSAN_TESTS ?= $(wildcard spec/core/test_file_release.c spec/core/test_resolver*.c spec/core/test_tls.c spec/core/test_tls_session.c \
  spec/core/test_tls_store.c spec/bindings/test_*.c)
export TSAN_OPTIONS ?= halt_on_error=1:die_after_fork=0

tsan:
	@.ci/deps test lua5.4
	@$(MAKE) BUILD=$(BUILD)/tsan WERROR=1 HARDENING= LINK_HARDENING= CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=thread" \
	  TEST_LUAS=lua5.4 SPECS= C_TESTS="$(TSAN_TESTS)" run-tests

# Lines and branches of the C sources that the tests reach, from both builds of the core. (What packaging_spec builds can't
# link with objects that count.)
coverage:
	@.ci/deps test lua5.4
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -delete
	-@$(MAKE) BUILD=$(BUILD)/coverage WERROR=1 HARDENING= LINK_HARDENING= \
	  CFLAGS="-O0 -g --coverage -fprofile-update=atomic" LDFLAGS=-Wl,-u,__gcov_dump TEST_LUAS=lua5.4 \
	  SPECS="$(filter-out spec/packaging_spec.lua,$(SPECS))" run-tests
	@$(LUA) .ci/coverage.lua $(BUILD)/coverage

NETEM_MB ?= 100

netem:
	@NETEM_MB=$(NETEM_MB) SPEC_SECONDS=7200 $(MAKE) LUA=$(LUA) SPECS=spec/netem_spec.lua C_TESTS= test

# The specs with the collector at its busiest; 5.4 has two of them.
GC_LUAS ?= lua5.4 lua5.1 luajit

gc-stress:
	@.ci/deps test $(GC_LUAS)
	@SPEC_GC=stress SPEC_TIME_FACTOR=5 $(MAKE) WERROR=1 TEST_LUAS="$(GC_LUAS)" C_TESTS= run-tests
	@$(if $(filter lua5.4,$(GC_LUAS)),SPEC_GC=generational SPEC_TIME_FACTOR=5 $(MAKE) WERROR=1 TEST_LUAS=lua5.4 C_TESTS= run-tests)

SOAK_REQUESTS ?= 100000

soak:
	@SOAK_REQUESTS=$(SOAK_REQUESTS) SPEC_SECONDS=7200 $(MAKE) LUA=$(LUA) SPECS=spec/soak_spec.lua C_TESTS= test

# Each fuzzer for FUZZ_SECONDS, on top of the inputs in fuzz/corpus; what it finds stays in the build folder. The short run
# starts from nothing but those inputs, with a fixed seed and number of runs: it looks for what broke, not for luck.
fuzz:
	@.ci/deps fuzz
	@$(MAKE) -s -j$(JOBS) CC=clang BUILD=$(BUILD)/fuzz HARDENING= LINK_HARDENING= \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" fuzzers
	@set -e; for name in $(notdir $(fuzzers)); do \
	  grown=$(BUILD)/fuzz/$(FUZZ_CORPUS)/$$name; mkdir -p $$grown $(BUILD)/fuzz/found; \
	  seeds=fuzz/corpus/$${name#fuzz_}; test -d $$seeds || seeds=; \
	  echo "$$name, $(FUZZ_SECONDS) s"; \
	  $(BUILD)/fuzz/$$name $(FUZZ_FLAGS) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 -verbosity=0 -timeout=10 \
	    -artifact_prefix=$(BUILD)/fuzz/found/$$name- $$grown $$seeds; \
	done

fuzz-smoke:
	@rm -rf $(BUILD)/fuzz/smoke
	@$(MAKE) FUZZ_SECONDS=5 FUZZ_CORPUS=smoke FUZZ_FLAGS="-seed=1 -runs=60000" fuzz

# Calls of the binding drawn by a seed, on each Lua for FUZZ_SECONDS; FUZZ_SEED=N FUZZ_SEEDS=1 plays one of them again. FUZZ_ASAN=1:
# under the sanitizers.
FUZZ_SMOKE_SECONDS ?= 10
run_fuzz_lua = set -e; for lua in $(TEST_LUAS); do $(MAKE) -s -j$(JOBS) LUA=$$lua all native; \
  BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/lua/run $$lua; done

.PHONY: fuzz-lua fuzz-lua-smoke run-fuzz-lua
fuzz-lua:
	@.ci/deps test $(TEST_LUAS)
ifeq ($(FUZZ_ASAN),1)
	@LUA_WRAPPER="env LD_PRELOAD=$$($(CC) -print-file-name=libasan.so)" \
	  $(MAKE) BUILD=$(BUILD)/asan WERROR=1 HARDENING= LINK_HARDENING= CFLAGS="-O1 -g -fno-omit-frame-pointer $(SANITIZERS)" \
	  FUZZ_SECONDS=$(FUZZ_SECONDS) TEST_LUAS="$(TEST_LUAS)" run-fuzz-lua
else
	@$(MAKE) WERROR=1 FUZZ_SECONDS=$(FUZZ_SECONDS) TEST_LUAS="$(TEST_LUAS)" run-fuzz-lua
endif

run-fuzz-lua:
	@$(run_fuzz_lua)

# The same seeds each time.
fuzz-lua-smoke:
	@FUZZ_SEED=1 $(MAKE) FUZZ_SECONDS=$(FUZZ_SMOKE_SECONDS) TEST_LUAS="$(LUAS)" fuzz-lua
	@FUZZ_SEED=1 $(MAKE) FUZZ_SECONDS=$(FUZZ_SMOKE_SECONDS) TEST_LUAS="$(ASAN_LUAS)" FUZZ_ASAN=1 fuzz-lua

# --- lint -------------------------------------------------------------------------------------------------------------

lint:
	@.ci/deps lint
	@$(MAKE) check-includes check-functions check-rockspec check-lua
	@$(MAKE) check-compilers check-modes check-symbols check-cppcheck check-tidy
	@echo "lint: nothing found"

check-includes:
	@$(LUA) .ci/check-includes.lua

check-functions:
	@$(LUA) .ci/check-functions.lua $(core_sources) $(binding_sources) $(native_sources)

check-rockspec:
	@$(LUA) .ci/check-rockspec.lua $(wildcard *.rockspec)

check-lua:
	@luacheck -q lua spec examples bench fuzz .ci

check-compilers:
	@set -e; for cc in gcc clang; do for lua in $(LUAS); do \
	  $(MAKE) -s -j$(JOBS) CC=$$cc BUILD=$(BUILD)/lint-$$cc WERROR=1 LUA=$$lua objects; done; \
	  $(MAKE) -s -j$(JOBS) CC=$$cc BUILD=$(BUILD)/lint-$$cc WERROR=1 c-tests; done

# The module exports its door alone, and lacks nothing that the interpreter and the libraries do not have.
check-symbols: $(module)
	@nm -D --defined-only $(module) | awk '$$3 !~ /^(luaopen_httpclient_core|_init|_fini|_edata|_end|__bss_start)$$/ \
	  {print "exported: " $$3; bad = 1} END {exit bad}'
	@nm -D --undefined-only $(module) | awk '$$2 ~ /^hcl?_/ {print "missing: " $$2; bad = 1} END {exit bad}'

# Whatever a host's own build says of the standard and of the system's declarations.
check-modes:
	@set -e; for mode in -std=c11 "-std=c11 -D_GNU_SOURCE" -std=gnu17; do for cc in gcc clang; do \
	  printf '%s\n' $(core_sources) | xargs -P $(JOBS) -n 8 sh -c 'for file; do '"$$cc $$mode"' -Wall -Wextra -Wpedantic -Werror \
	    $(TLS_CFLAGS) -fsyntax-only $$file || exit 255; done' mode; done; done

check-cppcheck:
	@cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --suppressions-list=.ci/cppcheck.txt -j $(JOBS) $(filter -D%,$(DEFINES)) $(filter -D%,$(CPPFLAGS)) core bindings spec/support/native

check-tidy:
	@printf '%s\n' $(core_sources) $(binding_sources) | xargs -P $(JOBS) -n 4 sh -c \
	  'clang-tidy --quiet "$$@" -- -std=c11 $(DEFINES) $(lua_flags) 2>$(BUILD)/tidy.$$$$.log || { cat $(BUILD)/tidy.$$$$.log; exit 1; }' tidy
	@rm -f $(BUILD)/tidy.*.log

# --- benchmarks -------------------------------------------------------------------------------------------------------

bench bench-plots: all
	@.ci/deps bench
	@LUA=$(LUA) BUILD=$(abspath $(BUILD)) CC="$(CC)" bench/run $(if $(filter bench-plots,$@),plots)

# --- install ----------------------------------------------------------------------------------------------------------

version := $(shell sed -n 's/^.define HC_VERSION "\(.*\)"/\1/p' core/base/version.h 2>/dev/null)
lua_files := $(wildcard lua/httpclient/*.lua)
header_dir = $(DESTDIR)$(INCLUDEDIR)/httpclient
pc_dir = $(DESTDIR)$(LIBDIR)/pkgconfig

# The library is there as an archive alone: what it stands on is needed by whoever links with it, shared or not.
install: all
	$(INSTALL) -d $(DESTDIR)$(LUA_SHAREDIR)/httpclient $(DESTDIR)$(LUA_LIBDIR)/httpclient $(header_dir) $(pc_dir)
	$(INSTALL) -m 644 $(lua_files) $(DESTDIR)$(LUA_SHAREDIR)/httpclient
	$(INSTALL) -m 755 $(module) $(DESTDIR)$(LUA_LIBDIR)/httpclient/core.so
	$(INSTALL) -d $(sort $(dir $(public_headers:%=$(header_dir)/%)))
	@set -e; for header in $(public_headers); do $(INSTALL) -m 644 core/$$header $(header_dir)/$$header; done
	$(INSTALL) -m 644 $(library) $(DESTDIR)$(LIBDIR)/libhttpclient.a
	@printf '%s\n' 'Name: httpclient' 'Description: HTTP/1.1 client with TLS that never blocks' 'Version: $(version)' \
	  'Requires: openssl >= 3.0, zlib' 'Cflags: -I$(INCLUDEDIR)' \
	  'Libs: -L$(LIBDIR) -lhttpclient -pthread$(if $(filter Linux,$(SYSTEM)), -ldl)' >$(pc_dir)/httpclient.pc
	chmod 644 $(pc_dir)/httpclient.pc

uninstall:
	rm -f $(lua_files:lua/httpclient/%=$(DESTDIR)$(LUA_SHAREDIR)/httpclient/%)
	rm -f $(DESTDIR)$(LUA_LIBDIR)/httpclient/core.so $(DESTDIR)$(LIBDIR)/libhttpclient.a $(pc_dir)/httpclient.pc
	rm -f $(public_headers:%=$(header_dir)/%)
	-find $(header_dir) -depth -type d -empty -delete 2>/dev/null
	-rmdir $(DESTDIR)$(LUA_SHAREDIR)/httpclient $(DESTDIR)$(LUA_LIBDIR)/httpclient 2>/dev/null

clean:
	rm -rf $(BUILD)

help:
	@echo 'all             the module for LUA=$(LUA), and the static libraries'
	@echo 'env             two lines for the shell that make the uninstalled build loadable'
	@echo 'demo            examples/demo.lua'
	@echo 'test            C tests and specs on $(TEST_LUAS) (SPECS=, C_TESTS= narrow it)'
	@echo 'test-all        the same on all five, whatever LUA says'
	@echo 'asan, valgrind  the same under the sanitizers ($(ASAN_LUAS)), under valgrind ($(VALGRIND_LUAS))'
	@echo 'tsan            what threads share, under the thread sanitizer'
	@echo 'soak            SOAK_REQUESTS=$(SOAK_REQUESTS) requests, many of which go wrong: memory and descriptors stay flat'
	@echo 'netem           downloads and uploads of NETEM_MB=$(NETEM_MB) megabytes over bad lines'
	@echo 'gc-stress       the specs with the collector at its busiest, on $(GC_LUAS)'
	@echo 'coverage        lines and branches of the C sources that the tests reach on lua5.4'
	@echo 'lint            both compilers, luacheck, cppcheck, clang-tidy, and the checks of the source tree'
	@echo 'fuzz            each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS); fuzz-smoke: for 5'
	@echo 'fuzz-lua        calls of the binding, drawn by FUZZ_SEED; FUZZ_ASAN=1: under the sanitizers'
	@echo 'bench           comparison with a bare loop and other clients (BENCH=, RUNS=, QUICK=1); bench-plots: curves'
	@echo 'install         into PREFIX=$(PREFIX) (DESTDIR=); uninstall'
	@echo 'clean           removes $(BUILD)'
