"""What a scan is: pictures, who is on them, where they lie, and the files that hold them."""
