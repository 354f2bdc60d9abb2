"""What differs between operating systems: locks of files, private files, the owner of a port."""
