"""One-off measurements that made constants."""
