"""The verbs of `glioflow`, by what people are about to do. Each imports what it needs when it runs."""
