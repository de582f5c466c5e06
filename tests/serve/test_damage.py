"""Damaged raws and pictures that are brought: each is shown or refused in words, and the server goes on."""

import httpx
import pytest

from bringing import PICTURES, damaged, outcome

FILES = 10


@pytest.mark.parametrize("number", range(FILES))
def test_a_damaged_file_is_shown_or_refused_in_words(number, ask):
    assert FILES > PICTURES  # raws and pictures
    assert outcome(ask, *damaged(number, seed=7)) in ("read", "refused")


def test_a_sound_one_is_shown_afterwards(ask, small_raw):
    assert outcome(ask, small_raw.read_bytes(), None) == "read"
    assert outcome(ask, b"no raw", None) == "refused"


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (500, b"", "crashed: 500 for POST photographs"),
        (422, b"{}", "wrong: a refusal without words"),
        (422, b'{"detail": "It is no raw."}', "refused"),
    ],
)
def test_what_is_not_as_it_should_be_is_found(status, content, said):
    answering = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    with httpx.Client(base_url="http://here/api", transport=answering) as ask:
        assert outcome(ask, b"raw", None) == said


def test_a_server_that_is_gone_is_found():
    def gone(_):
        raise httpx.ConnectError("nobody listens")

    with httpx.Client(base_url="http://here/api", transport=httpx.MockTransport(gone)) as ask:
        assert outcome(ask, b"raw", None).startswith("crashed: the server did not answer")
