//! The conversion of text to XML.

/// Returns `text` without characters that are invalid in XML or invisible, truncated to
/// `max_chars`.
pub(super) fn printable(text: &str, max_chars: usize) -> String {
    let mut characters = text
        .chars()
        .map(|character| {
            if character.is_whitespace() {
                ' '
            } else {
                character
            }
        })
        .filter(|character| {
            !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
        });
    let mut truncated: String = characters.by_ref().take(max_chars).collect();
    if characters.next().is_some() {
        truncated.pop();
        truncated.push('…');
    }
    truncated
}

/// Returns `text` as the content of an element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_and_removes_control_characters() {
        assert_eq!(printable("a\u{0}b\nc", 9), "ab c");
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("abcd", 4), "abcd");
    }

    #[test]
    fn escapes_markup() {
        assert_eq!(escaped("<b>&"), "&lt;b&gt;&amp;");
    }
}
