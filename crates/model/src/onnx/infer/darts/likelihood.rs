//! The output of a Darts graph: points, quantiles, or the parameters of a likelihood.

use crate::onnx::infer::darts::error::DartsError;

/// The keys of `[output]` that depend on the likelihood.
pub(super) struct OutputKeys {
    pub(super) axes: &'static str,
    pub(super) text: String,
}

impl OutputKeys {
    /// Returns the keys for the likelihood with the `parameters`, which have an axis apart from that of the series if
    /// `has_own_axis`.
    pub(super) fn of(
        parameters: Option<&[String]>,
        has_own_axis: bool,
    ) -> Result<Self, DartsError> {
        let Some(parameters) = parameters else {
            return Ok(Self::of_points(has_own_axis));
        };
        if let Some(text) = quantile_keys(parameters) {
            return Ok(Self {
                axes: if has_own_axis {
                    r#"["batch", "time", "variate", "quantile"]"#
                } else {
                    r#"["batch", "time", "quantile"]"#
                },
                text,
            });
        }
        Ok(Self {
            axes: if has_own_axis {
                r#"["batch", "time", "variate", "parameter"]"#
            } else {
                r#"["batch", "time", "parameter"]"#
            },
            text: distribution_keys(parameters)?,
        })
    }

    fn of_points(has_own_axis: bool) -> Self {
        if has_own_axis {
            return Self {
                axes: r#"["batch", "time", "variate", "quantile"]"#,
                text: "levels = [0.5]\n".to_owned(),
            };
        }
        Self {
            axes: r#"["batch", "time", "variate"]"#,
            text: "kind = \"point\"\n".to_owned(),
        }
    }
}

/// Returns the keys for quantiles, if all of `names` name one, such as `q0.100` or `q0.10`.
fn quantile_keys(names: &[String]) -> Option<String> {
    let mut quantiles: Vec<(f64, usize)> = names
        .iter()
        .enumerate()
        .map(|(column, name)| Some((name.strip_prefix('q')?.parse().ok()?, column)))
        .collect::<Option<_>>()?;
    quantiles.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (levels, columns): (Vec<_>, Vec<_>) = quantiles.into_iter().unzip();
    Some(format!("levels = {levels:?}\ncolumns = {columns:?}\n"))
}

/// Returns the keys for the distribution whose parameters have these `names`.
fn distribution_keys(names: &[String]) -> Result<String, DartsError> {
    let (family, parameters) = match names {
        [first, second] if first == "mu" && second == "b" => ("laplace", r#"["loc", "scale"]"#),
        [first, second] if first == "r" && second == "p" => {
            ("negative_binomial", r#"["total_count", "probs"]"#)
        }
        _ => {
            return Err(DartsError::Likelihood {
                names: names.to_vec(),
            });
        }
    };
    Ok(format!(
        "kind = \"distribution\"\nfamily = \"{family}\"\nparameters = {parameters}\nlevels = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]\n"
    ))
}
