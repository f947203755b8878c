"""Replaying records: through the desk, to the unit, and without a trace."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from tests.tools.expected import ORDER, Row, expected

from guahao.tools.replay.records import read_records
from guahao.tools.replay.replay import ReplayError, Scenario, lanes, replay, run

HEADER = "PatientId,AppointmentID,Gender,ScheduledDay,AppointmentDay,Neighbourhood,No-show"
LINE = "p1,1,F,2016-05-02T08:00:00Z,2016-05-10T00:00:00Z,CENTRO,No"
REAL_RECORDS = os.environ.get("GUAHAO_REAL_RECORDS")


def row(
    number: int,
    at: str = "2016-05-02 08:00:00",
    visit: str = "2016-05-10",
    *,
    person: str = "p1",
    hospital: str = "CENTRO",
    no_show: bool = False,
) -> Row:
    """A record as the file has it."""
    return {
        "PatientId": person,
        "AppointmentID": str(number),
        "ScheduledDay": at.replace(" ", "T") + "Z",
        "AppointmentDay": f"{visit}T00:00:00Z",
        "Neighbourhood": hospital,
        "No-show": "Yes" if no_show else "No",
    }


def text(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def written(folder: Path, content: str | bytes, name: str = "records.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class Replayed:
    """Replays what it is given on the tests' server; answers as `--json` does."""

    def __init__(self, url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self.folder = folder
        self.capsys = capsys

    def __call__(self, rows: Sequence[Row], **options: Any) -> dict[str, Any]:
        return self.of_file(written(self.folder, text(rows)), **options)

    def of_file(self, path: Path, **options: Any) -> dict[str, Any]:
        run(path, self.url, as_json=True, **options)
        answer = json.loads(self.capsys.readouterr().out)
        assert isinstance(answer, dict)
        return answer

    def counts(self, rows: Sequence[Row], **options: Any) -> dict[str, int]:
        """What was booked and what was refused, without the reasons that did not occur."""
        answer = self(rows, **options)
        refused = {word: count for word, count in answer["refused"].items() if count}
        return {"booked": answer["booked"], **refused}


@pytest.fixture
def replayed(server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Replayed:
    return Replayed(server_url, tmp_path, capsys)


def databases(url: str) -> set[str]:
    """The scratch databases on the server."""
    with psycopg.connect(url) as conn:
        names = [name for (name,) in conn.execute("SELECT datname FROM pg_database")]
    return {name for name in names if name.startswith("guahao_scratch_")}


# The counts ------------------------------------------------------------------------------------


def some_records(count: int, town: str = "") -> list[Row]:
    """A year of invented requests, crowded enough that every rule has something to say.

    The people of a town keep to its hospitals.
    """
    random = Random("replay")
    rows = []
    for number in range(count):
        at = datetime(2023, 9, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(365 * 86400))
        ahead = random.choice((-1, 0, 1, 1, 2, 3, 5, 8, 13, 30, 89, 90, 91, 92, 93, 100))
        visit = at.date() + timedelta(days=ahead)
        if random.random() < 0.4:  # towards the few dates that everybody wants
            visit = date(2024, random.randint(1, 5), random.choice((1, 3, 29)))
        rows.append(
            row(
                random.randrange(10**6) * count + number,
                f"{at:%Y-%m-%d %H:%M:%S}",
                str(visit),
                person=f"p{random.randrange(count // 14)}{town}",
                hospital=random.choice("ABCDE") + town,
                no_show=random.random() < 0.6,
            )
        )
    return rows


def two_towns() -> list[Row]:
    """Records of two towns, which are replayed in two lanes."""
    towns = (("01", some_records(3000)), ("02", some_records(900, "x")))
    return [
        {**row, "AppointmentID": row["AppointmentID"] + town}
        for town, rows in towns
        for row in rows
    ]


@pytest.mark.parametrize("capacity", [None, 8])
def test_the_counts_are_those_of_a_brute_force_over_the_law(
    replayed: Replayed, capacity: int | None
) -> None:
    rows = two_towns()
    answer = replayed(rows, capacity=capacity)
    del answer["rules"]
    assert answer == expected(rows, capacity)
    silent = {word for word, count in answer["refused"].items() if not count}
    never = {"unknown_session", "not_your_patient", "session_stopped", "not_released"}
    never |= {
        "by_draw",
        "account_restricted",
        "document_ended",
        "person_unchecked",
    }  # no accounts, no verifier in a replay
    assert silent == never | ({"sold_out"} if capacity is None else set())
    assert answer["persons_suspended"] > 10


def test_two_replays_of_one_file_print_the_same(
    replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(replayed.folder, text(two_towns()))
    printed = []
    for _ in range(2):
        run(path, replayed.url, as_json=True)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_requests_are_taken_by_time_and_then_by_number_whatever_the_files_order(
    replayed: Replayed,
) -> None:
    rows = [
        row(10, person="p10"),
        row(9, person="p9", no_show=True),
        row(1, at="2016-05-02 08:00:01", person="p1"),
    ]
    answer = replayed(rows, capacity=1)
    assert (answer["booked"], answer["refused"]["sold_out"]) == (1, 2)
    assert answer["no_shows"] == 1  # number 9 came first


def test_the_clock_reading_is_the_citys_whatever_offset_is_behind_it(replayed: Replayed) -> None:
    rows = [
        row(1, at="2016-05-09 14:59:59", person="a"),
        row(2, at="2016-05-09 15:00:00", person="b"),
    ]
    assert replayed.counts(rows) == {"booked": 1, "next_day_closed": 1}


def test_a_patient_is_the_number_as_it_is_written(replayed: Replayed) -> None:
    ways = ("9.377953e+12", "9377953000000", "93779.52927", "9.377953E+12")
    rows = [row(number, person=way) for number, way in enumerate(ways)]
    answer = replayed([*rows, row(9, person="93779.52927")])
    assert (answer["persons"], answer["booked"]) == (4, 4)
    assert answer["refused"]["duplicate_department"] == 1


def test_a_visit_dates_no_shows_count_from_the_next_date_on(replayed: Replayed) -> None:
    missed = [
        row(n, at="2016-05-02 08:00:00", visit=f"2016-05-{day}", hospital=f"H{n}", no_show=True)
        for n, day in enumerate((10, 20, 30))
    ]
    late = row(8, at="2016-05-30 23:59:59", visit="2016-06-20")
    too_late = row(9, at="2016-05-31 00:00:00", visit="2016-06-25")
    back = row(11, at="2016-08-30 00:00:00", visit="2016-09-25")
    answer = replayed([*missed, late, too_late, back])
    assert answer["refused"]["patient_suspended"] == 1
    assert (answer["booked"], answer["no_shows"], answer["picked_up"]) == (5, 3, 2)
    assert answer["persons_suspended"] == 1


# The answer ------------------------------------------------------------------------------------


def test_every_reason_is_named_in_the_order_of_precedence(replayed: Replayed) -> None:
    answer = replayed([row(1)])
    assert tuple(answer["refused"]) == ORDER
    assert set(answer["refused"].values()) == {0}


def test_the_answer_repeats_the_rules_it_came_from(replayed: Replayed) -> None:
    rules = replayed([row(1)], capacity=7)["rules"]
    assert rules["capacity"] == 7
    assert rules["policy"]["per_day"] == 2
    assert rules["hospital"]["cycle_days"] is None
    assert rules["hospital"]["next_day_stop_time"] == "15:00:00"


def test_the_table_tells_what_was_booked_and_what_is_not_the_default(
    replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = written(replayed.folder, "per_day = 1\n", "policy.toml")
    rows = [row(1), row(2, hospital="SUL"), row(3, person="p2", no_show=True)]
    run(written(replayed.folder, text(rows)), replayed.url, policy_file=policy, capacity=5)
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines()]
    cells = {line[1].strip(): line[2].strip() for line in lines if len(line) > 2}
    assert cells["booked"] == "2"
    assert cells["refused: day_limit"] == "1"
    assert cells["booked and no-show"] == "1"
    notes = {line[0] for line in lines if line[0].startswith("Not the default")}
    assert notes == {"Not the default: policy.per_day = 1", "Not the default: capacity = 5"}


# Without a trace -------------------------------------------------------------------------------


def test_a_replay_leaves_no_database_and_touches_none(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = databases(database_url)
    run(written(tmp_path, text([row(1)])), database_url, as_json=True)
    assert json.loads(capsys.readouterr().out)["booked"] == 1
    assert databases(database_url) == before
    with psycopg.connect(database_url) as conn:
        for table in ("hospitals", "patients", "appointments", "booking_requests"):
            assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_replay_leaves_no_database(
    server_url: str, tmp_path: Path, interruption: type[BaseException]
) -> None:
    before = databases(server_url)
    during: list[set[str]] = []

    def interrupt(_: int) -> None:
        during.append(databases(server_url))
        raise interruption

    records = read_records(written(tmp_path, text([row(1)])))
    with pytest.raises(interruption):
        replay(records, server_url, Scenario(), interrupt)
    assert len(during[0] - before) == 1
    assert databases(server_url) == before


def test_a_day_is_decided_at_once_and_nobodys_number_is_stored(
    server_url: str, tmp_path: Path
) -> None:
    before = databases(server_url)
    answered: list[int] = []
    stored: list[bytes] = []

    def look(requests: int) -> None:
        answered.append(requests)
        [scratch] = databases(server_url) - before
        with psycopg.connect(psycopg.conninfo.make_conninfo(server_url, dbname=scratch)) as conn:
            columns = "name_enc, id_no_enc, id_no_index, person_index"
            rows = conn.execute(f"SELECT {columns} FROM patients").fetchall()
        stored.extend(column for row in rows for column in row)

    today = [row(n, person=f"person-{n}", hospital=f"H{n % 7}") for n in range(3000)]
    tomorrow = [row(9000, at="2016-05-03 08:00:00", person="person-0", hospital="H9")]
    records = read_records(written(tmp_path, text([*today, *tomorrow])))
    outcome = replay(records, server_url, Scenario(capacity=100), look)
    *first_day, second_day = answered
    assert (len(first_day), sum(first_day), second_day) == (2, 3000, 1)  # two lanes
    assert (outcome.booked, outcome.refused["sold_out"]) == (701, 2300)
    assert stored
    assert not any(b"person" in value for value in stored)


def test_lanes_share_no_person_and_no_hospital_and_keep_the_order(tmp_path: Path) -> None:
    random = Random("lanes")
    rows = []
    for number in range(600):
        person = random.randrange(300)
        moves = random.random() < 0.02  # a few ask at another hospital as well
        hospital = random.randrange(30) if moves else person % 30
        rows.append(row(number, person=f"p{person}", hospital=f"H{hospital}"))
    records = read_records(written(tmp_path, text(rows)))
    found = lanes(records, 2)
    assert min(map(len, found)) > 250
    assert all(lane == sorted(lane) for lane in found)
    assert sorted(found[0] + found[1]) == records
    for field in ("person", "hospital"):
        one, other = ({getattr(record, field) for record in lane} for lane in found)
        assert one.isdisjoint(other)


def test_hospitals_that_share_a_person_are_one_lane(tmp_path: Path) -> None:
    rows = [
        row(n, person="p1" if n % 5 == 0 else f"q{n}", hospital=f"H{n % 10}") for n in range(50)
    ]
    one, other = lanes(read_records(written(tmp_path, text(rows))), 2)
    assert {record.hospital for record in one if record.person == "p1"} == {"H0", "H5"}
    assert lanes(read_records(written(tmp_path, text(rows[:1]))), 2) == [one[:1]]
    assert not {"H0", "H5"} & {record.hospital for record in other}


def test_an_owner_who_may_not_create_databases_is_told_what_helps(
    server_url: str, tmp_path: Path
) -> None:
    role = "guahao_test_without_createdb"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN")
        try:
            url = psycopg.conninfo.make_conninfo(server_url, user=role)
            with pytest.raises(ReplayError, match=f'ALTER ROLE "?{role}"? CREATEDB'):
                run(written(tmp_path, text([row(1)])), url)
        finally:
            conn.execute(f"DROP ROLE {role}")


@pytest.mark.usefixtures("template_database")  # the roles come with it
def test_an_owner_need_not_be_a_superuser(
    server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role = "guahao_test_plain_owner"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN CREATEDB CREATEROLE")
        try:
            conn.execute(
                f"GRANT guahao_app, guahao_hospital, guahao_secrets TO {role} WITH ADMIN OPTION"
            )
            url = psycopg.conninfo.make_conninfo(server_url, user=role)
            run(written(tmp_path, text([row(1)])), url, as_json=True)
        finally:
            conn.execute(f"DROP ROLE {role}")
    assert json.loads(capsys.readouterr().out)["booked"] == 1


# Another policy --------------------------------------------------------------------------------


def test_a_policy_changes_what_it_names_and_nothing_else(replayed: Replayed) -> None:
    rows = [row(n, hospital=f"H{n}", visit=f"2016-05-{10 + n}") for n in range(6)]
    rows.append(row(7, visit="2016-06-10", person="p2"))
    looser = "per_short_window = 4\n[hospital]\ncycle_days = 14\n"
    assert replayed.counts(rows) == {"booked": 4, "seven_day_limit": 3}
    policy = written(replayed.folder, looser, "policy.toml")
    assert replayed.counts(rows, policy_file=policy) == {
        "booked": 4,
        "seven_day_limit": 2,
        "beyond_horizon": 1,
    }


def test_a_policy_may_be_json_and_may_move_the_stop_time(replayed: Replayed) -> None:
    rows = [row(1, at="2016-05-09 16:30:00")]
    changed = {"hospital": {"next_day_stop_time": "17:00:00"}}
    policy = written(replayed.folder, json.dumps(changed), "policy.json")
    assert replayed.counts(rows) == {"booked": 0, "next_day_closed": 1}
    assert replayed.counts(rows, policy_file=policy) == {"booked": 1}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("p.toml", "per_dya = 2", "unknown: per_dya; known are horizon_months, "),
        ("p.toml", "[hospital]\nper_day = 2", "unknown: hospital.per_day; known are hospital.cyc"),
        ("p.toml", "hospital = 5", "hospital: expected a table"),
        ("p.toml", 'per_day = "two"', "per_day: expected `int`"),
        ("p.toml", "per_day = true", "per_day: expected `int`"),
        ("p.json", '{"per_day": 2.5}', "per_day: expected `int`"),
        ("p.toml", "per_day = -1", "per_day: expected `int` >= 0"),
        ("p.toml", "short_window_days = 0", "short_window_days: expected `int` >= 1"),
        ("p.toml", "horizon_months = 25", "horizon_months: expected `int` <= 24"),
        ("p.toml", 'cancel_channels = ["nobody"]', "cancel_channels: invalid enum value"),
        ("p.toml", "[hospital]\ncycle_days = 0", "hospital.cycle_days: expected `int` >= 1"),
        ("p.toml", '[hospital]\nrelease_time = "noon"', "hospital.release_time: invalid"),
        ("p.json", '{"hospital": {"release_time": "08:00:00Z"}}', "hospital.release_time: exp"),
        ("p.toml", "per_day 2", "not TOML: "),
        ("p.json", "{", "not JSON: "),
        ("p.json", "[]", "expected an object"),
        ("p.toml", b"\xff", "not TOML: "),
        ("p.yaml", "per_day: 2", "expected a .toml or a .json file"),
    ],
)
def test_a_wrong_policy_names_what_is_wrong(
    server_url: str, tmp_path: Path, name: str, content: str | bytes, complaint: str
) -> None:
    policy = written(tmp_path, content, name)
    with pytest.raises(ReplayError) as caught:
        run(written(tmp_path, text([row(1)])), server_url, policy_file=policy)
    assert str(caught.value).startswith(f"{policy}: {complaint}")


def test_a_policy_that_is_not_there_is_named(server_url: str, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"nowhere\.toml: cannot be read: No such file"):
        run(tmp_path / "records.csv", server_url, policy_file=tmp_path / "nowhere.toml")


@pytest.mark.parametrize("capacity", [-1, 1_000_001])
def test_a_capacity_out_of_bounds_is_refused(
    server_url: str, tmp_path: Path, capacity: int
) -> None:
    with pytest.raises(ReplayError, match="--capacity: expected 0 to 1000000"):
        run(tmp_path / "records.csv", server_url, capacity=capacity)


# Files -----------------------------------------------------------------------------------------


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return out.getvalue()


def test_a_zip_with_one_csv_is_read(replayed: Replayed) -> None:
    content = zipped(readme="Nothing here.", records_csv=f"{HEADER}\n{LINE}\n")
    path = written(replayed.folder, content, "records.ZIP")
    assert replayed.of_file(path)["booked"] == 1


def test_a_byte_order_mark_blank_lines_and_other_columns_do_no_harm(replayed: Replayed) -> None:
    content = f"\ufeff{HEADER}\r\n\r\n{LINE}\r\n\r\n"
    assert replayed.of_file(written(replayed.folder, content))["booked"] == 1


def broken(**change: str) -> str:
    """A file whose third line is not right."""
    names = HEADER.split(",")
    fields = dict(zip(names, LINE.split(","), strict=True)) | {"AppointmentID": "2"} | change
    return "\n".join([HEADER, LINE, ",".join(fields[name] for name in names)])


DAMAGED_ZIP = zipped(records_csv=f"{HEADER}\n{LINE}\n")[:-30]
BROKEN_FILES = [
    ("r.csv", "", "the file is empty"),
    ("r.csv", " \n\n", "the file is empty"),
    ("r.csv", HEADER, "the file holds a header and no record"),
    ("r.csv", "PatientId;AppointmentID\n", "line 1: missing columns: PatientId, AppointmentID, "),
    ("r.csv", HEADER.replace(",No-show", ""), "line 1: missing columns: No-show; expected a head"),
    ("r.csv", f"{HEADER},No-show\n{LINE},No", "line 1: columns named twice: No-show"),
    ("r.csv", f"{HEADER}\n{LINE},more", "line 2: expected 7 fields, found 8"),
    ("r.csv", f"{HEADER}\n{LINE}\nshort", "line 3: expected 7 fields, found 1"),
    ("r.csv", f'{HEADER}\n{LINE}\n"p,2', "line 3: not CSV: "),
    (
        "r.csv",
        f"{HEADER}\n{LINE}\n{LINE}",
        "line 3: AppointmentID: expected an id of its own, not ",
    ),
    ("r.csv", f"{HEADER}\n{LINE}\nJos\xe9".encode("latin-1"), "line 3: not UTF-8 text"),
    ("r.csv", f"{HEADER}\n{LINE}".encode("utf-16"), "line 1: not UTF-8 text"),
    ("r.csv", broken(PatientId=""), "line 3: PatientId: expected 1 to 64 printable characters"),
    ("r.csv", broken(AppointmentID="x7"), "line 3: AppointmentID: expected a whole number of 1 to"),
    ("r.csv", broken(AppointmentID="٣"), "line 3: AppointmentID: expected a whole number of 1 to"),
    ("r.csv", broken(ScheduledDay="yesterday"), "line 3: ScheduledDay: expected a time such as 2"),
    ("r.csv", broken(ScheduledDay="2016-05-02"), "line 3: ScheduledDay: expected a time such as 2"),
    ("r.csv", broken(ScheduledDay="0001-05-02T08:00"), "line 3: ScheduledDay: expected a time su"),
    ("r.csv", broken(AppointmentDay="2016-02-30"), "line 3: AppointmentDay: expected a date such"),
    ("r.csv", broken(AppointmentDay="2200-01-01"), "line 3: AppointmentDay: expected a date such"),
    ("r.csv", broken(Neighbourhood="N" * 81), "line 3: Neighbourhood: expected 1 to 80 printable"),
    ("r.csv", broken(Neighbourhood="A\0"), "line 3: Neighbourhood: expected 1 to 80 printable"),
    ("r.csv", broken(**{"No-show": "maybe"}), "line 3: No-show: expected Yes or No, found 'maybe'"),
    ("r.xlsx", LINE, "expected a .csv file, or a .zip with one"),
    ("r.zip", LINE, "not a .zip file that can be opened: "),
    ("r.zip", DAMAGED_ZIP, "not a .zip file that can be opened: "),
    ("r.zip", zipped(readme="none"), "expected one .csv in the .zip, found 0"),
    ("r.zip", zipped(a_csv="1", b_csv="2"), "expected one .csv in the .zip, found 2"),
]


@pytest.mark.parametrize(("name", "content", "complaint"), BROKEN_FILES)
def test_a_broken_file_names_the_line_and_what_is_expected(
    server_url: str, tmp_path: Path, name: str, content: str | bytes, complaint: str
) -> None:
    path = written(tmp_path, content, name)
    with pytest.raises(ReplayError) as caught:
        run(path, server_url)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_file_that_is_not_there_is_named(server_url: str, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"nowhere\.csv: cannot be read: No such file"):
        run(tmp_path / "nowhere.csv", server_url)


# The real records ------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL_RECORDS, reason="GUAHAO_REAL_RECORDS names no file of real records")
def test_the_real_records_count_as_the_brute_force_does(replayed: Replayed) -> None:
    path = Path(REAL_RECORDS or "")
    with zipfile.ZipFile(path) as archive:
        content = archive.read(archive.namelist()[0]).decode()
    answer = replayed.of_file(path)
    del answer["rules"]
    assert answer == expected(csv.DictReader(io.StringIO(content)))
    assert answer["requests"] == 110_527
