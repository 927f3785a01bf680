//! Writing objects: in parts side by side when they are large.

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::StoreError;
use crate::s3::Bucket;

/// The smallest part that S3 takes, but for the last.
const LEAST_PART: usize = 5 * 1_024 * 1_024;

/// The most parts that S3 takes.
const MOST_PARTS: usize = 10_000;

/// An object that is being written.
#[derive(Clone, Copy)]
struct Upload<'a> {
    key: &'a str,
    id: &'a str,
}

impl Bucket {
    /// Writes an object. Readers find all of it or nothing, and nothing is left of what fails.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let part_size = self.upload_part_size(bytes.len());
        if bytes.len() <= part_size {
            self.put_whole(key, bytes).await
        } else {
            self.put_in_parts(key, bytes, part_size).await
        }
    }

    /// The configured size of a part, within what S3 takes for an object of `size` bytes.
    fn upload_part_size(&self, size: usize) -> usize {
        let configured = usize::try_from(self.options.part_size).unwrap_or(usize::MAX);
        configured.max(LEAST_PART).max(size.div_ceil(MOST_PARTS))
    }

    async fn put_whole(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let put = self.call(key, |client| {
            let body = ByteStream::from(bytes.to_vec());
            let put = client.put_object().bucket(self.name()).key(key).body(body);
            put.customize().config_override(self.patient()).send()
        });
        put.await?;
        self.options.progress.advance(bytes.len() as u64);
        Ok(())
    }

    async fn put_in_parts(
        &self,
        key: &str,
        bytes: &[u8],
        part_size: usize,
    ) -> Result<(), StoreError> {
        let begun = self.call(key, |client| {
            let create = client.create_multipart_upload();
            let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
            create.bucket(self.name()).key(key).send()
        });
        let begun = begun.await?;
        let id = begun.upload_id().unwrap_or_default();
        let upload = Upload { key, id };
        let written = self.write_parts(upload, bytes, part_size).await;
        if written.is_err() {
            self.abort(upload).await;
        }
        written
    }

    async fn write_parts(
        &self,
        upload: Upload<'_>,
        bytes: &[u8],
        part_size: usize,
    ) -> Result<(), StoreError> {
        let starts = (0..bytes.len()).step_by(part_size).zip(1..);
        let parts = starts.map(|(start, number)| {
            let end = (start + part_size).min(bytes.len());
            self.put_part(upload, number, &bytes[start..end])
        });
        let parts = stream::iter(parts).buffered(self.options.parallel_parts);
        let parts: Vec<CompletedPart> = parts.try_collect().await?;
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let whole = whole.build();
        let complete = self.call(upload.key, |client| {
            let complete = client.complete_multipart_upload().upload_id(upload.id);
            let complete = complete.bucket(self.name()).key(upload.key);
            let complete = complete.multipart_upload(whole.clone());
            // Of a large object S3 answers once it has put the parts together.
            complete.customize().config_override(self.patient()).send()
        });
        complete.await.map(|_answer| ())
    }

    async fn put_part(
        &self,
        upload: Upload<'_>,
        number: i32,
        part: &[u8],
    ) -> Result<CompletedPart, StoreError> {
        let put = self.call(upload.key, |client| {
            let put = client.upload_part().upload_id(upload.id);
            let put = put.bucket(self.name()).key(upload.key).part_number(number);
            let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32);
            let put = put.body(ByteStream::from(part.to_vec()));
            put.customize().config_override(self.patient()).send()
        });
        let put = put.await?;
        self.options.progress.advance(part.len() as u64);
        let done = CompletedPart::builder().part_number(number);
        Ok(done
            .set_e_tag(put.e_tag)
            .set_checksum_crc32(put.checksum_crc32)
            .build())
    }

    /// Has S3 forget what came of an upload, which is paid for until then.
    async fn abort(&self, upload: Upload<'_>) {
        let abort = self.call(upload.key, |client| {
            let abort = client.abort_multipart_upload().upload_id(upload.id);
            abort.bucket(self.name()).key(upload.key).send()
        });
        if let Err(error) = abort.await {
            let place = self.place(upload.key);
            tracing::warn!(%place, upload = upload.id, %error, "an upload that failed is left unfinished in the bucket");
        }
    }

    /// Settings of a call whose answer comes after the last byte: the patience is that of a file.
    fn patient(&self) -> Builder {
        let patience = TimeoutConfig::builder()
            .connect_timeout(self.options.connect_timeout)
            .read_timeout(self.options.fetch_timeout);
        aws_sdk_s3::Config::builder().timeout_config(patience.build())
    }
}

#[cfg(test)]
mod tests;
