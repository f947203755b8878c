"""Check the published file of a draw: 抽签公示文件的独立核验程序.

This one file needs nothing but Python 3.9 or newer. Read it; copy it; run it on a machine of yours:

    python3 draw_verifier.py draw-17.txt
    python3 draw_verifier.py draw-17.txt 61616161616161616161616161616161
    python3 draw_verifier.py draw-17.txt --log log.txt

It computes again everything that the file says, in eight steps, and names what does not agree. It
reads the file once, line by line, so that a million entries need ten seconds and little memory.
With the public log it also checks that the file is the one that was published, step by step, before
its result was known: compare the last line of the log with the one that others have kept.
It shares no code with the platform that held the draw. What a hash is: a fingerprint of some text
(SHA-256). From a text anybody computes its fingerprint; nobody finds a text for a fingerprint, and
changing one letter changes all of it.
"""

from __future__ import annotations

import re
import sys
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from hashlib import sha256, sha512
from typing import NamedTuple

HASH = "[0-9a-f]{64}"
NUMBER = "(?:0|[1-9][0-9]{0,11})"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00"
WORDS = "(?: [a-z_]{1,40})"
ONE, ANY = True, False
ONE_HASH, PAIR = 32, 64  # bytes
LINKS_MAX = 1_000_000  # fingerprints that are computed for one outside source
# How each kind of line before the entries is written, in their order; ONE: exactly once.
LINES = [
    ("guahao-draw", "1", ONE),
    ("draw", NUMBER, ONE),
    ("rules", "1", ONE),
    ("opened", TIME, ONE),
    ("commitment", HASH, ONE),
    ("source", f"{HASH} {NUMBER}", ANY),
    (
        "beacon",
        f"{HASH} {NUMBER} [1-9][0-9]{{0,4}} {NUMBER} [0-9a-f]{{192}} {HASH} [a-z0-9-]{{1,40}}",
        ANY,
    ),
    ("closed", TIME, ONE),
    ("long-waits", NUMBER, ONE),
    ("entries", NUMBER, ONE),
    ("root", HASH, ONE),
    ("session", f"{NUMBER} {NUMBER} {NUMBER}", ANY),
    ("less", f"{NUMBER} {NUMBER}", ANY),
    ("later", f"{NUMBER} {NUMBER}", ANY),
    ("silent", NUMBER, ANY),
    ("secret", HASH, ONE),
    ("value", HASH, ANY),
    ("signature", "[0-9a-f]{96}", ANY),
    ("seed", HASH, ONE),
]
TICKET = re.compile(b"[0-9a-f]{32}")
WISHES = re.compile(f" (1|2s?) ({NUMBER}(?:,{NUMBER})*)( wait)?")
OUTCOME = re.compile(f" won ({NUMBER}) (1|2|1,2)({WORDS}*)| skipped({WORDS}+)")
Lines = dict[str, list[list[str]]]  # by kind, each as its words


class Lie(Exception):
    """Something in the file does not agree with the rest of it."""


def require(holds: object, message: str) -> None:
    """Stop with a message unless something holds."""
    if not holds:
        raise Lie(message)


class Reader:
    """The file line by line: of a million entries only what is needed is kept in memory."""

    def __init__(self, file: Iterable[bytes]) -> None:
        self.file = iter(file)
        self.number = 1
        self.line = next(self.file, b"")  # with its line feed; empty at the end of the file
        self.above = sha256()  # the fingerprint of all lines above this one

    def step(self) -> None:
        """Go to the next line."""
        self.above.update(self.line)
        self.line = next(self.file, b"")
        self.number += 1

    def lines(self, kind: bytes) -> Iterator[bytes]:
        """Yield the lines of a kind that stand here, without their first word and line feed."""
        while self.line.startswith(kind):
            yield self.line[len(kind) : -1]
            self.step()


class Wishes(NamedTuple):
    """What an entry asks for: its patients, how many of them must win, its choices in order."""

    size: int
    needed: int
    choices: list[int]


class Outcome(NamedTuple):
    """A session and its patients, or neither; and why each better choice was passed over."""

    won: int
    patients: list[int]
    reasons: list[str]


