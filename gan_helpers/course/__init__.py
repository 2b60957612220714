"""The course itself: running its notebooks, checking exercises, profiles, the set-up."""
