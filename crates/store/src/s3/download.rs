//! The bytes of an object: in parts side by side when it is large, each part resumed where it broke.

use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::StoreError;
use crate::remote::pause;
use crate::s3::{Bucket, Object};

impl Bucket {
    /// The bytes of `object`, of which there are at most `limit`. All parts are of one content.
    pub(crate) async fn read(&self, object: &Object, limit: u64) -> Result<Vec<u8>, StoreError> {
        if object.size > limit {
            let place = self.place(&object.key);
            let limit = self.options.max_bundle;
            return Err(StoreError::TooLarge { place, limit });
        }
        let part = self.options.part_size;
        if object.size <= part {
            return self.part(object, 0, object.size).await;
        }
        let starts = (0..object.size).step_by(usize::try_from(part).unwrap_or(usize::MAX));
        let parts = starts.map(|start| self.part(object, start, (start + part).min(object.size)));
        let mut parts = stream::iter(parts).buffered(self.options.parallel_parts);
        let mut bytes = Vec::with_capacity(usize::try_from(object.size).unwrap_or(0));
        while let Some(part) = parts.try_next().await? {
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// The bytes from `start` to `end`. What has come is not asked for again.
    async fn part(&self, object: &Object, start: u64, end: u64) -> Result<Vec<u8>, StoreError> {
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
            let Err(reason) = self.drain(body, end - next, &mut bytes).await else {
                continue;
            };
            attempt += 1;
            let place = self.place(&object.key);
            if attempt >= self.options.attempts {
                let reason = format!("{reason}, {attempt} times in a row");
                return Err(StoreError::Unreachable { place, reason });
            }
            tracing::debug!(%place, %reason, at = start + bytes.len() as u64, "a download broke and goes on");
            pause(attempt).await;
        }
    }

    /// Adds what comes to `bytes`, and says why it is not `expected` bytes.
    async fn drain(
        &self,
        mut body: ByteStream,
        expected: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut left = expected;
        let patience = self.options.read_timeout;
        while left > 0 {
            let piece = tokio::time::timeout(patience, body.next()).await;
            let piece = piece
                .map_err(|_| format!("nothing came for {patience:?} (models.read_timeout)"))?;
            let piece = piece.ok_or_else(|| format!("the download ended {left} bytes early"))?;
            let piece = piece.map_err(|error| format!("the download broke: {error}"))?;
            let size = piece.len() as u64;
            left = left
                .checked_sub(size)
                .ok_or("more came than was asked for")?;
            bytes.extend_from_slice(&piece);
            self.options.progress.advance(size);
        }
        Ok(())
    }
}
