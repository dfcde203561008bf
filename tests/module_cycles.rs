//! Module dependencies inside each crate are acyclic, between files and between top-level folders.
//!
//! An edge goes from a module to each module that it names by a path of `crate`, `self` or `super`:
//! in `use`, in code and in the arguments of macros. Tests are left out, and so are edges between a
//! module and its parents, because a parent declares and re-exports its children.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::Visit;

/// A module's path from the root of its crate: `["conv", "direct"]`.
type Module = Vec<String>;
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// The paths that a file names, each from the root of the crate.
struct Paths<'a> {
    module: &'a [String],
    found: Vec<Module>,
}

impl Paths<'_> {
    /// Keeps a path that begins with `crate`, `self` or `super`.
    fn add(&mut self, segments: &[String]) {
        let mut base: Module = match segments.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self") => self.module.to_vec(),
            Some("super") => parent(self.module),
            _ => return,
        };
        let mut rest = &segments[1..];
        while rest.first().is_some_and(|segment| segment == "super") {
            base = parent(&base);
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        self.found.push(base);
    }

    fn add_use(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(prefix),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(prefix, tree);
                }
            }
        }
    }

    /// Paths in the arguments of a macro, which are tokens without grammar.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 => segments.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.add(&std::mem::replace(&mut segments, vec![name.to_string()]));
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => self.add(&std::mem::take(&mut segments)),
            }
            colons = 0;
        }
        self.add(&segments);
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.add_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}

fn parent(module: &[String]) -> Module {
    module.split_last().map_or_else(Vec::new, |(_, parents)| parents.to_vec())
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

/// The modules of a crate that are not tests, by path, with their source.
fn modules(src: &Path) -> BTreeMap<Module, String> {
    hpa_tests::files(src)
        .into_iter()
        .filter_map(|(name, bytes)| {
            let mut module: Module =
                name.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|last| last == "mod") {
                module.pop();
            }
            let tests = |part: &String| part == "tests" || part.ends_with("_tests");
            let root = matches!(module[0].as_str(), "lib" | "main" | "bin");
            (!root && !module.iter().any(tests))
                .then(|| (module, String::from_utf8(bytes).unwrap()))
        })
        .collect()
}

fn graph(src: &Path) -> Graph {
    let modules = modules(src);
    let resolve = |path: &[String]| {
        (1..=path.len())
            .rev()
            .find_map(|n| modules.contains_key(&path[..n]).then(|| path[..n].to_vec()))
    };
    let mut graph = Graph::new();
    for (module, text) in &modules {
        let mut paths = Paths { module, found: Vec::new() };
        paths.visit_file(&syn::parse_file(text).unwrap());
        let related = |other: &Module| other.starts_with(module) || module.starts_with(other);
        let edges = paths.found.iter().filter_map(|path| resolve(path));
        graph.insert(module.clone(), edges.filter(|other| !related(other)).collect());
    }
    graph
}

/// The same graph between top-level folders and files.
fn folders(graph: &Graph) -> Graph {
    let top = |module: &Module| vec![module[0].clone()];
    let mut folders = Graph::new();
    for (module, edges) in graph {
        let edges = edges.iter().map(top).filter(|other| *other != top(module));
        folders.entry(top(module)).or_default().extend(edges);
    }
    folders
}

/// One cycle of the graph, if it has any: what is left after removing modules without edges.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut left = graph.clone();
    loop {
        let names: BTreeSet<Module> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, edges| edges.iter().any(|other| names.contains(other)));
        if left.len() == before {
            break;
        }
    }
    // Every module that is left has an edge to another one: following them comes around.
    let mut walk = vec![left.keys().next()?.clone()];
    loop {
        let next = left[walk.last()?].iter().find(|other| left.contains_key(*other))?.clone();
        if let Some(start) = walk.iter().position(|module| *module == next) {
            return Some(walk[start..].iter().map(|module| module.join("/")).collect());
        }
        walk.push(next);
    }
}

#[test]
fn no_crate_has_a_module_cycle() {
    let mut checked = 0;
    for package in hpa_tests::members() {
        let src = package.manifest_path.with_file_name("src");
        if !src.exists() {
            continue; // the package of these tests
        }
        let graph = graph(src.as_std_path());
        checked += graph.len();
        for graph in [&graph, &folders(&graph)] {
            if let Some(cycle) = cycle(graph) {
                panic!(
                    "{}: module cycle {}: move the shared part below both",
                    package.name,
                    cycle.join(" -> ")
                );
            }
        }
    }
    assert!(checked > 100, "only {checked} modules were found");
}

#[test]
fn a_cycle_is_found_wherever_the_path_stands() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        hpa_artifacts::atomic::write_bytes(&path, text.as_bytes()).unwrap();
    };
    write("lib.rs", "mod a; mod b;");
    write("b/mod.rs", "pub fn g() {}");
    for (one, two) in [
        ("use crate::b::g;", "use crate::a::f;"),
        ("use super::b::{self, g};", "fn g() { println!(\"{}\", crate::a::f()) }"),
        ("fn f() -> crate::b::T {}", "use super::super::a::*;"),
    ] {
        write("a.rs", one);
        write("b/c.rs", two);
        let graph = graph(folder.path());
        assert!(cycle(&graph).is_some() || cycle(&folders(&graph)).is_some(), "{one} {two}");
    }
    write("b/c.rs", "#[cfg(test)] mod tests { use crate::a::f; }");
    let graph = graph(folder.path());
    assert!(cycle(&graph).is_none() && cycle(&folders(&graph)).is_none());
}
