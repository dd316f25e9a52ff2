"""Faults: damaged checkpoints, kills, full disks, outputs that cannot be written, strange surroundings.

    python tests/faults/campaign.py [--package FOLDER] [--scale N]

Every kind yields cases (name, complaint), the complaint "" where all went as it should. What should hold:

- the command ends with status 0, 2, 130 or 141, without a traceback, and says in one line why it refuses;
- what it refuses it refuses before any work, and every file is then as it was;
- a file is whole, old or new; no temporary file is left, but by SIGKILL;
- a checkpoint gives the stages that were written, or ValueError with its name; a run that was killed and goes
  on ends in the same numbers.

The tests run a small share of every kind, `make faults` all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
CAN_BE_NOBODY = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("setpriv") is not None


def environment(package, **more):
    return {**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "ignore", **more}


def command(package, folder, arguments, *, stdout=None, nobody=False, limit=None, **variables):
    """Status, standard error, and whether work was done."""
    worked = folder.parent / f"{folder.name}.worked"
    worked.unlink(missing_ok=True)
    if nobody:  # it cannot make the marker's folder its own
        worked.parent.chmod(0o777)
        variables.setdefault("NUMBA_CACHE_DIR", str(folder.parent / "cache"))
        variables.setdefault("MPLCONFIGDIR", str(folder.parent / "cache"))

    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*(NOBODY if nobody else []), sys.executable, HERE / "command.py", *map(str, arguments)],
        cwd=folder,
        env=environment(package, WORKED=str(worked), **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.PIPE,
        preexec_fn=limited,
        timeout=120,
    )
    return done.returncode, done.stderr.decode(errors="replace"), worked.exists()


def snapshot(folder):
    """Every entry's kind, mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[str(path.relative_to(folder))] = (status.st_mode, content)
    return found


def is_json(path):
    with contextlib.suppress(ValueError, OSError):
        return bool(json.loads(path.read_text(), parse_constant=int))
    return False


def is_png(path):
    content = path.read_bytes()
    return content[:8] == b"\x89PNG\r\n\x1a\n" and content[-8:-4] == b"IEND"


# Each case: name, what is there before, options, expected status, more of the check.
OLD = b"old"
REGRESSION, TOY = ["study", "regression"], ["study", "toy"]


