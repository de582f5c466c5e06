"""Where figures come from."""

import sys
from types import SimpleNamespace

from crispnet.evaluate.provenance import machine


def test_a_graphics_card_is_named_where_one_is_in_use(monkeypatch):
    for there in (True, False):
        cuda = SimpleNamespace(is_available=lambda there=there: there, get_device_name=lambda: "A card")
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert machine().get("gpu") == ("A card" if there else None)
    monkeypatch.delitem(sys.modules, "torch")
    assert "gpu" not in machine()
