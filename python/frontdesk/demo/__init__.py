"""Three small services and a configuration, shipped so that `frontdesk demo` works after an install.

Each service is one plain file of the standard library: `python users.py --port 9001`. `examples/` in the
repository has links to them.
"""
