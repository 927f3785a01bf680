//! Downloads of objects: large ones in parallel parts, each of which is resumed after an
//! interruption.

use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;

use crate::StoreError;
use crate::remote::back_off;
use crate::s3::{S3Bucket, S3Object};

/// The error returned when the body of a response is not received as a whole.
#[derive(Debug, Error)]
enum DownloadError {
    /// No bytes were received in time.
    #[error("no bytes were received for {0:?} (models.read_timeout)")]
    Stalled(Duration),
    /// The stream ended early.
    #[error("the download ended {missing} bytes early")]
    Truncated {
        /// The number of missing bytes.
        missing: u64,
    },
    /// The connection failed.
    #[error("the download was interrupted: {0}")]
    Interrupted(#[from] ByteStreamError),
    /// The stream is longer than the requested range.
    #[error("the server sent more bytes than requested")]
    TooLong,
}

impl S3Bucket {
    /// Reads an object of at most `limit` bytes. All parts are of the same version of the object.
    pub(crate) async fn read(&self, object: &S3Object, limit: u64) -> Result<Vec<u8>, StoreError> {
        if object.size > limit {
            let location = self.uri(&object.key);
            let limit = self.options.max_bundle;
            return Err(StoreError::TooLarge { location, limit });
        }
        let part_size = self.options.part_size;
        if object.size <= part_size {
            return self.read_part(object, 0, object.size).await;
        }
        let parts = (0..object.size)
            .step_by(usize::try_from(part_size).unwrap_or(usize::MAX))
            .map(|start| self.read_part(object, start, (start + part_size).min(object.size)));
        let mut parts = stream::iter(parts).buffered(self.options.parallel_parts);
        let mut bytes = Vec::with_capacity(usize::try_from(object.size).unwrap_or(0));
        while let Some(part) = parts.try_next().await? {
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// Reads the bytes from `start` to `end`. Bytes that have arrived are not requested again.
    async fn read_part(
        &self,
        object: &S3Object,
        start: u64,
        end: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(usize::try_from(end - start).unwrap_or(0));
        let mut attempt = 0;
        loop {
            let next = start + bytes.len() as u64;
            if next == end {
                return Ok(bytes);
            }
            let is_whole = (next, end) == (0, object.size);
            let range = (!is_whole).then(|| format!("bytes={next}-{}", end - 1));
            let body = self.get(object, range).await?;
            let Err(reason) = self.read_body(body, end - next, &mut bytes).await else {
                continue;
            };
            attempt += 1;
            let location = self.uri(&object.key);
            if attempt >= self.options.attempts {
                let reason = format!("{reason}, {attempt} times in a row");
                return Err(StoreError::Unreachable { location, reason });
            }
            tracing::debug!(%location, %reason, offset = start + bytes.len() as u64, "interrupted download resumed");
            back_off(attempt).await;
        }
    }

    /// Appends the `expected` bytes of `body` to `bytes`.
    async fn read_body(
        &self,
        mut body: ByteStream,
        expected: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DownloadError> {
        let timeout = self.options.read_timeout;
        let mut missing = expected;
        while missing > 0 {
            let chunk = tokio::time::timeout(timeout, body.next())
                .await
                .map_err(|_elapsed| DownloadError::Stalled(timeout))?
                .ok_or(DownloadError::Truncated { missing })??;
            let size = chunk.len() as u64;
            missing = missing.checked_sub(size).ok_or(DownloadError::TooLong)?;
            bytes.extend_from_slice(&chunk);
            self.options.progress.advance(size);
        }
        Ok(())
    }
}
