"""Where figures come from."""

import sys
from types import SimpleNamespace

from crispnet.evaluate.provenance import in_words, machine


def test_a_graphics_card_is_named_where_one_is_in_use(monkeypatch):
    for there in (True, False):
        cuda = SimpleNamespace(is_available=lambda there=there: there, get_device_name=lambda: "A card")
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        assert machine().get("gpu") == ("A card" if there else None)
    monkeypatch.delitem(sys.modules, "torch")
    assert "gpu" not in machine()


def test_a_machine_is_said_in_a_line():
    described = {"gpu": "A card", "cpu": "A processor", "cores": 1, "memory_gb": 2.5, "os": "A system", "racks": 3}
    assert in_words(described) == "A card, A processor, 1 core, 2.5 GB, A system, racks 3"
    assert in_words({"cpu": "A processor", "cores": 12}) == "A processor, 12 cores"
    assert in_words(machine()).startswith(machine().get("gpu", machine()["cpu"]))
