"""How `vfioguard firmware` shows what the tables say."""
