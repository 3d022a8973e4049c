"""What a scan is: its pictures, its subject, its geometry, and its files."""
