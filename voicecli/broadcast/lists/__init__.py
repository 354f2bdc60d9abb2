"""Lists of people to call: CSV, TSV, JSON Lines and plain lines, in any common encoding."""