class Draw(NamedTuple):
    """What was found: the lines before the entries, and what became of the entries."""

    head: Lines
    entries: int
    won: int
    fingerprint: str  # of the whole file
    own: str  # the line of the ticket that was asked for


def read_head(reader: Reader) -> Lines:
    """Step 1: the lines before the entries stand in their order, each in its form."""
    found: Lines = {name: [] for name, _, _ in LINES}
    for name, form, once in LINES:
        while re.fullmatch(f"{name} {form}\n".encode(), reader.line):
            found[name].append(reader.line.decode().split()[1:])
            reader.step()
            if once:
                break
        require(found[name] or not once, f"line {reader.number} should begin with {name!r}")
    return found


class Source(NamedTuple):
    """An outside source: the words of its line, which value of it is used, whether it is drand."""

    words: list[str]
    number: int
    is_drand: bool


def check_sources(found: Lines) -> list[Source]:
    """Step 3: each outside value is the one that was announced, or a later one of its source.

    Sources are hash chains, whose values are checked to their ends, and chains of drand. Whether
    drand signed a value takes a library (py_ecc) that is not in Python: `main` says where to look.
    """
    lines = [(line, False) for line in found["source"]] + [(line, True) for line in found["beacon"]]
    sources = {n: Source(line, int(line[1]), drand) for n, (line, drand) in enumerate(lines, 1)}
    for kind in ("later", "silent"):
        named = [int(line[0]) for line in found[kind]]
        require(named == sorted(set(named)), f"the lines {kind!r} are not in their order")
        require(all(n in sources for n in named), f"a line {kind!r} of no source")
    for number, index in (map(int, line) for line in found["later"]):
        require(index > sources[number].number, "a later value that is not later")
        require([str(number)] not in found["silent"], "a source that is silent and answers")
        sources[number] = sources[number]._replace(number=index)
    for line in found["silent"]:
        del sources[int(line[0])]
    used = list(sources.values())
    require(len(used) == len(found["value"]), "a source without its value")
    by_drand = [n for n, source in enumerate(used) if source.is_drand]
    require(len(by_drand) == len(found["signature"]), "a round of drand without its signature")
    for source, (value,) in zip(used, found["value"]):
        if not source.is_drand:
            require(source.number <= LINKS_MAX, "a source that nobody can check")
            link = bytes.fromhex(value)
            for _ in range(source.number):
                link = sha256(link).digest()
            require(link.hex() == source.words[0], "an outside value is not of its source")
    for n, (signature,) in zip(by_drand, found["signature"]):
        value = sha256(bytes.fromhex(signature)).hexdigest()
        require(value == found["value"][n][0], "a value is not that of drand's signature")
        check_round(used[n], found["closed"][0][0])
    return used


def check_round(source: Source, closed: str) -> None:
    """Check that a chain of drand is what its fingerprint says, its round after the closing."""
    chain, _, period, genesis, key, group, name = source.words
    said = int(period).to_bytes(4, "big") + int(genesis).to_bytes(8, "big")
    said += bytes.fromhex(key) + bytes.fromhex(group)
    said += b"" if name == "default" else name.encode()
    require(sha256(said).hexdigest() == chain, "a chain of drand is not the one that is named")
    shown = int(genesis) + (source.number - 1) * int(period)
    try:
        closed_at = datetime.fromisoformat(closed).timestamp()
    except ValueError:
        raise Lie("the entries were closed at no time") from None
    require(shown > closed_at, "a round of drand was known before the entries were closed")


def check_before(found: Lines) -> dict[int, int]:
    """Check steps 2 to 4, fixed before the draw; return the places of each session."""
    # 2. The platform had bound itself to its secret before anybody registered.
    secret = bytes.fromhex(found["secret"][0][0])
    require(
        sha256(secret).hexdigest() == found["commitment"][0][0],
        "the secret is not the one that was promised",
    )
    # 3. The outside values belong to the chains that were named before.
    check_sources(found)
    # 4. Sessions are numbered, and their places only became fewer after closing.
    places: dict[int, int] = {}
    for number, (said, _, count) in enumerate(found["session"], 1):
        require(int(said) == number, "the sessions are not numbered in their order")
        places[number] = int(count)
    last = 0
    for line in found["less"]:
        number, fewer = map(int, line)
        require(number > last and number in places, "an amendment of no session, or a second one")
        require(fewer < places[number], "places were added after closing")
        places[number], last = fewer, number
    return places


