# windows-common.sh: what windows-test and windows-test-specs share, for `.` of bash. Stands on $build and $work.

lua_of() {
  case $1 in luajit) echo "$build/deps/luajit/luajit.exe" ;; *) echo "$build/deps/$1/lua.exe" ;; esac
}
abi_of() { case $1 in lua54*) echo 5.4 ;; lua51) echo 5.1 ;; *) echo luajit ;; esac; }

# make_interpreters LUA...: $build/run/LUA, what looks like an interpreter of this system, with the module, and busted's
# Lua files, which are this system's. Lua 5.4 has luv, LuaSocket and copas, too.
make_interpreters() {
  mkdir -p "$build/run"
  for lua; do
    abi=$(abi_of "$lua")
    shared=/usr/share/lua/$([ "$abi" = 5.4 ] && echo 5.4 || echo 5.1)
    printf %s "$abi" >"$build/run/$lua.abi"
    loops=
    [ $lua != lua54 ] || loops="$build/deps/loops/?.dll"
    cat >"$build/run/$lua" <<END
#!/bin/sh
export LUA_PATH="\${LUA_PATH:-$root/lua/?.lua;$root/lua/?/init.lua;;};$shared/?.lua;$shared/?/init.lua;/usr/share/lua/5.1/?.lua"
export LUA_CPATH='$build/$abi/?.dll;$loops'
# wine's server is found by TMPDIR, and is nobody's child. Names of files come from the locale's encoding.
unset SPEC_JOB
export LC_ALL=C.UTF-8
export SPEC_TMPDIR="\$TMPDIR" TMPDIR='$work'
exec '$WINE' '$(lua_of "$lua")' "\$@"
END
    chmod +x "$build/run/$lua"
  done
}

# --- nginx, on the system below: on the ports $plain and $secure, with an authority of its own in $work/ca.pem

free_port() {
  python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
start_nginx() {
  plain=$(free_port) secure=$(free_port)
  mkdir -p "$work/www" "$work/tmp"
  chmod 755 "$work"
  python3 -c 'print("0123456789abcdef" * 65536, end="")' >"$work/www/big"
  printf small >"$work/www/small"
  chmod -R a+rwX "$work/www"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$work/key.pem" -out "$work/request.pem" 2>/dev/null
  openssl x509 -req -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo subjectAltName=DNS:localhost) -out "$work/cert.pem" 2>/dev/null
  cat >"$work/nginx.conf" <<END
  pid $work/nginx.pid; error_log $work/error.log; user root;
  events { worker_connections 4096; }
  http {
    access_log off; client_body_temp_path $work/tmp; proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp;
    uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp; client_max_body_size 8m; keepalive_timeout 5;
    server {
      listen 127.0.0.1:$plain backlog=2048; listen 127.0.0.1:$secure ssl http2;
      ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
      root $work/www; dav_methods PUT;
      location /slow { root $work; rewrite ^ /www/big break; limit_rate_after 600k; limit_rate 1k; }
    }
  }
END
  nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log"
}
