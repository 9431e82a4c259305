"""The executable `mailgate`: every verb of the command line."""

from mailgate.__main__ import main

main()
