# A server that tells what it has been asked: echo.py PORT SOCKET. The answer is JSON: method, path, query, headers (names
# in lower case), body. What stands in the path comes first: /busy/KEY/ a 503, once for each key; /moved/ a 307; /cookie/
# sets one; /cut/KEY/ an answer that is cut off, once. Each of them tells as well. SOCKET: the path of a Unix socket with
# the same.
import asyncio
import json
import sys

from aiohttp import web

seen = set()


def first_time(key):
    is_first = key not in seen
    seen.add(key)
    return is_first


async def cut(request, text):
    answer = web.StreamResponse(headers={"Content-Length": str(len(text) + 5)})
    await answer.prepare(request)
    await answer.write(text.encode())
    request.transport.close()
    return answer


async def handle(request):
    body, query = await request.read(), request.raw_path.partition("?")[2]
    text = json.dumps({
        "method": request.method, "path": request.path, "query": query,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": body.decode("latin-1")})
    parts, status, headers = request.path.strip("/").split("/"), 200, {}
    if parts[0] == "busy" and first_time("/".join(parts[:2])):
        return web.Response(status=503, text=text)
    if parts[0] == "cut" and first_time("/".join(parts[:2])):
        return await cut(request, text)
    if "cookie" in parts:
        headers["Set-Cookie"] = "set=1; Path=/"
    if "moved" in parts:
        status = 307
        headers["Location"] = "/echo" + ("?" + query if query else "")
    return web.Response(status=status, text=text, headers=headers,
                        content_type="application/json")


async def main(port, socket):
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, socket).start()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
