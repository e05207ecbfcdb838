"""What a program imports."""
