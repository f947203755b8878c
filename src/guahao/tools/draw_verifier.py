"""Check the published file of a draw: 抽签公示文件的独立核验程序.

This one file needs nothing but Python 3.9 or newer. Read it; copy it; run it on a machine of yours:

    python3 draw_verifier.py draw-17.txt
    python3 draw_verifier.py draw-17.txt 61616161616161616161616161616161
    python3 draw_verifier.py draw-17.txt --log log.txt

It computes again everything that the file says, in eight steps, and names what does not agree.
With the public log it also checks that the file is the one that was published, step by step, before
its result was known: compare the last line of the log with the one that others have kept.
It shares no code with the platform that held the draw. What a hash is: a fingerprint of some text
(SHA-256). From a text anybody computes its fingerprint; nobody finds a text for a fingerprint, and
changing one letter changes all of it.
"""

from __future__ import annotations

import re
import sys
from hashlib import sha256, sha512

HASH = "[0-9a-f]{64}"
NUMBER = "(?:0|[1-9][0-9]{0,11})"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00"
WORDS = "(?: [a-z_]{1,40})"
# How each kind of line is written, in the order in which they stand; ONE: exactly once.
Lines = dict[str, list[list[str]]]  # by kind, each as its words
ONE, ANY = True, False
LINKS_MAX = 1_000_000  # fingerprints that are computed for one outside source
LINES = [
    ("guahao-draw", "1", ONE),
    ("draw", NUMBER, ONE),
    ("rules", "1", ONE),
    ("opened", TIME, ONE),
    ("commitment", HASH, ONE),
    ("source", f"{HASH} {NUMBER}", ANY),
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
    ("seed", HASH, ONE),
    ("entry", f"[0-9a-f]{{32}} (?:1|2s?) {NUMBER}(?:,{NUMBER})*(?: wait)?", ANY),
    (
        "result",
        f"{NUMBER} [0-9a-f]{{32}} (?:won {NUMBER} (?:1|2|1,2){WORDS}*|skipped{WORDS}+)",
        ANY,
    ),
    ("end", HASH, ONE),
]


class Lie(Exception):
    """Something in the file does not agree with the rest of it."""


def require(holds: object, message: str) -> None:
    """Stop with a message unless something holds."""
    if not holds:
        raise Lie(message)


