use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

use super::*;

/// A layer that captures the lines.
#[derive(Clone)]
struct CapturingLayer {
    format: LogFormat,
    lines: Arc<Mutex<String>>,
}

impl<S: Subscriber> Layer<S> for CapturingLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let format = LineFormat {
            format: self.format,
            is_coloured: false,
        };
        let now = Timestamp::new(1_767_323_045, 678_901_234).unwrap();
        let mut lines = self.lines.lock().unwrap();
        format.write(now, event, &mut *lines).unwrap();
    }
}

fn lines(format: LogFormat, log: impl FnOnce()) -> String {
    let layer = CapturingLayer {
        format,
        lines: Arc::default(),
    };
    with_default(Registry::default().with(layer.clone()), log);
    let lines = layer.lines.lock().unwrap();
    lines.clone()
}

fn example() {
    let error = std::io::Error::other(fmt::Error);
    tracing::warn!(
        n = 3_u64,
        less = -1,
        took_seconds = 0.001_5,
        nothing = f64::NAN,
        yes = true,
        route = "/a b",
        error = &error as &dyn Error,
        shown = %"two\nlines",
        peer = None::<&str>,
        "said \"so\""
    );
}

#[test]
fn text_is_one_line() {
    insta::assert_snapshot!(
        lines(LogFormat::Text, example).trim_end(),
        @r#"2026-01-02T03:04:05.678901Z  WARN said "so" n=3 less=-1 took_seconds=0.001500 nothing=NaN yes=true route="/a b" error=an error occurred when formatting an argument shown=two\nlines"#
    );
}

#[test]
fn json_is_one_object() {
    let line = lines(LogFormat::Json, example);
    assert!(line.ends_with("}\n"));
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
    insta::assert_snapshot!(
        line.trim_end(),
        @r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"WARN","message":"said \"so\"","n":3,"less":-1,"took_seconds":0.001500,"nothing":"NaN","yes":true,"route":"/a b","error":"an error occurred when formatting an argument","shown":"two\nlines","target":"almanac_telemetry::logging::format::tests"}"#
    );
}

proptest! {
    #[test]
    fn json_round_trips_any_text(text in any::<String>()) {
        let line = lines(LogFormat::Json, || tracing::info!(text, shown = %text, "event"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
        prop_assert_eq!(read["shown"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn any_text_stays_on_its_line(text in any::<String>()) {
        let line = lines(LogFormat::Text, || tracing::info!(text, shown = %text, "event"));
        prop_assert_eq!(line.matches(|character: char| character.is_control()).count(), 1);
    }
}
