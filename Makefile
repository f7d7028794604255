# httpclient: the C core and the Lua module for one interpreter (LUA=lua5.4).
#
#   make            the module for $(LUA), and the static libraries
#   make install    both, under PREFIX
#   make demo       builds and runs examples/demo.lua, installing what is missing
#   make test       all tests on all five Luas (LUA=... given: on that one), likewise
#   make help       the other targets
#
# This file builds and installs; how the tree is tested, linted, fuzzed and measured stands in
# mk/*.mk.
#
# eval "$(make -s env LUA=lua5.3)" makes the uninstalled build loadable.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# --- knobs

find = $(shell sh -c 'command -v $(1)' 2>/dev/null)

ifeq ($(origin LUA),undefined)
LUA := $(firstword $(foreach name,lua5.4 lua5.3 lua5.2 lua5.1 luajit lua,\
  $(if $(call find,$(name)),$(name))) lua5.4)
endif

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g
CPPFLAGS ?=
LDFLAGS ?=
# Of the core's sources alone, no other ones.
CORE_FLAGS ?=
# 1: warnings are errors.
WERROR ?= 0
JOBS ?= $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),2)

ifeq ($(origin CC),default)
CC := cc
endif

# --- the interpreter

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

# Every system names Lua's headers in its own way.
lua_pc_names = $(if $(filter luajit,$(LUA_ABI)),luajit,\
  lua$(LUA_ABI) lua-$(LUA_ABI) lua$(subst .,,$(LUA_ABI)) lua)
LUA_PC ?= $(firstword $(foreach name,$(lua_pc_names),\
  $(if $(shell $(PKG_CONFIG) --exists $(name) 2>/dev/null && echo yes),$(name))))
LUA_PC := $(LUA_PC)
ifdef LUA_INCDIR
lua_flags := -isystem $(LUA_INCDIR)
else
lua_flags := $(patsubst -I%,-isystem %,$(if $(LUA_PC),$(shell $(PKG_CONFIG) --cflags $(LUA_PC))))
endif

# --- flags

SYSTEM := $(shell uname -s)
# The core's side of the system: the one folder of core/platform/ that is compiled.
PLATFORM ?= $(if $(findstring mingw,$(shell $(CC) -dumpmachine 2>/dev/null)),windows,posix)
PLATFORM := $(PLATFORM)

# The TLS library: openssl, mbedtls, or 0 for a build without TLS. One folder of core/stream/tls/ is
# compiled, and one of core/crypto/.
HC_TLS ?= openssl
tls_folder := $(or $(patsubst 0,none,$(patsubst 1,openssl,$(HC_TLS))),none)
ifeq ($(filter openssl mbedtls none,$(tls_folder)),)
$(error HC_TLS=$(HC_TLS): it is openssl, mbedtls or 0)
endif
crypto_folder := $(if $(filter openssl,$(tls_folder)),openssl,builtin)

WARNINGS ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef

ifeq ($(SYSTEM),Darwin)
# The interpreter brings the symbols of Lua.
SHARED ?= -bundle -undefined dynamic_lookup
HARDENING ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
LINK_HARDENING ?=
else ifeq ($(PLATFORM),windows)
SHARED ?= -shared -static-libgcc
HARDENING ?=
LINK_HARDENING ?= -Wl,--nxcompat,--dynamicbase,--high-entropy-va,--gc-sections
else
SHARED ?= -shared
# Some compilers define _FORTIFY_SOURCE themselves; it needs optimization.
HARDENING ?= -fstack-protector-strong \
  $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LINK_HARDENING ?= -Wl,-z,relro,-z,now,--as-needed
endif

ifeq ($(PLATFORM),windows)
# Windows 7 and later; the printf of C11, which the system's C library has only since UCRT.
system_defines := -D_WIN32_WINNT=0x0601 -D__USE_MINGW_ANSI_STDIO=1
system_libs := -lws2_32 -liphlpapi -lcrypt32 -ladvapi32 -luser32
module_suffix := .dll
# There a module names the library that its Lua is in.
LUA_LIBS ?= $(if $(LUA_PC),$(shell $(PKG_CONFIG) --libs $(LUA_PC)))
else
system_defines := -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
system_libs := $(if $(filter Linux,$(SYSTEM)),-ldl)
module_suffix := .so
LUA_LIBS ?=
endif
DEFINES = $(system_defines) \
  -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=0x30000000L
COMPILE_FLAGS = -std=c11 -fPIC -pthread -fvisibility=hidden \
  $(DEFINES) $(CPPFLAGS) $(TLS_CFLAGS) $(HARDENING) $(CFLAGS) $(WARNINGS)
