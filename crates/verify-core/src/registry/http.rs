//! One bounded GET: redirects by hand, retries with backoff, never more bytes than the caller accepts.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use flate2::write::MultiGzDecoder;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};

use super::address::{is_loopback, listed, same_host};
use super::npmrc::NpmConfig;
use super::plan::FetchLimits;
use crate::Error;
use crate::fact::{Fact, NotEstablished};
use crate::text;

/// Why something was not fetched. Messages hold hosts, never credentials or whole addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No registry is configured for the package.
    #[error("no registry is configured; name one in policy, in npm_config_registry or in .npmrc")]
    NoRegistry,
    /// The registry has no such package or version.
    #[error("the registry does not have it")]
    NotFound,
    /// The registry wants other credentials.
    #[error("the registry refused access (status {0})")]
    Refused(u16),
    /// The registry answered with another error.
    #[error("the registry answered with status {0}")]
    Status(u16),
    /// The answer is larger than accepted.
    #[error("the answer is larger than the {0} bytes accepted")]
    TooLarge(u64),
    /// The answer took too long.
    #[error("the answer took too long")]
    TimedOut,
    /// A redirect leads where the caller did not allow.
    #[error("refused a redirect {0}")]
    Redirected(String),
    /// The answer is not what it should be.
    #[error("the registry's answer is malformed: {0}")]
    Malformed(String),
    /// The connection failed, or ended too early.
    #[error("the connection failed: {0}")]
    Network(String),
    /// The cache folder cannot be used.
    #[error("the cache cannot be used: {0}")]
    Cache(String),
    /// Not in the cache, and no network was allowed.
    #[error("it is not in the cache, and the network was not allowed")]
    Offline,
}

impl FetchError {
    /// The fact that everything becomes that would have needed the answer.
    #[must_use]
    pub fn into_fact<T>(self) -> Fact<T> {
        Fact::not_established(self.code(), self.to_string())
    }

    /// The code of the finding `not-established` for it.
    #[must_use]
    pub fn code(&self) -> NotEstablished {
        match self {
            Self::NoRegistry => NotEstablished::NoRegistry,
            Self::NotFound => NotEstablished::NotInRegistry,
            Self::Refused(_)
            | Self::Status(_)
            | Self::TooLarge(_)
            | Self::Redirected(_)
            | Self::Malformed(_) => NotEstablished::BadAnswer,
            Self::TimedOut | Self::Network(_) | Self::Cache(_) | Self::Offline => {
                NotEstablished::Offline
            }
        }
    }

    /// The error for a fault of this machine, which leaves no verdict.
    #[must_use]
    pub fn into_own_fault(self) -> Error {
        Error::environment(
            self.to_string(),
            "make room, or name another folder in XDG_CACHE_HOME",
        )
    }

    /// Whether there was no answer.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Network(_))
    }

    /// Whether another attempt may end differently.
    fn is_passing(&self) -> bool {
        self.is_silence() || matches!(self, Self::Status(429 | 500 | 502 | 503 | 504))
    }
}

