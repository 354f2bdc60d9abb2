"""Calls to the people on a list: lists, templates, validation, begin, resume, pace, retries and results. It
gives values, raises errors and reports by callbacks; it knows no command line."""
