"""Words by which people name sequences and contrast agents, in headers and in file names, in a dozen languages."""
