//! One large file at an address of the operator, which may be fetched in several runs: what came before stays, and a later run asks for the
//! rest of the very same file (RFC 9110, `If-Range`).
//!
//! What a server says of it (entity tag, date) only decides whether the rest belongs to what is here. Whether the file is a good one its
//! reader decides, by a digest or by its form.

use std::fs::{self, File, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{StatusCode, Url};
use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::client::{Client, Inner};
use super::http::{self, FetchError, Retry};
use crate::{read, text};

/// Name of the file with what is known of the download.
const NOTE: &str = "download.json";
/// Most bytes of it.
const MAX_NOTE: u64 = 8 << 10;
/// Longest entity tag or date that is kept.
const MAX_VALIDATOR: usize = 1024;

/// A folder of ours in which one file is fetched.
#[derive(Clone, Debug)]
pub struct Download {
    folder: PathBuf,
    name: String,
}

/// What came of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Downloaded {
    /// All of it was fetched.
    Fetched,
    /// What an earlier run left was kept, and the rest was fetched. Holds the bytes that were here.
    Resumed(u64),
    /// The server says that it is the file that an earlier run fetched.
    Unchanged,
}

/// What is known of the file in the folder.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    url: String,
    /// Entity tag, or the date of the last change.
    validator: Option<Validator>,
    complete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Validator {
    Tag(String),
    Date(String),
}

impl Download {
    /// A download into `folder`, which is made when it is needed and holds nothing else, under `name`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            name: name.into(),
        }
    }

    /// Where the file is, once it is complete.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Forgets what is here: it was no good.
    pub fn forget(&self) {
        // Where it stays, the next run asks for the rest of it, and gets another file or finds it wrong again.
        let _ = fs::remove_file(self.folder.join(NOTE));
        let _ = fs::remove_file(self.file());
    }

    /// The same while the file is held.
    fn clear(&self, file: &File) -> Result<(), FetchError> {
        let _ = fs::remove_file(self.folder.join(NOTE));
        file.set_len(0).map_err(|error| own(&error))
    }

    fn note(&self, url: &str) -> Note {
        let text = read::bytes(&self.folder.join(NOTE), MAX_NOTE).ok();
        let note = text.and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        note.filter(|note| note.url == url).unwrap_or_default()
    }

    fn write_note(&self, note: &Note) -> Result<(), FetchError> {
        let text = serde_json::to_vec(note).map_err(|error| own(&error))?;
        let mut file = crate::temporary::Temporary::in_folder(&self.folder, 0o600)
            .map_err(|error| own(&error))?;
        file.write_all(&text).map_err(|error| own(&error))?;
        file.persist(&self.folder.join(NOTE))
            .map_err(|error| own(&error))
    }

    /// The file, opened and held by this run alone.
    fn open(&self) -> Result<File, FetchError> {
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::set_permissions(&self.folder, Permissions::from_mode(0o700)))
            .map_err(|error| own(&error))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = rustix::fs::open(
            self.file(),
            flags | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        );
        let file = File::from(file.map_err(|error| own(&error))?);
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(own(&"what is to be downloaded is no regular file there"));
        }
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| own(&"another run fetches the same file"))?;
        Ok(file)
    }
}

impl Client {
    /// The file at `url`, at most `limit` bytes of it, into `to`. Redirects stay on the host that was asked. Must run inside a Tokio
    /// runtime with time and network enabled.
    ///
    /// # Errors
    /// When it cannot be fetched after all attempts; what came stays for a later run.
    pub async fn download(
        &self,
        url: &str,
        to: &Download,
        limit: u64,
    ) -> Result<Downloaded, FetchError> {
        self.0.download_file(url, to, limit).await
    }
}

