//! Plain files at addresses of the operator, such as imported reviews: the same proxy, authorities, limits and refusals as for packages.

use std::sync::Arc;

use reqwest::Url;
use tokio::task::JoinSet;

use super::client::{Client, Inner};
use super::http::FetchError;

impl Client {
    /// The files at `urls`, in their order, each of at most `limit` bytes and within the time for metadata. Redirects stay on the host
    /// that was asked. Nothing is compared or kept. Must run inside a Tokio runtime with time and network enabled.
    pub async fn files(&self, urls: &[String], limit: u64) -> Vec<Result<Vec<u8>, FetchError>> {
        let mut tasks = JoinSet::new();
        for (at, url) in urls.iter().enumerate() {
            let (inner, url) = (Arc::clone(&self.0), url.clone());
            tasks.spawn(async move { (at, inner.file(&url, limit).await) });
        }
        let stopped = || FetchError::Network("the download was stopped".to_owned());
        let mut files: Vec<_> = urls.iter().map(|_| Err(stopped())).collect();
        while let Some(done) = tasks.join_next().await {
            if let Ok((at, answer)) = done
                && let Some(place) = files.get_mut(at)
            {
                *place = answer;
            }
        }
        files
    }
}

impl Inner {
    async fn file(&self, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        let url =
            Url::parse(url).map_err(|_| FetchError::Malformed("this is no address".to_owned()))?;
        self.request(url, "*/*", limit, self.limits.metadata)
            .bytes()
            .await
    }
}
