# Windows, from another system: MinGW's compiler builds, wine runs. What it stands on (OpenSSL,
# libnghttp2, the Luas) is built once, into $(WINDOWS)/deps: see .ci/windows-deps. On Windows
# itself the plain targets do, see docs/windows.md.

WINDOWS ?= $(BUILD)/windows
WINDOWS_CC ?= x86_64-w64-mingw32-gcc-win32
WINDOWS_LUAS ?= lua54 lua51 luajit
windows_deps = $(WINDOWS)/deps
windows_strip = $(patsubst %-gcc-win32,%-strip,$(WINDOWS_CC))

abi_lua54 := 5.4
abi_lua51 := 5.1
abi_luajit := luajit
import_lua54 := liblua54.dll.a
import_lua51 := liblua51.dll.a
import_luajit := libluajit-5.1.dll.a

# The tree's own rules, with everything that they would ask this system for. Of windows.h what takes longest to read is
# left out, see .ci/windows-deps.
windows_make = $(MAKE) CC=$(WINDOWS_CC) AR=x86_64-w64-mingw32-ar PLATFORM=windows BUILD=$(WINDOWS) \
  LUA_ABI=$(abi_$(1)) LUA_PC= LUA_INCDIR=$(windows_deps)/$(1)/include \
  LUA_LIBS="$(windows_deps)/$(1)/$(import_$(1))" NGHTTP2= LIBPSL= BROTLI= ZSTD= \
  TLS_CFLAGS="-D_X86INTRIN_H_INCLUDED -isystem $(windows_deps)/include -DHC_WITH_NGHTTP2 -DNGHTTP2_STATICLIB" \
  LIBS="-L$(windows_deps)/lib -lssl -lcrypto -lnghttp2 -lz -lws2_32 -liphlpapi -lcrypt32 \
  -ladvapi32 -luser32" WERROR=1

.PHONY: windows windows-deps windows-modules windows-zip
windows: windows-zip

windows-deps:
	@.ci/deps windows
	@.ci/windows-deps $(windows_deps)

windows-modules: windows-deps
	@$(foreach lua,$(WINDOWS_LUAS),$(call windows_make,$(lua)) -s -j$(JOBS) \
	  $(WINDOWS)/$(abi_$(lua))/httpclient/core.dll &&) true
	@.ci/windows-check $(foreach lua,$(WINDOWS_LUAS),$(WINDOWS)/$(abi_$(lua))/httpclient/core.dll)

# For those who have no compiler: the modules, the Lua files, the licences of what is inside.
windows_name = httpclient-$(version)-windows-x86_64
windows-zip: windows-modules
	@.ci/windows-zip $(WINDOWS) $(windows_name) \
	  $(foreach lua,$(WINDOWS_LUAS),$(lua)=$(WINDOWS)/$(abi_$(lua))/httpclient/core.dll)

# The single file as a host's build may meet it: alone, with the small windows.h, behind all of it.
.PHONY: windows-amalgamation
windows-amalgamation: windows-deps amalgamation
	@for more in "" -DWIN32_LEAN_AND_MEAN "-include winsock2.h -include windows.h"; do \
	  for lua in "-isystem $(windows_deps)/lua54/include" -DHC_WITHOUT_LUA; do \
	  echo "$(WINDOWS_CC) -std=c11 $(WARNINGS) -Werror -fsyntax-only $$lua $$more \
	    -isystem $(windows_deps)/include $(BUILD)/amalgamation/httpclient.c"; done; done | \
	  xargs -P $(JOBS) -I {} sh -c "{}"

# As clang reads the sources for MSVC's target; its headers are not to be had, so these are MinGW's, which ask for a
# compiler that says it is GCC.
msvc_sources = $(filter-out core/platform/posix/% core/stream/tls/mbedtls/% core/stream/tls/none/% \
  core/crypto/builtin/%,$(wildcard core/*/*.c core/*/*/*.c core/*/*/*/*.c bindings/*.c))
.PHONY: windows-msvc
windows-msvc: windows-deps
	@.ci/deps windows-msvc
	@printf '%s\n' $(msvc_sources) | xargs -P $(JOBS) -n 8 clang --target=x86_64-pc-windows-msvc \
	  -fgnuc-version=12.0 -std=c11 -Wall -Wextra -Werror -fsyntax-only -D_WIN32_WINNT=0x0601 -D_UCRT -DHC_WITH_NGHTTP2 \
	  -DNGHTTP2_STATICLIB -isystem /usr/x86_64-w64-mingw32/include -isystem $(windows_deps)/include \
	  -isystem $(windows_deps)/lua54/include

# Under wine, which says little of Windows itself.
# Of the C tests are left out those in which the C library's calls fail on purpose (faults.h: there functions of a
# program stand before those of a library, here they do not), forks, SIGPIPE and files as POSIX has them.
WINDOWS_C_TESTS ?= allocator api base64 body buffer busy chunked client connection connection_poller connector \
  decoded_body decoder digest file_windows h2_attacks h2_client h2_input h2_rules h2_session h2_soak handle_map \
  head_parser headers large_file pkcs12 poller public_address reach read_ahead request resolver route socket \
  socks5 staged stream_peer_tcp stream_peer_tcp_life thread_end tls tls_certificate tls_end tls_flood \
  tls_handshake tls_options tls_receive tls_revocation tls_session tls_store tls_verify transcript uri wait x509 \
  zlib_decoder
windows_c_tests = $(WINDOWS_C_TESTS:%=$(WINDOWS)/hooks/test_%)
# These spec files, or where none is named, all but those that spec/windows/exceptions.lua names: on Lua 5.4, and what
# does not take long on one of the two others too.
WINDOWS_SPECS ?=
WINDOWS_SPEC_LUAS ?= lua54 lua51,luajit
comma := ,
windows_spec_luas = $(subst $(comma), ,$(WINDOWS_SPEC_LUAS))
WINDOWS_FUZZ_LUAS ?= lua54
WINDOWS_FUZZ_SECONDS ?= 60

.PHONY: windows-test windows-test-all windows-tests
windows-tests: windows-deps
	@.ci/windows-deps $(windows_deps) loops
	@$(foreach lua,$(windows_spec_luas),$(call windows_make,$(lua)) -s -j$(JOBS) native &&) true
	@$(call windows_make,lua54) -s -j$(JOBS) $(windows_c_tests)

windows-test: windows windows-amalgamation windows-msvc windows-tests
	@.ci/deps windows-test
	@WINDOWS_LUAS="$(WINDOWS_LUAS) $(if $(filter lua54,$(WINDOWS_LUAS)),lua54-ucrt)" JOBS=$(JOBS) \
	  WINDOWS_C_TESTS="$(WINDOWS_C_TESTS)" WINDOWS_SPEC_LUAS="$(WINDOWS_SPEC_LUAS)" WINDOWS_SPECS="$(WINDOWS_SPECS)" \
	  WINDOWS_FUZZ_LUAS="$(WINDOWS_FUZZ_LUAS)" WINDOWS_FUZZ_SECONDS=$(WINDOWS_FUZZ_SECONDS) .ci/windows-test $(WINDOWS)

windows-test-all:
	@$(MAKE) windows-test WINDOWS_SPEC_LUAS="$(WINDOWS_LUAS)" WINDOWS_FUZZ_LUAS="$(WINDOWS_LUAS)"

help::
	@echo 'windows         modules for Windows and a zip of them, built here (MinGW)'
	@echo 'windows-test    runs them under wine: C tests, specs on Lua 5.4 and another'
	@echo 'windows-test-all  the same with specs and fuzzer on each Lua'
