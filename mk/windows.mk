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

# The tree's own rules, with everything that they would ask this system for.
windows_make = $(MAKE) CC=$(WINDOWS_CC) AR=x86_64-w64-mingw32-ar PLATFORM=windows BUILD=$(WINDOWS) \
  LUA_ABI=$(abi_$(1)) LUA_PC= LUA_INCDIR=$(windows_deps)/$(1)/include \
  LUA_LIBS="$(windows_deps)/$(1)/$(import_$(1))" NGHTTP2= LIBPSL= BROTLI= ZSTD= \
  TLS_CFLAGS="-isystem $(windows_deps)/include -DHC_WITH_NGHTTP2 -DNGHTTP2_STATICLIB" \
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
	@set -e; for more in "" -DWIN32_LEAN_AND_MEAN "-include winsock2.h -include windows.h"; do \
	  for lua in "-isystem $(windows_deps)/lua54/include" -DHC_WITHOUT_LUA; do \
	  $(WINDOWS_CC) -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $$lua $$more \
	    -isystem $(windows_deps)/include $(BUILD)/amalgamation/httpclient.c; done; done

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
# Left out are those in which the C library's calls fail on purpose (faults.h: there functions of a
# program stand before those of a library, here they do not), SIGPIPE, files as POSIX has them, and
# some that do not hold there yet: see docs/windows.md.
WINDOWS_FUZZ_SECONDS ?= 40
WINDOWS_C_TESTS ?= allocator api base64 body buffer chunked connector decoder digest h2_client \
  h2_rules h2_session handle_map head_parser headers poller public_address reach read_ahead request \
  route socks5 tls_certificate tls_handshake tls_session uri wait zlib_decoder
windows_c_tests = $(WINDOWS_C_TESTS:%=$(WINDOWS)/hooks/test_%)
.PHONY: windows-test windows-c-tests
windows-c-tests: windows-deps
	@$(call windows_make,lua54) -s -j$(JOBS) $(windows_c_tests)

windows-test: windows windows-amalgamation windows-msvc windows-c-tests
	@.ci/deps windows-test
	@$(call windows_make,lua54) -s -j$(JOBS) native
	@WINDOWS_LUAS="$(WINDOWS_LUAS)" WINDOWS_C_TESTS="$(WINDOWS_C_TESTS)" \
	  WINDOWS_FUZZ_SECONDS=$(WINDOWS_FUZZ_SECONDS) .ci/windows-test $(WINDOWS)

# Besides these, what test_*.c has on sockets, clients, X.509 and TLS, and specs, several at a time.
WINDOWS_MORE_C_TESTS ?= busy client connection connection_poller decoded_body h2_soak resolver \
  socket stream_peer_tcp stream_peer_tcp_life tls tls_options tls_receive tls_revocation tls_store tls_verify x509
windows_more_c_tests = $(WINDOWS_MORE_C_TESTS:%=$(WINDOWS)/hooks/test_%)
# windows-test-specs runs these on Lua 5.4, a few of them on the others too; windows-test-all runs on
# each all but the exceptions that spec/windows/exceptions.lua names.
WINDOWS_SPECS ?= $(patsubst %,spec/%_spec.lua,address auth combinations_wire connect connection \
  cookie_jar cookie_rules differences download download_places encoding enums event_source facts \
  fetch fetch_all fetch_cookies fetch_faults fetch_tasks frames get_connection http2 http2_alpn \
  http2_fetch http2_more http2_own_stream http_client http_request http_request_signal idle_stream \
  inflater link memory message messages options poller poller_within proxy proxy_auth query_string \
  reach redirect redirect_follow redirect_mode response session set_connection \
  set_connection_table stream tasks tasks_errors tls tls_extra tls_keylog tls_options tls_session \
  url url_calls wait watched_edges wire_request)
WINDOWS_FEW_SPECS ?= $(patsubst %,spec/%_spec.lua,download fetch poller session tasks tls)
windows_spec_jobs = $(WINDOWS_SPECS:%=lua54:%) $(WINDOWS_FEW_SPECS:%=lua51:%) \
  $(WINDOWS_FEW_SPECS:%=luajit:%)

.PHONY: windows-test-specs windows-test-all windows-natives
windows-natives: windows-deps
	@.ci/windows-deps $(windows_deps) loops
	@$(foreach lua,$(WINDOWS_LUAS),$(call windows_make,$(lua)) -s -j$(JOBS) native &&) true
	@$(call windows_make,lua54) -s -j$(JOBS) $(windows_more_c_tests)

windows-test-specs: windows windows-natives
	@.ci/deps windows-test
	@WINDOWS_LUAS="$(WINDOWS_LUAS)" WINDOWS_C_TESTS="$(WINDOWS_MORE_C_TESTS)" JOBS=$(JOBS) \
	  WINDOWS_SPECS="$(windows_spec_jobs)" WINDOWS_FUZZ_SECONDS=$(WINDOWS_FUZZ_SECONDS) \
	  .ci/windows-test-specs $(WINDOWS)

windows-test-all:
	@$(MAKE) windows-test-specs WINDOWS_SPECS="$$($(LUA) .ci/windows-specs.lua)" \
	  WINDOWS_FEW_SPECS="$$($(LUA) .ci/windows-specs.lua)"

help::
	@echo 'windows         modules for Windows and a zip of them, built here (MinGW)'
	@echo 'windows-test    runs them under wine'
	@echo 'windows-test-specs, windows-test-all: more C tests, and specs, also under wine'
