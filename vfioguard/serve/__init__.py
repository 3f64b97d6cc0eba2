"""The daemon: the latest Report over HTTP. The only room that knows asyncio."""
