"""guahao (挂号): one appointment-registration platform over a city's hospitals."""
