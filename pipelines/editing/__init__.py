"""Setting parameters as users write them, in the text of params.yaml."""
