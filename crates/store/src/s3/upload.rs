//! Uploads of objects: large ones in parallel parts.

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::StoreError;
use crate::s3::S3Bucket;

/// The minimum size of a part in S3, except for the last.
const MIN_PART_SIZE: usize = 5 * 1_024 * 1_024;

/// The maximum number of parts in S3.
const MAX_PARTS: usize = 10_000;

/// A multipart upload in progress.
#[derive(Clone, Copy)]
struct MultipartUpload<'a> {
    key: &'a str,
    id: &'a str,
}

impl S3Bucket {
    /// Writes an object. Readers see all of it or nothing, and a failed upload is removed.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let part_size = self.upload_part_size(bytes.len());
        if bytes.len() <= part_size {
            self.put_whole(key, bytes).await
        } else {
            self.put_in_parts(key, bytes, part_size).await
        }
    }

    /// Returns the configured part size, within the limits of S3 for an object of `size` bytes.
    fn upload_part_size(&self, size: usize) -> usize {
        let configured = usize::try_from(self.options.part_size).unwrap_or(usize::MAX);
        configured.max(MIN_PART_SIZE).max(size.div_ceil(MAX_PARTS))
    }

    async fn put_whole(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.call(key, |client| {
            client
                .put_object()
                .bucket(self.name())
                .key(key)
                .body(ByteStream::from(bytes.to_vec()))
                .customize()
                .config_override(self.upload_config())
                .send()
        })
        .await?;
        self.options.progress.advance(bytes.len() as u64);
        Ok(())
    }

    async fn put_in_parts(
        &self,
        key: &str,
        bytes: &[u8],
        part_size: usize,
    ) -> Result<(), StoreError> {
        let created = self
            .call(key, |client| {
                client
                    .create_multipart_upload()
                    .checksum_algorithm(ChecksumAlgorithm::Crc32)
                    .bucket(self.name())
                    .key(key)
                    .send()
            })
            .await?;
        let id = created.upload_id().unwrap_or_default();
        let upload = MultipartUpload { key, id };
        let written = self.write_parts(upload, bytes, part_size).await;
        if written.is_err() {
            self.abort(upload).await;
        }
        written
    }

    async fn write_parts(
        &self,
        upload: MultipartUpload<'_>,
        bytes: &[u8],
        part_size: usize,
    ) -> Result<(), StoreError> {
        let parts = (0..bytes.len())
            .step_by(part_size)
            .zip(1..)
            .map(|(start, number)| {
                let end = (start + part_size).min(bytes.len());
                self.put_part(upload, number, &bytes[start..end])
            });
        let parts: Vec<CompletedPart> = stream::iter(parts)
            .buffered(self.options.parallel_parts)
            .try_collect()
            .await?;
        let completed = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        self.call(upload.key, |client| {
            client
                .complete_multipart_upload()
                .upload_id(upload.id)
                .bucket(self.name())
                .key(upload.key)
                .multipart_upload(completed.clone())
                .customize()
                // S3 responds after it has assembled the parts, which takes long for a large
                // object.
                .config_override(self.upload_config())
                .send()
        })
        .await
        .map(|_response| ())
    }

    async fn put_part(
        &self,
        upload: MultipartUpload<'_>,
        number: i32,
        part: &[u8],
    ) -> Result<CompletedPart, StoreError> {
        let response = self
            .call(upload.key, |client| {
                client
                    .upload_part()
                    .upload_id(upload.id)
                    .bucket(self.name())
                    .key(upload.key)
                    .part_number(number)
                    .checksum_algorithm(ChecksumAlgorithm::Crc32)
                    .body(ByteStream::from(part.to_vec()))
                    .customize()
                    .config_override(self.upload_config())
                    .send()
            })
            .await?;
        self.options.progress.advance(part.len() as u64);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(response.e_tag)
            .set_checksum_crc32(response.checksum_crc32)
            .build())
    }

    /// Aborts an upload, so that S3 removes its parts, which are charged for until then.
    async fn abort(&self, upload: MultipartUpload<'_>) {
        let aborted = self
            .call(upload.key, |client| {
                client
                    .abort_multipart_upload()
                    .upload_id(upload.id)
                    .bucket(self.name())
                    .key(upload.key)
                    .send()
            })
            .await;
        if let Err(error) = aborted {
            let location = self.uri(upload.key);
            tracing::warn!(%location, upload = upload.id, %error, "a failed upload could not be aborted; its parts remain in the bucket");
        }
    }

    /// Returns the settings of requests whose response comes after the last byte: the read timeout
    /// is that of a whole version.
    fn upload_config(&self) -> Builder {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.options.connect_timeout)
            .read_timeout(self.options.fetch_timeout);
        aws_sdk_s3::Config::builder().timeout_config(timeouts.build())
    }
}

#[cfg(test)]
mod tests;
