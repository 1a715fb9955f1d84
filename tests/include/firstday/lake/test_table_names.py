"""Which tables statements read and change: by their meaning, not by their words."""

import re

import pytest

from include.firstday.errors import QueryError
from include.firstday.lake.statements import SQL
from include.firstday.lake.table_names import table_changed, tables_read

CASES = {
    "select * from events": {"events"},
    "from events": {"events"},
    "select 1": set(),
    "-- from nobody\nselect 'from nowhere' as words -- from never\nfrom events": {"events"},
    "select * from a join b using (x) where x in (select x from c) and exists (from d)": {"a", "b", "c", "d"},
    "select (select max(x) from a) as x, * from range($n), read_csv('b.csv')": {"a"},
    "with a as (select * from b) select * from a": {"b"},
    "with a as (select * from a) select * from a": {"a"},  # the table, and then what is made from it
    "with a as (from b), c as (from a union all from d) select * from c, (with e as (from f) from e)": {
        "b",
        "d",
        "f",
    },
    "select * from (with a as (from b) from a), a": {"a", "b"},  # a second one, outside of the first
    "select * from information_schema.tables": set(),
    "select * from lake.main.file_hashes at (version => 3)": {"file_hashes"},
    "insert into a select * from b where x in (select x from c)": {"b", "c"},
    "INSERT INTO a BY NAME SELECT * FROM b": {"b"},
    "delete from a where x in (select x from b)": {"a", "b"},
    "delete from a": {"a"},
    "with d as (\n    select x from b\n)\n\ndelete from a where x in (from d)": {"a", "b"},
    "with d as (from b)\ninsert into a from d": {"b"},
    "update a set x = case when y in (select y from b) then 1 else 0 end, z = $z where z is null": {"a", "b"},
    "create table if not exists a as select * from b limit 0": {"b"},
    "create table if not exists lake.main.a (\n    x varchar -- as select * from b\n)": set(),
    "call ducklake_cleanup_old_files('lake')": set(),
}


@pytest.mark.parametrize(("text", "expected"), CASES.items())
def test_tables_are_read_where_a_query_has_them_as_a_source(text: str, expected: set[str]) -> None:
    assert tables_read(text) == expected


@pytest.mark.parametrize("text", ["selec 1", "insert into a selec 1", "create view a as select 1"])
def test_what_is_no_query_is_an_error(text: str) -> None:
    with pytest.raises(QueryError):
        tables_read(text)


def test_changed_tables_are_those_of_insert_update_and_delete() -> None:
    for text, expected in {
        "-- why\ninsert into a select 1": "a",
        "delete from lake.main.b": "b",
        "update c\nset x = 1": "c",
        "select * from d": None,
        "call e()": None,
    }.items():
        assert table_changed(text) == expected


def test_every_statement_is_parsed_and_reads_what_its_head_says() -> None:
    found, named = 0, 0
    for path in SQL.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        reads = tables_read(text)
        found += 1
        head = re.search(r"^-- reads: (.+(?:\n--  +.+)*)", text, re.MULTILINE)
        if head:
            assert set(re.findall(r"\w+", head[1])) == reads, path
            named += 1
    assert found > 200
    assert named > 50
