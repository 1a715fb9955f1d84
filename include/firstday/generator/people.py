"""Names and addresses of registered players, by Faker; the same player always gets the same ones."""

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from include.firstday.generator.chance import keys
from include.firstday.generator.players import Players

COLUMNS = {
    "name": pa.string(),
    "date_of_birth": pa.date32(),
    "street_address": pa.string(),
    "city": pa.string(),
    "country": pa.string(),
    "affiliate_url": pa.string(),
    "campaign": pa.string(),
}
if TYPE_CHECKING:
    from faker import Faker

_CAMPAIGNS = ("welcome", "spring", "friends", "search", "social", "none")
_YOUNGEST, _OLDEST = date(2008, 1, 1).toordinal(), date(1941, 1, 1).toordinal()


def people(who: Players) -> dict[str, pa.Array]:
    """Return one value per player of every column in COLUMNS. Imports Faker only if there are players."""
    rows = [_person(int(key)) for key in who.key]
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}


def _person(key: int) -> dict[str, object]:
    fake = _faker()
    fake.seed_instance(key)
    return {
        "name": fake.name(),
        "date_of_birth": date.fromordinal(fake.random_int(_OLDEST, _YOUNGEST)),
        "street_address": fake.street_address(),
        "city": fake.city(),
        "country": fake.country(),
        "affiliate_url": f"https://{fake.domain_word()}.example/{fake.slug()}",
        "campaign": _CAMPAIGNS[int(keys("campaign", key)[0]) % len(_CAMPAIGNS)],
    }


@cache
def _faker() -> "Faker":
    from faker import Faker

    return Faker("en_US")
