"""Paper trading: real quotes, fills made here, money nobody has."""
