//! Text that XML can carry.

/// `text` without what XML cannot hold or nobody can see, cut to `most` characters.
pub(super) fn printable(text: &str, most: usize) -> String {
    let mut kept = text
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
    let mut short: String = kept.by_ref().take(most).collect();
    if kept.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// `text` as the content of an element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_cleans() {
        assert_eq!(printable("a\u{0}b\nc", 9), "ab c");
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("abcd", 4), "abcd");
    }

    #[test]
    fn escapes_markup() {
        assert_eq!(escaped("<b>&"), "&lt;b&gt;&amp;");
    }
}
