"""The index of decisions names every page and accounts for every number."""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "concepts" / "adr"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


def number(page: Path) -> int:
    return int(page.name[:4])


def test_the_index_links_each_page_once_in_order() -> None:
    linked = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| .+\. \|$", INDEX, re.MULTILINE)
    assert linked == [(str(number(page)), page.name) for page in PAGES]


def test_a_page_is_headed_by_its_number() -> None:
    for page in PAGES:
        assert page.read_text(encoding="utf-8").startswith(f"# {number(page)}. "), page.name


def test_numbers_without_a_page_are_named() -> None:
    (sentence,) = re.findall(r"^Numbers (.+) are not used", INDEX, re.MULTILINE)
    unused = {int(found) for found in re.findall(r"\d+", sentence)}
    assert unused == set(range(1, number(PAGES[-1]) + 1)) - {number(page) for page in PAGES}
