"""The registry of approved models: DVC keeps their files, Git tags in GTO's form their versions and stages."""
