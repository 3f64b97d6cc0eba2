"""The steps that causes and findings share."""
