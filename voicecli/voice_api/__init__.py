"""8x8's Voice API: operations as values, callflows and their rules, webhook events, codes in words, and the
clients that carry operations. Only the clients (client, async_client, exchange, download) do I/O."""
