"""How 8x8 reaches this machine: an ngrok agent, started through pyngrok and watched here."""
