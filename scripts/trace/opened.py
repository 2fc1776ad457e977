"""What strace recorded: which files were opened for reading, and which were executed."""

import re
from collections import defaultdict

# A result that names its file: openat(AT_FDCWD</cwd>, "x", O_RDONLY|O_CLOEXEC) = 17</whole/path>
OPENED = re.compile(r"^(?:open|openat|openat2)\(.*?, (?:\{flags=)?(O_[A-Z_|]+).* = \d+<(.*)>$")
EXECUTED = re.compile(r'^execve(?:at)?\((?:\S+, )?"((?:[^"\\]|\\.)*)".* = 0$')
# What a program makes or empties as it opens it tells it nothing.
NEW = {"O_WRONLY", "O_DIRECTORY", "O_EXCL", "O_TRUNC", "O_TMPFILE", "O_PATH"}
# Not files of a file system.
NO_FILE = re.compile(r"^(?:pipe|socket|anon_inode|net|mnt|pid|user):")
ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)")


class Use:
    """How one file was used, and by which of the programs that were started."""

    def __init__(self):
        self.read = self.executed = False
        self.by = set()

    def add(self, other):
        self.read |= other.read
        self.executed |= other.executed
        self.by |= other.by


def read(folder):
    """All files by their whole paths. A line that cannot be read is an error: what it names would be lost."""
    files = defaultdict(Use)
    for log in sorted(folder.iterdir()):
        name = log.name.rsplit(".", 1)[0]
        for line in log.read_text(errors="surrogateescape").splitlines():
            if line.startswith(("---", "+++")):
                continue
            if line.startswith("exec"):
                found = EXECUTED.match(line)
                path, way = (found[1], "executed") if found else (None, None)
            else:
                found = OPENED.match(line)
                path, way = (found[2], "read") if found else (None, None)
                if found and not NEW.isdisjoint(found[1].split("|")):
                    continue
            if found is None:
                raise ValueError(f"{log.name}: {line[:300]}")
            path = plain(path)
            if NO_FILE.match(path):
                continue
            use = files[path.removesuffix(" (deleted)")]
            setattr(use, way, True)
            use.by.add(name)
    return files


def plain(text):
    """A name as it is, where strace escaped it."""
    words = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}

    def of(found):
        word = found[1]
        if word[0] == "x":
            return chr(int(word[1:], 16))
        return chr(int(word, 8)) if word[0].isdigit() else words.get(word, word)

    return ESCAPE.sub(of, text) if "\\" in text else text
