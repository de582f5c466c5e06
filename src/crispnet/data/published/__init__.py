"""Sets that others have published, in their own folder layouts: read into pairs that training takes as they are."""
