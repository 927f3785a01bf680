//! The trace context that a request carries in its headers.
//!
//! Two formats are supported: W3C Trace Context, levels 1 and 2, and the header of AWS load
//! balancers and X-Ray. An invalid header is ignored.

use opentelemetry::trace::{SpanId, TraceId};

/// The maximum length of a `tracestate`, by W3C Trace Context, section 3.3.1.5.
const MAX_STATE_BYTES: usize = 512;

/// The trace that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace id; never 0.
    pub trace_id: TraceId,
    /// The id of the span that caused the request; never 0. A load balancer may send only the trace
    /// id.
    pub parent: Option<SpanId>,
    /// The sampling decision, or `None` if it is left to this service.
    pub sampled: Option<bool>,
    /// The `tracestate`, which is passed on.
    pub state: Option<String>,
}

/// The identity of a recorded request in its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanIdentity {
    /// The trace id.
    pub trace_id: TraceId,
    /// The id of the request's own span.
    pub span_id: SpanId,
    /// The id of its parent span.
    pub parent: Option<SpanId>,
    /// The `tracestate` that was received.
    pub state: Option<String>,
}

impl TraceContext {
    /// Creates the context of a new trace.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            trace_id: TraceId::from_bytes(rand::random::<u128>().max(1).to_be_bytes()),
            parent: None,
            sampled: None,
            state: None,
        }
    }

    /// Parses a `traceparent` header: `00-TRACE-PARENT-FLAGS`, in lowercase hexadecimal.
    ///
    /// ```
    /// use almanac_telemetry::traces::TraceContext;
    ///
    /// let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let context = TraceContext::from_traceparent(sent).unwrap();
    /// assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// assert_eq!(context.sampled, Some(true));
    /// ```
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let header = header.trim_matches([' ', '\t']);
        let is_lowercase = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        // Later versions may append fields of any format.
        let (known, rest) = header.split_at_checked(55)?;
        if !known.bytes().all(is_lowercase) {
            return None;
        }
        let mut fields = known.split('-');
        let version = parse_hex::<1>(fields.next()?)?;
        let trace_id = parse_hex::<16>(fields.next()?)?;
        let parent = parse_hex::<8>(fields.next()?)?;
        let [flags] = parse_hex::<1>(fields.next()?)?;
        let is_complete = match version {
            [0] => rest.is_empty(),
            [0xff] => false,
            [_] => rest.is_empty() || rest.starts_with('-'),
        };
        if !is_complete || fields.next().is_some() || trace_id == [0; 16] || parent == [0; 8] {
            return None;
        }
        Some(Self {
            trace_id: TraceId::from_bytes(trace_id),
            parent: Some(SpanId::from_bytes(parent)),
            sampled: Some(flags & 1 == 1),
            state: None,
        })
    }

    /// Parses an `X-Amzn-Trace-Id` header: `Root=1-TIME-REST;Parent=SPAN;Sampled=1`, of which only
    /// the root is required.
    ///
    /// The trace id is the root without its version and hyphens, as in AWS's own OpenTelemetry
    /// distribution.
    ///
    /// ```
    /// use almanac_telemetry::traces::TraceContext;
    ///
    /// let sent = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    /// let context = TraceContext::from_xray(sent).unwrap();
    /// assert_eq!(context.trace_id.to_string(), "5759e988bd862e3fe1be46a994272793");
    /// ```
    #[must_use]
    pub fn from_xray(header: &str) -> Option<Self> {
        let (mut root, mut parent, mut sampled) = (None, None, None);
        for field in header.split(';') {
            let Some((key, value)) = field.trim().split_once('=') else {
                continue;
            };
            let field = match key {
                "Root" => &mut root,
                "Parent" => &mut parent,
                "Sampled" => &mut sampled,
                // `Self` belongs to load balancers and `Lineage` to Lambda; others may be added.
                _ => continue,
            };
            if field.replace(value).is_some() {
                return None;
            }
        }
        let (time, rest) = root?.strip_prefix("1-")?.split_once('-')?;
        let mut trace_id = [0; 16];
        let (head, tail) = trace_id.split_at_mut(4);
        head.copy_from_slice(&parse_hex::<4>(time)?);
        tail.copy_from_slice(&parse_hex::<12>(rest)?);
        let parent = match parent {
            Some(parent) => Some(parse_hex::<8>(parent)?),
            None => None,
        };
        if trace_id == [0; 16] || parent == Some([0; 8]) {
            return None;
        }
        Some(Self {
            trace_id: TraceId::from_bytes(trace_id),
            parent: parent.map(SpanId::from_bytes),
            sampled: match sampled {
                None | Some("?" | "") => None,
                Some("0") => Some(false),
                Some("1") => Some(true),
                Some(_) => return None,
            },
            state: None,
        })
    }

    /// Returns this context with the `tracestate` of one or several `headers`.
    #[must_use]
    pub fn with_state<'a>(mut self, headers: impl Iterator<Item = &'a str>) -> Self {
        let state = headers.collect::<Vec<_>>().join(",");
        self.state = (1..=MAX_STATE_BYTES)
            .contains(&state.len())
            .then_some(state);
        self
    }
}

