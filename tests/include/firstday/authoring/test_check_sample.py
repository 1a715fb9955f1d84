"""What `check-use-case` finds on a sample before anything runs, by the cases of `check_cases.yaml`."""

import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.firstday.__main__ import main
from include.firstday.authoring.new_use_case import Chosen, new_use_case
from include.firstday.lake import statements
from include.firstday.use_case import use_case

CHOSEN = Chosen({"user_id": "user", "event_type": "type", "event_time": "time"})
CASES = yaml.safe_load((Path(__file__).parent / "check_cases.yaml").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sample and the use case that is made for it."""
    folder = tmp_path_factory.mktemp("made")
    chance, rows = random.Random(5), ["time,user,type,amount,receipt,customer,device"]
    for customer in range(150):
        time = datetime(2026, 3, 1) + timedelta(hours=chance.random() * 24 * 25)
        ends = time + timedelta(days=chance.expovariate(1 / (12 if customer % 2 else 0.8)))
        while time < min(ends, datetime(2026, 4, 12)):
            is_order = chance.random() < (0.5 if customer % 2 else 0.1)
            amount = f"{chance.lognormvariate(3, 1):.2f}" if is_order else ""
            kind = "Order Placed" if is_order else "Page View"
            rows.append(f"{time:%Y-%m-%d %H:%M:%S},u{customer:03},{kind},{amount},{len(rows)},{customer},Android")
            time += timedelta(hours=chance.expovariate(1 / 6))
    (folder / "sample.csv").write_text("\n".join(rows) + "\n")
    shutil.copytree(statements.SQL, folder / "sql")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(statements, "SQL", folder / "sql")
        patched.setattr(use_case, "USE_CASES", folder / "use_cases")
        new_use_case("shop", folder / "sample.csv", CHOSEN)
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(made, tmp_path / "made")
    monkeypatch.setattr(statements, "SQL", tmp_path / "made" / "sql")
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path / "made" / "use_cases")
    return tmp_path / "made"


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_it_is_found_with_file_key_and_remedy(
    case: dict[str, Any], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(shop, case)
    code = main(["check-use-case", "shop", "--sample", str(shop / "sample.csv")])
    said = capsys.readouterr().out
    assert case.get("error", case.get("doubt")) in said
    assert case.get("and", "") in said
    assert code == ("error" in case)


def change(shop: Path, case: dict[str, Any]) -> None:
    folders = {True: shop / "sql" / "use_cases" / "shop", False: shop / "use_cases" / "shop"}
    for name, replaced in case.get("change", {}).items():
        file = folders[name.endswith(".sql")] / name
        text = file.read_text()
        for old, new in replaced.items():
            assert old in text, f"{name}: {old}"
            text = text.replace(old, new)
        file.write_text(text)
    for name, text in case.get("write", {}).items():
        file = folders[name.endswith(".sql")] / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    sample = case.get("sample", {})
    lines = (shop / "sample.csv").read_text().replace("2026-", f"{sample.get('year', 2026)}-").splitlines(keepends=True)
    (shop / "sample.csv").write_text("".join(lines + lines[1 : 1 + sample.get("repeat", 0)]))


def test_all_files_of_a_folder_are_the_sample(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = (shop / "sample.csv").read_text().splitlines()
    (shop / "days").mkdir()
    wrong = rows[0].split(",", 1)[1]
    for number in range(3):
        part = [head, *rows[number::3], *([f"yesterday,{wrong}"] if number == 2 else [])]
        (shop / "days" / f"day-{number}.csv").write_text("\n".join(part) + "\n")
    assert main(["check-use-case", "shop", "--sample", str(shop / "sample.csv")]) == 0
    whole = capsys.readouterr().out
    assert main(["check-use-case", "shop", "--sample", str(shop / "days")]) == 0
    said = capsys.readouterr().out
    assert "Features of 3 files of days: 150 users" in said
    assert "day-2.csv" in said
    assert "day-0.csv" not in said
    features = [text.split("Features of")[1].splitlines()[2:10] for text in (whole, said)]
    assert features[0] == features[1]
