"""`sudo COMMAND`: the command, with the rights that one has."""

import os
import sys

os.execvp(sys.argv[1], sys.argv[1:])
