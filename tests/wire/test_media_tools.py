"""The six names, and that nothing is loaded for them."""

import subprocess
import sys

from wire.media_tools import TOOLS


def test_there_are_six_and_reading_them_loads_no_library() -> None:
    assert len(set(TOOLS)) == 6
    code = "import sys, wire.media_tools; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