@lru_cache(100_000)
def wishes_of(words: bytes) -> Wishes:
    """Return what an entry asks for; many entries ask for the same."""
    found = WISHES.fullmatch(words.decode("latin-1"))
    if found is None:
        raise Lie(f"an entry in another form: {words!r}")
    choices = [int(choice) for choice in found[2].split(",")]
    require(len(choices) == len(set(choices)), "a choice stands twice")
    size = int(found[1][0])
    return Wishes(size, 1 if found[1] == "2s" else size, choices)


@lru_cache(100_000)
def outcome_of(words: bytes) -> Outcome:
    """Return what became of an entry, as its line says."""
    found = OUTCOME.fullmatch(words.decode("latin-1"))
    if found is None:
        raise Lie(f"a result in another form: {words!r}")
    if found[1] is None:
        return Outcome(0, [], found[4].split())
    return Outcome(int(found[1]), [int(n) for n in found[2].split(",")], found[3].split())


def merkle_root(level: bytes) -> bytes:
    """Return one fingerprint over all entries' (RFC 9162): change one entry and it is another.

    Two neighbours make one of the next level; who has no neighbour goes up alone.
    """
    if not level:
        return sha256(b"").digest()
    while len(level) > ONE_HASH:
        paired = len(level) // PAIR * PAIR
        pairs = [level[start : start + PAIR] for start in range(0, paired, PAIR)]
        level = b"".join([sha256(b"\x01" + pair).digest() for pair in pairs]) + level[paired:]
    return level


def read_entries(reader: Reader, head: Lines, places: dict[int, int]) -> dict[bytes, bytes]:
    """Step 5: the entries are those of the closing; returns the wishes of each ticket."""
    entries: dict[bytes, bytes] = {}
    seen: dict[bytes, bytes] = {}  # equal wishes are checked and kept once
    leaves = bytearray()  # the fingerprint of each entry
    last = b""
    for line in reader.lines(b"entry "):
        ticket, wishes = line[:32], line[32:]
        if wishes not in seen:
            require(places.keys() >= set(wishes_of(wishes).choices), "a choice of no session")
            seen[wishes] = wishes
        if ticket <= last or not TICKET.fullmatch(ticket):
            raise Lie("the tickets are not in their order, each once")
        entries[ticket], last = seen[wishes], ticket
        leaves += sha256(b"\x00entry " + line).digest()
    require(len(entries) == int(head["entries"][0][0]), "the number of entries is another")
    root = merkle_root(bytes(leaves))
    require(root.hex() == head["root"][0][0], "the entries are not those of the closing")
    return entries


def seed_of(head: Lines) -> bytes:
    """Step 6: the seed follows from entries, secret and outside values."""
    said = b"guahao-draw-1" + int(head["draw"][0][0]).to_bytes(8, "big")
    said += bytes.fromhex(head["root"][0][0]) + bytes.fromhex(head["secret"][0][0])
    said += b"".join(bytes.fromhex(value) for (value,) in head["value"])
    seed = sha256(said).digest()
    require(seed.hex() == head["seed"][0][0], "the seed does not follow from its parts")
    return seed


def long_waits(entries: dict[bytes, bytes], seed: bytes, share: int) -> list[bytes]:
    """Return who lost five draws before, and so comes first for a share of the places."""
    first = []
    waiting = [ticket for ticket, wishes in entries.items() if wishes.endswith(b" wait")]
    waiting.sort(key=lambda ticket: sha256(seed + unhexlify(ticket)).digest())
    for ticket in waiting:
        size = wishes_of(entries[ticket]).size
        if size <= share:
            first.append(ticket)
            share -= size
    return first


