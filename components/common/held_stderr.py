"""Filter unwanted lines that libraries, including their C++ code, write to standard error."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def filtered_stderr(pattern: re.Pattern[bytes]) -> Iterator[None]:
    """Hold back standard error, including that of C++, and write it at the end without the matching lines."""
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(own, 2)
            os.close(own)
            held.seek(0)
            for line in held:
                if not pattern.match(line):
                    os.write(2, line)
