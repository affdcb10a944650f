"""F7, F9, F10, F18 to F25, F28, F29, F31: what concerns the daemon and the push services."""
