"""Writes a graph so that OpenVINO runs it faster; what comes of it stays the same.

What is rewritten are the operations on single values around a network's convolutions, which take as long as those.
"""

from typing import Any

import numpy as np

from crispnet.look.runtime import ov

ROOTS, DEGREE = 6, 7  # how often a square root is taken of a base, and the degree of the polynomial of that
WIDEST = 4096.0  # that and its inverse are the ends of the bases whose powers are written in roots


def write_powers_out(model: ov.Model) -> None:
    """Write broken powers in roots, or with logarithms: OpenVINO asks the C library for each single power."""
    for node in model.get_ops():
        if node.get_type_name() != "Power" or not _is_broken(node.input_value(1).get_node()):
            continue
        base, exponent = node.input_value(0), node.input_value(1)
        if _is_tame(base.get_node()):
            written = _in_roots(base, exponent.get_node().data.item())
        else:
            written = ov.opset13.exp(ov.opset13.multiply(ov.opset13.log(base), exponent))
        for reader in node.output(0).get_target_inputs():
            reader.replace_source_output(written.output(0))


def _shuffles(node: Any) -> bool:
    """Tell whether it makes four pixels of each, as ``torch.nn.functional.pixel_shuffle`` does."""
    return node.get_type_name() == "DepthToSpace" and node.get_attributes() == {"block_size": 2, "mode": "depth_first"}


def _is_broken(exponent: Any) -> bool:
    """Tell whether an exponent is one number that is not whole; only of such is a negative base's power none."""
    if exponent.get_type_name() != "Constant" or exponent.data.size != 1:
        return False
    return not float(exponent.data.item()).is_integer()


def _is_tame(base: Any) -> bool:
    """Tell whether a base is kept from coming near 0."""
    kind, given = base.get_type_name(), (each.get_node() for each in base.input_values())
    if kind == "Constant":
        return bool(base.data.min() >= 1 / WIDEST)
    if kind == "Clamp":
        return bool(base.get_attributes()["min"] >= 1 / WIDEST)
    every = kind in ("Minimum", "Convert") and all(map(_is_tame, given))
    return every or (kind == "Maximum" and any(map(_is_tame, given)))


def _in_roots(base: Any, exponent: float) -> Any:
    """Write a power as square and fourth roots times a polynomial of the 64th root, within a fifty-thousandth of it.

    A logarithm is taken one number at a time and by one core; roots are taken 16 at a time. Beyond ``WIDEST`` the
    power is that of ``WIDEST``; no photograph has such light.
    """
    roots = [ov.opset13.minimum(base, ov.opset13.constant(np.float32(WIDEST)))]
    for _ in range(ROOTS):
        roots.append(ov.opset13.sqrt(roots[-1]))
    quarters = round(4 * exponent)
    written = _polynomial(roots[-1], 2**ROOTS * (exponent - quarters / 4))
    for root in [roots[1]] * (abs(quarters) // 2) + [roots[2]] * (quarters % 2):
        written = (ov.opset13.multiply if quarters > 0 else ov.opset13.divide)(written, root)
    return written


def _polynomial(root: Any, exponent: float) -> Any:
    """Write a power of a number between the roots of 1 / ``WIDEST`` and ``WIDEST`` as a polynomial around 1."""
    from numpy.polynomial import Chebyshev, Polynomial  # not needed where a look is found compiled

    least, most = (wide ** (1 / 2**ROOTS) - 1 for wide in (1 / WIDEST, WIDEST))
    fitted = Chebyshev.interpolate(lambda distance: (1 + distance) ** exponent, DEGREE, (least, most))
    distance = ov.opset13.subtract(root, ov.opset13.constant(np.float32(1)))
    *coefficients, written = (
        ov.opset13.constant(np.float32(each)) for each in fitted.convert(kind=Polynomial, domain=(-1, 1)).coef
    )
    for coefficient in reversed(coefficients):
        written = ov.opset13.add(ov.opset13.multiply(written, distance), coefficient)
    return written


def channels_last(maps: Any) -> Any:
    """Turn maps, (1, c, h, w), round: (1, h, w, c)."""
    channels = maps.partial_shape[1]
    if not _shuffles(maps.get_node()) or channels.is_dynamic:
        return ov.opset13.transpose(maps, _numbers(0, 2, 3, 1)).output(0)
    # Moved to where they belong at once, pixels are read and written once less.
    cells = maps.get_node().input_value(0)
    height, width = (ov.opset13.gather(ov.opset13.shape_of(cells), _numbers(axis), _numbers(0)) for axis in (2, 3))
    parted = ov.opset13.concat([_numbers(1, channels.get_length(), 2, 2), height, width], 0)
    moved = ov.opset13.transpose(ov.opset13.reshape(cells, parted, special_zero=False), _numbers(0, 4, 2, 5, 3, 1))
    doubled = [ov.opset13.multiply(size, _numbers(2)) for size in (height, width)]
    whole = ov.opset13.concat([_numbers(1), *doubled, _numbers(channels.get_length())], 0)
    return ov.opset13.reshape(moved, whole, special_zero=False).output(0)


def _numbers(*numbers: int) -> Any:
    return ov.opset13.constant(np.array(numbers, np.int64))
