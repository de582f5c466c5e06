"""Files as they come: written while they arrive, never larger than allowed, never slower."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.requests import Request

from crispnet.errors import CrispnetError
from crispnet.serve.worker import Busy

MOST_AT_A_TIME = 4
PATIENCE = 20.0  # seconds until the next part has to come


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
            ClientDisconnect: the other side has gone.
        """
        self.expected(request)
        with self._entered(), path.open("xb") as file:
            size = 0
            parts = request.stream()
            while (part := await self._next(parts)) is not None:
                size += len(part)
                if size > self._most_bytes:
                    raise self._too_large(size)
                file.write(part)

    async def _next(self, parts: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                with suppress(StopAsyncIteration):
                    return await anext(parts)
                return None
        except TimeoutError:
            raise TooSlow(
                f"Nothing came for {self._patience:.0f} seconds. The rest of the file was needed. Send it again."
            ) from None

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(
            f"The file has {size / 1e6:.0f} MB or more. At most {self._most_bytes / 1e6:.0f} MB were needed. Try "
            "`crispnet develop`, or start `crispnet serve` with a larger --max-upload."
        )
