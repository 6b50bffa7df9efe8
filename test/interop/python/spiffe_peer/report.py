"""The one form of an answer."""

import json
import sys
from typing import Any, TextIO


def report(value: Any, to: TextIO = sys.stdout) -> None:
    """Writes one JSON object on a line of its own, at once: tests wait for it."""
    print(json.dumps(value), file=to, flush=True)
