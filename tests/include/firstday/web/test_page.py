"""The page in Chromium, over a prepared lake: what is on screen, where the address leads, and what the numbers are."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from include.firstday.settings import REPOSITORY
from tests.include.firstday.web.conftest import USER, Site, Visitor, violations
from tests.light_server import USE_CASE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLACES = (
    "overview",
    "users",
    f"users/{USER}",
    "model",
    "drift",
    "experiments",
    "experiments/offers-autumn-0.5",
    "lake",
    "lake/tables/predictions",
    "lake/query",
    "lake/lineage",
    "api",
)
STATIC = REPOSITORY / "include" / "firstday" / "web" / "static"


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 1440),
        ("dark", 390),
        *(
            pytest.param(*other, marks=pytest.mark.release)
            for other in [("dark", 1440), ("light", 390), ("light", 768), ("dark", 1920)]
        ),
    ],
)
def test_every_room_passes_axe_and_fits(site: Site, browser: Browser, tmp_path: Path, theme: str, width: int) -> None:
    walk(site, browser, USE_CASE, PLACES, theme, width, tmp_path)


def test_rooms_without_data_pass_axe_and_fit(site: Site, browser: Browser, tmp_path: Path) -> None:
    rooms = [place for place in PLACES if "/" not in place or place == "lake/lineage"]
    walk(site, browser, "cart_abandonment", rooms, "dark", 390, tmp_path)


def walk(
    site: Site, browser: Browser, use_case: str, places: Iterable[str], theme: str, width: int, pictures: Path
) -> None:
    """Open each place: nothing violates axe's rules, is too wide, fails, or is loaded from elsewhere."""
    scheme = "dark" if theme == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visitor = Visitor(context.new_page(), site.url)
    for place in places:
        page = visitor.go(place, use_case)
        assert page.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
        assert violations(page) == [], place
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (place, width)
        assert cut(page) == [], (place, width)
        page.screenshot(path=pictures / f"{place.replace('/', '_')}_{theme}_{width}.png", full_page=True)
    assert visitor.errors == []
    assert visitor.outside == []
    context.close()


def cut(page: Page) -> list[str]:
    """Labels that are on two lines or narrower than their text, and values apart from their unit."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.pill, .tile dd.big, td.number')]
        .filter((one) => one.offsetParent && (one.getClientRects().length > 1 || one.scrollWidth > one.clientWidth + 1))
        .map((one) => one.textContent)"""
    )


def test_a_use_case_never_shows_the_user_of_another(visitor: Visitor) -> None:
    page = visitor.go(f"users/{USER}")
    expect(page.get_by_role("heading", name=USER)).to_be_visible()
    page.select_option("#use-case", "cart_abandonment")
    expect(page.get_by_text("No users in their window.")).to_be_visible()
    expect(page.get_by_text(USER)).to_have_count(0)
    assert page.url.endswith("#cart_abandonment/users")


def test_an_unknown_user_is_said_at_once_and_stays_said(visitor: Visitor) -> None:
    page = visitor.go("users/nobody")
    error = page.get_by_text("no registered user with the id nobody")
    expect(error).to_be_visible()
    page.wait_for_timeout(6000)  # longer than the page waits between two updates
    expect(error).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)
    visitor.go("users/" + USER)
    expect(page.get_by_role("heading", name=USER)).to_be_visible()


def test_the_content_of_a_room_goes_as_soon_as_another_is_chosen(visitor: Visitor) -> None:
    page = visitor.go("overview")
    held = []
    page.route("**/api/*/model", lambda route: held.append(route))
    page.get_by_role("link", name="Model").click()
    expect(page.locator("nav a[aria-current]")).to_have_text("Model")
    expect(page.get_by_text("Loading …")).to_be_visible()
    expect(page.get_by_text("Events per minute")).to_have_count(0)
    expect(page.locator("main")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()


def test_the_page_says_how_old_it_is_and_can_be_paused(visitor: Visitor) -> None:
    page = visitor.go("overview")
    expect(page.locator("#updated")).to_have_text(re.compile(r"updated (now|\d+ s ago)"))
    page.get_by_role("button", name="Pause").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(6500)
    assert asked == []
    expect(page.locator("#updated")).to_have_text(re.compile(r"paused, updated [5-9] s ago"))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#updated")).to_have_text(re.compile(r"^updated (now|[01] s ago)"))
    assert asked


def test_a_failed_update_is_said_and_leaves_the_data(visitor: Visitor) -> None:
    page = visitor.go("overview")
    page.route("**/api/*/status", lambda route: route.fulfill(status=503, json={"detail": "the lake cannot be opened"}))
    expect(page.get_by_role("alert")).to_contain_text("the lake cannot be opened")
    expect(page.get_by_text("Users in their window")).to_be_visible()
    page.unroute("**/api/*/status")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    "place",
    [
        f"users/{USER}",
        "users?only=predicted&sort=1",
        "users?users.page=2&users.sort=window_end",
        "users?search=past-00",
        "overview?hours=12",
        "lake?batches.sort=rows_stored",
    ],
)
def test_an_address_leads_to_the_same_place_after_a_reload(visitor: Visitor, place: str) -> None:
    page = visitor.go(place)
    expect(page.get_by_text("Computing drivers")).to_have_count(0, timeout=60_000)
    before = _without_what_time_changes(page)
    page.reload()
    visitor.filled()
    expect(page.get_by_text("Computing drivers")).to_have_count(0)
    assert page.url.endswith(f"#first_day_churn/{place}")
    assert _without_what_time_changes(page) == before


