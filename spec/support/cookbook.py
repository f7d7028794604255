# What the scripts of examples/cookbook talk to: cookbook.py PORT SOCKET FOLDER. An API as many are: it remembers who has
# logged in, is too busy now and then, has pages, sends events, and checks signatures. SOCKET: the path of a Unix socket
# with the same; FOLDER: whose files are at /files.
import asyncio
import hashlib
import hmac
import json
import sys

from aiohttp import BasicAuth, web

routes = web.RouteTableDef()
counts = {}
ITEMS = [{"id": n, "name": name} for n, name in enumerate(["lua", "luajit", "moon", "sol"], 1)]
REALM, NONCE = "the library", "7ypf/xlj9XXwfDPEoM4URrv"


def count(request):
    key = request.path_qs + request.headers.get("X-Run", "")
    counts[key] = counts.get(key, 0) + 1
    return counts[key]


@routes.get("/items")
async def items(request):
    wanted = request.query.get("q", "")
    return web.json_response([item for item in ITEMS if wanted in item["name"]])


@routes.post("/items")
async def add_item(request):
    item = await request.json()
    return web.json_response({"id": 5, **item}, status=201)


@routes.post("/form")
async def form(request):
    fields = await request.post()
    return web.Response(text="".join(f"{k}={v}\n" for k, v in fields.items()))


@routes.post("/login")
async def login(request):
    fields = await request.post()
    if fields.get("password") != "secret":
        return web.Response(status=403, text="no\n")
    answer = web.Response(status=303, headers={"Location": "/account"})
    answer.set_cookie("sid", fields["user"], httponly=True, max_age=3600)
    return answer


@routes.get("/account")
async def account(request):
    user = request.cookies.get("sid")
    return web.Response(text=f"hello {user}\n" if user else "who are you?\n")


@routes.post("/upload")
async def upload(request):
    fields, lines = await request.post(), []
    for name, value in fields.items():
        if isinstance(value, web.FileField):
            value = f"{value.filename} {value.content_type} {len(value.file.read())} bytes"
        lines.append(f"{name}: {value}\n")
    return web.Response(text="".join(lines))


@routes.put("/store/{name}")
async def store(request):
    body = await request.read()
    return web.Response(status=201, text=f"{request.match_info['name']}: {len(body)} bytes\n")


@routes.put("/signed/{name}")
async def signed(request):
    body = await request.read()
    expected = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    same = hmac.compare_digest(request.headers.get("X-Signature", ""), expected)
    return web.Response(status=204 if same else 403)


@routes.get("/busy")
async def busy(request):
    if count(request) < 3:
        return web.Response(status=503, headers={"Retry-After": "0"})
    return web.Response(text="at last\n")


