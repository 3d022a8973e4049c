"""What every room may use: errors, atomic files, parameters, tables, names of files."""
