"""For all tests in Python: where the laboratory is."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
