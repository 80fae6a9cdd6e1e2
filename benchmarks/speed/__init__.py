"""How fast a whole run is, beside a floor that does the least that could be called durable."""
