"""Files that are whole or absent, the course's folders, and the lock of a run folder."""
