"""Files as they come: written while they arrive, never larger than allowed, never slower."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from crispnet.errors import CrispnetError, OutputError
from crispnet.serve.worker import Busy

MOST_AT_A_TIME = 4
PATIENCE = 20.0  # seconds until the next part has to come
LEAST_RATE = 50_000  # bytes per second that come on average, but for the patience


class TooLarge(CrispnetError):
    """A file that is larger than allowed."""


class TooSlow(CrispnetError):
    """A file of which nothing more comes."""


class Gate:
    """Lets files in, a few at a time."""

    def __init__(self, *, most_bytes: int, patience: float = PATIENCE) -> None:
        """Begin; ``patience`` is how many seconds a part may be late."""
        self._most_bytes, self._patience = most_bytes, patience
        self._open = 0

    @contextmanager
    def _entered(self) -> Iterator[None]:
        if self._open >= MOST_AT_A_TIME:
            raise Busy(f"{MOST_AT_A_TIME} files are coming already. One less was needed. Try in a moment.")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def expected(self, request: Request) -> int:
        """Say how many bytes may come at most: as many as the request says, or as are allowed.

        Raises:
            TooLarge: it says more than is allowed.
        """
        said = request.headers.get("content-length", "")
        size = int(said) if said.isascii() and said.isdigit() else self._most_bytes
        if size > self._most_bytes:
            raise self._too_large(size)
        return size

    async def write(self, request: Request, path: Path) -> None:
        """Write the body of a request to a new file.

        Raises:
            TooLarge: more comes than is allowed.
            TooSlow: nothing more comes.
            Busy: too many files are coming.
            OutputError: the disk is full, or broken.
            ClientDisconnect: the other side has gone.
        """
        self.expected(request)
        with self._entered(), _writing(path) as file:
            async for part in self._parts(request):
                file.write(part)

    async def _parts(self, request: Request) -> AsyncIterator[bytes]:
        """Give the body of a request part by part, as long as it is neither too much nor too slow."""
        began, size, parts = time.monotonic(), 0, request.stream()
        while (part := await self._next(parts)) is not None:
            size += len(part)
            if size > self._most_bytes:
                raise self._too_large(size)
            if time.monotonic() - began > self._patience + size / LEAST_RATE:
                raise self._too_slow()
            yield part

    async def _next(self, parts: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                with suppress(StopAsyncIteration):
                    return await anext(parts)
                return None
        except TimeoutError:
            raise self._too_slow() from None

    def _too_slow(self) -> TooSlow:
        return TooSlow(
            f"The file came too slowly, or nothing more came for {self._patience:.0f} seconds. The rest was needed. "
            "Send it again."
        )

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(
            f"The file has {size / 1e6:.0f} MB or more. At most {self._most_bytes / 1e6:.0f} MB were needed. Try "
            "`crispnet develop`, or start `crispnet serve` with a larger --max-upload."
        )


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("xb") as file:
            yield file
    except OSError as error:
        raise OutputError(
            f"The server cannot keep the file: {error.strerror or error}. Room on its disk was needed. Remove "
            "photographs, or make room."
        ) from error
