//! The protocols of other systems, one file each: translations to the shared call and back.

pub(super) mod sagemaker;