def read(data: bytes) -> Lines:
    """Step 1: the file has its form, and its last line is the fingerprint of all above it."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise Lie("the file holds characters that do not belong there") from None
    require(text.endswith("\n"), "the file was cut off")
    lines = text[:-1].split("\n")
    found: Lines = {name: [] for name, _, _ in LINES}
    place = 0
    for name, form, once in LINES:
        while place < len(lines) and re.fullmatch(f"{name} {form}", lines[place], re.ASCII):
            found[name].append(lines[place].split(" ")[1:])
            place += 1
            if once:
                break
        require(found[name] or not once, f"line {place + 1} should begin with {name!r}")
    require(place == len(lines), f"line {place + 1} does not belong there")
    above = text[: text.rindex("end ")]
    require(sha256(above.encode()).hexdigest() == found["end"][0][0], "the last line does not fit")
    return found


def merkle_root(leaves: list[bytes]) -> bytes:
    """One fingerprint over all entries (RFC 9162): change one entry and it is another."""
    if not leaves:
        return sha256(b"").digest()
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [sha256(b"\x01" + p[0] + p[1]).digest() if p[1:] else p[0] for p in pairs]
    return level[0]


def check_sources(found: Lines) -> None:
    """Step 3: each outside value is the one that was announced, or a later one of its source."""
    chains = {n: (first, int(index)) for n, (first, index) in enumerate(found["source"], 1)}
    for kind in ("later", "silent"):
        named = [int(line[0]) for line in found[kind]]
        require(named == sorted(set(named)), f"the lines {kind!r} are not in their order")
        require(all(n in chains for n in named), f"a line {kind!r} of no source")
    for number, index in (map(int, line) for line in found["later"]):
        first, announced = chains[number]
        require(index > announced, "a later value that is not later")
        require([str(number)] not in found["silent"], "a source that is silent and answers")
        chains[number] = (first, index)
    for line in found["silent"]:
        del chains[int(line[0])]
    require(len(chains) == len(found["value"]), "a source without its value")
    for (first, index), (value,) in zip(chains.values(), found["value"]):
        require(index <= LINKS_MAX, "a source that nobody can check")
        link = bytes.fromhex(value)
        for _ in range(index):
            link = sha256(link).digest()
        require(link.hex() == first, "an outside value is not of its source")


def check_before(found: Lines) -> dict[int, int]:
    """Steps 2 to 4: what was fixed before the draw; returns the places of each session."""
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


def draw_again(found: Lines, places: dict[int, int]) -> list[list[str]]:
    """Steps 5 and 6: the entries are those of the closing, and the order follows from them."""
    entries = found["entry"]
    tickets = [entry[0] for entry in entries]
    require(len(entries) == int(found["entries"][0][0]), "the number of entries is another")
    require(tickets == sorted(set(tickets)), "the tickets are not in their order, each once")
    for entry in entries:
        choices = [int(choice) for choice in entry[2].split(",")]
        require(len(choices) == len(set(choices)), "a choice stands twice")
        require(all(choice in places for choice in choices), "a choice of no session")
    # 5. The fingerprint of the entries was published at closing.
    root = merkle_root([("entry " + " ".join(entry)).encode() for entry in entries])
    require(root.hex() == found["root"][0][0], "the entries are not those of the closing")
    # 6. The seed follows from entries, secret and outside values; the order from seed and ticket.
    said = b"guahao-draw-1" + int(found["draw"][0][0]).to_bytes(8, "big") + root
    said += bytes.fromhex(found["secret"][0][0])
    said += b"".join(bytes.fromhex(value) for (value,) in found["value"])
    seed = sha256(said).digest()
    require(seed.hex() == found["seed"][0][0], "the seed does not follow from its parts")
    drawn = sorted(entries, key=lambda entry: sha256(seed + bytes.fromhex(entry[0])).digest())
    # Who lost five draws before comes first, for a share of the places.
    share = sum(places.values()) * int(found["long-waits"][0][0]) // 100
    first: list[list[str]] = []
    for entry in drawn:
        if entry[-1] == "wait" and int(entry[1][0]) <= share:
            first.append(entry)
            share -= int(entry[1][0])
    before = {entry[0] for entry in first}
    return first + [entry for entry in drawn if entry[0] not in before]


def check_results(found: Lines, drawn: list[list[str]], places: dict[int, int]) -> None:
    """Steps 7 and 8: each in turn got the best that was left, and nobody was passed over."""
    require(len(found["result"]) == len(drawn), "an entry without a result, or with two")
    for position, (entry, result) in enumerate(zip(drawn, found["result"]), 1):
        # 7. This position is this ticket's.
        require(
            result[:2] == [str(position), entry[0]],
            f"position {position} belongs to another ticket",
        )
        # 8. The place was left; each better choice was full, or a rule about the person refused it.
        size, choices = int(entry[1][0]), [int(choice) for choice in entry[2].split(",")]
        needed = 1 if entry[1] == "2s" else size
        reasons, passed, won = result[3:], choices, 0
        patients: list[str] = []
        if result[2] == "won":
            won, patients, reasons = int(result[3]), result[4].split(","), result[5:]
            require(won in choices, f"position {position} got a session that was not chosen")
            passed = choices[: choices.index(won)]
            fits = needed <= len(patients) and max(map(int, patients)) <= size
            require(fits, f"position {position} got places for others")
            require(len(patients) <= places[won], f"position {position} got a place too many")
        require(len(reasons) == len(passed), f"position {position} lacks a reason")
        for choice, reason in zip(passed, reasons):
            was_full = places[choice] < needed
            require((reason == "full") == was_full, f"position {position}: {reason} is not true")
        if won:
            places[won] -= len(patients)


# The public log --------------------------------------------------------------------------------

NUMBERED = f"({NUMBER}) ({HASH}) ({TIME} ([!-~]+(?: [!-~]+)*))"


def check_log(data: bytes, file: bytes, found: Lines) -> str:
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
    own = f"draw {found['draw'][0][0]} "
    steps = [text[len(own) :] for text in published if text.startswith(own)]
    require(f"proof {sha256(file).hexdigest()}" in steps, "the log does not name this file")
    less = {text.split(" ")[1]: text for text in steps if text.startswith("less ")}
    kept = [text for text in steps if text.split(" ")[0] in PUBLISHED] + list(less.values())
    stated = [" ".join([name, *line]) for name in (*PUBLISHED, "less") for line in found[name]]
    require(sorted(kept) == sorted(stated), "the file says other things than the log")
    return f"{number} {last.hex()}"


PUBLISHED = (
    *("opened", "commitment", "source", "closed", "long-waits", "entries", "root", "session"),
    *("later", "silent", "secret", "value", "seed"),
)

# Signatures (Ed25519, RFC 8032): whole numbers modulo PRIME, points on the curve
# -x² + y² = 1 + D·x²·y².
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    (a, b), (c, d) = one, other
    twist = D * a * b * c * d
    x = (a * d + b * c) * pow(1 + twist, -1, PRIME)
    y = (b * d + a * c) * pow(1 - twist, -1, PRIME)
    return x % PRIME, y % PRIME


def times(count: int, point: Point) -> Point:
    """A point added to itself so many times."""
    total = (0, 1)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def point_of(data: bytes) -> Point:
    """The point that 32 bytes stand for: y, and in the last bit whether x is odd."""
    number = int.from_bytes(data, "little")
    y, odd = number % 2**255, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    require(y < PRIME and (x * x - square) % PRIME == 0, "the bytes of a signature are no point")
    return (x if x & 1 == odd else PRIME - x), y


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of a message is by a key."""
    base = point_of(bytes([0x58] + [0x66] * 31))
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(sha512(r + key + message).digest(), "little") % ORDER
    return s < ORDER and times(s, base) == add(point_of(r), times(challenge, point_of(key)))


