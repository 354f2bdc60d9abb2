"""Lists of people to call: workbooks (.xlsx), CSV, TSV, JSON Lines and plain lines, in any encoding."""
