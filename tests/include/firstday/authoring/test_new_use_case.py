"""A new use case runs at once, fits the file it was made from, and what is wrong with it is said line by line."""

import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday.__main__ import main
from include.firstday.lake import statements
from include.firstday.use_case import use_case

CHOSEN = ["--user", "Kunden-Nr", "--time", "Zeitpunkt", "--type", "Aktion"]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of `sql/` and the use cases that a test may add to."""
    shutil.copytree(statements.SQL, tmp_path / "sql")
    shutil.copytree(use_case.USE_CASES, tmp_path / "use_cases")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path / "use_cases")
    return tmp_path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A shop's export as spreadsheets write it: German, with a BOM, semicolons and decimal commas, one row broken."""
    chance, rows = random.Random(5), []
    for customer in range(300):
        time = datetime(2026, 3, 1) + timedelta(hours=chance.random() * 24 * 25)
        is_loyal = chance.random() < 0.5
        ends = time + timedelta(days=chance.expovariate(1 / (12 if is_loyal else 0.8)))
        while time < min(ends, datetime(2026, 4, 12)):
            action = "Order Placed" if chance.random() < (0.5 if is_loyal else 0.1) else "Page View"
            amount = f"{chance.lognormvariate(3, 1):.2f}".replace(".", ",") if action == "Order Placed" else ""
            rows.append(f"{time:%d.%m.%Y %H:%M:%S};KD-{customer:05};{action};{amount};Web")
            time += timedelta(hours=chance.expovariate(1 / 6))
    file = tmp_path / "export.csv"
    lines = ["Zeitpunkt;Kunden-Nr;Aktion;Umsatz (EUR);Order", *rows, "kaputt;KD-1;Page View;;Web"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return file


def say(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    assert main(list(arguments)) == code
    said = capsys.readouterr()
    return said.out + said.err


def test_a_skeleton_runs_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert "use_case.yaml" in say(capsys, "new-use-case", "mine")
    said = say(capsys, "check-use-case", "mine")
    assert "mine: valid" in said
    assert "visited_count" in said
    assert "Rejected rows" not in said
    say(capsys, "--use-case", "mine", "generate", "--minutes", "30")
    assert "0 rejected" in say(capsys, "--use-case", "mine", "micro-batch", "--no-score")


@pytest.mark.slow
def test_from_a_strange_file_to_scored_users(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "new-use-case", "shop", "--from", str(export), *CHOSEN)
    said = say(capsys, "check-use-case", "shop", "--sample", str(export))
    for expected in ("300 users", "umsatz_eur_max", "order_placed_count", "expected TIMESTAMP, found 'kaputt'"):
        assert expected in said
    mine = ("--use-case", "shop")
    say(capsys, *mine, "ingest", str(export))
    assert "1 rejected" in say(capsys, *mine, "micro-batch", "--no-score")
    assert "version 1 is the champion" in say(capsys, *mine, "train")
    assert "users scored by version 1" in say(capsys, *mine, "micro-batch")
    prediction = say(capsys, *mine, "query", "select user_id, probability from predictions limit 1")
    assert "KD-" in prediction


def test_a_sample_that_duckdb_ends_the_connection_for_is_read_row_by_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "latin_1.csv"
    header = b"user_id,event_type,event_time,postcode,shop,name\n"
    rows = "u1,new_registration,2026-11-23 10:00:00,10000,A,Müller\n".encode("latin-1")
    sample.write_bytes(header + rows + b"u2,new_registration,2026-11-23 10:00:00,10000,A,Meyer\n")
    said = say(capsys, "check-use-case", "first_day_churn", "--sample", str(sample))
    assert "latin_1.csv: 1 users" in said
    assert "line: expected UTF-8" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new-use-case", "Mine"], "Mine: expected lower-case letters, digits and _"),
        (["new-use-case", "first_day_churn"], "first_day_churn: already exists; choose another name"),
        (["new-use-case", "mine", "--from", "missing.csv"], "missing.csv: expected a file ending in one of .ndjson"),
    ],
)
def test_what_cannot_be_made_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert said in say(capsys, *arguments, code=1)


