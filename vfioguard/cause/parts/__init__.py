"""What several causes ask: whether the machine's remapping is why, and which words decide."""
