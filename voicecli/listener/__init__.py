"""The webhook receiver: what 8x8 reports is authenticated, kept, answered and handed on to be shown."""
