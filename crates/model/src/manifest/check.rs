//! What the schema of a manifest allows and its meaning does not.

mod covariates;
mod states;

use crate::manifest::{
    ContextAxis, ContextRole, Document, ElementType, Fill, InputAxis, InputRole, Manifest,
    ManifestError, Missing, OutputAxis, OutputKind, OutputRole, PadValue, Rollout,
};
use almanac_forecast::{QuantileLevel, QuantileLevels};

/// The most that a manifest may say of a length or a count. Far beyond every model that is known, and
/// small enough for sums and products of two of them.
const MOST: usize = 1_000_000;

impl Document {
    pub(super) fn check(mut self) -> Result<Manifest, ManifestError> {
        for (key, value) in [("name", &self.name), ("version", &self.version)] {
            ensure(is_identifier(value), key, value, IDENTIFIER)?;
        }
        if let Some(size) = self.batch_size {
            between("batch_size", size, 1..=MOST)?;
        }
        check_context(&self.context)?;
        check_features(&self)?;
        check_horizon(&self)?;
        for (input_idx, input) in self.inputs.iter().enumerate() {
            let again = self.inputs[..input_idx]
                .iter()
                .any(|other| other.name == input.name);
            ensure(!again, "inputs.name", &input.name, "each stands once")?;
            check_input(input, !self.context.features.is_empty())?;
        }
        self.check_covariates()?;
        self.check_states()?;
        check_output(&self.output, self.takes_step_by_step())?;
        let levels = levels(&mut self.output)?;
        check_rollout(&self, &levels)?;
        Ok(Manifest {
            name: self.name,
            version: self.version,
            description: self.description,
            licence: self.licence,
            batch_size: self.batch_size,
            optimized: self.optimized,
            files: self.files,
            context: self.context,
            season_length: self.season_length,
            horizon: self.horizon,
            covariates: self.covariates,
            inputs: self.inputs,
            states: self.states,
            output: self.output,
            postprocess: self.postprocess,
            levels,
        })
    }

    /// Whether a row of the graph's output is one step, so that it may have no time axis.
    fn takes_step_by_step(&self) -> bool {
        self.context.is_direct() || self.horizon.native == 1
    }
}

fn check_context(context: &ContextRole) -> Result<(), ManifestError> {
    use ContextAxis::{Batch, Feature, Time, Variate};
    let axes: [&[ContextAxis]; 4] = [
        &[Batch, Time],
        &[Batch, Time, Variate],
        &[Batch, Variate, Time],
        &[Batch, Feature],
    ];
    ensure(
        axes.contains(&context.axes.as_slice()),
        "context.axes",
        &format_args!("{:?}", context.axes),
        r#"write ["batch", "time"], with "variate" after either where the graph has it, or ["batch", "feature"]"#,
    )?;
    between("context.max_length", context.max_length, 1..=MOST)?;
    ensure(
        (1..=context.max_length).contains(&context.min_length),
        "context.min_length",
        &context.min_length,
        "it lies between 1 and context.max_length",
    )?;
    ensure(
        context.multiple > 0 && context.max_length.is_multiple_of(context.multiple),
        "context.multiple",
        &context.multiple,
        "it is at least 1 and divides context.max_length",
    )?;
    ensure(
        context.scale_floor > 0.0 && context.scale_floor.is_finite(),
        "context.scale_floor",
        &context.scale_floor,
        "it is a number above 0",
    )?;
    ensure(
        context.pad_value != Some(PadValue::Nan) || context.missing != Missing::Zero,
        "context.pad_value",
        &"nan",
        "a graph whose missing values are zero is padded with \"zero\", \"first\" or \"mean\"",
    )?;
    let mut lags = context.differences.iter();
    let bounded = lags.all(|lag| (1..=MOST).contains(lag)) && context.differences.len() <= 8;
    ensure(
        bounded && (context.differences.is_empty() || context.missing.fills()),
        "context.differences",
        &format_args!("{:?}", context.differences),
        "at most 8 lags of 1 or more, and context.missing is \"interpolate\", \"previous\", \"mean\" or \"reject\"",
    )
}

