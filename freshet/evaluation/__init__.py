"""`freshet evaluate`: how good searches are, by documents and queries whose answers people have judged."""
