"""One file for each screen; its question is the first line."""