fn check_features(document: &Document) -> Result<(), ManifestError> {
    let context = &document.context;
    let takes_features = context.axes.contains(&ContextAxis::Feature);
    ensure(
        takes_features != context.features.is_empty() && context.features.len() <= MOST,
        "context.features",
        &format_args!("{} columns", context.features.len()),
        r#"there are some exactly when context.axes is ["batch", "feature"]"#,
    )?;
    let reach = context.features.iter().map(|feature| feature.reach());
    let farthest = reach.max().unwrap_or(0);
    ensure(
        farthest <= context.max_length,
        "context.max_length",
        &context.max_length,
        "a lag or a window looks back on more",
    )?;
    let plain = !(context.fixed_length || document.postprocess.flip) && context.multiple == 1;
    ensure(
        !takes_features || plain,
        "context.axes",
        &r#"["batch", "feature"]"#,
        "features go without context.fixed_length, context.multiple and postprocess.flip",
    )?;
    ensure(
        !takes_features || matches!(document.horizon.rollout, Rollout::None | Rollout::Median),
        "horizon.rollout",
        &format_args!("{:?}", document.horizon.rollout),
        "a graph that takes features goes on with \"median\" or not at all",
    )
}

fn check_horizon(document: &Document) -> Result<(), ManifestError> {
    let horizon = &document.horizon;
    if horizon.rollout == Rollout::None {
        ensure(
            (1..=horizon.native).contains(&horizon.longest),
            "horizon.longest",
            &horizon.longest,
            "it lies between 1 and horizon.native; a horizon.rollout goes further",
        )?;
    }
    between("horizon.native", horizon.native, 1..=MOST)?;
    between("horizon.longest", horizon.longest, 1..=MOST)?;
    ensure(
        horizon.input.is_some() == horizon.r#type.is_some(),
        "horizon.type",
        &format_args!("{:?}", horizon.r#type),
        "it is given exactly when horizon.input is",
    )
}

fn check_rollout(document: &Document, levels: &QuantileLevels) -> Result<(), ManifestError> {
    let horizon = &document.horizon;
    let (fits, rule) = match horizon.rollout {
        Rollout::None | Rollout::Median => (true, ""),
        Rollout::Quantiles => (
            levels.as_slice().len() > 1,
            "it needs a model with more than one level",
        ),
        Rollout::Nan => (
            document.context.missing == Missing::Nan
                && horizon.covered(horizon.longest) - horizon.native < document.context.max_length,
            "it needs context.missing = \"nan\", and something of the context left for the last run",
        ),
    };
    let rollout = format_args!("{:?}", horizon.rollout);
    ensure(fits, "horizon.rollout", &rollout, rule)
}

fn check_input(input: &InputRole, takes_features: bool) -> Result<(), ManifestError> {
    let shown = || format!("{:?} of {}", input.axes, input.name);
    let count = |is: fn(&InputAxis) -> bool| input.axes.iter().filter(|axis| is(axis)).count();
    let batch = count(|axis| *axis == InputAxis::Batch);
    let context = count(|axis| axis.has_context());
    ensure(
        batch <= 1 && context <= usize::from(!takes_features) && input.axes.len() <= 6,
        "inputs.axes",
        &shown(),
        "\"batch\" stands once at most, and so does one of \"time\" and \"span\", where the graph takes the history",
    )?;
    let fits = match &input.fill {
        Fill::Observed | Fill::Missing | Fill::Padding => batch == 1 && context == 1,
        Fill::Row => batch == 1,
        Fill::Horizon => batch == 1 && context == 0 && !takes_features,
        // Checked with the covariates.
        Fill::Constant(_) | Fill::Covariates(_) | Fill::Group | Fill::Ahead => true,
    };
    ensure(
        fits,
        "inputs.fill",
        &format_args!("{:?} of {}", input.fill, input.name),
        "a mask has the axes \"batch\" and \"time\" or \"span\", \"row\" has \"batch\", and so has \"horizon\", of a graph that takes the history",
    )?;
    let whole = match (&input.fill, input.r#type) {
        (_, ElementType::Float32 | ElementType::Float64) => true,
        (Fill::Constant(number), _) => number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX),
        _ => true,
    };
    ensure(
        whole,
        "inputs.fill",
        &format_args!("{:?} of {}", input.fill, input.name),
        "a constant of an integer type is a whole number within 32 bits",
    )
}

