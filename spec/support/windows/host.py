#!/usr/bin/env python3
"""host.py COMMAND...: runs the command, a spec under wine, and starts programs of the system below wine for it.

SPEC_HOST tells the command the port of 127.0.0.1 at which it is listened. Each connection is one process: a message is a
list of byte strings, as "N\\n" and then, N times, "SIZE\\n" and the bytes. What is asked is the first of them, see `Job`;
each is answered by one message. A process ends with its connection, and all of them with the command.

A spec says once that it has begun (see process.lua). Where it ended before that and in failure, wine has broken off: it
is run once more.
"""
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time


class Job:
    def __init__(self, stream):
        self.stream = stream
        self.process = None

    def receive(self):
        count = self.stream.readline()
        return [self.stream.read(int(self.stream.readline())) for _ in range(int(count))] if count else None

    def answer(self, *items):
        parts = [b"%d\n" % len(items)]
        for item in items:
            item = item if isinstance(item, bytes) else str(item).encode()
            parts += [b"%d\n" % len(item), item]
        self.stream.write(b"".join(parts))
        self.stream.flush()

    def run(self):
        try:
            while True:
                message = self.receive()
                if not message:
                    break
                getattr(self, "do_" + message[0].decode())(*message[1:])
        except (OSError, ValueError):
            pass
        finally:
            self.end()

    def end(self):
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass

    # --- what can be asked

    def do_begun(self):
        self.answer("ok")

    def do_spawn(self, count, *rest):
        count = int(count)
        argv, streams, settings = rest[:count], rest[count:count + 3], rest[count + 3:]
        environment = dict(os.environb)
        for name, kind, value in zip(settings[::3], settings[1::3], settings[2::3]):
            environment.pop(name, None)
            if kind == b"=":
                environment[name] = value
        opened = []

        def stream_of(how, mode):
            if how == b"pipe":
                return subprocess.PIPE
            if how == b"inherit":
                return None
            if how == b"stdout":
                return subprocess.STDOUT
            opened.append(open(how or b"/dev/null", mode))
            return opened[-1]

        try:
            self.process = subprocess.Popen(
                argv, bufsize=0, env=environment, stdin=stream_of(streams[0], "rb"),
                stdout=stream_of(streams[1], "wb"), stderr=stream_of(streams[2], "wb"))
            self.answer("ok", self.process.pid)
        except OSError as error:
            self.answer("fail", error.strerror)
        for file in opened:
            file.close()

    def do_wait(self, seconds):
        try:
            self.answer("code", self.process.wait(float(seconds)))
        except subprocess.TimeoutExpired:
            self.answer("timeout")

    def do_running(self):
        self.answer(1 if self.process.poll() is None else 0)

    def do_kill(self, number):
        if self.process.poll() is None:
            self.process.send_signal(int(number))
            self.answer(1)
        else:
            self.answer(0)

    def do_read(self, seconds):
        out = self.process.stdout
        if not out:
            self.answer("none")
        elif select.select([out], [], [], float(seconds))[0]:
            self.answer("data", os.read(out.fileno(), 65536))
        else:
            self.answer("timeout")

    def do_write(self, data, seconds):
        until, into = time.monotonic() + float(seconds), self.process.stdin
        if not into:
            return self.answer("closed")
        os.set_blocking(into.fileno(), False)
        data = memoryview(data)
        while data:
            if not select.select([], [into], [], max(0, until - time.monotonic()))[1]:
                return self.answer("timeout")
            try:
                data = data[os.write(into.fileno(), data):]
            except BlockingIOError:
                pass
            except OSError:
                return self.answer("closed")
        return self.answer("ok")

    def do_close_stdin(self):
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None
        self.answer("ok")


class Host:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.threads = []

    def port(self):
        return self.listener.getsockname()[1]

    def serve(self, connection):
        with connection, connection.makefile("rwb") as stream:
            Job(stream).run()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()

    def wait(self, seconds):
        until = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0, until - time.monotonic()))


def main():
    if "SPEC_HOST" in os.environ:
        os.execvp(sys.argv[1], sys.argv[1:])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    host = Host()
    host.start()
    environment = dict(os.environ, SPEC_HOST=str(host.port()))
    is_spec = "spec/support/run.lua" in sys.argv
    # Shown if the spec fails. Of other programs, which specs start, the output is compared.
    if is_spec:
        environment["WINEDEBUG"] = "err+all,fixme-all"
    code = subprocess.call(sys.argv[1:], env=environment)
    if is_spec and code != 0 and not host.threads:
        print("note: ended with status %d before it began; run once more" % code, flush=True)
        code = subprocess.call(sys.argv[1:], env=environment)
    host.wait(5)
    sys.exit(code if code >= 0 else 128 - code)


main()
