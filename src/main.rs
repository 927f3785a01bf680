//! The `almanac` program.

fn main() {}
