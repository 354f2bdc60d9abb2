"""A local 8x8: the Voice API and its webhooks on loopback, for trying things and for tests. ``server`` has
the class ``Sandbox``, ``account`` its key, subaccount and number."""
