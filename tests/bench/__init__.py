"""The benchmarks of mailbell (`make bench`): each part is a module with run(bench)."""