fn check_output(output: &OutputRole, step_by_step: bool) -> Result<(), ManifestError> {
    let count = |axis| output.axes.iter().filter(|own| **own == axis).count();
    let own = output.kind.axis();
    let others = [
        OutputAxis::Quantile,
        OutputAxis::Sample,
        OutputAxis::Parameter,
    ];
    let shaped = output.axes.first() == Some(&OutputAxis::Batch)
        && count(OutputAxis::Batch) == 1
        && count(OutputAxis::Variate) <= 1
        && (count(OutputAxis::Time) == 1 || (step_by_step && count(OutputAxis::Time) == 0))
        && (others.iter()).all(|axis| count(*axis) == usize::from(own == Some(*axis)));
    ensure(
        shaped,
        "output.axes",
        &format_args!("{:?}", output.axes),
        r#"write "batch", then "time" and the axis of output.kind ("quantile", "sample", "parameter", or none for points) in the order of the graph, and "variate" where it has one"#,
    )?;
    ensure(
        !(output.time_from_end && output.skip > 0),
        "output.skip",
        &output.skip,
        "it is left out with output.time_from_end",
    )?;
    between("output.skip", output.skip, 0..=MOST)?;
    let is_distribution = output.kind == OutputKind::Distribution;
    let fits = match output.family {
        Some(family) => is_distribution && family.takes(&output.parameters),
        None => !is_distribution && output.parameters.is_empty(),
    };
    ensure(
        fits,
        "output.parameters",
        &format_args!("{:?} of {:?}", output.parameters, output.family),
        "a distribution has the parameters of its output.family, and nothing else has either",
    )
}

/// The levels of `output`, which of a point is the median.
fn levels(output: &mut OutputRole) -> Result<QuantileLevels, ManifestError> {
    if output.kind == OutputKind::Point {
        ensure(
            output.levels.is_empty(),
            "output.levels",
            &format_args!("{:?}", output.levels),
            "a point is the median alone; leave them out",
        )?;
        output.levels = vec![0.5];
    }
    let refused = || ManifestError::Value {
        key: "output.levels",
        value: format!("{:?}", output.levels),
        rule: "they ascend within (0, 1) and hold 0.5",
    };
    let own = output.levels.iter().map(|&level| QuantileLevel::new(level));
    let own: Vec<_> = own.collect::<Result<_, _>>().map_err(|_| refused())?;
    let levels = QuantileLevels::with_median(own.iter().copied());
    // Equal only when nothing was added, dropped or moved.
    if levels.as_slice() != own.as_slice() {
        return Err(refused());
    }
    if let Some(columns) = &output.columns {
        let bounded = columns.iter().all(|column| *column < MOST);
        ensure(
            output.kind == OutputKind::Quantiles && columns.len() == own.len() && bounded,
            "output.columns",
            &format_args!("{columns:?}"),
            "it has a place along the quantile axis for each level",
        )?;
    }
    Ok(levels)
}

const IDENTIFIER: &str = "write 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'";

/// Names and versions stand in paths and in metric labels, so their alphabet is narrow.
fn is_identifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

fn between(
    key: &'static str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), ManifestError> {
    let rule = if *range.start() == 0 {
        "it lies between 0 and 1000000"
    } else {
        "it lies between 1 and 1000000"
    };
    ensure(range.contains(&value), key, &value, rule)
}

fn ensure(
    holds: bool,
    key: &'static str,
    value: &impl ToString,
    rule: &'static str,
) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(ManifestError::Value {
            key,
            value: value.to_string(),
            rule,
        })
    }
}
