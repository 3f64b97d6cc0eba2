"""The shapes of every JSON object that vfioguard prints: the one source for builders and schema.

The builders (`output/json.py` and its like) return these types, which mypy and pyright check. The
daemon prints them in /openapi.json. Nothing else loads them: they need pydantic.
"""
