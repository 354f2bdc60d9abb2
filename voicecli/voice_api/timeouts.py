"""How long to wait for 8x8, in seconds."""

REQUEST_TIMEOUT = 15.0  # from sending to the end of the answer
ACCOUNT_REQUEST_TIMEOUT = 10.0  # for what is about the subaccount: webhooks, numbers, voices