def verify(data: bytes) -> Lines:
    """Check a file; returns its lines by their kind, or raises Lie."""
    found = read(data)
    places = check_before(found)
    check_results(found, draw_again(found, dict(places)), dict(places))
    return found


def main(arguments: list[str]) -> int:
    """Print what was found; 0 where the file is true, 1 where it is not, 2 without a file."""
    log = arguments.index("--log") if "--log" in arguments[:-1] else len(arguments)
    log_names, arguments = arguments[log + 1 :], arguments[:log]
    if not arguments or arguments[2:] or log_names[1:]:
        print("usage: python3 draw_verifier.py FILE [TICKET] [--log LOG]")
        return 2
    try:
        with open(arguments[0], "rb") as file:
            data = file.read()
        found = verify(data)
        for name in log_names:
            with open(name, "rb") as file:
                head = check_log(file.read(), data, found)
            print(f"公开日志核验无误 The log published this; its last line: {head}")
    except OSError as error:
        print(error)
        return 2
    except Lie as lie:
        print(f"不一致 NOT TRUE: {lie}")
        return 1
    results = found["result"]
    won = sum(result[2] == "won" for result in results)
    print(f"核验无误 TRUE: {len(results)} entries, {won} won, {len(results) - won} did not")
    if found["value"]:
        print(f"外部随机源 Outside sources: {len(found['value'])}")
    else:
        print("本次没有外部随机源 No outside source: the platform alone knew the secret.")
    for result in results:
        if result[1] == arguments[-1]:
            print(f"登记号 ticket {result[1]}: position {result[0]}, {' '.join(result[2:])}")
            break
    else:
        if arguments[1:]:
            print(f"没有这个登记号 No such ticket: {arguments[1]}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
