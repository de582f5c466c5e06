import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.raw.calibration import white_balance_at
from crispnet.serve.wish import Wish, WishError
from making import raw_image

RAW = raw_image()


def test_a_wish_survives_being_told():
    wish = Wish(look="plain", other="phone", strength=0.3, white_balance="5200", tint=4.0, exposure=-0.5)
    assert Wish.of(wish.told()) == wish


def test_white_balances_are_those_of_the_command_line():
    assert Wish().multipliers(RAW) is None
    assert Wish(white_balance="5200").multipliers(RAW) == pytest.approx(white_balance_at(RAW.calibrations, 5200))
    assert Wish(white_balance="2,1,1.6").multipliers(RAW).tolist() == [2, 1, 1.6, 1]
    assert Wish(white_balance="4,2,3.2").multipliers(RAW).tolist() == [2, 1, 1.6, 1]
    assert Wish(white_balance="5200", tint=30).multipliers(RAW)[0] > Wish(white_balance="5200").multipliers(RAW)[0]


@given(st.text(max_size=20) | st.from_regex(r"[0-9.,]{1,20}", fullmatch=True))
def test_any_word_is_a_white_balance_or_is_refused(text):
    with contextlib.suppress(WishError):
        found = Wish(white_balance=text).multipliers(RAW)
        assert found is None or (np.isfinite(found).all() and found.min() > 0)


@pytest.mark.parametrize("text", ["", "1", "99999", "1,1", "0,1,1", "1,1,99", "nan", "5200K ", "1e4", "-5", "5200\n"])
def test_what_is_out_of_range_is_refused(text):
    with pytest.raises(WishError, match=r"as-shot.*Try 5200"):
        Wish(white_balance=text).multipliers(RAW)
    with pytest.raises(WishError):
        Wish(white_balance=text).check()


@pytest.mark.parametrize("change", [{"exposure": 0.1}, {"white_balance": "5000"}])
def test_the_camera_and_the_user_cannot_both_say_how_light_it_is(change):
    Wish(match=True).check()
    with pytest.raises(WishError, match="One answer"):
        Wish(match=True, **change).check()


def test_a_tint_needs_a_temperature():
    Wish(white_balance="5000", tint=3).check()
    for balance in ("as-shot", "2,1,1.6"):
        with pytest.raises(WishError, match="temperature"):
            Wish(white_balance=balance, tint=3).check()


def test_what_changes_nothing_is_left_out():
    assert Wish(other="plain", strength=1.0).plainly() == Wish()
    assert Wish(other="", strength=0.5).plainly() == Wish()
    assert Wish(other="plain", strength=0.5).plainly() == Wish(other="plain", strength=0.5)