def _without_what_time_changes(page: Page) -> list[str]:
    """The first lines of the page, without ages, and without the numbers of drivers, as rates per hour change."""
    text = "\n".join(page.locator("main").inner_text().split("\n")[:40])
    text, *drivers = re.sub(r"\d+(\.\d+)?\s(s|min|h)\b", "", text).partition("Top drivers")
    return [text, *(re.sub(r"\d[\d,.]*", "#", part) for part in drivers)]


def test_what_is_chosen_is_in_the_address(visitor: Visitor) -> None:
    page = visitor.go("users")
    page.select_option("#only", "predicted")
    page.get_by_role("button", name="Time left").click()
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile("only=predicted.*users.sort=-window_end.*users.page=2"))
    page.get_by_role("link", name="Overview").click()
    page.select_option("#hours", "24")
    expect(page).to_have_url(re.compile(r"#first_day_churn/overview\?hours=24$"))
    page.go_back()
    expect(page).to_have_url(re.compile("users.page=2"))


def test_the_outcome_has_the_name_in_the_use_cases_yaml(visitor: Visitor) -> None:
    page = visitor.go("users", "cart_abandonment")
    expect(page.locator("#only option").nth(1)).to_have_text("predicted abandonment")
    visitor.go("model", "cart_abandonment")
    expect(page.get_by_role("heading", name="Users by probability of abandonment")).to_be_visible()
    assert "churn" not in page.locator("main").inner_text().lower()


def test_a_table_is_sorted_filtered_and_copied(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    region = page.locator("[data-table=tables]")
    largest = "select table_name from ducklake_table_info('lake') order by file_size_bytes desc limit 1"
    region.get_by_role("button", name="Size").click()
    expect(region.locator("tbody tr").first).to_contain_text(site.value(largest))
    expect(region.locator("th[aria-sort=descending]")).to_contain_text("Size")
    region.get_by_role("button", name="Size").click()
    expect(region.locator("th[aria-sort=ascending]")).to_contain_text("Size")
    region.get_by_role("searchbox").fill("feature_")
    expect(region.locator("tbody tr")).to_have_count(2)
    region.get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert copied[0].split("\t")[0] == "Table"
    assert sorted(line.split("\t")[0] for line in copied[1:]) == ["feature_fingerprint", "feature_state"]


def test_the_page_is_small_and_quick(visitor: Visitor) -> None:
    size = sum(path.stat().st_size for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".html", ".svg"))
    assert size < 1_500_000
    assert least_of_five(lambda: first_paint(visitor)) < 1000


def least_of_five(measure: Callable[[], float]) -> float:
    """Milliseconds that it takes where nothing else keeps the processors busy."""
    return min(measure() for _ in range(5))


def first_paint(visitor: Visitor) -> float:
    visitor.page.goto("about:blank")
    page = visitor.go("overview")
    return float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


TAKE_TEN_THOUSAND = """async () => {
  const { table } = await import("./static/table.js");
  const rows = Array.from({ length: 10000 }, (_, id) => ({ id, name: `user ${id}`, value: Math.sin(id) }));
  const columns = ["id", "name", "value"].map((id) => ({ id, title: id, number: id !== "name" }));
  let longest = 0, element;
  const take = (work) => {
    const begun = performance.now();
    work();
    longest = Math.max(longest, performance.now() - begun);
  };
  take(() => document.querySelector("main").append(element = table("many", "Many", columns, rows)));
  take(() => element.querySelector("#many-sort-value").click());
  take(() => {
    const find = element.querySelector("input");
    find.value = "99";
    find.dispatchEvent(new Event("input"));
  });
  take(() => element.querySelector("#many-next").click());
  element.remove();
  return longest;
}"""


def test_a_table_of_ten_thousand_rows_blocks_nothing(visitor: Visitor) -> None:
    page = visitor.go("api")
    assert least_of_five(lambda: float(page.evaluate(TAKE_TEN_THOUSAND))) < 200
