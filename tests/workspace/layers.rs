//! A module imports only from the layers above its own. The table in each crate's documentation is
//! the order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use crate::{read, rust_files, top};

const CRATES: [&str; 3] = ["catalog-core", "model-fetchers", "model-provisioner"];

/// The first column of the table under `# Layers`.
fn layers(lib: &str) -> Vec<String> {
    let table = lib
        .lines()
        .skip_while(|line| *line != "//! # Layers")
        .skip(1);
    table
        .take_while(|line| !line.starts_with("//! # "))
        .filter_map(|line| line.strip_prefix("//! | `")?.split_once('`'))
        .flat_map(|(first, rest)| {
            let others = rest
                .split('|')
                .next()
                .unwrap_or_default()
                .split('`')
                .skip(1)
                .step_by(2);
            [first]
                .into_iter()
                .chain(others)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The modules of its own crate that a file names, through `crate::` or by climbing out of its
/// layer with `super::`.
#[derive(Default)]
struct Named {
    modules: BTreeSet<String>,
    /// How many `super::` lead out of the layer.
    depth: usize,
}

impl Named {
    fn path(&mut self, segments: &[String]) {
        let supers = segments
            .iter()
            .take_while(|segment| *segment == "super")
            .count();
        let next = match segments.first().map(String::as_str) {
            Some("crate") => segments.get(1),
            Some("super") if supers >= self.depth => segments.get(supers),
            _ => None,
        };
        self.modules.extend(next.cloned());
    }

    fn tree(&mut self, before: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(before, item));
            }
            syn::UseTree::Name(name) => self.end(before, name.ident.to_string()),
            syn::UseTree::Rename(rename) => self.end(before, rename.ident.to_string()),
            _ => self.path(before),
        }
    }

    fn end(&mut self, before: &mut Vec<String>, last: String) {
        before.push(last);
        self.path(before);
        before.pop();
    }
}

impl Visit<'_> for Named {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.path(&segments);
        syn::visit::visit_path(self, path);
    }
}

/// The layer that a file belongs to, and how deep in it the file's module is.
fn place(source: &Path, file: &Path) -> (String, usize) {
    let relative = file.strip_prefix(source).unwrap().with_extension("");
    let mut parts: Vec<String> = relative
        .components()
        .map(|part| part.as_os_str().to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    (parts[0].clone(), parts.len())
}

fn named_by(text: &str, depth: usize) -> BTreeSet<String> {
    let mut named = Named {
        depth,
        ..Named::default()
    };
    named.visit_file(&syn::parse_file(text).expect("it compiles, so it parses"));
    named.modules
}

/// CAT-701
#[test]
fn modules_import_only_from_the_layers_above_them() {
    for name in CRATES {
        let source: PathBuf = top().join("crates").join(name).join("src");
        let layers = layers(&read(source.join("lib.rs")));
        assert!(layers.len() > 2, "{name} has a table of layers: {layers:?}");
        let rank = |layer: &str| layers.iter().position(|known| known == layer);
        for file in rust_files(&format!("crates/{name}/src")) {
            if file == source.join("lib.rs") {
                continue;
            }
            let (layer, depth) = place(&source, &file);
            let own = rank(&layer).unwrap_or_else(|| panic!("{layer} is in the table of {name}"));
            for module in named_by(&read(&file), depth) {
                let other = rank(&module).unwrap_or_else(|| {
                    panic!(
                        "{} names crate::{module}, which is no layer",
                        file.display()
                    )
                });
                assert!(
                    other <= own,
                    "{} is in `{layer}` and must not import from `{module}` below it",
                    file.display()
                );
            }
        }
    }
}

/// CAT-701
#[test]
fn the_layer_check_sees_every_way_to_name_a_module() {
    let text = "use crate::{a::X, b::{Y, Z as W}, c};
        use super::super::d::V;
        use super::same::U;
        fn f() -> crate::e::T { crate::f::g::<crate::h::S>() }";
    let modules: Vec<String> = named_by(text, 2).into_iter().collect();
    assert_eq!(modules, ["a", "b", "c", "d", "e", "f", "h"]);
}
