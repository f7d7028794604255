-- What no proxy should say to CONNECT: { what it is, the bytes, what the message must say of it (or nil) }.
return {
  { "zero bytes", ("\0"):rep(100) },
  { "a banner", "SSH-2.0-OpenSSH_9.6\r\n" },
  { "another version", "HTTP/2 200\r\n\r\n" },
  { "a status of two digits", "HTTP/1.1 20 OK\r\n\r\n" },
  { "a field without colon", "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n" },
  { "a NUL in a field", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n" },
  { "white space before the first field", "HTTP/1.1 200 OK\r\n X: a\r\n\r\n" },
  { "a TLS alert", "\21\3\3\0\2\2\40" },
  { "HTML", "<html><body>login</body></html>" },
  { "a refusal", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407" },
  { "a redirect", "HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n", "302" },
  { "a 101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "101" },
  { "an end at once", "" },
  { "an end inside the head", "HTTP/1.1 200 OK\r\nVia: x" },
  { "an end after a 100", "HTTP/1.1 100 Continue\r\n\r\n" },
}
