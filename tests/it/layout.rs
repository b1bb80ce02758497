//! The house stays in order: no file imports in a circle, each part of `src/` uses only what lies
//! below it, and no file outgrows its subject.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of the library, the lowest first. Each may use those before it.
const LAYERS: [&str; 13] = [
    "table",
    "lambda",
    "dynamodb",
    "page",
    "record",
    "maintenance",
    "whole_history",
    "past_rooms",
    "meeting",
    "api",
    "stream",
    "webhook",
    "main",
];

/// Maximum number of lines of a file.
const MAX_LINES: usize = 320;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The library's files by module path (`page::plan`), without its root and the programs.
fn modules() -> BTreeMap<String, String> {
    let is_program = |name: &str| name.starts_with("bin") || name == "main" || name == "lib";
    let modules = files(&source()).into_iter().map(|path| {
        let relative = path.strip_prefix(source()).expect("below src").with_extension("");
        let parts: Vec<_> = relative.iter().filter_map(|part| part.to_str()).collect();
        let name = parts.join("::").trim_end_matches("::mod").to_owned();
        (name, fs::read_to_string(path).expect("a source file"))
    });
    modules.filter(|(name, _)| !is_program(name)).collect()
}

/// The modules that a module uses, by the paths in its code (not in its documentation).
fn uses(name: &str, text: &str, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let is_folder = modules.keys().any(|other| other.starts_with(&format!("{name}::")));
    let parent =
        if is_folder { name } else { name.rsplit_once("::").map_or("", |(parent, _)| parent) };
    let mut used = BTreeSet::new();
    for (start, base) in [("crate::", ""), ("super::", parent)] {
        for rest in code.split(start).skip(1) {
            for path in expand(rest) {
                let path = if base.is_empty() { path } else { format!("{base}::{path}") };
                used.extend(module_of(&path, modules));
            }
        }
    }
    // A folder's own file names its parts: that is no use of them by the folder's users.
    used.remove(name);
    used
}

/// The paths of a `use` tree after its first segment: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<String> {
    let end = text
        .find(|character: char| !(character.is_alphanumeric() || "_:".contains(character)))
        .unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(list) = rest.strip_prefix('{') else {
        return vec![path.trim_end_matches(':').to_owned()];
    };
    let mut depth = 1;
    let close = list.find(|character| {
        depth += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth == 0
    });
    let list = &list[..close.unwrap_or(list.len())];
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for character in list.chars() {
        match character {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(character == '{') - i32::from(character == '}');
                parts.last_mut().expect("one part").push(character);
            }
        }
    }
    let parts = parts.iter().flat_map(|part| expand(part.trim()));
    parts.map(|part| format!("{path}{part}")).collect()
}

/// The module that a path leads into: its longest prefix that is a file.
fn module_of(path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut path = path;
    loop {
        if modules.contains_key(path) {
            return Some(path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

#[test]
fn no_file_imports_in_a_circle() {
    let modules = modules();
    let mut uses: BTreeMap<&String, BTreeSet<String>> =
        modules.iter().map(|(name, text)| (name, uses(name, text, &modules))).collect();
    assert!(uses.len() > 20 && uses.values().any(|used| used.len() > 3), "imports are found");
    // Takes away, again and again, the files that use nothing but what is taken away already.
    while let Some(name) =
        uses.iter().find(|(_, used)| used.iter().all(|name| !uses.contains_key(name)))
    {
        let name = *name.0;
        uses.remove(name);
    }
    assert!(uses.is_empty(), "these files import in a circle: {uses:#?}");
}

#[test]
fn each_part_uses_only_what_lies_below_it() {
    let modules = modules();
    let layer = |name: &str| {
        let part = name.split("::").next().unwrap_or_default();
        LAYERS.iter().position(|layer| *layer == part).expect("every part has its place")
    };
    for (name, text) in &modules {
        for used in uses(name, text, &modules) {
            assert!(layer(&used) <= layer(name), "{name} uses {used}, which lies above it");
        }
    }
    // Reading and writing know nothing of each other.
    for (name, text) in &modules {
        let used = uses(name, text, &modules);
        let other = if name.starts_with("page") { "record" } else { "page" };
        if name.starts_with("page") || name.starts_with("record") {
            assert!(!used.iter().any(|used| used.starts_with(other)), "{name} uses {used:?}");
        }
    }
}

#[test]
fn code_map_lists_every_part_in_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/internals/architecture.md");
    let page = fs::read_to_string(page).expect("the architecture page");
    let map = page.split("```text\nsrc/\n").nth(1).expect("the code map");
    let map = map.split("```").next().unwrap_or_default();
    let folders = map.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        name.strip_suffix('/').filter(|name| *name != "bin")
    });
    let highest_first = LAYERS.iter().rev().copied().filter(|part| *part != "main");
    assert_eq!(folders.collect::<Vec<_>>(), highest_first.collect::<Vec<_>>());
}

#[test]
fn files_are_small() {
    for path in files(&source()) {
        let lines = fs::read_to_string(&path).expect("a source file").lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
    let main = fs::read_to_string(source().join("main.rs")).expect("main.rs");
    assert!(main.lines().count() <= 50, "main.rs fits on a screen");
}

#[test]
fn use_trees_are_read() {
    assert_eq!(expand("a::{b, c::{d, e}, f as g};"), ["a::b", "a::c::d", "a::c::e", "a::f"]);
    assert_eq!(expand("table::Item> {"), ["table::Item"]);
}
