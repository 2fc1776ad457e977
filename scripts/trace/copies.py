"""Remembers what stood in OpenClaw's folders of copies, which it removes again while it runs."""

import os
import threading

# Seconds between two looks. A copy lives as long as the process that made it.
PAUSE = 0.3


class Watch:
    """While it is entered, `found` gets the blob id of every file below `folders`; that of the last bytes seen."""

    def __init__(self, folders, blob_of):
        self.folders, self.blob_of = folders, blob_of
        self.found, self.looked = {}, {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.look()

    def watch(self):
        while not self.over.wait(PAUSE):
            self.look()

    def look(self):
        for folder in self.folders:
            for above, _, names in os.walk(folder):
                for name in names:
                    self.file(os.path.join(above, name))

    def file(self, path):
        try:
            found = os.lstat(path)
        except OSError:
            return
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self.looked.get(path) != state:
            blob = self.blob_of(path)
            if blob:
                self.looked[path], self.found[path] = state, blob