/// Longest pause that a registry can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// One request.
pub(super) struct HttpRequest<'a> {
    pub(super) client: &'a reqwest::Client,
    pub(super) config: &'a NpmConfig,
    pub(super) limits: &'a FetchLimits,
    pub(super) url: Url,
    pub(super) accept: &'static str,
    /// Most bytes of the answer.
    pub(super) limit: u64,
    /// Most time for the answer with its body.
    pub(super) time: Duration,
    /// Headers beside the usual ones, such as a range; then other answers than the whole body are for the caller to judge.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpRequest<'_> {
    /// The whole body, in memory.
    pub(super) async fn bytes(&self) -> Result<Vec<u8>, FetchError> {
        let mut retry = Retry::new(self.limits);
        loop {
            let mut body = Vec::new();
            let sink = &mut |chunk: &[u8]| {
                body.extend_from_slice(chunk);
                Ok(())
            };
            match self.stream(sink).await {
                Ok(()) => return Ok(body),
                Err(error) if retry.again(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands the body to `sink`, piece by piece, at most `limit` bytes within the time of the request.
    pub(super) async fn stream(
        &self,
        sink: &mut (dyn FnMut(&[u8]) -> Result<(), FetchError> + Send),
    ) -> Result<(), FetchError> {
        tokio::time::timeout(self.time, self.stream_untimed(sink))
            .await
            .unwrap_or(Err(FetchError::TimedOut))
    }

    async fn stream_untimed(
        &self,
        sink: &mut (dyn FnMut(&[u8]) -> Result<(), FetchError> + Send),
    ) -> Result<(), FetchError> {
        let mut response = self.follow().await?;
        if !is_gzip(&response)? {
            return self.body(&mut response, self.limit, sink).await;
        }
        // A registry may compress unasked. The bound holds for what comes and for what it becomes.
        let mut decoder = MultiGzDecoder::new(Bounded {
            left: self.limit,
            exceeded: false,
            bytes: Vec::new(),
        });
        let broken = |decoder: &MultiGzDecoder<Bounded>| match decoder.get_ref().exceeded {
            true => FetchError::TooLarge(self.limit),
            false => FetchError::Malformed("what it compressed is damaged".to_owned()),
        };
        let unpack = &mut |chunk: &[u8]| {
            for piece in chunk.chunks(PIECE) {
                decoder.write_all(piece).map_err(|_| broken(&decoder))?;
                sink(&std::mem::take(&mut decoder.get_mut().bytes))?;
            }
            Ok(())
        };
        self.body(&mut response, self.limit, unpack).await?;
        decoder.try_finish().map_err(|_| broken(&decoder))?;
        sink(&std::mem::take(&mut decoder.get_mut().bytes))
    }

    /// Hands the body of an answer to `sink`, at most `limit` bytes of it.
    pub(super) async fn body(
        &self,
        response: &mut Response,
        limit: u64,
        sink: &mut (dyn FnMut(&[u8]) -> Result<(), FetchError> + Send),
    ) -> Result<(), FetchError> {
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(FetchError::TooLarge(limit));
        }
        let mut seen = 0_u64;
        let start = Instant::now();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            seen += chunk.len() as u64;
            if seen > limit {
                return Err(FetchError::TooLarge(limit));
            }
            let elapsed = start.elapsed();
            if elapsed > self.limits.idle
                && seen < elapsed.as_secs().saturating_mul(self.limits.rate)
            {
                return Err(FetchError::TimedOut);
            }
            sink(&chunk)?;
        }
        Ok(())
    }

    /// The answer after its redirects. Credentials are added only for the host that was asked first.
    pub(super) async fn follow(&self) -> Result<Response, FetchError> {
        let mut url = self.url.clone();
        for _ in 0..=self.limits.redirects {
            let mut request = self.client.get(url.clone()).header(ACCEPT, self.accept);
            if same_host(&url, &self.url)
                && let Some(text) = self.config.authorization(&url)
                && let Ok(mut value) = HeaderValue::from_str(&text)
            {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let response = request.send().await.map_err(network)?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = self.redirect(&url, &response)?;
                continue;
            }
            return match status.as_u16() {
                200 => Ok(response),
                206 | 304 if !self.headers.is_empty() => Ok(response),
                404 | 410 => Err(FetchError::NotFound),
                code @ (401 | 403) => Err(FetchError::Refused(code)),
                code @ (429 | 503) => {
                    wait_as_asked(&response).await;
                    Err(FetchError::Status(code))
                }
                code => Err(FetchError::Status(code)),
            };
        }
        Err(FetchError::Redirected(format!(
            "after {} others",
            self.limits.redirects
        )))
    }

    fn redirect(&self, from: &Url, response: &Response) -> Result<Url, FetchError> {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let to = location
            .and_then(|text| from.join(text).ok())
            .ok_or_else(|| FetchError::Malformed("a redirect without address".to_owned()))?;
        let port = to.port().map_or(String::new(), |port| format!(":{port}"));
        let host = format!(
            "{}{port}",
            text::excerpt(to.host_str().unwrap_or("no host"), 100)
        );
        let secure = to.scheme() == "https"
            || (to.scheme() == "http" && (from.scheme() == "http" || is_loopback(&to)));
        if !secure || !to.username().is_empty() || to.password().is_some() {
            return Err(FetchError::Redirected(format!(
                "to {host}, without TLS or with credentials in the address"
            )));
        }
        if same_host(&to, &self.url) || listed(&to, &self.limits.hosts) {
            Ok(to)
        } else {
            Err(FetchError::Redirected(format!("to another host, {host}")))
        }
    }
}

/// Bytes that are decompressed at a time: what they become is in memory, some thousand times as much at most.
const PIECE: usize = 4 << 10;

/// Whether the body of an answer is compressed. Another encoding than gzip was not asked for and is not understood.
pub(super) fn is_gzip(response: &Response) -> Result<bool, FetchError> {
    let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    let (first, more) = (encodings.next(), encodings.next());
    let first = first
        .map(HeaderValue::as_bytes)
        .map(<[u8]>::to_ascii_lowercase);
    match first.as_deref() {
        None | Some(b"" | b"identity") if more.is_none() => Ok(false),
        Some(b"gzip" | b"x-gzip") if more.is_none() => Ok(true),
        _ => Err(FetchError::Malformed(
            "it is encoded in a way that was not asked for".to_owned(),
        )),
    }
}

/// Takes what is decompressed, up to a bound.
struct Bounded {
    left: u64,
    exceeded: bool,
    bytes: Vec<u8>,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("more than accepted"));
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn wait_as_asked(response: &Response) {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(seconds) = seconds {
        tokio::time::sleep(Duration::from_secs(seconds).min(MAX_RETRY_AFTER)).await;
    }
}

/// The attempts that are left, and the pause before the next one.
pub(super) struct Retry {
    left: u32,
    pause: Duration,
}

impl Retry {
    pub(super) fn new(limits: &FetchLimits) -> Self {
        Self {
            left: limits.attempts.saturating_sub(1),
            pause: limits.backoff,
        }
    }

    /// Whether to try again after `error`; waits before it says yes.
    pub(super) async fn again(&mut self, error: &FetchError) -> bool {
        if self.left == 0 || !error.is_passing() {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.left -= 1;
        self.pause = self.pause.saturating_mul(2);
        true
    }
}

fn network(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::TimedOut;
    }
    // The address may be long and is known; the innermost cause is what helps.
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    FetchError::Network(text::excerpt(&cause.to_string(), 200))
}
