"""What is listed where, and the newest top of book of each."""
