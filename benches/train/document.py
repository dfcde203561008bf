"""Updates measured tables in a document, between markers.

    ... | document.py FILE.md NAME      replaces the block NAME by standard input

A block lies between `<!-- bench NAME -->` and `<!-- /bench NAME -->`, each on its own line.
"""

import os
import sys


def block(path, name):
    """The text before, in and after the block."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    begin, end = f"<!-- bench {name} -->\n", f"<!-- /bench {name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        sys.exit(f"{path} has no block {name!r}: expected one line {begin.strip()} and, below, {end.strip()}")
    start = text.index(begin) + len(begin)
    return text[:start], text[start : text.index(end)], text[text.index(end) :]


def replace(path, name, content):
    """Replaces the block; the document is written atomically."""
    before, _, behind = block(path, name)
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.write(before + "\n" + content.strip("\n") + "\n\n" + behind)
    os.replace(path + ".partial", path)


def update_table(path, name, head, lines, order):
    """Replaces table rows by the name in their first cell."""

    def cell(line):
        return line.split("|")[1].strip()

    old = block(path, name)[1].strip("\n").splitlines()
    # Rows of another machine or number of threads are dropped.
    rows = {cell(line): line for line in old[len(head) :]} if old[: len(head)] == head else {}
    rows |= {cell(line): line for line in lines}
    replace(path, name, "\n".join([*head, *(rows[row] for row in order if row in rows)]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    replace(sys.argv[1], sys.argv[2], sys.stdin.read())
