"""What differs between operating systems: locks of files, and files that only their owner can read. No other
room asks which system it is on."""
