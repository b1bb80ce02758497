"""How fast the function starts and answers, and what it weighs, against two baselines in the same run.

Runs three bootstraps in turn under Lambda's runtime interface emulator, each cold start a process of its own:
`bare` (the least that lambda_http makes), `smallest` (the least that makes one DynamoDB query, with every feature at
its default) and past-rooms. DynamoDB is the local run's. Prints the figures, their ratios, and the project's goals.

usage: startup.py BARE SMALLEST PAST_ROOMS LOCAL_RUN [--cold N] [--warm N] [--requests N]
"""

import argparse
import hashlib
import hmac
import io
import json
import pathlib
import statistics
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "e2e"))

from emulator import Function  # noqa: E402
from local import EVENTS, function_environment, local_run  # noqa: E402


def event():
    """A signed request for the first page of one room: 20 sessions."""
    event = json.loads((EVENTS / "http-api.json").read_text())
    secret = json.loads((EVENTS / "env.json").read_text())["Function"]["API_SECRET"]
    event["body"] = '{"room_ids":["room01"],"limit":20}'
    event["headers"]["hash-signature"] = hmac.new(secret.encode(), event["body"].encode(), hashlib.sha256).hexdigest()
    return json.dumps(event).encode()


def cold_start(bootstrap, local, event):
    """Milliseconds of initialisation, and of the first request with it."""
    with Function(bootstrap, function_environment(local)) as function:
        answer, report = function.invoke(event), function.report()
        assert json.loads(answer)["statusCode"] == 200, answer
        return report["init"], report["init"] + report["invoke"]


def warm_requests(function, event, count):
    """Milliseconds of each of some requests."""
    times = []
    for _ in range(count):
        function.invoke(event)
        times.append(function.report()["invoke"])
    return times


def peak_megabytes(function):
    """The most memory that the bootstrap's process ever held."""
    peaks = []
    for process in function.process_ids():
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    return max(peaks)


def zipped_megabytes(bootstrap):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.write(bootstrap, "bootstrap")
    return len(archive.getvalue()) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bare", "smallest", "past_rooms", "local_run"):
        parser.add_argument(name)
    parser.add_argument("--cold", type=int, default=30, help="cold starts of each (30)")
    parser.add_argument("--warm", type=int, default=1000, help="warm requests of each (1000)")
    parser.add_argument("--requests", type=int, default=10_000, help="requests of the memory test (10000)")
    arguments = parser.parse_args()
    functions = {"bare": arguments.bare, "smallest": arguments.smallest, "past-rooms": arguments.past_rooms}
    request = event()
    with local_run(arguments.local_run) as local:
        cold = {name: [] for name in functions}
        for number in range(arguments.cold):
            print(f"\rcold start {number + 1} of {arguments.cold}", end="", file=sys.stderr, flush=True)
            for name, bootstrap in functions.items():
                cold[name].append(cold_start(bootstrap, local, request))
        running = {name: Function(bootstrap, function_environment(local)) for name, bootstrap in functions.items()}
        warm = {name: [] for name in functions}
        for part in range(10):
            print(f"\rwarm requests, part {part + 1} of 10 ", end="", file=sys.stderr, flush=True)
            for name, function in running.items():
                warm[name] += warm_requests(function, request, arguments.warm // 10)
        memory = []
        for part in range(10):
            print(f"\rmemory, part {part + 1} of 10        ", end="", file=sys.stderr, flush=True)
            warm_requests(running["past-rooms"], request, arguments.requests // 10)
            memory.append(peak_megabytes(running["past-rooms"]))
        print("\r\x1b[K", end="", file=sys.stderr)
        for function in running.values():
            function.stop()

    figures = {
        name: {
            "init": statistics.median(init for init, _ in cold[name]),
            "first": statistics.median(first for _, first in cold[name]),
            "warm": statistics.median(warm[name]),
            "binary": pathlib.Path(bootstrap).stat().st_size / 1e6,
            "zipped": zipped_megabytes(bootstrap),
        }
        for name, bootstrap in functions.items()
    }
    print("| function | initialisation | first request, with it | warm request | binary | zipped |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, of in figures.items():
        print(
            f"| {name} | {of['init']:.2f} ms | {of['first']:.2f} ms | {of['warm']:.2f} ms "
            f"| {of['binary']:.1f} MB | {of['zipped']:.1f} MB |"
        )
    ours, bare, smallest = figures["past-rooms"], figures["bare"], figures["smallest"]
    goals = [
        ("initialisation / bare's", ours["init"] / bare["init"], 2.0),
        ("first request, with initialisation / smallest's", ours["first"] / smallest["first"], 1.5),
        ("warm request / smallest's", ours["warm"] / smallest["warm"], 1.2),
        ("binary, MB", ours["binary"], 8.0),
        ("zipped, MB", ours["zipped"], 3.5),
        (f"peak memory after {arguments.requests} requests, MB", memory[-1], 20.0),
        ("peak memory after all of them / after a tenth", memory[-1] / memory[0], 1.1),
    ]
    print("\n| goal | at most | measured | |\n| --- | ---: | ---: | --- |")
    for what, measured, bound in goals:
        print(f"| {what} | {bound} | {measured:.2f} | {'reached' if measured <= bound else 'MISSED'} |")
    sys.exit(0 if all(measured <= bound for _, measured, bound in goals) else 1)


main()
