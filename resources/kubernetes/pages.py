"""Lists of the API server, a page at a time, the next one read while one is worked on.

Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PAGE = 500


def read_pages(read: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The items of all pages. `read`: the page behind a continue token, the first one without. At most two pages are in
    memory. Raises what `read` raises."""
    page = read(None)
    more = _token(page)
    if not more:
        yield from page["items"] or ()
        return
    with ThreadPoolExecutor(1) as ahead:
        while more:
            coming = ahead.submit(read, more)
            yield from page["items"] or ()
            page = coming.result()
            more = _token(page)
        yield from page["items"] or ()


def _token(page: Mapping[str, Any]) -> str:
    return (page.get("metadata") or {}).get("continue") or ""
