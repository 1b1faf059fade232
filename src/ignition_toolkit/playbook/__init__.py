"""The language and the engine: pure asyncio, no database, no web, no outside system."""
