"""What a photograph is to look like: what the page's controls say."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from crispnet.colour import KELVIN_RANGE
from crispnet.errors import CrispnetError
from crispnet.look import DEFAULT
from crispnet.raw.image import RawImage
from crispnet.raw.light import Light, multipliers_for

AS_SHOT = "as-shot"
_NUMBER = r"\d{1,5}(?:\.\d{1,9})?"
GREATEST, LEAST = 20.0, 0.05  # of a multiplier


class WishError(CrispnetError):
    """Controls that contradict each other, or a value that none of them has."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for.

    Attributes:
        look: by name.
        other: a look to begin from, of which ``look`` takes the place by ``strength``; "" for none.
        strength: 0 to 1.
        white_balance: "as-shot", a temperature in kelvin, or multipliers "R,G,B".
        tint: of the light, where a temperature is given; see ``raw.light``.
        exposure: EV.
        match: whether to take the colours of the camera's own picture.
    """

    look: str = DEFAULT
    other: str = ""
    strength: float = 1.0
    white_balance: str = AS_SHOT
    tint: float = 0.0
    exposure: float = 0.0
    match: bool = False

    def check(self) -> None:
        """Refuse what contradicts itself, and white balances that there are not.

        Raises:
            WishError: with the reason.
        """
        if self.match and (self.exposure or self.white_balance != AS_SHOT):
            raise WishError(
                "The camera's picture is to be matched, and exposure or white balance were set as well. One answer to "
                "how light it is, and of which colour, was needed. Leave one of them out."
            )
        numbers = self._numbers()
        if self.tint and len(numbers) != 1:
            raise WishError("A tint was given without a temperature. Both were needed. Name the temperature as well.")

    def multipliers(self, raw: RawImage) -> np.ndarray | None:
        """Give the multipliers R, G, B, G that were asked for; None for those as shot.

        Raises:
            WishError: there is no such white balance.
        """
        numbers = self._numbers()
        if not numbers:
            return None
        if len(numbers) == 1:
            return multipliers_for(raw.calibrations, Light(numbers[0], self.tint))
        red, green, blue = numbers
        return np.array([red, green, blue, green]) / green

    def plainly(self) -> "Wish":
        """Leave out what changes nothing, so that equal pictures have equal wishes."""
        return replace(self, other="", strength=1.0) if not self.other or self.strength == 1 else self

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Wish":
        """Read what ``told`` gave."""
        return cls(**told)

    def told(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return asdict(self)

    def _numbers(self) -> list[float]:
        """Read the white balance: nothing for as shot, kelvin, or three multipliers."""
        if self.white_balance == AS_SHOT:
            return []
        whole = re.fullmatch(rf"{_NUMBER}(?:,{_NUMBER},{_NUMBER})?", self.white_balance)
        numbers = [float(number) for number in self.white_balance.split(",")] if whole else []
        lowest, highest = KELVIN_RANGE if len(numbers) == 1 else (LEAST, GREATEST)
        if not numbers or not all(lowest <= number <= highest for number in numbers):
            raise WishError(
                f"{self.white_balance!r} is no white balance. as-shot, a temperature from {KELVIN_RANGE[0]:.0f} to "
                f"{KELVIN_RANGE[1]:.0f}, or multipliers R,G,B were needed. Try 5200, or 2,1,1.6."
            )
        return numbers