compile = $(CC) $(COMPILE_FLAGS) $(if $(filter 1,$(WERROR)),-Werror) -MMD -MP
openssl_libs := $(or $(shell $(PKG_CONFIG) --libs openssl 2>/dev/null),-lssl -lcrypto)
# Not every version of it has a .pc file.
mbedtls_libs := $(or $(shell $(PKG_CONFIG) --libs mbedtls mbedx509 mbedcrypto 2>/dev/null),\
  -lmbedtls -lmbedx509 -lmbedcrypto)
TLS_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(filter $(tls_folder),openssl) zlib 2>/dev/null)
TLS_CFLAGS := $(TLS_CFLAGS)
LIBS ?= $($(tls_folder)_libs) $(or $(shell $(PKG_CONFIG) --libs zlib 2>/dev/null),-lz) \
  $(system_libs)
LIBS := $(LIBS)
comma := ,
# Optional: without it there is no HTTP/2. NGHTTP2= builds without it though it is there.
NGHTTP2 ?= $(shell $(PKG_CONFIG) --exists libnghttp2 2>/dev/null && echo libnghttp2)
NGHTTP2 := $(NGHTTP2)
ifneq ($(NGHTTP2),)
TLS_CFLAGS += -DHC_WITH_NGHTTP2 $(shell $(PKG_CONFIG) --cflags $(NGHTTP2))
LIBS += $(shell $(PKG_CONFIG) --libs $(NGHTTP2))
endif
# Optional: which domains no cookie is for. LIBPSL= builds without it.
LIBPSL ?= $(shell $(PKG_CONFIG) --exists libpsl 2>/dev/null && echo libpsl)
LIBPSL := $(LIBPSL)
ifneq ($(LIBPSL),)
TLS_CFLAGS += -DHC_WITH_LIBPSL $(shell $(PKG_CONFIG) --cflags $(LIBPSL))
LIBS += $(shell $(PKG_CONFIG) --libs $(LIBPSL))
endif
# Optional: without them there are no codings br and zstd. BROTLI= and ZSTD= as above.
BROTLI ?= $(shell $(PKG_CONFIG) --exists libbrotlidec 2>/dev/null && echo libbrotlidec)
BROTLI := $(BROTLI)
ifneq ($(BROTLI),)
TLS_CFLAGS += -DHC_WITH_BROTLI $(shell $(PKG_CONFIG) --cflags $(BROTLI))
LIBS += $(shell $(PKG_CONFIG) --libs $(BROTLI))
endif
ZSTD ?= $(shell $(PKG_CONFIG) --exists libzstd 2>/dev/null && echo libzstd)
ZSTD := $(ZSTD)
ifneq ($(ZSTD),)
TLS_CFLAGS += -DHC_WITH_ZSTD $(shell $(PKG_CONFIG) --cflags $(ZSTD))
LIBS += $(shell $(PKG_CONFIG) --libs $(ZSTD))
endif
# Optional: without it hosts are written in ASCII. IDN2= as above.
IDN2 ?= $(shell $(PKG_CONFIG) --exists libidn2 2>/dev/null && echo libidn2)
IDN2 := $(IDN2)
ifneq ($(IDN2),)
TLS_CFLAGS += -DHC_WITH_IDN2 $(shell $(PKG_CONFIG) --cflags $(IDN2))
LIBS += $(shell $(PKG_CONFIG) --libs $(IDN2))
endif
# V=1 shows the commands.
silent = $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(filter 1,$(V)),,@$(if $(silent),,echo '  $(1) $@';) )$(2)
link = $(CC) -pthread $(CFLAGS) $(LINK_HARDENING) $(LDFLAGS)

# --- what is built from what

abi := $(BUILD)/$(LUA_ABI)
unused_folders := $(addprefix core/platform/,$(filter-out $(PLATFORM),posix windows)) \
  $(addprefix core/stream/tls/,$(filter-out $(tls_folder),openssl mbedtls none)) \
  $(addprefix core/crypto/,$(filter-out $(crypto_folder),openssl builtin))
