use almanac_forecast::{
    ForecastLimits, Horizon, QuantileGrid, QuantileLevel, QuantileLevels, SeriesDraft,
};
use proptest::prelude::*;

use super::*;

const LIMITS: ForecastLimits = ForecastLimits {
    series: 10,
    values: 5_000,
    horizon: 2_000,
    levels: 10,
    covariates: 4,
};

fn levels(raw: &[f64]) -> QuantileLevels {
    QuantileLevels::with_median(raw.iter().map(|&level| QuantileLevel::new(level).unwrap()))
}

/// Returns a request for `draft`, and a forecast of it with `width` between adjacent levels.
fn forecast(
    draft: SeriesDraft,
    steps: usize,
    raw_levels: &[f64],
    width: f64,
) -> (ForecastRequest, Forecast) {
    let levels = levels(raw_levels);
    let last = draft
        .values
        .iter()
        .rev()
        .find(|value| value.is_finite())
        .copied()
        .unwrap();
    let horizon = Horizon::new(steps as u64, LIMITS.horizon).unwrap();
    let request = draft
        .into_request(horizon, levels.clone(), &LIMITS)
        .unwrap();
    let rows = (0..levels.as_slice().len())
        .flat_map(|level| vec![(last + width * level as f64).clamp(-f64::MAX, f64::MAX); steps])
        .collect();
    let grid = QuantileGrid::new(levels.clone(), rows).unwrap();
    let mut forecast = Forecast::from_grid(&grid, &levels, None);
    forecast.season_length = request.season_length();
    (request, forecast)
}

fn draft(values: &[f64]) -> SeriesDraft {
    SeriesDraft {
        values: values.to_vec(),
        ..SeriesDraft::default()
    }
}

fn drawn(title: &str, request: &ForecastRequest, forecast: &Forecast) -> String {
    svg(
        &[Panel {
            title,
            request,
            forecast,
        }],
        &PlotOptions::default(),
    )
}

