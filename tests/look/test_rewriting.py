"""Graphs written so that they run faster: the same comes of them."""

import numpy as np
import pytest

from crispnet.look.rewriting import WIDEST, channels_last, write_powers_out
from crispnet.look.runtime import core, ov


@pytest.mark.parametrize("exponent", [1 / 2.2 - 1, 1 / 2.4, 0.7, -0.37, -1.3])
def test_powers_of_what_is_kept_from_zero_are_written_in_roots(exponent):
    bases = np.geomspace(2.0**-14, 2.0**13, 1 << 16, dtype=np.float32)
    model = power(ov.opset13.parameter([len(bases)], np.float32), exponent, least=1 / WIDEST)
    write_powers_out(model)
    assert not kinds(model) & {"Power", "Log", "Exp"}
    found = run(model, bases)
    expected = bases.astype(float).clip(1 / WIDEST, WIDEST) ** float(np.float32(exponent))
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_powers_of_what_may_come_near_zero_are_written_with_logarithms():
    model = power(ov.opset13.parameter([5], np.float32), 0.3, least=1e-9)
    write_powers_out(model)
    assert {"Log", "Exp"} <= kinds(model)
    assert not kinds(model) & {"Power", "Sqrt"}
    bases = np.array((1e-9, 1e-6, 0.2, 1, 1e6), np.float32)
    found = run(model, bases)
    np.testing.assert_allclose(found, bases.astype(float) ** 0.3, rtol=1e-5)


@pytest.mark.parametrize("size", [(5, 7), (6, 4)])
def test_pixels_that_are_shuffled_and_turned_are_moved_once(size):
    given = ov.opset13.parameter([1, 12, -1, -1], np.float32)
    shuffled = ov.opset13.depth_to_space(given, "depth_first", 2).output(0)
    turned = ov.Model([channels_last(shuffled)], [given])
    assert "DepthToSpace" not in kinds(turned)
    maps = np.arange(12 * size[0] * size[1], dtype=np.float32).reshape(1, 12, *size)
    expected = run(ov.Model([shuffled], [given]), maps).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(run(turned, maps), expected)


def run(model, *given):
    return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)[0]


def kinds(model):
    return {node.get_type_name() for node in model.get_ops()}


def power(given, exponent, *, least):
    kept = ov.opset13.maximum(ov.opset13.constant(np.float32(least)), given)
    return ov.Model([ov.opset13.power(kept, ov.opset13.constant(np.float32(exponent)))], [given])
