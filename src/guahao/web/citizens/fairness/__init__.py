"""Applications for places (登记/候补), and how places were drawn."""