/// Checks that elements are closed, text is escaped, and every coordinate is on the canvas or close
/// to it.
#[track_caller]
fn check_valid(document: &str) {
    let mut open = Vec::new();
    let mut rest = document;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').unwrap();
        assert!(!tag.contains('<'), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        rest = after;
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    assert!(
        !document.contains("NaN") && !document.contains("inf"),
        "{document}"
    );
    for attribute in ["x=\"", "y=\"", "cx=\"", "cy=\"", "points=\""] {
        for value in document.split(&format!(" {attribute}")).skip(1) {
            let (value, _) = value.split_once('"').unwrap();
            for number in value.split([' ', ',']).filter(|number| !number.is_empty()) {
                let number: i32 = number.parse().unwrap();
                assert!((-10_000..=40_000).contains(&number), "{attribute}{number}");
            }
        }
    }
}

#[test]
fn titles_are_escaped_and_truncated() {
    let (request, forecast) = forecast(draft(&[1.0, 2.0]), 3, &[0.1, 0.9], 1.0);
    let title = "<script>alert(\"&\")</script>\u{0}\u{1b}";
    let document = drawn(title, &request, &forecast);
    check_valid(&document);
    assert!(!document.contains("<script>") && !document.contains('\u{0}'));
    assert!(document.contains("&lt;script&gt;"));
    check_valid(&drawn(&"é".repeat(500), &request, &forecast));
}

#[test]
fn has_a_title_and_a_description() {
    let monthly = SeriesDraft {
        start: Some("1960-11".to_owned()),
        frequency: Some("MS".to_owned()),
        ..draft(&[390.0, 432.0])
    };
    let (request, forecast) = forecast(monthly, 3, &[0.1, 0.9], 1.0);
    let document = drawn("passengers", &request, &forecast);
    let words = document
        .lines()
        .skip(1)
        .take(2)
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!(words, @r"
    <title>Forecast of passengers</title>
    <desc>passengers: 3 steps, from 1961-01 to 1961-03 with bands of 80%.</desc>
    ");
}

#[test]
fn draws_the_requested_bands_or_the_defaults_or_the_widest() {
    let labels = |raw_levels: &[f64], requested: &[f64]| {
        let (request, forecast) = forecast(draft(&[1.0, 2.0]), 2, raw_levels, 1.0);
        let levels: Vec<_> = requested
            .iter()
            .map(|&percent| CentralLevel::new(percent).unwrap())
            .collect();
        let panel = Panel {
            title: "",
            request: &request,
            forecast: &forecast,
        };
        PanelView::new(&panel, &levels)
            .bands
            .into_iter()
            .map(|band| band.label)
            .collect::<Vec<_>>()
    };
    let many = [0.025, 0.1, 0.25, 0.75, 0.9, 0.975];
    assert_eq!(labels(&many, &[]), ["95%", "80%"]);
    assert_eq!(labels(&many, &[50.0, 80.0]), ["80%", "50%"]);
    assert_eq!(labels(&[0.1, 0.9], &[50.0]), ["80%"]);
    assert_eq!(labels(&[0.05, 0.95], &[]), ["90%"]);
    assert_eq!(labels(&[0.2], &[]), ["0.2 to 0.5"]);
    assert!(labels(&[], &[]).is_empty());
}

#[test]
fn missing_values_break_the_line() {
    let values = [1.0, 2.0, f64::NAN, 3.0, f64::NAN, 4.0, 5.0];
    let (request, forecast) = forecast(draft(&values), 2, &[], 0.0);
    let document = drawn("gaps", &request, &forecast);
    // Two runs of values and the sample of the legend; the isolated value is a point.
    assert_eq!(document.matches("stroke=\"#2E343B\"").count(), 3);
}

#[test]
fn any_number_of_panels_is_drawn() {
    check_valid(&svg(&[], &PlotOptions::default()));
    let (request, forecast) = forecast(draft(&[1.0, 2.0]), 2, &[0.1], 1.0);
    for count in 1..=12 {
        let titles: Vec<_> = (0..count).map(|number| format!("panel {number}")).collect();
        let panels: Vec<_> = titles
            .iter()
            .map(|title| Panel {
                title,
                request: &request,
                forecast: &forecast,
            })
            .collect();
        let document = svg(
            &panels,
            &PlotOptions {
                width: 20,
                ..PlotOptions::default()
            },
        );
        check_valid(&document);
        assert_eq!(
            document.matches("font-weight=\"bold\"").count(),
            count.min(MOST_PANELS)
        );
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        3 => -1e3..1e3,
        1 => Just(f64::NAN),
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_series_is_drawn(
        mut values in prop::collection::vec(value(), 0..60),
        constant in prop::option::of(value()),
        last in -1e3..1e3,
        steps in 1_usize..40,
        width in prop_oneof![Just(0.0), 0.0..10.0, Just(1e300)],
        start in prop::option::of(prop::sample::select(&["2024-01", "2023-12-31", "2024-06-01T23:30:00Z", "7"][..])),
        frequency in prop::sample::select(&["MS", "D", "h", "W-SUN", "QE", "YE", "B", "s", "1"][..]),
    ) {
        if let Some(constant) = constant {
            values.fill(constant);
        }
        values.push(last);
        let with_calendar = SeriesDraft {
            start: start.map(str::to_owned),
            frequency: start.map(|_| frequency.to_owned()),
            ..draft(&values)
        };
        let horizon = Horizon::new(1, 1).unwrap();
        let is_valid = with_calendar.clone().into_request(horizon, levels(&[]), &LIMITS).is_ok();
        let chosen = if is_valid { with_calendar } else { draft(&values) };
        let (request, forecast) = forecast(chosen, steps, &[0.025, 0.1, 0.9, 0.975], width);
        check_valid(&drawn("any", &request, &forecast));
    }
}
