"""The command line in a process of its own, where judges are soon trained, and kept in a folder of the test.

python sweep_process.py PLACE sweep …
"""

import sys
from pathlib import Path

from gan_helpers import __main__ as command_line
from gan_helpers.metrics import judges

judges.STEPS, judges.EPOCHS = 60, 1
judges.prepared.home = lambda: Path(sys.argv[1])
judges.prepared.places = lambda: [Path(sys.argv[1])]

if __name__ == "__main__":
    command_line.main(sys.argv[2:])
