//! Files that are no files, for tests.

use std::path::Path;

/// Makes a FIFO. Not by a call of the system, because rustix has none for it on macOS.
pub fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "mkfifo {}",
        path.display()
    );
}

/// Makes a device like `/dev/zero`; whether that was possible. Only root may, and rustix has no call for it on macOS.
pub fn make_device(path: &Path) -> bool {
    #[cfg(not(target_vendor = "apple"))]
    {
        let (kind, mode) = (
            rustix::fs::FileType::CharacterDevice,
            rustix::fs::Mode::RUSR,
        );
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, rustix::fs::makedev(1, 5)).is_ok()
    }
    #[cfg(target_vendor = "apple")]
    {
        let _ = path;
        false
    }
}
