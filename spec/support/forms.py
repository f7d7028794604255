# A server that tells what it makes of a form of many parts: forms.py flask|aiohttp PORT. The answer is JSON, an array of
# [name, filename or null, type or null, size, content as hex or its SHA-256 when it is long] in the order of the parts.
import hashlib
import json
import sys


def shown(name, filename, kind, data):
    content = data.hex() if len(data) < 5000 else hashlib.sha256(data).hexdigest()
    return [name, filename, kind, len(data), content]


def flask(port):
    from flask import Flask, request, redirect
    app = Flask("forms")

    @app.route("/form", methods=["POST"])
    def form():
        parts = [shown(k, None, None, v.encode("utf-8", "surrogateescape"))
                 for k, v in request.form.items(multi=True)]
        parts += [shown(k, v.filename, v.content_type, v.read())
                  for k, v in request.files.items(multi=True)]
        return json.dumps(parts)

    @app.route("/moved", methods=["POST"])
    def moved():
        request.get_data()
        return redirect("/form", code=307)

    from werkzeug.serving import make_server
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


def aiohttp(port):
    from aiohttp import web

    async def form(request):
        parts = []
        reader = await request.multipart()
        async for part in reader:
            data = await part.read()
            parts.append(shown(part.name, part.filename, part.headers.get("Content-Type"), bytes(data)))
        return web.json_response(parts)

    app = web.Application(client_max_size=2**30)
    app.router.add_post("/form", form)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


{"flask": flask, "aiohttp": aiohttp}[sys.argv[1]](int(sys.argv[2]))
