"""Where pixels are on the disk, and whether they still are what was written."""

import mmap
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Kept:
    """Where the pixels of a frame are on the disk.

    Attributes:
        content: the file, mapped into memory.
        begin, end: the frame's part of it.
        checksum: of that part, CRC-32, when it was written; None where nobody wrote it down.
    """

    content: mmap.mmap
    begin: int
    end: int
    checksum: int | None

    def is_cut(self) -> bool:
        """Tell whether the file no longer reaches so far; looking at what is gone would end the process."""
        return self.content.size() < self.end

    def is_changed(self) -> bool:
        """Tell whether the part is no longer what was written."""
        return zlib.crc32(memoryview(self.content)[self.begin : self.end]) != self.checksum
