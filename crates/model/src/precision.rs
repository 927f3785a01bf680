//! The conversion of values to the precision of a graph.

/// Rounds `value` to single precision.
#[expect(clippy::cast_possible_truncation, reason = "the graph computes in f32")]
pub(super) const fn narrow(value: f64) -> f32 {
    value as f32
}
