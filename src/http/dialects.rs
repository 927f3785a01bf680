//! The protocols of other systems, one module each: translations to the shared call and back.

pub(super) mod sagemaker;
