"""What is taken from a worker before it runs a guest: privileges, system calls, output."""
