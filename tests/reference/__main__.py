"""`python -m tests.reference`: write every page that code determines into docs/reference/."""

from tests.reference.pages import PAGES, path

for name, render in PAGES.items():
    path(name).write_text(render(), encoding="utf-8")
