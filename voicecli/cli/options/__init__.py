"""Options that several commands share, as records: a field is an option, its annotation is Typer's.
``common.with_output_options`` hands a command its records."""