core_sources := $(filter-out $(unused_folders:%=%/%),\
  $(sort $(wildcard core/*/*.c core/*/*/*.c core/*/*/*/*.c)))
binding_sources := $(sort $(wildcard bindings/*.c))
core_objects := $(core_sources:%.c=$(BUILD)/%.o)
binding_objects := $(binding_sources:%.c=$(abi)/%.o)

library := $(BUILD)/libhttpclient.a
# What a host includes; these headers need no others.
public_headers := $(patsubst core/%,%,$(wildcard core/*.h))
headers := $(BUILD)/include/httpclient/.copied
lua_library := $(abi)/libhttpclient_lua.a
module := $(abi)/httpclient/core$(module_suffix)

.PHONY: all libraries env demo demo-server install uninstall clean help FORCE

all: $(module) libraries
libraries: $(library) $(lua_library) $(headers)

# Changes only when the flags do: then all is built anew.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@flags='$(CC) $(COMPILE_FLAGS) $(CORE_FLAGS) $(LDFLAGS) $(tls_folder)'; echo "$$flags" | cmp -s - $@ || echo "$$flags" >$@

$(BUILD)/core/%.o: core/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(CORE_FLAGS) -c $< -o $@)

$(abi)/bindings/%.o: bindings/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(lua_flags) -c $< -o $@)

$(library): $(core_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

# As they are installed: a host includes <httpclient/...> in either case.
$(headers): $(public_headers:%=core/%)
	@rm -rf $(@D) && mkdir -p $(@D)
	@cp $^ $(@D)
	@touch $@

$(lua_library): $(core_objects) $(binding_objects)
	@rm -f $@
	$(call say,ar,$(AR) rcs $@ $^)

$(module): $(core_objects) $(binding_objects)
	@mkdir -p $(@D)
	$(call say,ld,$(link) $(SHARED) -o $@ $^ $(LUA_LIBS) $(LIBS))

-include $(core_objects:.o=.d) $(binding_objects:.o=.d) $(BUILD)/examples/demo/server.d

env:
	@here=$$(pwd); \
	  printf 'export LUA_PATH="%s/lua/?.lua;%s/lua/?/init.lua;;"\n' "$$here" "$$here"; \
	  printf 'export LUA_CPATH="%s/?$(module_suffix);;"\n' "$(if $(filter /%,$(abi)),,$$here/)$(abi)"

demo:
	@.ci/deps demo $(LUA)
	@$(MAKE) -s -j$(JOBS) all demo-server
	@eval "$$($(MAKE) -s env)" && $(LUA) examples/demo.lua $(demo_server)

# The small server that ships with the examples.
demo_server := $(BUILD)/examples/demo/server
demo-server: $(demo_server)
$(demo_server): examples/demo/server.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) $(LDFLAGS) -o $@ $< $(openssl_libs) $(LIBS))

# --- install

version := $(shell sed -n 's/^.define HC_VERSION "\([^"]*\)".*/\1/p' core/httpclient.h 2>/dev/null)
lua_files := $(patsubst lua/httpclient/%,%,$(wildcard lua/httpclient/*.lua lua/httpclient/*/*.lua))
share_dir = $(DESTDIR)$(LUA_SHAREDIR)/httpclient
lib_dir = $(DESTDIR)$(LUA_LIBDIR)/httpclient
header_dir = $(DESTDIR)$(INCLUDEDIR)/httpclient
pc_dir = $(DESTDIR)$(LIBDIR)/pkgconfig

# The library is there as an archive alone: what it stands on is needed by whoever links with it,
# shared or not.
install: all
	$(INSTALL) -d $(sort $(dir $(lua_files:%=$(share_dir)/%))) $(lib_dir) $(header_dir) $(pc_dir)
	@set -e; for file in $(lua_files); do \
	  $(INSTALL) -m 644 lua/httpclient/$$file $(share_dir)/$$file; done
	$(INSTALL) -m 755 $(module) $(lib_dir)/core$(module_suffix)
	$(INSTALL) -m 644 $(public_headers:%=core/%) $(header_dir)
	$(INSTALL) -m 644 $(library) $(DESTDIR)$(LIBDIR)/libhttpclient.a
	@printf '%s\n' 'Name: httpclient' 'Description: HTTP client with TLS that never blocks' \
	  'Version: $(version)' 'Requires: $(if $(filter openssl,$(tls_folder)),openssl >= 3.0$(comma) )zlib$(if $(NGHTTP2),$(comma) $(NGHTTP2))$(if $(BROTLI),$(comma) $(BROTLI))$(if $(ZSTD),$(comma) $(ZSTD))$(if $(IDN2),$(comma) $(IDN2))' 'Cflags: -I$(INCLUDEDIR)' \
	  'Libs: -L$(LIBDIR) -lhttpclient$(if $(filter mbedtls,$(tls_folder)), $(strip $(mbedtls_libs))) -pthread$(if $(filter Linux,$(SYSTEM)), -ldl)' \
	  >$(pc_dir)/httpclient.pc
	chmod 644 $(pc_dir)/httpclient.pc

uninstall:
	rm -f $(lua_files:%=$(share_dir)/%) $(lib_dir)/core.so
	rm -f $(DESTDIR)$(LIBDIR)/libhttpclient.a $(pc_dir)/httpclient.pc
	rm -f $(public_headers:%=$(header_dir)/%)
	-find $(share_dir) -depth -type d -empty -delete 2>/dev/null
	-rmdir $(header_dir) $(lib_dir) 2>/dev/null

clean:
	rm -rf $(BUILD)

help::
	@echo 'all             the module for LUA=$(LUA), and the static libraries'
	@echo 'env             two lines for the shell that make the uninstalled build loadable'
	@echo 'demo            examples/demo.lua'
	@echo 'install         into PREFIX=$(PREFIX) (DESTDIR=); uninstall'
	@echo 'clean           removes $(BUILD)'

include $(wildcard mk/*.mk)
