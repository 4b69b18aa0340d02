"""What people and machines touch: pages, API, worker and command line."""
