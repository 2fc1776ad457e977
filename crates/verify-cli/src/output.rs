//! The two streams: the report goes to standard output, everything else to standard error.

use std::io::{self, Write as _};

use crate::wording;
use openclaw_verify_core::{Error, Result};

use crate::cli::ColorWhen;

/// Chooses when to colour, for both streams and for errors.
pub(crate) fn set_color(when: ColorWhen) {
    let choice = match when {
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorWhen::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let hook = miette::set_hook(Box::new(move |_| {
        let options = miette::MietteHandlerOpts::new();
        let options = match when {
            ColorWhen::Auto => options,
            ColorWhen::Always => options.color(true),
            ColorWhen::Never => options.color(false),
        };
        Box::new(options.build())
    }));
    // Fails only when it was set before, and this is the only place.
    let _ = hook;
}

/// Writes to standard output. A reader that went away is a normal end.
pub(crate) fn stdout(text: &str) -> Result<()> {
    let mut stream = anstream::stdout().lock();
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", "standard output", error))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. Nothing can be done when that fails.
pub(crate) fn stderr(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Tells an error with its culprit, place and way out.
pub(crate) fn error(error: Error) {
    let error = wording::error(error);
    stderr(&format!("{:?}", miette::Report::new(error)));
}
