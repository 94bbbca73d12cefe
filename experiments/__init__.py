"""What is found out: one verb a file, run as `python -m experiments.VERB`."""

from experiments.guard import check_packages_or_exit

check_packages_or_exit()
