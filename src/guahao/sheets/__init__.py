"""Tables in files, and nothing of the platform: Excel and CSV, in and out.

`read.read_book` takes bytes from anybody and gives sheets or why there are none; `write` makes
workbooks and CSV whose cells are never formulas; `faults.Fault` names a cell that is wrong.
Neither raises for what a file holds.
"""
