//! The format of a response, by the `Accept` header.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};

use crate::http::problem::{Code, Problem};

/// Returns the format that `headers` prefer, by its media type; the first one when they have no
/// preference.
///
/// # Errors
/// [`Code::NotAcceptable`] lists the media types.
pub(in crate::http) fn preferred<F: Copy, const N: usize>(
    headers: &HeaderMap,
    formats: [F; N],
    media_type: impl Fn(F) -> &'static str,
) -> Result<F, Problem> {
    let values = headers.get_all(header::ACCEPT).iter();
    let mut values = values.filter_map(|value| value.to_str().ok());
    let mut accept = Cow::Borrowed(values.next().unwrap_or("*/*"));
    for more in values {
        accept = format!("{accept},{more}").into();
    }
    let weigh = |format: F| (weight(&accept, media_type(format)), format);
    let best = formats
        .map(weigh)
        .into_iter()
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some((weight, format)) if weight > 0.0 => Ok(format),
        _ => Err(Problem::new(
            Code::NotAcceptable,
            format!("no acceptable content type in {accept:?}"),
        )
        .received(accept.into_owned())
        .expected(formats.map(media_type))),
    }
}

/// Returns the weight (RFC 9110, section 12.5.1) that `accept` gives to `media_type`, by the most
/// specific range.
fn weight(accept: &str, media_type: &str) -> f32 {
    let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let ranges = accept.split(',').filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let specificity = match parts.next()? {
            "*/*" => 1,
            range if range.eq_ignore_ascii_case(media_type) => 3,
            range if range.strip_suffix("/*")?.eq_ignore_ascii_case(kind) => 2,
            _ => return None,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .unwrap_or("1");
        Some((specificity, quality.parse().unwrap_or(0.0)))
    });
    ranges
        .max_by_key(|(specificity, _)| *specificity)
        .map_or(0.0, |(_, quality)| quality)
}
