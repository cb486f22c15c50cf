"""What a process tells of itself at `/status`: `board.py` gathers it, `page.py` shows it to people."""
