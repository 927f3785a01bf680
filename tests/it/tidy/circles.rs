//! The import graph of the files, and the circles in it.
//!
//! A file imports the file that defines an item that it names, also when the name is re-exported
//! elsewhere. The root of a module (`x.rs` of the folder `x/`) is the context of the files below it:
//! what they take from it is not an import.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;
use syn::{Attribute, ItemMod, ItemUse, UseTree, Visibility};

use super::source::{SourceFile, source_files};

/// The absolute path of a module or an item, the crate first.
type AbsolutePath = Vec<String>;

/// One file, as a module.
struct FileModule {
    file: String,
    /// The names that the module re-exports, with the paths that they stand for.
    reexports: BTreeMap<String, AbsolutePath>,
    /// The paths that the module names.
    named: BTreeSet<AbsolutePath>,
}

/// Collects the paths of one file.
struct Collector<'a> {
    module: &'a AbsolutePath,
    children: BTreeSet<String>,
    reexports: BTreeMap<String, AbsolutePath>,
    named: BTreeSet<AbsolutePath>,
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "test")
    })
}

impl Collector<'_> {
    /// Returns the absolute path of `segments`, or none if it is outside of the workspace.
    fn absolute(&self, segments: &[String]) -> Option<AbsolutePath> {
        let (first, rest) = segments.split_first()?;
        let mut path = match first.as_str() {
            "crate" => vec![self.module[0].clone()],
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len() - 1].to_vec(),
            name if name.starts_with("almanac_") => vec![name.to_owned()],
            name if self.children.contains(name) => {
                let mut path = self.module.clone();
                path.push(name.to_owned());
                path
            }
            _ => return None,
        };
        let mut rest = rest.iter().peekable();
        while rest.next_if(|segment| *segment == "super").is_some() {
            path.pop();
        }
        path.extend(rest.cloned());
        Some(path)
    }

    fn flatten(&self, tree: &UseTree, prefix: &[String], found: &mut Vec<(String, Vec<String>)>) {
        let extended = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => {
                self.flatten(&path.tree, &extended(path.ident.to_string()), found);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let module = prefix.last().cloned().unwrap_or_default();
                found.push((module, prefix.to_vec()));
            }
            UseTree::Name(name) => {
                found.push((name.ident.to_string(), extended(name.ident.to_string())));
            }
            UseTree::Rename(rename) => {
                found.push((
                    rename.rename.to_string(),
                    extended(rename.ident.to_string()),
                ));
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.flatten(tree, prefix, found);
                }
            }
            UseTree::Glob(_) => {}
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_test_only(&item.attrs) {
            return;
        }
        let mut found = Vec::new();
        self.flatten(&item.tree, &[], &mut found);
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        for (name, segments) in found {
            let Some(path) = self.absolute(&segments) else {
                continue;
            };
            if is_reexport {
                self.reexports.insert(name, path);
            } else {
                self.named.insert(path);
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test_only(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if segments.len() > 1
            && let Some(path) = self.absolute(&segments)
        {
            self.named.insert(path);
        }
        syn::visit::visit_path(self, path);
    }
}

/// Returns the module that a file is.
fn module_of(path: &str) -> AbsolutePath {
    let (crate_name, inner) = match path.strip_prefix("crates/") {
        Some(rest) => {
            let (name, inner) = rest.split_once("/src/").unwrap();
            (format!("almanac_{name}"), inner)
        }
        None => ("almanac".to_owned(), path.strip_prefix("src/").unwrap()),
    };
    let inner = inner.trim_end_matches(".rs");
    let mut module = vec![crate_name];
    if inner != "lib" {
        module.extend(inner.split('/').map(str::to_owned));
    }
    module
}

fn parse(file: &SourceFile) -> (AbsolutePath, FileModule) {
    let module = module_of(&file.path);
    let syntax = syn::parse_file(&file.lines.join("\n")).unwrap();
    let children = syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) if !is_test_only(&item.attrs) => Some(item.ident.to_string()),
        _ => None,
    });
    let mut collector = Collector {
        module: &module,
        children: children.collect(),
        reexports: BTreeMap::new(),
        named: BTreeSet::new(),
    };
    collector.visit_file(&syntax);
    let parsed = FileModule {
        file: file.path.clone(),
        reexports: collector.reexports,
        named: collector.named,
    };
    (module, parsed)
}

/// Returns the module that defines what `path` names.
fn defining(modules: &BTreeMap<AbsolutePath, FileModule>, path: &[String]) -> Option<AbsolutePath> {
    let mut path = path.to_vec();
    // A name is re-exported a few times at most.
    for _ in 0..8 {
        let depth = (1..=path.len())
            .rev()
            .find(|depth| modules.contains_key(&path[..*depth]))?;
        let (module, rest) = path.split_at(depth);
        let reexported = rest
            .first()
            .and_then(|name| modules[module].reexports.get(name));
        match reexported {
            Some(target) => path = [target.as_slice(), &rest[1..]].concat(),
            None => return Some(module.to_vec()),
        }
    }
    None
}

/// Returns the files that each file imports.
fn imports(files: &[SourceFile]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeMap<_, _> = files
        .iter()
        .filter(|file| !file.is_test && file.path != "src/main.rs")
        .map(parse)
        .collect();
    modules
        .iter()
        .map(|(module, parsed)| {
            let targets = parsed
                .named
                .iter()
                .filter_map(|path| defining(&modules, path))
                // An ancestor, or the module itself.
                .filter(|target| !module.starts_with(target))
                .map(|target| modules[&target].file.clone())
                .collect();
            (parsed.file.clone(), targets)
        })
        .collect()
}

/// Returns the files that import themselves through others, with those that they reach and that reach
/// them.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<_, _> = imports
        .keys()
        .map(|start| {
            let mut reached = BTreeSet::new();
            let mut waiting = vec![start];
            while let Some(file) = waiting.pop() {
                for target in imports.get(file).into_iter().flatten() {
                    if reached.insert(target) {
                        waiting.push(target);
                    }
                }
            }
            (start, reached)
        })
        .collect();
    reached
        .iter()
        .filter(|(file, targets)| targets.contains(*file))
        .map(|(file, targets)| {
            targets
                .iter()
                .filter(|target| reached[**target].contains(*file))
                .map(|target| (*target).clone())
                .collect()
        })
        .collect()
}

#[test]
fn files_do_not_import_in_circles() {
    let found = circles(&imports(&source_files()));
    assert!(
        found.is_empty(),
        "files that import each other; move what they share: {found:#?}"
    );
}

#[test]
fn finds_a_circle_through_a_reexport() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        is_test: false,
    };
    let files = [
        file("src/lib.rs", "pub mod a;"),
        file("src/a.rs", "mod b; mod c; pub use b::B; fn f() {}"),
        file("src/a/b.rs", "use crate::a::c::C; pub struct B;"),
        file("src/a/c.rs", "pub struct C(crate::a::B);"),
        file("src/a/d.rs", "use super::f; use crate::a::b::B;"),
    ];
    let expected = ["src/a/b.rs", "src/a/c.rs"].map(str::to_owned);
    assert_eq!(
        circles(&imports(&files)),
        BTreeSet::from([BTreeSet::from(expected)])
    );
}
