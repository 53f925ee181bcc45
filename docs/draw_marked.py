"""Draw the pictures of a marked page for the README: `python docs/draw_marked.py`; needs Chromium."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import symbackprop as sb

DOCS = Path(__file__).parent
SIZE = "1080,612"


def main() -> None:
    """Write marked-light.png and marked-dark.png."""
    notes = DOCS / "examples" / "notes.md"
    page = sb.marked_page({notes.name: sb.check_derivation(notes, sb.home_network())})
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "marked.html")
        path.write_text(page.replace("main { max-width", "main { zoom: .76; max-width"), encoding="utf-8")
        for scheme, number in (("light", 1), ("dark", 0)):
            options = [f"--blink-settings=preferredColorScheme={number}", f"--window-size={SIZE}", "--hide-scrollbars"]
            options += ["--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={DOCS / f'marked-{scheme}.png'}"]
            command = [chromium, *options, path.as_uri()]
            subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