def output_cases():
    """(name, prepare(folder), arguments, options of `command`, expected status, check(folder) or None)."""

    def old(*names):
        def prepare(folder):
            for name in names:
                (folder / name).write_bytes(OLD)

        return prepare

    def link(name, target):
        return lambda folder: (folder / name).symlink_to(target)

    def both(*actions):
        return lambda folder: [action(folder) for action in actions]

    def mode(name, bits):
        return lambda folder: (folder / name).chmod(bits)

    def mkdir(name, bits=0o755):
        def prepare(folder):
            (folder / name).mkdir()
            (folder / name).chmod(bits)

        return prepare

    def unix_socket(folder):
        with socket.socket(socket.AF_UNIX) as one:
            here = os.getcwd()
            os.chdir(folder)  # paths of sockets are short
            one.bind("s")
            os.chdir(here)

    nothing = lambda folder: None  # noqa: E731
    long, force = "n" * 300 + ".json", "--force"
    yes = {"a.json": is_json}
    cases = [
        ("new json", nothing, [*TOY, "--json", "a.json"], {}, 0, yes),
        ("new json in a new folder", nothing, [*TOY, "--json", "x/y/a.json"], {}, 0, {"x/y/a.json": is_json}),
        ("spaces and accents", nothing, [*TOY, "--json", "ä ö\n.json"], {}, 0, {"ä ö\n.json": is_json}),
        ("bytes that are no text", nothing, [*TOY, "--json", os.fsdecode(b"\xff.json")], {}, 0, {}),
        ("a dash in front", nothing, [*TOY, "--json=-a.json"], {}, 0, {"-a.json": is_json}),
        ("250 characters", nothing, [*TOY, "--json", "n" * 250], {}, 0, {"n" * 250: is_json}),
        ("300 characters", nothing, [*TOY, "--json", long], {}, 2, {}),
        ("a path of 5000 characters", nothing, [*TOY, "--json", "x/" * 2500 + "a"], {}, 2, {}),
        ("an empty name", nothing, [*TOY, "--json", ""], {}, 2, {}),
        ("a trailing slash", nothing, [*TOY, "--json", "x/"], {}, 2, {}),
        ("a folder", mkdir("d"), [*TOY, "--json", "d", force], {}, 2, {}),
        ("a file as a folder", old("f"), [*TOY, "--json", "f/a.json", force], {}, 2, {}),
        ("existing", old("a.json"), [*TOY, "--json", "a.json"], {}, 2, {}),
        ("existing, forced", old("a.json"), [*TOY, "--json", "a.json", force], {}, 0, yes),
        ("a named pipe", lambda f: os.mkfifo(f / "p"), [*TOY, "--json", "p", force], {}, 2, {}),
        ("a socket", unix_socket, [*TOY, "--json", "s", force], {}, 2, {}),
        ("/dev/full", link("a.json", "/dev/full"), [*TOY, "--json", "a.json", force], {}, 2, {}),
        ("/dev/null", link("a.json", "/dev/null"), [*TOY, "--json", "a.json", force], {}, 2, {}),
        ("/dev/stdout", link("a.json", "/dev/stdout"), [*TOY, "--json", "a.json", force], {}, 2, {}),
        ("links in a circle", both(link("a", "b"), link("b", "a")), [*TOY, "--json", "a", force], {}, 2, {}),
        ("json over itself", nothing, [*REGRESSION, "--json", "s.png", "--figure", "s.png"], {}, 2, {}),
        (
            "another case",
            nothing,
            [*REGRESSION, "--json", "S.png", "--figure", "s.png"],
            {},
            2,
            {},
        ),
        (
            "another spelling",
            mkdir("d"),
            [*REGRESSION, "--json", "d/../s.png", "--figure", "s.png"],
            {},
            2,
            {},
        ),
        (
            "a link to the other",
            link("a.json", "s.png"),
            [*REGRESSION, "--json", "a.json", "--figure", "s.png", force],
            {},
            2,
            {},
        ),
        (
            "a hard link to the other",
            both(old("s.png"), lambda f: os.link(f / "s.png", f / "a.json")),
            [*REGRESSION, "--json", "a.json", "--figure", "s.png", force],
            {},
            2,
            {},
        ),
        (
            "both",
            nothing,
            [*REGRESSION, "--json", "a.json", "--figure", "a.png"],
            {},
            0,
            {"a.json": is_json, "a.png": is_png},
        ),
        ("NaN in a record", nothing, [*TOY, "--json", "a.json"], {"FIRST": "nan"}, 0, yes),
        ("a figure of another kind", nothing, [*REGRESSION, "--figure", "a.svg"], {}, 2, {}),
        ("samples 0", nothing, ["study", "complementarity", "--quick", "--samples", "0"], {}, 2, {}),
        ("function twice", nothing, ["study", "functions", "--names", "peak", "peak"], {}, 2, {}),
        ("row twice", nothing, ["study", "burgers", "--rows", "spline-fine", "spline-fine"], {}, 2, {}),
        (
            "a figure of rows that it does not show",
            nothing,
            [*REGRESSION, "--rows", "mlp-5", "--figure", "a.png"],
            {},
            2,
            {},
        ),
        ("seeds that are ignored", nothing, ["figure", "2b", "--seeds", "99"], {}, 2, {}),
        ("rows that are ignored", nothing, ["figure", "2b", "--rows", "nope"], {}, 2, {}),
        ("a setting that is ignored", nothing, ["figure", "2b", "--full"], {}, 2, {}),
        ("checkpoints that are ignored", nothing, ["figure", "2b", "--checkpoint", "x"], {}, 2, {}),
        ("no figure", nothing, ["figure", "--rows", "nope"], {}, 2, {}),
        ("a figure", nothing, ["figure", "2b"], {}, 0, {"2b.png": is_png}),
        (
            "a figure over an old one, disk full",
            old("2b.png"),
            ["figure", "2b", force],
            {"limit": 8192},
            2,
            {"2b.png": lambda p: p.read_bytes() == OLD},
        ),
        (
            "json, disk full",
            old("a.json"),
            [*TOY, "--json", "a.json", force],
            {"limit": 8192},
            2,
            {"a.json": lambda p: p.read_bytes() == OLD},
        ),
        (
            "figure, disk full, json written",
            old("a.png"),
            [*REGRESSION, "--json", "a.json", "--figure", "a.png", force],
            {"limit": 18000},
            2,
            {"a.json": is_json, "a.png": lambda p: p.read_bytes() == OLD},
        ),
        (
            "disk already full",
            old("a.json"),
            [*TOY, "--json", "a.json", force],
            {"limit": 0},
            2,
            {},
        ),
        ("threads: text", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": "abc"}, 2, {}),
        ("threads: a superscript", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": "²"}, 2, {}),
        ("threads: 0", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": "0"}, 2, {}),
        ("threads: very many", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": "1" * 5000}, 2, {}),
        ("threads: 1e9", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": "1000000000"}, 2, {}),
        ("threads: 2", nothing, ["info"], {"SPLINEKAN_NUM_THREADS": " 2 "}, 0, {}),
    ]
    if CAN_BE_NOBODY:
        free = lambda folder: folder.chmod(0o777)  # noqa: E731
        cases += [
            (
                "a folder that cannot be written",
                both(mkdir("d", 0o555), free),
                [*TOY, "--json", "d/a.json"],
                {"nobody": True},
                2,
                {},
            ),
            (
                "a folder in a folder that cannot be written",
                both(mkdir("d", 0o555), free),
                [*TOY, "--json", "d/e/a.json"],
                {"nobody": True},
                2,
                {},
            ),
            (
                "a folder that cannot be searched",
                both(mkdir("d", 0o000), free),
                [*TOY, "--json", "d/a.json"],
                {"nobody": True},
                2,
                {},
            ),
            (
                "a protected file",
                both(old("a.json"), mode("a.json", 0o444), free),
                [*TOY, "--json", "a.json", force],
                {"nobody": True},
                2,
                {},
            ),
            (
                "a figure in a folder that cannot be written",
                both(mkdir("d", 0o555), free),
                ["figure", "2b", "--output", "d/2b.png"],
                {"nobody": True},
                2,
                {},
            ),
        ]
    return cases


def outputs(package, scale):
    """Options and outputs of the command."""
    for name, prepare, arguments, options, expected, checks in output_cases():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "here"
            folder.mkdir()
            os.chmod(place, 0o777)
            execute = functools.partial(command, package, folder)
            yield name, complaint_of(execute, folder, prepare, arguments, options, expected, checks)


def complaint_of(execute, folder, prepare, arguments, options, expected, checks):
    """What is wrong with one of `output_cases`, run by `execute(arguments, **options)` in a folder."""
    prepare(folder)
    before = snapshot(folder)
    status, said, worked = execute(arguments, **options)
    after = snapshot(folder)
    if "Traceback" in said:
        return f"traceback: {said.strip().splitlines()[-1]}"
    if status != expected:
        return f"status {status}, not {expected}"
    late = options.get("limit", 0) > 0
    if expected == 2:
        lines = [line for line in said.splitlines() if line.startswith("splinekan")]
        if len(lines) != 1:
            return f"not one line: {said!r}"
        if worked and not late:
            return "refused after the work"
        if not late and after != before:
            return f"files changed: {sorted(after.items() ^ before.items())[:2]}"
    for path, check in checks.items():
        if not (folder / path).is_file() or not check(folder / path):
            return f"{path} is not as it should be"
    known = set(before) | set(checks) | {str(p) for c in checks for p in Path(c).parents}
    if late and set(after) - known:
        return f"left behind: {sorted(set(after) - known)}"
    return ""


def modes(package, scale):
    """Modes of files, links that stay, and what a broken pipe or a closed stream costs."""
    for umask, wanted in ((0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o000, 0o666)):
        for arguments, name in (([*TOY, "--json", "a.json"], "a.json"), (["figure", "2b"], "2b.png")):
            with tempfile.TemporaryDirectory() as place:
                usual = os.umask(umask)
                try:
                    command(package, Path(place), arguments)
                finally:
                    os.umask(usual)
                found = stat.S_IMODE((Path(place) / name).stat().st_mode)
                yield f"umask {umask:03o}, {name}", "" if found == wanted else f"mode {found:03o}"
    for bits in (0o600, 0o640, 0o664, 0o755):
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "a.json"
            path.write_bytes(OLD)
            path.chmod(bits)
            command(package, Path(place), [*TOY, "--json", "a.json", "--force"])
            found = stat.S_IMODE(path.stat().st_mode)
            whole = is_json(path)
            yield f"mode {bits:03o} stays", "" if found == bits and whole else f"mode {found:03o}"
    for name, arguments, check in (
        ("a.json", [*TOY, "--json", "a.json", "--force"], is_json),
        ("2b.png", ["figure", "2b", "--force"], is_png),
    ):
        for dangling in (False, True):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place) / "here"
                (folder / "store").mkdir(parents=True)
                target = folder / "store" / "target"
                if not dangling:
                    target.write_bytes(OLD)
                (folder / name).symlink_to("store/target")
                command(package, folder, arguments)
                good = (folder / name).is_symlink() and target.exists() and check(target)
                yield f"link {name}, {'dangling' if dangling else 'there'}", "" if good else "not followed"
    yield from _streams(package)


def _streams(package):
    for name, lines in (("a few lines", 3), ("more than a pipe holds", 200_000)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "here"
            folder.mkdir()
            read, write = os.pipe()
            os.close(read)
            arguments = [*REGRESSION, "--json", "a.json", "--figure", "a.png"]
            status, said, _ = command(package, folder, arguments, stdout=write, LINES=str(lines))
            os.close(write)
            kept = (folder / "a.json").exists() and (folder / "a.png").exists()
            good = kept and status == 141 and said == "wrote a.json\nwrote a.png\n"
            yield f"broken pipe, {name}", "" if good else f"{status}, kept: {kept}, {said[-80:]!r}"
    for name, arguments in (("info", ["info"]), ("help", ["study", "--help"]), ("figures", ["figure"])):
        with tempfile.TemporaryDirectory() as place:
            read, write = os.pipe()
            os.close(read)
            status, said, _ = command(package, Path(place), arguments, stdout=write)
            os.close(write)
            yield f"broken pipe, {name}", "" if not said else f"{status}, {said[-80:]!r}"
    with tempfile.TemporaryDirectory() as place, open("/dev/full", "w") as full:
        folder = Path(place) / "here"
        folder.mkdir()
        status, said, _ = command(package, folder, [*TOY, "--json", "a.json"], stdout=full)
        good = status == 2 and is_json(folder / "a.json") and len(said.splitlines()) == 2
        yield "output to a full disk", "" if good else f"{status}, {said[-80:]!r}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "here"
        folder.mkdir()
        (folder / "a.json").write_bytes(OLD)
        with open(folder / "a.json", "a") as same:
            status, _, worked = command(package, folder, [*TOY, "--json", "a.json", "--force"], stdout=same)
        yield "output and json into one file", "" if status == 2 and not worked else f"status {status}"
    for closed in ("<&- >&-", "2>&-"):
        with tempfile.TemporaryDirectory() as place:
            line = f'"{sys.executable}" "{HERE / "command.py"}" study toy --json a.json {closed}'
            done = subprocess.run(
                line,
                shell=True,
                cwd=place,
                env=environment(package, WORKED=place + "/worked"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            good = done.returncode == 0 and is_json(Path(place) / "a.json")
            yield f"closed streams: {closed}", "" if good else f"status {done.returncode}"


class WorkError(Exception):
    """A stage would be computed anew."""


def damages(package, scale):
    """Checkpoints that were changed on purpose and by chance; in this process, of the package imported."""
    sys.path.insert(0, str(HERE))
    import solve

    from splinekan.studies.boundary_value import gauss_newton, study

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wanted = solve.main(folder)

        def work(*_):
            raise WorkError

        gauss_newton.GaussNewtonRun.advance = work
        study.boundary.problem = functools.cache(study.boundary.problem)  # most of the time of a case
        (path,) = folder.glob("*.json")
        good = path.read_bytes()

        def tried(name, content):
            path.write_bytes(content)
            try:
                found = solve.digest(solve.solved(folder))
                complaint = "" if found == wanted else "other numbers"
            except WorkError:
                complaint = "taken for the beginning of a run"
            except ValueError as error:
                complaint = "" if str(path) in str(error) else f"does not name the file: {error}"
            except Exception as error:
                complaint = f"{type(error).__name__}: {str(error)[:60]}"
            if path.read_bytes() != content:
                complaint = complaint or "the file was changed"
            return name, complaint

        for name, content in designed(good):
            yield tried(name, content)
        dice = random.Random(1)
        for number in range(300 * scale):
            yield tried(f"mutation {number}", mutated(good, dice))


def designed(good):
    """Damages of the kinds that were reported: (name, bytes)."""
    record = json.loads(good)

    def changed(change, sealed=True):
        copy = json.loads(good)
        change(copy)
        if sealed and "digest" in copy:  # by someone who knows how files are sealed
            with contextlib.suppress(ImportError, RecursionError, KeyError):
                from splinekan.studies.skeleton.checkpoints import fingerprint

                copy["digest"] = fingerprint({"stages": copy["stages"]})
        return json.dumps(copy).encode()

    def put(value, *keys):
        def change(copy):
            for key in keys[:-1]:
                copy = copy[key]
            copy[keys[-1]] = value

        return change

    def drop(*keys):
        def change(copy):
            for key in keys[:-1]:
                copy = copy[key]
            del copy[keys[-1]]

        return change

    def swap(copy):
        copy["stages"][0], copy["stages"][1] = copy["stages"][1], copy["stages"][0]

    def repeat(copy):
        copy["stages"].append(copy["stages"][-1])

    nan, inf, theta = float("nan"), float("inf"), record["stages"][0]["theta"]
    values = {
        "theta NaN": put([nan, *theta[1:]], "stages", 0, "theta"),
        "theta infinite": put([inf, *theta[1:]], "stages", 0, "theta"),
        "theta short": put(theta[1:], "stages", 0, "theta"),
        "theta long": put([0.0, *theta], "stages", 0, "theta"),
        "theta empty": put([], "stages", 0, "theta"),
        "theta text": put("text", "stages", 0, "theta"),
        "theta of texts": put([str(each) for each in theta], "stages", 0, "theta"),
        "theta nested": put([[each] for each in theta], "stages", 0, "theta"),
        "theta of booleans": put([True] * len(theta), "stages", 0, "theta"),
        "theta null": put(None, "stages", 0, "theta"),
        "theta null inside": put([None, *theta[1:]], "stages", 0, "theta"),
        "theta huge": put([10**400, *theta[1:]], "stages", 0, "theta"),
        "level 9": put(9, "stages", 0, "level"),
        "level -1": put(-1, "stages", 0, "level"),
        "level 0.0": put(0.0, "stages", 0, "level"),
        "level false": put(False, "stages", 0, "level"),
        "intervals": put(99, "stages", 0, "intervals"),
        "parameters": put(1, "stages", 0, "parameters"),
        "error NaN": put(nan, "stages", 0, "error"),
        "error negative": put(-1.0, "stages", 0, "error"),
        "error text": put("0.1", "stages", 0, "error"),
        "loss null": put(None, "stages", 0, "loss"),
        "loss infinite": put(inf, "stages", 0, "loss"),
        "work falls": put(0.0, "stages", 1, "work"),
        "seconds negative": put(-1.0, "stages", 0, "seconds"),
        "stages swapped": swap,
        "a stage too many": repeat,
        "first stage gone": drop("stages", 0),
        "stages {}": put({}, "stages"),
        "stages []": put([], "stages"),
        "stages null": put(None, "stages"),
        "stages text": put("abc", "stages"),
        "stages of lists": put([[]], "stages"),
        "history []": put([], "stages", 0, "history"),
        "history {}": put({}, "stages", 0, "history"),
        "history null": put(None, "stages", 0, "history"),
        "history column short": put([1.0], "stages", 0, "history", "loss"),
        "history column NaN": put([nan] * 30, "stages", 0, "history", "loss"),
        "history column gone": drop("stages", 0, "history", "loss"),
        "history column more": put([1.0], "stages", 0, "history", "gain"),
        "no theta": drop("stages", 0, "theta"),
        "one entry more": put(1, "stages", 0, "more"),
        "no stages": drop("stages"),
        "settings of another run": put("0" * 16, "settings"),
        "settings null": put(None, "settings"),
        "another version": put("0.0.1", "version"),
        "another format": put(2, "format"),
    }
    for name, change in values.items():
        yield name, changed(change)
    yield "a digit of theta", changed(put([theta[0] * (1 + 1e-15), *theta[1:]], "stages", 0, "theta"), False)
    yield "a digit of the error", changed(put(record["stages"][0]["error"] * 2, "stages", 0, "error"), False)
    text = good.decode()
    yield "empty", b""
    yield "spaces", b"  \n"
    yield "null", b"null"
    yield "a list", b"[]"
    yield "a number", b"1"
    yield "an empty object", b"{}"
    yield "cut in the middle", good[: len(good) // 2]
    yield "cut at the end", good[:-1]
    yield "twice", good + good
    yield "deep", b"[" * 100_000 + b"]" * 100_000
    yield "deep inside", text.replace('"stages": [', '"stages": [' + "[" * 50_000, 1).encode()
    yield "binary", bytes(range(256)) * 100
    yield "zeros", bytes(len(good))
    yield "not UTF-8", good.replace(b'"stages"', b'"st\xffges"', 1)
    yield "byte order mark", b"\xef\xbb\xbf" + good
    yield "UTF-16", text.encode("utf-16")
    yield "a name twice", text.replace('"level": 0', '"level": 0, "level": 0', 1).encode()
    yield "stages twice", (text.rstrip()[:-1] + ', "stages": []}').encode()
    yield "a number of 10,000 digits", text.replace('"level": 0', '"level": ' + "1" * 10_000, 1).encode()


def mutated(good, dice):
    """One to three random changes of bytes."""
    content = bytearray(good)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(content))
        kind = dice.randrange(6)
        if kind == 0:
            content[at] = dice.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            del content[at : at + dice.randint(1, 40)]
        elif kind == 3:
            content[at:at] = bytes(dice.choices(b'0123456789.,e-[]{}":nulltrue ', k=dice.randint(1, 8)))
        elif kind == 4:
            other = dice.randrange(len(content))
            content[at:at] = content[other : other + dice.randint(1, 200)]
        else:
            digits = [i for i in range(at, min(at + 200, len(content))) if chr(content[i]).isdigit()]
            if digits:
                content[dice.choice(digits)] = ord(dice.choice("0123456789"))
    return bytes(content)


def started(package, folder, pause):
    arguments = [sys.executable, HERE / "solve.py", folder, str(pause)]
    return subprocess.Popen(
        arguments, env=environment(package), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kills(package, scale, pause=0.15, signals=(signal.SIGKILL, signal.SIGINT, signal.SIGTERM)):
    """A run that is killed at random moments, again and again, until it comes to its end."""
    dice = random.Random(2)
    with tempfile.TemporaryDirectory() as place:
        wanted = started(package, place, 0.0).communicate()[0].strip()
    for number in range(len(signals) * scale):
        sent = signals[number % len(signals)]
        with tempfile.TemporaryDirectory() as place:
            for _ in range(30):
                one = started(package, place, pause)
                for _ in range(dice.randint(1, 2)):  # not while Python starts
                    one.stderr.readline()
                time.sleep(dice.uniform(0.0, 2.0 * pause))
                one.send_signal(sent)
                out, said = one.communicate(timeout=120)
                if one.returncode == 0:
                    break
            complaint = "" if out.strip() == wanted else f"ended in other numbers, or not: {said[-100:]!r}"
            left = {path.name for path in Path(place).iterdir()} - {"burgers-gauss-newton-5.json"}
            if sent != signal.SIGKILL and sent != signal.SIGTERM and left:
                complaint = complaint or f"left behind: {left}"
            yield f"{sent.name} {number}", complaint


def pairs(package, scale):
    """Two processes on one checkpoint: one refuses, or both end in the same numbers."""
    with tempfile.TemporaryDirectory() as place:
        wanted = started(package, place, 0.0).communicate()[0].strip()
    for number in range(3 * scale):
        with tempfile.TemporaryDirectory() as place:
            both = [started(package, place, 0.3) for _ in range(2)]
            ends = [(*one.communicate(timeout=120), one.returncode) for one in both]
            statuses = sorted(status for *_, status in ends)
            good = statuses == [0, 2] and all(
                out.strip() == wanted if status == 0 else "another process" in said
                for out, said, status in ends
            )
            left = [path.name for path in Path(place).iterdir()]
            good = good and left == ["burgers-gauss-newton-5.json"]
            yield f"pair {number}", "" if good else f"statuses {statuses}, files {left}"


def surroundings(package, scale):
    """Imports and first calls where nothing can be written."""
    code = (
        "import numpy as np, splinekan as sk; n = sk.KAN.splines([2, 1]); "
        "print(float(n(np.ones(n.n_parameters), np.full((3, 2), 0.5))[0, 0]))"
    )
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        shutil.copytree(
            Path(package) / "splinekan", copy / "splinekan", ignore=shutil.ignore_patterns("__pycache__")
        )
        for path in (Path(place), copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        nowhere = {
            "HOME": "/proc/nowhere",
            "XDG_CACHE_HOME": "",
            "NUMBA_CACHE_DIR": "",
            "PYTHONPATH": str(copy),
        }
        tries = {"a cache folder that is a file": {"NUMBA_CACHE_DIR": "/dev/null"}, "nowhere": {}}
        if CAN_BE_NOBODY:
            for name, more in tries.items():
                yield name, _imported(code, {**nowhere, **more}, 0, NOBODY)
        Path(place).chmod(0o755)
        for limit in (0, 100, 5000):
            cache = {"NUMBA_CACHE_DIR": f"{place}/cache{limit}", "PYTHONPATH": str(copy)}
            yield f"cache, disk full at {limit} bytes", _imported(code, cache, 0, [], limit)
        for path in (copy, *copy.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)


def _imported(code, variables, status, before, limit=None):
    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    variables = {
        **environment(PACKAGE),
        **variables,
        "PYTHONWARNINGS": "default",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [*before, sys.executable, "-c", code],
        env=variables,
        cwd="/",
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    if done.returncode != status:
        return done.stderr.strip().splitlines()[-1]
    warnings = done.stderr.count("compiled kernels cannot be cached")
    near = done.stdout.strip()[:5] in ("2.0", "1.999")
    return "" if near and warnings == 1 else f"{done.stdout!r}, warned {warnings} times"


def disks(package, scale):
    """Checkpoints on a disk that is full from some stage on: the old ones stay."""
    for number in range(2 * scale):
        limit = 4000 + 2500 * number
        with tempfile.TemporaryDirectory() as place:
            arguments = [sys.executable, HERE / "solve.py", place]
            done = subprocess.run(
                arguments,
                env=environment(package),
                capture_output=True,
                text=True,
                preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
            )
            named = "burgers-gauss-newton-5.json" in done.stderr.strip().splitlines()[-1]
            left = {path.name for path in Path(place).iterdir()} - {"burgers-gauss-newton-5.json"}
            again = started(package, place, 0.0)
            out, said = again.communicate()
            good = done.returncode != 0 and named and not left and again.returncode == 0 and out.strip()
            yield f"{limit} bytes", "" if good else f"named: {named}, left {left}, then {said[-80:]!r}"


KINDS = {
    "outputs": outputs,
    "modes": modes,
    "damages": damages,
    "kills": kills,
    "pairs": pairs,
    "surroundings": surroundings,
    "disks": disks,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the folder that holds splinekan/")
    parser.add_argument("--scale", type=int, default=10, help="how many times what the tests do")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    package = options.package.resolve()
    sys.path.insert(0, str(package))
    bad = 0
    for kind in options.kinds:
        found = list(KINDS[kind](package, options.scale))
        failures = [(name, complaint) for name, complaint in found if complaint]
        bad += len(failures)
        print(f"{kind:<14} {len(found):>6} cases {len(failures):>6} failures", flush=True)
        for name, complaint in failures[:60]:
            print(f"    {name}: {complaint}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
