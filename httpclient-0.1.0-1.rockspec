rockspec_format = "3.0"
package = "httpclient"
version = "0.1.0-1"
source = {
  url = ".",
}
description = {
  summary = "A non-blocking HTTP/1.1 client with TLS: the HTTPClient of the Godot engine for Lua",
  detailed = [[
A C core with a Lua binding: name resolution, connection, proxy tunnel, TLS handshake, upload and download all advance in
poll(), so that a game's frame is never held up. Both call forms of the engine line (3.x and 4.3) work.]],
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = {
  OPENSSL = { header = "openssl/ssl.h" },
  ZLIB = { header = "zlib.h" },
}
build = {
  type = "builtin",
  modules = {
    ["httpclient.core"] = {
      sources = {
        "core/body.c",
        "core/buffer.c",
        "core/chars.c",
        "core/chunked.c",
        "core/client.c",
        "core/client_connect.c",
        "core/client_receive.c",
        "core/client_send.c",
        "core/client_wait.c",
        "core/connector.c",
        "core/error.c",
        "core/file_posix.c",
        "core/headers.c",
        "core/inflate.c",
        "core/memory.c",
        "core/poller.c",
        "core/poller_backend.c",
        "core/request.c",
        "core/resolver.c",
        "core/response.c",
        "core/socket_posix.c",
        "core/socket_wait_posix.c",
        "core/stream_peer.c",
        "core/stream_peer_tcp.c",
        "core/stream_peer_tls.c",
        "core/tls_bio.c",
        "core/tls_certificate.c",
        "core/tls_context.c",
        "core/tls_failure.c",
        "core/tls_handshake.c",
        "core/tls_ocsp.c",
        "core/tls_options.c",
        "core/tls_session.c",
        "core/tls_verify.c",
        "core/uri.c",
        "core/x509.c",
        "core/x509_file.c",
        "bindings/binding.c",
        "bindings/compat.c",
        "bindings/enums.c",
        "bindings/http_client.c",
        "bindings/http_client_exchange.c",
        "bindings/http_client_facts.c",
        "bindings/http_client_wait.c",
        "bindings/inflater.c",
        "bindings/module.c",
        "bindings/poller.c",
        "bindings/query_string.c",
        "bindings/stream_peer.c",
        "bindings/stream_peer_class.c",
        "bindings/stream_peer_lua.c",
        "bindings/tls_options.c",
        "bindings/x509.c",
      },
      defines = {
        "_POSIX_C_SOURCE=200809L",
        "_DEFAULT_SOURCE",
        "OPENSSL_NO_DEPRECATED",
        "OPENSSL_API_COMPAT=0x30000000L",
      },
      libraries = { "ssl", "crypto", "z", "pthread" },
      incdirs = { "$(OPENSSL_INCDIR)", "$(ZLIB_INCDIR)" },
      libdirs = { "$(OPENSSL_LIBDIR)", "$(ZLIB_LIBDIR)" },
    },
    ["httpclient"] = "lua/httpclient/init.lua",
    ["httpclient.proxy"] = "lua/httpclient/proxy.lua",
    ["httpclient.redirect"] = "lua/httpclient/redirect.lua",
    ["httpclient.url"] = "lua/httpclient/url.lua",
  },
}
