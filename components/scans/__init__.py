"""What a scan is: its images, its subject, its geometry, and its files."""
