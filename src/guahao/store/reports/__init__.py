"""What the reports count, each noun in its own file. Numbers only: nobody's name, no document.

Every statement runs in the transaction of its reader: for a hospital's staff the database
itself leaves out all other hospitals.
"""
