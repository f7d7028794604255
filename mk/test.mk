# Tests: C tests and specs in one queue, on all five Luas, and the same under whatever finds more.

LUAS ?= lua5.1 lua5.2 lua5.3 lua5.4 luajit
# The Luas that the tests run on: the one that was asked for, else all.
TEST_LUAS ?= $(if $(filter command environment,$(firstword $(origin LUA))),$(LUA),$(LUAS))
# Both can be narrowed: make test SPECS=spec/fetch_spec.lua C_TESTS=
SPECS ?= $(sort $(wildcard spec/*_spec.lua))
C_TESTS ?= $(sort $(wildcard spec/core/test_*.c spec/bindings/test_*.c))

# --- what they are built from

# Windows has another sort of system, and processes come from elsewhere there.
native_sources := $(sort $(if $(filter windows,$(PLATFORM)),\
  $(filter-out %/process.c %/system.c,$(wildcard spec/support/native/*.c spec/support/windows/*.c)),\
  $(wildcard spec/support/native/*.c)))
native_objects := $(native_sources:%.c=$(abi)/%.o)
native := $(abi)/spec_native$(module_suffix)
hooked_objects := $(core_sources:%.c=$(BUILD)/hooks/%.o)
hooked_library := $(BUILD)/hooks/libhttpclient.a
c_tests := $(patsubst spec/core/%.c,$(BUILD)/hooks/%,$(filter spec/core/%,$(C_TESTS)))
# The specs' servers, and the C tests', speak TLS by OpenSSL, whatever the library does.
test_libs = $(LIBS) $(if $(filter openssl,$(tls_folder)),,$(openssl_libs))
binding_tests := $(patsubst spec/bindings/%.c,%,$(filter spec/bindings/%,$(C_TESTS)))
lua_link = $(shell $(PKG_CONFIG) --libs $(LUA_PC))

ifeq ($(PLATFORM),windows)
# The tests' own servers are written for POSIX: see there.
test_flags := -isystem spec/support/windows/include -include posix.h -Wno-conversion \
  -Wno-sign-conversion
test_libs += -l:libwinpthread.a
endif

.PHONY: objects c-tests binding-tests native
objects: $(core_objects) $(hooked_objects) $(binding_objects) $(native_objects)
c-tests: $(c_tests)
binding-tests: $(binding_tests:%=$(abi)/%)
native: $(native)

# The core with the hooks of the C tests (failing allocations).
$(BUILD)/hooks/core/%.o: core/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(CORE_FLAGS) -DHC_TEST_HOOKS -c $< -o $@)

$(hooked_library): $(hooked_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

$(BUILD)/hooks/test_%: spec/core/test_%.c $(hooked_library)
	$(call say,cc,$(compile) -DHC_TEST_HOOKS $(test_flags) $(LDFLAGS) -o $@ $< $(hooked_library) \
	  $(test_libs))

$(abi)/spec/support/%.o: spec/support/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(test_flags) $(lua_flags) -c $< -o $@)

$(native): $(native_objects)
	$(call say,ld,$(link) $(SHARED) -o $@ $^ $(LUA_LIBS) $(test_libs))

# These have Lua states of their own, with the module and the specs' support linked in.
$(abi)/test_%: spec/bindings/test_%.c $(lua_library) $(native_objects)
	$(call say,cc,$(compile) $(lua_flags) $(LDFLAGS) -o $@ $< $(native_objects) $(lua_library) \
	  $(lua_link) $(test_libs) -lm)

-include $(hooked_objects:.o=.d) $(native_objects:.o=.d) $(wildcard $(BUILD)/hooks/*.d $(abi)/*.d)

# --- the tests

build_tests = set -e; for lua in $(TEST_LUAS); do \
  $(MAKE) -s -j$(JOBS) LUA=$$lua all native binding-tests; done; \
  $(MAKE) -s -j$(JOBS) c-tests demo-server
abi_of = $(if $(filter $(LUA),$(1)),$(LUA_ABI),$\
  $(if $(findstring jit,$(1)),luajit,$(patsubst lua%,%,$(notdir $(1)))))
# What tests a tool of ours, or another build, and not the module runs once: one Lua stands for all.
ONE_LUA_SPECS := spec/runner_spec.lua spec/source_rules_spec.lua spec/cmake_spec.lua spec/amalgamation_spec.lua
# What these build and start has none of the sanitizers' flags.
OWN_BUILD_SPECS := $(ONE_LUA_SPECS) $(patsubst %,spec/%_spec.lua,packaging demo)
# LÖVE has LuaJIT inside: they load its build.
LOVE_SPECS := spec/love_spec.lua spec/love_game_spec.lua
luas_of = $(if $(filter $(ONE_LUA_SPECS),$(1)),$(firstword $(filter lua5.4,$(TEST_LUAS)) $\
  $(TEST_LUAS)),$\
  $(if $(filter $(LOVE_SPECS),$(1)),$(filter luajit,$(TEST_LUAS)),$(TEST_LUAS)))
test_jobs = $(c_tests:%=c:%) \
  $(foreach lua,$(TEST_LUAS),$(binding_tests:%=c:$(BUILD)/$(call abi_of,$(lua))/%)) \
  $(foreach spec,$(SPECS),$(addsuffix :$(spec),$(call luas_of,$(spec))))
run_tests = BUILD=$(BUILD) CC="$(CC)" JOBS=$(JOBS) spec/run $(test_jobs)

.PHONY: test test-all run-tests
test:
	@.ci/deps test $(TEST_LUAS)
	@$(MAKE) WERROR=1 run-tests

test-all:
	@$(MAKE) TEST_LUAS="$(LUAS)" test

run-tests:
	@$(build_tests)
	@$(run_tests)

# --- builds with another TLS library, and without

# What TLS is for, and what stands on it.
MBEDTLS_SPECS ?= $(patsubst %,spec/%_spec.lua,tls tls_options tls_session tls_stream tls_keylog \
  tls_extra tls_close tls_wire tls_handshake tls_constraints passphrase pkcs12 x509 http2_alpn) \
  spec/builds/cmake_spec.lua spec/builds/amalgamation_spec.lua
MBEDTLS_C_TESTS ?= spec/core/test_tls_records.c
NOTLS_SPECS ?= spec/builds/notls_spec.lua spec/builds/cmake_spec.lua spec/encoding_spec.lua spec/digest_spec.lua
# Their sources are compiled for this alone: quickly, then.
other_build = WERROR=1 CFLAGS=-O0 TEST_LUAS=lua5.4 run-tests

.PHONY: test-mbedtls test-notls
test-mbedtls:
	@.ci/deps mbedtls lua5.4
	@SPEC_EXCEPTIONS=spec/builds/mbedtls.lua $(MAKE) BUILD=$(BUILD)/mbedtls HC_TLS=mbedtls SPECS="$(MBEDTLS_SPECS)" \
	  C_TESTS="$(MBEDTLS_C_TESTS)" $(other_build)

test-notls:
	@.ci/deps test lua5.4
	@$(MAKE) BUILD=$(BUILD)/notls HC_TLS=0 SPECS="$(NOTLS_SPECS)" C_TESTS= $(other_build)

# --- under sanitizers and valgrind

# Plain flags with a sanitizer's added: what else hardens the build would hide what they look for.
sanitized = WERROR=1 HARDENING= LINK_HARDENING= CFLAGS="-O1 -g -fno-omit-frame-pointer $(1)"

# The interpreters themselves are not instrumented, so the run-time comes in with LD_PRELOAD;
# programs that the specs start do not inherit it.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
ASAN_LUAS ?= lua5.4 luajit
export ASAN_OPTIONS ?= detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:$\
  detect_stack_use_after_return=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/spec/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
preload_asan = env LD_PRELOAD=$$($(CC) -print-file-name=libasan.so)

.PHONY: asan valgrind tsan
asan:
	@.ci/deps test $(ASAN_LUAS)
	@LUA_WRAPPER="$(preload_asan) SPEC_TIME_FACTOR=3" SPEC_PIN=1 SPEC_SECONDS=300 \
	  $(MAKE) BUILD=$(BUILD)/asan $(call sanitized,$(SANITIZERS)) TEST_LUAS="$(ASAN_LUAS)" \
	  SPECS="$(filter-out $(OWN_BUILD_SPECS),$(SPECS))" run-tests

# LuaJIT is left out: its own code generator reads memory in ways that valgrind reports.
VALGRIND_LUAS ?= lua5.4
VALGRIND ?= valgrind -q --leak-check=full --show-leak-kinds=definite \
  --errors-for-leak-kinds=definite --error-exitcode=99 --keep-debuginfo=yes \
  --suppressions=$(abspath spec/support/valgrind.supp)

valgrind:
	@.ci/deps lint
	@.ci/deps test $(VALGRIND_LUAS)
	@C_WRAPPER="$(VALGRIND)" LUA_WRAPPER="env SPEC_TIME_FACTOR=20 $(VALGRIND)" SPEC_SECONDS=1800 \
	  $(MAKE) WERROR=1 TEST_LUAS="$(VALGRIND_LUAS)" run-tests

# What threads share: the resolver's workers, OpenSSL, and Lua states in several threads. OpenSSL and Lua themselves are
# not instrumented, and from 3.3 on OpenSSL has tables that are read without a lock: the list tells of them.
TSAN_TESTS ?= $(wildcard spec/bindings/test_*.c $(addprefix spec/core/test_,file_release.c file_replacement.c \
  resolver*.c tls.c tls_session.c tls_store.c))
export TSAN_OPTIONS ?= halt_on_error=1:die_after_fork=0

tsan:
	@.ci/deps test lua5.4
	@if pkg-config --atleast-version=3.3 libcrypto; then \
	  TSAN_OPTIONS="$(TSAN_OPTIONS):suppressions=spec/support/tsan.supp"; fi; \
	  $(MAKE) BUILD=$(BUILD)/tsan $(call sanitized,-fsanitize=thread) \
	  TEST_LUAS=lua5.4 SPECS= C_TESTS="$(TSAN_TESTS)" run-tests

# --- long ones, and how much is reached

# Lines and branches of the C sources that the tests reach, from both builds of the core. (What
# packaging_spec builds can't link with objects that count.)
.PHONY: coverage
coverage:
	@.ci/deps test lua5.4
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -delete
	-@$(MAKE) BUILD=$(BUILD)/coverage WERROR=1 HARDENING= LINK_HARDENING= \
	  CFLAGS="-O0 -g --coverage -fprofile-update=atomic" LDFLAGS=-Wl,-u,__gcov_dump TEST_LUAS=lua5.4 \
	  SPECS="$(filter-out spec/packaging_spec.lua,$(SPECS))" run-tests
	@$(LUA) .ci/coverage.lua $(BUILD)/coverage

NETEM_MB ?= 100
SOAK_STREAMS ?= 100000
SOAK_REQUESTS ?= 100000

.PHONY: netem soak gc-stress
netem:
	@NETEM_MB=$(NETEM_MB) SPEC_SECONDS=7200 \
	  $(MAKE) LUA=$(LUA) SPECS=spec/netem_spec.lua C_TESTS= test

soak:
	@SOAK_REQUESTS=$(SOAK_REQUESTS) SOAK_STREAMS=$(SOAK_STREAMS) SPEC_SECONDS=7200 \
	  $(MAKE) LUA=$(LUA) SPECS=spec/soak_spec.lua C_TESTS=spec/core/test_h2_soak.c test

# The specs with the collector at its busiest; 5.4 has two of them.
GC_LUAS ?= lua5.4 lua5.1 luajit

gc-stress:
	@.ci/deps test $(GC_LUAS)
	@SPEC_GC=stress SPEC_TIME_FACTOR=5 $(MAKE) WERROR=1 TEST_LUAS="$(GC_LUAS)" C_TESTS= run-tests
	@$(if $(filter lua5.4,$(GC_LUAS)),SPEC_GC=generational SPEC_TIME_FACTOR=5 \
	  $(MAKE) WERROR=1 TEST_LUAS=lua5.4 C_TESTS= run-tests)

help::
	@echo 'test            C tests and specs on $(TEST_LUAS) (SPECS=, C_TESTS= narrow it)'
	@echo 'test-all        the same on all five, whatever LUA says'
	@echo 'test-mbedtls    what TLS does, in a build with mbedTLS'
	@echo 'test-notls      what is left in a build without TLS'
	@echo 'asan            the same under the sanitizers ($(ASAN_LUAS))'
	@echo 'valgrind        the same under valgrind ($(VALGRIND_LUAS))'
	@echo 'tsan            what threads share, under the thread sanitizer'
	@echo 'soak            SOAK_REQUESTS=$(SOAK_REQUESTS) requests, many of which go wrong:'
	@echo '                memory and descriptors stay flat'
	@echo 'netem           downloads and uploads of NETEM_MB=$(NETEM_MB) megabytes over bad lines'
	@echo 'gc-stress       the specs with the collector at its busiest, on $(GC_LUAS)'
	@echo 'coverage        lines and branches of the C sources that the tests reach on lua5.4'
