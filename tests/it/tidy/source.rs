//! The source files of every crate, read as lines of code without comments.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One source file.
pub(crate) struct SourceFile {
    /// From the root of the repository.
    pub(crate) path: String,
    /// As they are written.
    pub(crate) lines: Vec<String>,
    /// Compiled for tests only.
    pub(crate) is_test: bool,
}

/// Every source file, in order of path.
pub(crate) fn source_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, "src", &mut files);
    for crate_folder in fs::read_dir(root.join("crates")).unwrap() {
        let name = crate_folder.unwrap().file_name();
        collect(
            root,
            &format!("crates/{}/src", name.to_str().unwrap()),
            &mut files,
        );
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let test_modules: BTreeSet<_> = files.iter().flat_map(SourceFile::test_modules).collect();
    for file in &mut files {
        file.is_test = test_modules.iter().any(|module| {
            file.path == format!("{module}.rs") || file.path.starts_with(&format!("{module}/"))
        });
    }
    files
}

fn collect(root: &Path, folder: &str, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            collect(root, &path, files);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let lines = text.lines().map(str::to_owned).collect();
            files.push(SourceFile {
                path,
                lines,
                is_test: false,
            });
        }
    }
}

/// The crates below `crates/`.
const CRATES: [&str; 8] = [
    "almanac_engine",
    "almanac_forecast",
    "almanac_frame",
    "almanac_model",
    "almanac_net",
    "almanac_plot",
    "almanac_store",
    "almanac_telemetry",
];

impl SourceFile {
    /// Returns the crate that the file belongs to, or the module of the program; none for `main.rs` and
    /// the program's `lib.rs`.
    pub(crate) fn module(&self) -> Option<String> {
        if let Some(path) = self.path.strip_prefix("crates/") {
            return Some(format!("almanac_{}", path.split('/').next()?));
        }
        let path = self.path.strip_prefix("src/")?;
        let module = path.split('/').next()?.trim_end_matches(".rs");
        (!["main", "lib"].contains(&module)).then(|| module.to_owned())
    }

    /// Returns the crates of the workspace, and the modules of the program, that the code names.
    pub(crate) fn imports(&self) -> BTreeSet<String> {
        let code: Vec<_> = self.code().map(|(_, code)| code).collect();
        let text = code.join("\n");
        let mut imports: BTreeSet<_> = text
            .match_indices("almanac_")
            .filter_map(|(place, _)| identifier(&text[place..]))
            .filter(|name| text.contains(&format!("{name}::")))
            .filter(|name| CRATES.contains(&name.as_str()))
            .collect();
        if self.path.starts_with("src/") {
            imports.extend(self.crate_paths());
        }
        imports
    }

    /// The lines without comments, each with its number.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().filter_map(|(index, line)| {
            let code = line.trim();
            if code.starts_with("//") {
                return None;
            }
            // A mark inside a string is not told from a comment; what follows it is then not looked at.
            Some((index + 1, code.split(" // ").next().unwrap_or_default()))
        })
    }

    /// The lines of code that `matches`, as they are told.
    pub(crate) fn find(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        self.code()
            .filter(|(_, code)| matches(code))
            .map(|(number, code)| format!("line {number}: {code}"))
            .collect()
    }

    /// As [`SourceFile::find`], up to the tests, which end a file.
    pub(crate) fn find_outside_tests(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        let tests = self.inline_tests().unwrap_or(usize::MAX);
        let is_before = |(number, _): &(usize, &str)| *number < tests;
        self.code()
            .filter(is_before)
            .filter(|(_, code)| matches(code))
            .map(|(number, code)| format!("line {number}: {code}"))
            .collect()
    }

    /// The line on which `mod tests {` follows `#[cfg(test)]`.
    fn inline_tests(&self) -> Option<usize> {
        self.lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        })
    }

    /// Paths, without `.rs`, of the modules that this file declares for tests.
    fn test_modules(&self) -> Vec<String> {
        let parent = self
            .path
            .trim_end_matches("/lib.rs")
            .trim_end_matches(".rs");
        let declared = self.lines.windows(2).filter_map(|pair| {
            let name = pair[1].trim().strip_suffix(';')?.rsplit_once("mod ")?.1;
            (pair[0].trim() == "#[cfg(test)]").then_some(name)
        });
        declared.map(|name| format!("{parent}/{name}")).collect()
    }

    /// The modules of the crate that its code names: `crate::X`, also in `crate::{X, Y}`.
    pub(crate) fn crate_paths(&self) -> BTreeSet<String> {
        let code: Vec<_> = self.code().map(|(_, code)| code).collect();
        let text = code.join("\n");
        let mut paths = BTreeSet::new();
        for (place, _) in text.match_indices("crate::") {
            // `$crate::` of a macro, or the end of a longer word.
            if text[..place]
                .ends_with(|before: char| before.is_alphanumeric() || "_$".contains(before))
            {
                continue;
            }
            let rest = &text[place + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(tree) => paths.extend(first_segments(tree)),
                None => paths.extend(identifier(rest)),
            }
        }
        paths
    }
}

/// The first segment of each branch of a `use` tree, which begins behind its brace.
fn first_segments(tree: &str) -> Vec<String> {
    let (mut depth, mut at_start, mut segments) = (0_usize, true, Vec::new());
    for (place, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            letter if at_start && depth == 0 && !letter.is_whitespace() => {
                segments.extend(identifier(&tree[place..]));
                at_start = false;
            }
            _ => {}
        }
    }
    segments
}

/// The identifier that `text` begins with.
fn identifier(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

/// Whether `code` names a path that begins with `root`.
pub(crate) fn has_path(code: &str, root: &str) -> bool {
    code.match_indices(&format!("{root}::")).any(|(place, _)| {
        !code[..place].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before))
    })
}

#[test]
fn finds_paths_in_use_trees_and_expressions_and_not_in_comments() {
    let text = "\
//! [`crate::hidden`]
use crate::{alpha, beta::{Inner, other::Deep}, gamma as renamed};
use crate::{
    delta::Thing,
    epsilon,
};
/// crate::hidden
fn f() -> crate::zeta::T { $crate::hidden::x(); subcrate::hidden() }
";
    let file = SourceFile {
        path: "src/x.rs".to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        is_test: false,
    };
    let found: Vec<_> = file.crate_paths().into_iter().collect();
    assert_eq!(
        found,
        ["alpha", "beta", "delta", "epsilon", "gamma", "zeta"]
    );
    assert!(has_path("use ort::Session;", "ort") && has_path("x(ort::info())", "ort"));
    assert!(!has_path("report::x(); ::port::y()", "ort"));
}
