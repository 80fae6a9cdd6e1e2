"""The program driven in any order, beside a simple model of what must be true."""
