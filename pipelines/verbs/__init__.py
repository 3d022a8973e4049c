"""The verbs of `glioflow`, grouped by task. Each imports what it needs when it runs."""