/// Parses exactly `N` bytes in hexadecimal.
fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |position: usize| char::from(pair[position]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn parses_a_traceparent_of_the_specification() {
        for (given, sampled) in [
            (format!("00-{TRACE}-{PARENT}-01"), true),
            (format!("00-{TRACE}-{PARENT}-00"), false),
            // Level 2: the trace id is random.
            (format!("00-{TRACE}-{PARENT}-03"), true),
            // A later version, which may have more fields.
            (format!("cc-{TRACE}-{PARENT}-01"), true),
            (format!("cc-{TRACE}-{PARENT}-01-what.the.future"), true),
            (format!(" 00-{TRACE}-{PARENT}-01\t"), true),
        ] {
            let context = TraceContext::from_traceparent(&given).unwrap();
            assert_eq!(context.trace_id.to_string(), TRACE, "{given}");
            assert_eq!(context.parent.unwrap().to_string(), PARENT, "{given}");
            assert_eq!(context.sampled, Some(sampled), "{given}");
        }
    }

    #[test]
    fn ignores_an_invalid_traceparent() {
        let zeros = |n| "0".repeat(n);
        for given in [
            String::new(),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{}-{PARENT}-01", zeros(32)),
            format!("00-{TRACE}-{}-01", zeros(16)),
            format!("0x-{TRACE}-{PARENT}-01"),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{TRACE}{PARENT}--01"),
            format!("00-é{}-{PARENT}-01", &TRACE[2..]),
        ] {
            assert_eq!(TraceContext::from_traceparent(&given), None, "{given}");
        }
    }

    #[test]
    fn parses_the_header_of_a_load_balancer() {
        let root = "Root=1-67891233-abcdef012345678912345678";
        for (given, parent, sampled) in [
            (root.to_owned(), None, None),
            (
                format!("Self=1-67891234-12456789abcdef012345678;{root}"),
                None,
                None,
            ),
            (
                format!("{root};Parent={PARENT};Sampled=0"),
                Some(PARENT),
                Some(false),
            ),
            (format!("{root}; Sampled=1 ;Lineage=a:b"), None, Some(true)),
            (format!("Sampled=?;{root};CalledFrom=app"), None, None),
        ] {
            let context = TraceContext::from_xray(&given).unwrap();
            let trace_id = context.trace_id.to_string();
            assert_eq!(trace_id, "67891233abcdef012345678912345678", "{given}");
            let parsed = context.parent.map(|parent| parent.to_string());
            assert_eq!(
                (parsed.as_deref(), context.sampled),
                (parent, sampled),
                "{given}"
            );
        }
    }

    #[test]
    fn ignores_an_invalid_header_of_a_load_balancer() {
        let root = "Root=1-67891233-abcdef012345678912345678";
        for given in [
            String::new(),
            format!("Parent={PARENT};Sampled=1"),
            format!("{root};{root}"),
            format!("{root};Parent=0000000000000000"),
            format!("{root};Parent=12"),
            format!("{root};Sampled=yes"),
            "Root=2-67891233-abcdef012345678912345678".to_owned(),
            "Root=1-67891233-abcdef01234567891234567".to_owned(),
            "Root=1-00000000-000000000000000000000000".to_owned(),
            "Root=1-6789123g-abcdef012345678912345678".to_owned(),
        ] {
            assert_eq!(TraceContext::from_xray(&given), None, "{given}");
        }
    }

    #[test]
    fn tracestate_over_the_limit_is_dropped() {
        let state = |headers: &[&str]| {
            let context = TraceContext::begin().with_state(headers.iter().copied());
            context.state
        };
        assert_eq!(state(&["a=1", "b=2"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(state(&[]), None);
        assert_eq!(state(&[&"x".repeat(513)]), None);
    }

    proptest! {
        #[test]
        fn parsers_do_not_panic_on_any_text(text in any::<String>()) {
            drop(TraceContext::from_traceparent(&text));
            drop(TraceContext::from_xray(&text));
        }

        #[test]
        fn parsers_do_not_panic_on_almost_valid_headers(
            text in "[0-9a-f]{2}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-fé]{1,3}.{0,4}",
            amazon in "(Root=[12]-[0-9a-f]{7,9}-[0-9a-f]{23,25};?|Parent=[0-9a-fé]{15,17};?|Sampled=.?;?){0,4}",
        ) {
            if let Some(context) = TraceContext::from_traceparent(&text) {
                prop_assert_eq!(&text[3..35], context.trace_id.to_string());
            }
            drop(TraceContext::from_xray(&amazon));
        }

        #[test]
        fn a_context_round_trips(trace_id in 1_u128.., parent in 1_u64.., sampled: bool) {
            let context = TraceContext {
                trace_id: TraceId::from_bytes(trace_id.to_be_bytes()),
                parent: Some(SpanId::from_bytes(parent.to_be_bytes())),
                sampled: Some(sampled),
                state: None,
            };
            let header = format!("00-{trace_id:032x}-{parent:016x}-{:02x}", u8::from(sampled));
            prop_assert_eq!(TraceContext::from_traceparent(&header), Some(context.clone()));
            let root = format!("{trace_id:032x}");
            let (time, rest) = root.split_at(8);
            let header = format!("Root=1-{time}-{rest};Parent={parent:016x};Sampled={}", u8::from(sampled));
            prop_assert_eq!(TraceContext::from_xray(&header), Some(context));
        }
    }
}
