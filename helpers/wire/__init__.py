"""What is sent, what comes back, and what it means: for every request of this process."""
