# The C tests on other machines, by cross compilers and qemu-user, which is slow: 32 bits (i386; not
# every kernel of 64 bits runs such programs itself), and the other order of bytes (s390x). And the
# musl library.

FOREIGN ?= s390x
foreign_triple_i386 := i686-linux-gnu
foreign_triple_s390x := s390x-linux-gnu
foreign_library_i386 := i386-linux-gnu
foreign_library_s390x := s390x-linux-gnu
foreign_build = $(abspath $(BUILD))/$(FOREIGN)
foreign_root = $(foreign_build)/debian/root
foreign_run_i386 = qemu-i386 -L $(foreign_root)
foreign_run_s390x = qemu-s390x -L $(foreign_root)
FOREIGN_C_TESTS ?= $(if $(filter s390x,$(FOREIGN)),base64 body buffer chunked decoder digest \
  handle_map head_parser headers h2_rules h2_session public_address request route socks5 uri \
  zlib_decoder socket stream_peer_tcp stream_peer_tcp_life client,$(filter-out h2_soak tls_end,\
  $(patsubst spec/core/test_%.c,%,$(sort $(wildcard spec/core/test_*.c)))))
# (tls_end starts itself, past the emulator.)
foreign_c_tests = $(FOREIGN_C_TESTS:%=$(foreign_build)/hooks/test_%)

foreign_make = $(MAKE) -s -j$(JOBS) BUILD=$(foreign_build) PLATFORM=posix WERROR=1 LUA_ABI=5.4 LUA_PC= \
  LUA_INCDIR=$(foreign_root)/usr/include/lua5.4 CC="$(foreign_triple_$(FOREIGN))-gcc --sysroot=$(foreign_root)" \
  AR=$(foreign_triple_$(FOREIGN))-ar NGHTTP2= LIBPSL= BROTLI= ZSTD= IDN2= TLS_CFLAGS=-DHC_WITH_NGHTTP2 \
  LIBS="-lssl -lcrypto -lnghttp2 -lz -ldl"
# Specs of the core: what a client does with the bytes on its wire, at an emulator's pace.
FOREIGN_CORE_SPECS ?= address anchor blocking body_file body_stream coding connection digest encoding get \
  http2_wire http_client large_file message method multipart poller pkcs12 read_ahead response resume_body same_heads \
  short_body tls tls_session tls_wire upload url_plain wire wire_framing wire_request wire_response x509
FOREIGN_SPECS ?= $(FOREIGN_CORE_SPECS:%=spec/%_spec.lua)

.PHONY: foreign-deps foreign-test foreign-specs musl
foreign-deps:
	@.ci/deps foreign $(FOREIGN)
	@.ci/foreign-deps $(FOREIGN) $(foreign_build)/debian

foreign-test: foreign-deps
	@$(foreign_make) $(foreign_c_tests)
	@BUILD=$(foreign_build) JOBS=$(JOBS) C_WRAPPER="$(foreign_run_$(FOREIGN))" \
	  spec/run $(foreign_c_tests:%=c:%)

# A script stands for the interpreter, so that what specs start is run in the same way.
foreign-specs: foreign-deps
	@.ci/deps test lua5.4
	@$(foreign_make) $(foreign_build)/5.4/httpclient/core.so native
	@.ci/foreign-lua "$(foreign_run_$(FOREIGN))" $(foreign_build)
	@BUILD=$(foreign_build) JOBS=$(JOBS) SPEC_TIME_FACTOR=8 SPEC_FEWER=10 \
	  spec/run $(FOREIGN_SPECS:%=$(foreign_build)/run/lua5.4:%)

# Another C library: core and bindings with its headers, and those C tests that stand on nothing
# else, since OpenSSL is there for the usual one alone.
musl_build = $(BUILD)/musl
MUSL_C_TESTS ?= base64 body buffer chunked handle_map head_parser headers public_address route uri \
  socket wait
musl_c_tests = $(MUSL_C_TESTS:%=$(musl_build)/hooks/test_%)
musl:
	@.ci/deps lint
	@mkdir -p $(musl_build)/headers
	@for name in openssl nghttp2 zlib.h zconf.h lua$(LUA_VERSION)-deb-multiarch.h; do \
	  for found in /usr/include/$$name /usr/include/$$($(CC) -print-multiarch)/$$name; do \
	    if [ -d $$found ]; then mkdir -p $(musl_build)/headers/$$name && \
	      cp -r $$found/. $(musl_build)/headers/$$name; \
	    elif [ -e $$found ]; then cp $$found $(musl_build)/headers; fi; done; done
	@$(MAKE) -s -j$(JOBS) CC=musl-gcc BUILD=$(musl_build) LUA=$(LUA) WERROR=1 CFLAGS="-O0 -g" \
	  NGHTTP2= LIBPSL= BROTLI= ZSTD= IDN2= LIBS= \
	  TLS_CFLAGS="-isystem $(musl_build)/headers -DHC_WITH_NGHTTP2" libraries $(musl_c_tests)
	@BUILD=$(musl_build) JOBS=$(JOBS) spec/run $(musl_c_tests:%=c:%)

# What macOS and the BSDs have, on Linux: the core with kqueue, their sendfile (BSD=freebsd, apple),
# SO_NOSIGPIPE and pipes, which stand-ins of the tests' own do (spec/support/bsd).
BSD ?= freebsd
bsd_build = $(BUILD)/$(BSD)
BSD_C_TESTS ?= api busy client connection connection_poller connector h2_session large_file poller reach \
  read_ahead resolver route sigpipe socket stream_peer_tcp stream_peer_tcp_life wait wait_receive
bsd_c_tests = $(BSD_C_TESTS:%=$(bsd_build)/hooks/test_%)
bsd_objects = $(patsubst %.c,$(bsd_build)/%.o,$(wildcard spec/support/bsd/*.c))
bsd_flags_freebsd := -DHC_SENDFILE_FREEBSD
bsd_flags_apple := -DHC_SENDFILE_APPLE

.PHONY: bsd-test
bsd-test:
	@.ci/deps test
	@$(MAKE) -s -j$(JOBS) BUILD=$(bsd_build) WERROR=1 CFLAGS="-O0 -g" LIBS="$(bsd_objects) $(LIBS)" \
	  CORE_FLAGS="-D_GNU_SOURCE -DHC_WITH_KQUEUE $(bsd_flags_$(BSD)) \
	  -isystem spec/support/bsd/include" $(bsd_objects) $(bsd_c_tests)
	@BUILD=$(bsd_build) JOBS=$(JOBS) spec/run $(bsd_c_tests:%=c:%)

$(BUILD)/spec/support/bsd/%.o: spec/support/bsd/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$(compile) -c $< -o $@)

help::
	@echo 'bsd-test        C tests with the ways of macOS and the BSDs (BSD=freebsd, apple)'
	@echo 'foreign-specs   specs of the core there'
	@echo 'foreign-test    C tests on FOREIGN=$(FOREIGN) (i386, s390x by qemu-user)'
	@echo 'musl            core and bindings with the headers of musl'