def check_results(
    reader: Reader, head: Lines, entries: dict[bytes, bytes], places: dict[int, int], ticket: str
) -> tuple[int, str]:
    """Check steps 7 and 8: each in turn got the best that was left, and nobody was passed over.

    Returns how many won, and the line of one ticket.
    """
    seed = seed_of(head)
    share = sum(places.values()) * int(head["long-waits"][0][0]) // 100
    first = long_waits(entries, seed, share)
    before = set(first)
    won, own, last = 0, "", b""
    asked = ticket.encode()
    agreed: set[tuple[bytes, bytes]] = set()  # wishes and outcomes that agree while no place goes
    position = 0
    for line in reader.lines(b"result "):
        position += 1
        said, _, rest = line.partition(b" ")
        drawn, outcome = rest[:32], rest[32:]
        wishes = entries.get(drawn)
        # 7. This position is this ticket's: first the long waits, then by the order of the keys.
        if wishes is None or said != b"%d" % position:
            raise Lie(f"position {position} is not where it should be, or of no ticket")
        if position <= len(first):
            is_next = drawn == first[position - 1]
        else:
            key = sha256(seed + unhexlify(drawn)).digest()
            is_next = key > last and drawn not in before
            last = key
        if not is_next:
            raise Lie(f"position {position} belongs to another ticket")
        # 8. The place was left; each better choice was full, or a rule about the person refused it.
        if (wishes, outcome) not in agreed:
            taken = check_result(position, wishes_of(wishes), outcome_of(outcome), places)
            if taken:
                won += 1
                agreed.clear()
            else:
                agreed.add((wishes, outcome))
        if drawn == asked:
            own = f"position {position},{outcome.decode()}"
    # All are entries, none stands twice, and there are as many of them.
    require(position == len(entries), "an entry without a result, or with two")
    return won, own


def check_result(position: int, wishes: Wishes, outcome: Outcome, places: dict[int, int]) -> int:
    """Step 8, for one position: takes the places that it got, and returns how many."""
    won, patients, reasons = outcome
    passed = wishes.choices
    if patients:
        require(won in passed, f"position {position} got a session that was not chosen")
        passed = passed[: passed.index(won)]
        fits = wishes.needed <= len(patients) and max(patients) <= wishes.size
        require(fits, f"position {position} got places for others")
        require(len(patients) <= places[won], f"position {position} got a place too many")
    require(len(reasons) == len(passed), f"position {position} lacks a reason")
    for choice, reason in zip(passed, reasons):
        was_full = places[choice] < wishes.needed
        require((reason == "full") == was_full, f"position {position}: {reason} is not true")
    if patients:
        places[won] -= len(patients)
    return len(patients)


def verify(file: Iterable[bytes], ticket: str = "") -> Draw:
    """Check a file line by line; returns what was found, or raises Lie."""
    reader = Reader(file)
    head = read_head(reader)
    places = check_before(head)
    entries = read_entries(reader, head, places)
    won, own = check_results(reader, head, entries, places, ticket)
    # The last line is the fingerprint of all above it.
    require(reader.line.startswith(b"end "), f"line {reader.number} does not belong there")
    end = f"end {reader.above.hexdigest()}\n"
    require(reader.line == end.encode(), "the last line does not fit, or the file was cut off")
    reader.step()
    require(reader.line == b"", f"line {reader.number} does not belong there")
    return Draw(head, len(entries), won, reader.above.hexdigest(), own)


# The public log --------------------------------------------------------------------------------

NUMBERED = f"({NUMBER}) ({HASH}) ({TIME} ([!-~]+(?: [!-~]+)*))"


def check_log(data: bytes, draw: Draw) -> str:
    """Check that the log fits together and published what the file says; returns its last line."""
    try:
        first, after, *lines, head, signature, end = data.decode("ascii").split("\n")
    except ValueError:
        raise Lie("this is no log") from None
    require(first == "guahao-log 1" and end == "", "this is no log, or it was cut off")
    require(re.fullmatch(f"after {NUMBER} {HASH}", after), "the log does not begin as it should")
    number, last = int(after.split(" ")[1]), bytes.fromhex(after.split(" ")[2])
    beginning = sha256(b"guahao-log 1").digest()
    require(number or last == beginning, "the log does not begin with its first line")
    published, key = [], ""
    for line in lines:
        parts = re.fullmatch(NUMBERED, line, re.ASCII)
        require(parts and int(parts[1]) == number + 1, f"log: {line!r} does not belong there")
        assert parts is not None
        number, text = number + 1, parts[3]
        last = sha256(last + f"{number} {text}".encode()).digest()
        require(parts[2] == last.hex(), f"log: line {number} does not follow from those before")
        published.append(parts[4])
        if re.fullmatch(f"key {HASH}", parts[4]):
            key = parts[4][4:]
    require(head == f"head {number} {last.hex()}", "the head of the log is not its last line")
    require(re.fullmatch("signature [0-9a-f]{128}", signature), "the log is not signed")
    require(key, "this part of the log names no key: use guahao fairness verify with --key")
    said = f"guahao-log 1 {number} {last.hex()}".encode()
    signed = is_signed(bytes.fromhex(key), said, bytes.fromhex(signature[10:]))
    require(signed, "the log is not signed by its key")
    # What was published about this draw is what the file says, and the file itself.
    own = f"draw {draw.head['draw'][0][0]} "
    steps = [text[len(own) :] for text in published if text.startswith(own)]
    require(f"proof {draw.fingerprint}" in steps, "the log does not name this file")
    less = {text.split(" ")[1]: text for text in steps if text.startswith("less ")}
    kept = [text for text in steps if text.split(" ")[0] in PUBLISHED] + list(less.values())
    stated = [" ".join([name, *line]) for name in (*PUBLISHED, "less") for line in draw.head[name]]
    require(sorted(kept) == sorted(stated), "the file says other things than the log")
    return f"{number} {last.hex()}"