impl Inner {
    async fn download_file(
        &self,
        url: &str,
        to: &Download,
        limit: u64,
    ) -> Result<Downloaded, FetchError> {
        let parsed =
            Url::parse(url).map_err(|_| FetchError::Malformed("this is no address".to_owned()))?;
        let mut file = to.open()?;
        let before = file.metadata().map_or(0, |found| found.len());
        let mut retry = Retry::new(&self.limits);
        let mut anew = false;
        loop {
            match self.attempt(&parsed, url, to, &mut file, limit).await {
                Ok(Downloaded::Fetched) => return Ok(Downloaded::Fetched),
                // Of several attempts the first says what an earlier run had left.
                Ok(Downloaded::Resumed(_)) if before == 0 => return Ok(Downloaded::Fetched),
                Ok(Downloaded::Resumed(_)) => return Ok(Downloaded::Resumed(before)),
                Ok(Downloaded::Unchanged) => return Ok(Downloaded::Unchanged),
                // What is here is longer than what is there: another file. Once more from its beginning.
                Err(FetchError::Status(416)) if !anew => {
                    anew = true;
                    to.clear(&file)?;
                }
                Err(error) if retry.again(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        parsed: &Url,
        url: &str,
        to: &Download,
        file: &mut File,
        limit: u64,
    ) -> Result<Downloaded, FetchError> {
        let mut note = to.note(url);
        let here = file.metadata().map_err(|error| own(&error))?.len();
        let asked = note.validator.clone().filter(|_| here > 0);
        let mut request = self.request(parsed.clone(), "*/*", limit, self.limits.download);
        request.headers = asked
            .as_ref()
            .map(|validator| validator.headers(note.complete, here))
            .unwrap_or_default();
        let mut response = request.follow().await?;
        // Parts are counted in bytes of the file itself.
        if http::is_gzip(&response)? {
            return Err(FetchError::Malformed(
                "the file is compressed on its way".to_owned(),
            ));
        }
        let resumed = match response.status() {
            StatusCode::NOT_MODIFIED if note.complete && asked.is_some() => {
                return Ok(Downloaded::Unchanged);
            }
            StatusCode::PARTIAL_CONTENT if asked.is_some() && !note.complete => {
                let range = header(response.headers(), &CONTENT_RANGE).unwrap_or_default();
                if !range.starts_with(&format!("bytes {here}-")) {
                    to.clear(file)?;
                    let range = text::excerpt(&range, 80);
                    return Err(FetchError::Malformed(format!(
                        "asked for what follows byte {here}, it gives {range}"
                    )));
                }
                true
            }
            StatusCode::OK => false,
            other => return Err(FetchError::Status(other.as_u16())),
        };
        let start = if resumed { here } else { 0 };
        if !resumed {
            file.set_len(0).map_err(|error| own(&error))?;
            note = Note {
                url: url.to_owned(),
                validator: Validator::of(response.headers()),
                complete: false,
            };
            to.write_note(&note)?;
        }
        file.seek(SeekFrom::Start(start))
            .map_err(|error| own(&error))?;
        let left = limit.saturating_sub(start);
        let written = request
            .body(&mut response, left, &mut |chunk: &[u8]| {
                file.write_all(chunk).map_err(|error| own(&error))
            })
            .await;
        if matches!(written, Err(FetchError::TooLarge(_))) {
            to.clear(file)?;
            return Err(FetchError::TooLarge(limit));
        }
        written?;
        file.sync_all().map_err(|error| own(&error))?;
        note.complete = true;
        to.write_note(&note)?;
        Ok(if resumed {
            Downloaded::Resumed(here)
        } else {
            Downloaded::Fetched
        })
    }
}

impl Validator {
    /// What the answer says by which the same file can be asked for again; a weak tag may stand for other bytes.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let usable = |text: &String| text.len() <= MAX_VALIDATOR;
        let tag = header(headers, &ETAG).filter(|tag| tag.starts_with('"'));
        tag.map(Self::Tag)
            .or_else(|| header(headers, &LAST_MODIFIED).map(Self::Date))
            .filter(|validator| match validator {
                Self::Tag(text) | Self::Date(text) => usable(text),
            })
    }

    /// The headers that ask for another file than this one, or for the rest of it.
    fn headers(&self, complete: bool, here: u64) -> Vec<(HeaderName, HeaderValue)> {
        let (text, unless) = match self {
            Self::Tag(text) => (text, IF_NONE_MATCH),
            Self::Date(text) => (text, IF_MODIFIED_SINCE),
        };
        let Ok(value) = HeaderValue::from_str(text) else {
            return Vec::new();
        };
        let rest = HeaderValue::from_str(&format!("bytes={here}-"));
        match rest {
            _ if complete => vec![(unless, value)],
            Ok(rest) => vec![(RANGE, rest), (IF_RANGE, value)],
            Err(_) => Vec::new(),
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn own(error: &dyn std::fmt::Display) -> FetchError {
    FetchError::Cache(text::excerpt(&error.to_string(), 200))
}
