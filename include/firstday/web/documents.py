"""The documentation as the site that `make docs` builds, so that it is there without the internet."""

from fastapi import HTTPException
from fastapi.responses import FileResponse

from include.firstday.settings import REPOSITORY

SITE = REPOSITORY / ".site"
HEADERS = {
    # The theme has scripts and styles within its pages; nothing is loaded from other hosts.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
    ),
    "Cache-Control": "no-cache",
}


def file(name: str) -> FileResponse:
    """Return a file of the site. Raises HTTPException 404 where there is none."""
    found = (SITE / (name or "index.html")).resolve()
    if not (found.is_relative_to(SITE.resolve()) and found.is_file()):
        raise HTTPException(404, f"{name}: no such page; `make docs` builds the documentation")
    return FileResponse(found, headers=HEADERS)
