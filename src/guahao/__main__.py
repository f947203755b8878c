"""`python -m guahao`."""

from guahao.cli import main

main()
