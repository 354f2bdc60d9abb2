"""Placing calls: scripts, guards against doubles, waiting for outcomes, confirming, one after the other until
somebody confirms. What is here takes values and gives results, events and errors."""
