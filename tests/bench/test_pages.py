"""The bench of pages: it fills a store by itself, and no route is left out."""

import pytest

from bench.indexer import pages
from bench.indexer.large_rows import Sizes
from bench.indexer.large_store import fill_large_store

pytestmark = pytest.mark.e2e


def test_pages__small_store__every_route_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROUNDS", 1)
    monkeypatch.setattr(pages, "warm_up", lambda: None)
    sizes = Sizes(2_000, 20_000)
    fill_large_store(tmp_path / "store.sqlite", sizes)

    spent = pages.measure_store(tmp_path / "store.sqlite", sizes)

    assert min(spent.values()) > 0
    assert any(page.startswith("/v1/statistics") for page in spent)
