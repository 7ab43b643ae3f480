"""The poster world: scenes, captions, renderer, tokenizer, data set and checker."""
