"""One of several processes that learn together: started by a test, with what torchrun would say in the environment."""

import sys
from pathlib import Path

import torch

from crispnet.train.together import company
from runs import SEEN, fit, stopper, tiny

RECIPE = tiny("crispnet", steps=6, average=0.5)
ONE_STEP = tiny("crispnet", steps=1, stages="patches:8x8:2x2:1")
LEFT = 3  # steps done when one of them is asked to stop


def main() -> None:
    place = Path(sys.argv[1])
    with company(torch.device("cpu")) as together:
        fit(ONE_STEP, place / "one", frames=SEEN, company=together)
        whole = fit(RECIPE, place / "whole", frames=SEEN, company=together)
        asked = {} if together.is_first else stopper(LEFT)
        half = fit(RECIPE, place / "half", frames=SEEN, company=together, **asked)
    print(whole.step, half.step)


if __name__ == "__main__":
    main()
