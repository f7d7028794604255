"""The workloads of the Lua half with Python's httpx: `with_httpx.py workload key=value ...`, one line of JSON."""
import asyncio
import json
import resource
import sys
import time

import httpx

QUESTION = {"id": 17, "text": "what is measured", "tags": ["a", "b"]}


def parse(arguments):
    options = dict(argument.split("=", 1) for argument in arguments[1:])
    options["url"] = "http://127.0.0.1:%s%s" % (options["port"], options["path"])
    return arguments[0], options


def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime, used.ru_stime, time.monotonic(), used.ru_maxrss


def check(response):
    if response.status_code != 200:
        sys.exit("status %d" % response.status_code)
    return response


def fetch(client, url):
    return len(check(client.get(url)).content)


def fetch_stream(client, url):
    with client.stream("GET", url) as response:
        return sum(len(piece) for piece in check(response).iter_bytes())


def fetch_json(client, url):
    response = check(client.post(url, json=QUESTION))
    if response.json()["name"] != "bench":
        sys.exit("not the JSON expected")
    return len(response.content)


ONE_BY_ONE = {"fetch": fetch, "fetch_stream": fetch_stream, "fetch_session": fetch, "fetch_json": fetch_json}


def repeat(once, client, url, count):
    return sum(once(client, url) for _ in range(count))


async def run_tasks(client, url, count, at_a_time):
    left, total = count, 0

    async def work():
        nonlocal left, total
        while left > 0:
            left -= 1
            total += len(check(await client.get(url)).content)

    await asyncio.gather(*(work() for _ in range(at_a_time)))
    return total


async def measure_tasks(url, count, at_a_time):
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        await run_tasks(client, url, at_a_time, at_a_time)
        before = usage()
        total = await run_tasks(client, url, count, at_a_time)
        return before, total, usage()


def main():
    workload, options = parse(sys.argv[1:])
    count, url = int(options["count"]), options["url"]
    if workload == "fetch_tasks":
        before, total, after = asyncio.run(measure_tasks(url, count, int(options["connections"])))
    else:
        once, client = ONE_BY_ONE[workload], httpx.Client(trust_env=False)
        once(client, url)
        before = usage()
        total = repeat(once, client, url, count)
        after = usage()
    user, system, wall = (after[i] - before[i] for i in range(3))
    print(json.dumps({"driver": "httpx", "workload": workload, "ops": count, "cpu": user + system, "user": user,
        "sys": system, "wall": wall, "bytes": total, "maxrss": after[3]}, separators=(",", ":")))


main()