PUBLISHED = (
    *("opened", "commitment", "source", "beacon", "closed", "long-waits", "entries", "root"),
    *("session", "later", "silent", "secret", "value", "signature", "seed"),
)

# Signatures (Ed25519, RFC 8032): whole numbers modulo PRIME, points on the curve
# -x² + y² = 1 + D·x²·y².
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """Return the sum of two points."""
    (a, b), (c, d) = one, other
    twist = D * a * b * c * d
    x = (a * d + b * c) * pow(1 + twist, -1, PRIME)
    y = (b * d + a * c) * pow(1 - twist, -1, PRIME)
    return x % PRIME, y % PRIME


def times(count: int, point: Point) -> Point:
    """Return a point added to itself so many times."""
    total = (0, 1)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def point_of(data: bytes) -> Point:
    """Return the point that 32 bytes stand for: y, and in the last bit whether x is odd."""
    number = int.from_bytes(data, "little")
    y, odd = number % 2**255, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    require(y < PRIME and (x * x - square) % PRIME == 0, "the bytes of a signature are no point")
    return (x if x & 1 == odd else PRIME - x), y


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature of a message is by a key."""
    base = point_of(bytes([0x58] + [0x66] * 31))
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(sha512(r + key + message).digest(), "little") % ORDER
    return s < ORDER and times(s, base) == add(point_of(r), times(challenge, point_of(key)))


def main(arguments: list[str]) -> int:
    """Print what was found; 0 where the file is true, 1 where it is not, 2 without a file."""
    log = arguments.index("--log") if "--log" in arguments[:-1] else len(arguments)
    log_names, arguments = arguments[log + 1 :], arguments[:log]
    if not arguments or arguments[2:] or log_names[1:]:
        print("usage: python3 draw_verifier.py FILE [TICKET] [--log LOG]")
        return 2
    try:
        with open(arguments[0], "rb") as file:
            draw = verify(file, arguments[-1])
        for name in log_names:
            with open(name, "rb") as file:
                head = check_log(file.read(), draw)
            print(f"公开日志核验无误 The log published this; its last line: {head}")
    except OSError as error:
        print(error)
        return 2
    except Lie as lie:
        print(f"不一致 NOT TRUE: {lie}")
        return 1
    print(
        f"核验无误 TRUE: {draw.entries} entries, {draw.won} won, {draw.entries - draw.won} did not"
    )
    for source in check_sources(draw.head):
        if source.is_drand:
            print(f"外部随机源 Outside source: drand, round {source.number}")
            print("  本程序不验它的签名，请对照 Not checked here: its signature. Compare with")
            print(f"  https://api.drand.sh/{source.words[0]}/public/{source.number}")
        else:
            print(f"外部随机源 Outside source: value {source.number} of {source.words[0]}")
    if not draw.head["value"]:
        print("本次没有外部随机源 No outside source: the platform alone knew the secret.")
    if draw.own:
        print(f"登记号 ticket {arguments[-1]}: {draw.own}")
    elif arguments[1:]:
        print(f"没有这个登记号 No such ticket: {arguments[1]}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
