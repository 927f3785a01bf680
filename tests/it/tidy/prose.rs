//! The words and openings that the style guide in CONTRIBUTING.md bans.

use super::check;
use super::source::SourceFile;

/// First words of a doc comment that do not say what the item is or does.
const BANNED_OPENINGS: [&str; 17] = [
    "As",
    "Everybody",
    "Everything",
    "How",
    "Its",
    "Nobody",
    "Of",
    "That",
    "Their",
    "What",
    "Whatever",
    "When",
    "Whether",
    "Who",
    "Whoever",
    "Whose",
    "Why",
];

/// Words for which the field has a standard term.
const BANNED_WORDS: [&str; 13] = [
    "anybody",
    "beside",
    "besides",
    "everybody",
    "nobody",
    "somebody",
    "tell",
    "tells",
    "told",
    "whatever",
    "wherever",
    "whoever",
    "whomever",
];

/// Returns the text of a doc comment that begins on `line`, if one does.
fn opening<'a>(previous: &str, line: &'a str) -> Option<&'a str> {
    let text = doc_text(line)?;
    (doc_text(previous).is_none()).then_some(text)
}

fn doc_text(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
        .map(str::trim_start)
}

/// Returns the prose of a line: a comment, or the text of its string literals.
fn prose(line: &str) -> String {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") {
        return trimmed.to_owned();
    }
    let strings = trimmed.split('"').skip(1).step_by(2).collect::<Vec<_>>();
    let comment = trimmed
        .split_once(" // ")
        .map_or("", |(_, comment)| comment);
    strings.join(" ") + " " + comment
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .map(str::to_lowercase)
}

fn banned_openings(file: &SourceFile) -> Vec<String> {
    let mut previous = "";
    let mut found = Vec::new();
    for (index, line) in file.lines.iter().enumerate() {
        let first = opening(previous, line).and_then(|text| text.split(' ').next());
        let is_flag = line.contains("Whether to ");
        if let Some(first) = first
            && BANNED_OPENINGS.contains(&first.trim_end_matches("'s"))
            && !is_flag
        {
            found.push(format!("line {}: {}", index + 1, line.trim()));
        }
        previous = line;
    }
    found
}

fn banned_words(file: &SourceFile) -> Vec<String> {
    let lines = file.lines.iter().enumerate();
    lines
        .filter(|(_, line)| words(&prose(line)).any(|word| BANNED_WORDS.contains(&word.as_str())))
        .map(|(index, line)| format!("line {}: {}", index + 1, line.trim()))
        .collect()
}

#[test]
fn doc_comments_say_what_an_item_is_or_does() {
    check("an opening that CONTRIBUTING.md bans", banned_openings);
}

#[test]
fn prose_uses_the_standard_words() {
    check("a word that CONTRIBUTING.md bans", banned_words);
}

#[test]
fn finds_openings_and_words_in_comments_and_texts_alone() {
    let text = "\
/// What it is.
/// What follows is the second line.
fn told() -> Beside { }
/// Whether to retry.
let text = \"nobody is told\"; // beside the point
/// Returns the beside_name.
";
    let file = SourceFile {
        path: "src/x.rs".to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        is_test: false,
    };
    assert_eq!(banned_openings(&file), ["line 1: /// What it is."]);
    assert_eq!(
        banned_words(&file),
        ["line 5: let text = \"nobody is told\"; // beside the point"]
    );
}
