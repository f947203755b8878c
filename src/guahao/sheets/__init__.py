"""Read and write tables in files, Excel and CSV, independent of the platform.

`read.read_book` turns untrusted bytes into sheets or a reason why they are unreadable; `write`
makes workbooks and CSV whose cells are never formulas; `faults.Fault` names a wrong cell. No
content of a file raises an exception.
"""