def test_a_column_that_is_not_told_is_asked_for(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = say(capsys, "new-use-case", "shop", "--from", str(export), code=1)
    assert "choose the column of the user_id with --user; the columns are: Zeitpunkt, Kunden-Nr" in said
    said = say(capsys, "new-use-case", "shop", "--from", str(export), "--user", "Kunde", code=1)
    assert "--user Kunde: expected one of the file's columns" in said


PURCHASES = [
    f" {user:05} {900 + user:04} 19970{1 + step}{1 + user % 28:02}  {step + 1}   {9.5 + step:.2f}"
    for user in range(40)
    for step in range(3)
]


@pytest.mark.parametrize("as_tabs", [False, True])
def test_a_table_of_blanks_or_tabs_without_header_type_or_date_separators(
    own_folders: Path, capsys: pytest.CaptureFixture[str], as_tabs: bool
) -> None:
    """As CDNOW's purchases are: of 1997, with a number of the customer that is no amount."""
    file = own_folders / ("purchases.tsv" if as_tabs else "purchases.txt")
    lines = ["\t".join(line.split()) for line in PURCHASES] if as_tabs else PURCHASES
    file.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    chosen = ["--user", "column_1", "--time", "column_3", "--event", "purchase"]
    say(capsys, "new-use-case", "cdnow", "--from", str(file), *chosen)
    said = say(capsys, "check-use-case", "cdnow", "--sample", str(file))
    assert f"{file.name}: 40 users, 40 with an open window" in said
    assert "column_5_max" in said
    assert "column_2_sum" not in said
    assert "Rejected rows" not in said
    assert "purchases.csv" in say(capsys, "--use-case", "cdnow", "ingest", str(file))
    stored = say(capsys, "--use-case", "cdnow", "micro-batch", "--no-score")
    assert "120 events stored, 0 rejected" in stored


def test_a_folder_of_parquet_files_is_looked_at_as_one(own_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = own_folders / "export"
    (folder / "2026").mkdir(parents=True)
    for day, kind in ((1, "visit"), (2, "order")):
        rows = {"user": [7, 8], "event": [kind] * 2, "time": [datetime(2026, 3, day)] * 2, "price": [None, 2.5 * day]}
        pq.write_table(pa.table(rows), folder / "2026" / f"{day}.parquet")
    say(capsys, "new-use-case", "shop", "--from", str(folder))
    text = (own_folders / "use_cases" / "shop" / "use_case.yaml").read_text()
    assert "  order: {}\n  visit: {}" in text or "  visit: {}\n  order: {}" in text
    said = say(capsys, "check-use-case", "shop", "--sample", str(folder))
    assert "2 users, 2 with an open window" in said


def test_a_time_format_that_is_unknown_costs_no_file(own_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own_folders / "odd.csv"
    file.write_text("user,event,time\n" + "".join(f"u{n},visit,week {n} of 2026\n" for n in range(1, 9)))
    said = say(capsys, "new-use-case", "odd", "--from", str(file))
    assert "odd/measures.sql" in said
    assert "column time: unknown time format of 'week 1 of 2026'; set mapping.time_format" in said
    file.write_text("user,event,time\n" + "".join(f"u{n},visit,1/{n}/26 at 9\n" for n in range(1, 9)))
    said = say(capsys, "new-use-case", "given", "--from", str(file), "--time-format", "%m/%d/%y at %H")
    assert "unknown time format" not in said
    assert "8 users, 8 with an open window" in say(capsys, "check-use-case", "given", "--sample", str(file))


def test_everything_that_is_missing_is_said_line_by_line(own_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "new-use-case", "mine")
    yaml, statements = own_folders / "use_cases" / "mine" / "use_case.yaml", own_folders / "sql" / "use_cases" / "mine"
    (statements / "label.sql").unlink()
    (statements / "measures.sql").unlink()
    said = say(capsys, "check-use-case", "mine", code=1)
    assert "mine/measures.sql: expected this file, it is missing" in said
    assert "mine/label.sql: expected this file, as training.label is derived; it is missing" in said
    yaml.write_text(yaml.read_text().replace("hours: 24", "hours: 0").replace("title: Mine\n", "colour: red\n"))
    said = say(capsys, "check-use-case", "mine", code=1)
    assert "window.hours: Input should be greater than 0, found 0" in said
    assert "title: Field required" in said
    assert "colour: Extra inputs are not permitted" in said


def test_amounts_of_several_scales_are_summed_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"2026-03-0{day} 10:00:00,u{day},buy,{day}.1234,{day * 3_000_000}.5,{day}.50000" for day in range(1, 9)]
    file = tmp_path / "orders.csv"
    file.write_text("\n".join(["when,user,action,quantity,price,weight", *rows]) + "\n")
    say(capsys, "new-use-case", "shop", "--from", str(file))
    assert "decimal(18, 4)" in (statements.SQL / "use_cases" / "shop" / "events.sql").read_text()
    assert "shop: valid" in say(capsys, "check-use-case", "shop", "--sample", str(file))
    say(capsys, "--use-case", "shop", "ingest", str(file))
    say(capsys, "--use-case", "shop", "micro-batch", "--no-score")
    squares = "select value_sum_of_squares::varchar as v from feature_state where user_id = 'u7' order by measure"
    found = say(capsys, "--use-case", "shop", "query", squares)
    assert "441000021000000.25000000" in found
    assert "50.74282756" in found


def test_texts_with_few_values_become_categories(
    own_folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others do not: one value, a value a user, one that users lack at first, ids, and names that are taken."""
    chance, rows = random.Random(3), ["user,event,time,Land,on,shop,card,coupon,plan_id,reasons"]
    for user in range(120):
        time, country = datetime(2026, 3, 1) + timedelta(hours=chance.random() * 600), chance.choice(["DE", "FR", "Ö"])
        for step in range(chance.randint(1, 9)):
            texts = [country, "ja" if user % 3 else "nein", "main", f"card {user}", "spring" if step else ""]
            own = ",".join([*texts, f"p{user % 4}", f"x{user % 2}"])
            rows.append(f"u{user:03},{'visit' if step % 2 else 'order'},{time:%Y-%m-%d %H:%M:%S},{own}")
            time += timedelta(hours=chance.expovariate(1 / 30))
    sample = tmp_path / "events.csv"
    sample.write_text("\n".join(rows) + "\n", encoding="utf-8")
    say(capsys, "new-use-case", "shop", "--from", str(sample))
    case = use_case.load("shop")
    assert list(case.categories) == ["land", "on"]
    assert case.features[:2] == ("land", "on")
    said = say(capsys, "check-use-case", "shop", "--sample", str(sample))
    assert "shop: valid" in said
    shown = [line.split()[0] for line in said.splitlines() if line.startswith(("land ", "on "))]
    assert shown == ["land", "on"]
    assert "Ö" in said
    assert "cannot be fitted" not in said