@routes.get("/digest")
async def digest(request):
    given = request.headers.get("Authorization", "")
    if given.startswith("Digest "):
        parts = (part.strip().partition("=") for part in given[7:].split(","))
        got = {name: value.strip('"') for name, _, value in parts}

        def h(*words):
            return hashlib.sha256(":".join(words).encode()).hexdigest()
        one, two = h("ada", REALM, "secret"), h("GET", "/digest")
        if got["response"] == h(one, NONCE, got["nc"], got["cnonce"], "auth", two):
            return web.Response(text="welcome\n")
    return web.Response(status=401, headers={
        "WWW-Authenticate": f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=SHA-256'})


@routes.get("/basic")
async def basic(request):
    same = request.headers.get("Authorization") == BasicAuth("ada", "secret").encode()
    return web.Response(text="welcome\n") if same else web.Response(status=401)


@routes.post("/token")
async def token(request):
    fields = await request.post()
    same = request.headers.get("Authorization") == BasicAuth("id", "secret").encode()
    if not same or fields.get("grant_type") != "client_credentials":
        return web.json_response({"error": "invalid_client"}, status=401)
    return web.json_response({"access_token": f"token{count(request)}", "expires_in": 60})


@routes.get("/private")
async def private(request):
    given = request.headers.get("Authorization", "")
    fresh = given.startswith("Bearer token")
    return web.Response(text="for your eyes\n") if fresh else web.Response(status=401)


async def event_stream(request, texts):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for text in texts:
        await answer.write(text.encode())
    return answer


@routes.get("/events")
async def events(request):
    last = int(request.headers.get("Last-Event-ID", 0))
    if last >= 4:
        return web.Response(status=204)
    return await event_stream(request, ["retry: 10\n\n"] + [
        f"event: tick\nid: {n}\ndata: number {n}\n\n" for n in (last + 1, last + 2)])


@routes.post("/chat")
async def chat(request):
    question = await request.json()
    words = ["You", " said", ": ", question["messages"][0]["content"], "\n"]
    return await event_stream(request, [
        "data: " + json.dumps({"choices": [{"delta": {"content": word}}]}) + "\n\n"
        for word in words] + ["data: [DONE]\n\n"])


@routes.get("/containers/json")
async def containers(request):
    return web.json_response([{"Names": ["/web"], "State": "running"},
                              {"Names": ["/db"], "State": "exited"}])


@routes.get("/pages")
async def pages(request):
    page = int(request.query.get("page", 1))
    links = {"Link": f'</pages?page={page + 1}>; rel="next"'} if page < 3 else {}
    return web.json_response([{"name": f"item {page}.{n}"} for n in (1, 2)], headers=links)


@routes.get("/cursor")
async def cursor(request):
    at = int(request.query.get("cursor", 0))
    more = {"next": str(at + 1)} if at < 2 else {}
    return web.json_response({"items": [f"item {at}"], **more})


@routes.get("/site/{page:.*}")
async def site(request):
    links = {"": ["a", "http://[bad", "b", "#top"], "a": ["/site/b", "c"], "b": ["a", "d#part"],
             "c": ["missing"], "d": []}
    page = request.match_info["page"]
    if page not in links:
        return web.Response(status=404)
    text = "".join(f'<a href="{link}">link</a>\n' for link in links[page])
    return web.Response(text=text, content_type="text/html")


@routes.get("/log.ndjson")
async def log(request):
    lines = [json.dumps({"level": level, "text": text}) for level, text in
             [("info", "started"), ("error", "no disk"), ("info", "stopped")]]
    return await event_stream(request, [lines[0] + "\n" + lines[1][:9], lines[1][9:] + "\n",
                                        lines[2] + "\n"])


@routes.get("/endless")
async def endless(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    number = 0
    while True:
        number += 1
        await answer.write(f"line {number}\n".encode())
        await asyncio.sleep(0)


@routes.get("/document")
async def document(request):
    if request.headers.get("If-None-Match") == '"v1"':
        return web.Response(status=304, headers={"ETag": '"v1"'})
    return web.Response(text="the document\n", headers={"ETag": '"v1"'})


@routes.get("/s/abc")
async def short(request):
    return web.Response(status=301, headers={"Location": "/s/def"})


@routes.get("/s/def")
async def shorter(request):
    return web.Response(status=302, headers={"Location": "/document"})


@routes.post("/jobs")
async def jobs(request):
    return web.Response(status=202, headers={"Location": f"/jobs/{count(request)}"})


@routes.get("/jobs/{number}")
async def job(request):
    return web.json_response({"state": "done" if count(request) > 2 else "running"},
                             headers={"Retry-After": "0"})


@routes.post("/graphql")
async def graphql(request):
    asked = await request.json()
    return web.json_response({"data": {"user": {"name": "Ada " + asked["variables"]["id"]}}})


@routes.get("/slow/{seconds}")
async def slow(request):
    await asyncio.sleep(float(request.match_info["seconds"]))
    return web.Response(text="slow\n")


@routes.get("/headers")
async def headers(request):
    return web.json_response(dict(request.headers))


async def main(port, socket, folder):
    app = web.Application(client_max_size=2**30)
    app.add_routes(routes)
    app.router.add_static("/files", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, socket).start()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
