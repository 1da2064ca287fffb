"""The compiled kernel that counts words of lists."""
