"""The invented city: what is in it (TOML), and how its rows are drawn from that."""
