"""Brings files to a server as a browser does, damaged ones too, and says what it makes of them."""

import io

import httpx
import numpy as np
from PIL import Image

from strangers import TARGETS

WORKS = (200, 201)
PICTURES = 5  # of so many, one is a picture beside a raw
REFUSES = (404, 413, 422)


def damaged(number, *, seed):
    """Make a raw, and the picture beside it or None, of which one is damaged."""
    from mutating import mutated

    random = np.random.default_rng((seed, number))
    target = TARGETS["sidecar" if number % PICTURES == 0 else "raw"]
    seeds = target.seeds()
    content = target.finish(mutated(seeds[int(random.integers(len(seeds)))], random, seeds), random)
    return (TARGETS["raw"].seeds()[0], content) if number % PICTURES == 0 else (content, None)


def outcome(ask, raw, picture):
    """Bring a raw, and a picture beside it, look at all that comes of them, and take them away.

    Says "read", "refused" where at least one thing was, with words; or, of a finding, what it is.
    """
    try:
        return _outcome(ask, raw, picture)
    except httpx.TransportError as error:
        return f"crashed: the server did not answer ({type(error).__name__})"


def _outcome(ask, raw, picture):
    brought = ask.post("/photographs", params={"name": "a.dng"}, content=raw)
    if brought.status_code != 201:
        return _refusal(brought)
    route = f"/photographs/{brought.json()['id']}"
    if picture is None:
        answers = [ask.get(route), ask.get(f"{route}/proof", params={"look": "plain"})]
    else:
        answers = [ask.put(f"{route}/camera", content=picture), ask.get(f"{route}/camera")]
    removed = ask.delete(route)
    if removed.status_code != 204:
        return f"wrong: {removed.status_code} for taking it away"
    found = {_refusal(answer) for answer in answers if answer.status_code not in WORKS}
    found |= {_picture(answer) for answer in answers if answer.headers.get("content-type") == "image/jpeg"}
    findings = sorted(found - {"read", "refused"})
    return findings[0] if findings else "refused" if "refused" in found else "read"


def _refusal(answer):
    if answer.status_code not in REFUSES:
        return f"crashed: {answer.status_code} for {answer.request.method} {answer.request.url.path.rsplit('/', 1)[-1]}"
    return "refused" if answer.json().get("detail") else "wrong: a refusal without words"


def _picture(answer):
    try:
        with Image.open(io.BytesIO(answer.content)) as picture:
            picture.load()
    except (OSError, SyntaxError) as error:
        return f"wrong: no picture ({error})"
    return "read"
