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

# Under wine, which says little of Windows itself.
# Left out are those in which the C library's calls fail on purpose (faults.h: there functions of a
# program stand before those of a library, here they do not), SIGPIPE, files as POSIX has them, and
# some that do not hold there yet: see docs/windows.md.
WINDOWS_C_TESTS ?= allocator api base64 body buffer chunked connector decoder digest h2_client \
  h2_rules h2_session handle_map head_parser headers poller public_address reach read_ahead request \
  route socks5 tls_certificate tls_handshake tls_session uri wait zlib_decoder
windows_c_tests = $(WINDOWS_C_TESTS:%=$(WINDOWS)/hooks/test_%)
.PHONY: windows-test windows-c-tests
windows-c-tests: windows-deps
	@$(call windows_make,lua54) -s -j$(JOBS) $(windows_c_tests)

windows-test: windows windows-amalgamation windows-c-tests
	@.ci/deps windows-test
	@WINDOWS_LUAS="$(WINDOWS_LUAS)" WINDOWS_C_TESTS="$(WINDOWS_C_TESTS)" .ci/windows-test $(WINDOWS)

help::
	@echo 'windows         modules for Windows and a zip of them, built here (MinGW)'
	@echo 'windows-test    runs them under wine'
