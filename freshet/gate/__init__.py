"""What a version must show before searches are answered from it."""
