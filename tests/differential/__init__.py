"""The same LMTP conversations with Dovecot alone and through mailbell-lmtp: what may differ, and what may not."""
