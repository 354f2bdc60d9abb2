"""How 8x8 reaches this machine: an ngrok agent that is started through pyngrok, watched, and restarted. It
knows nothing of what listens at its end."""
