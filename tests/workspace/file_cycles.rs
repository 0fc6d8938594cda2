//! The files of a crate form no import cycle. A name that comes by way of a re-export counts as one of
//! the file that the re-export leads to.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use crate::{read, rust_files, top};

const CRATES: [&str; 3] = ["catalog-core", "model-fetchers", "model-provisioner"];

/// What a file says of its module.
#[derive(Debug, Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// What is imported and re-exported, by the name that it has here.
    uses: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// All paths that the file names, except those that it only re-exports.
    paths: BTreeSet<Vec<String>>,
    /// The names that are defined here.
    items: BTreeSet<String>,
}

/// The modules of a crate by their paths; the crate itself has an empty one.
type Crate = BTreeMap<Vec<String>, Module>;

/// For each file the files that it imports from, and which names.
type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Visit<'_> for Module {
    fn visit_item(&mut self, item: &syn::Item) {
        if is_for_tests(attributes_of(item)) {
            return;
        }
        match item {
            syn::Item::Mod(module) if module.content.is_none() => {
                self.children.insert(module.ident.to_string());
            }
            // Modules within a file have their own names; there is none but for tests.
            syn::Item::Mod(_) => {}
            syn::Item::Use(item) => {
                let is_private = matches!(item.vis, syn::Visibility::Inherited);
                self.import(&mut Vec::new(), &item.tree, is_private);
            }
            _ => {
                self.items.extend(name_of(item));
                syn::visit::visit_item(self, item);
            }
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1 {
            self.paths.insert(segments);
        }
        syn::visit::visit_path(self, path);
    }
}

impl Module {
    fn import(&mut self, before: &mut Vec<String>, tree: &syn::UseTree, is_private: bool) {
        let mut end = |name: String, alias: String| {
            let mut path = before.clone();
            if name != "self" {
                path.push(name);
            }
            let alias = match alias.as_str() {
                "self" => path.last().cloned().unwrap_or_default(),
                _ => alias,
            };
            if is_private {
                self.paths.insert(path.clone());
            }
            self.uses.insert(alias, path);
        };
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree, is_private);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.import(before, item, is_private);
                }
            }
            syn::UseTree::Name(name) => end(name.ident.to_string(), name.ident.to_string()),
            syn::UseTree::Rename(name) => end(name.ident.to_string(), name.rename.to_string()),
            _ => self.globs.push(before.clone()),
        }
    }
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = |list: &syn::MetaList| list.tokens.to_string() == "test";
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(is_test)
    })
}

fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Reads a crate from its files, given by their paths below its source folder.
fn parse<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Crate {
    let mut all = Crate::new();
    for (file, text) in files {
        let name = file.strip_suffix(".rs").unwrap_or(file);
        let mut path: Vec<String> = name.split('/').map(str::to_owned).collect();
        path.pop_if(|last| last == "mod" || last == "lib");
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        module.visit_file(&syn::parse_file(text).expect("it compiles, so it parses"));
        all.insert(path, module);
    }
    all
}

/// The file that defines the target of a path in a module, and its name. None for a module, and for
/// what is not of the crate. Gives up after so many re-exports.
fn resolve(all: &Crate, module: &[String], path: &[String], left: u8) -> Option<(String, String)> {
    let left = left.checked_sub(1)?;
    let first = path.first()?;
    let (mut place, rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.to_vec(), &path[1..]),
        "super" => {
            let supers = path.iter().take_while(|word| *word == "super").count();
            let depth = module.len().checked_sub(supers)?;
            (module[..depth].to_vec(), &path[supers..])
        }
        _ => {
            let here = all.get(module)?;
            let is_known = here.children.contains(first) || here.uses.contains_key(first);
            // A path that begins with its own name is one of another crate.
            let is_itself = here
                .uses
                .get(first)
                .is_some_and(|path| path.first() == Some(first));
            if !is_known || is_itself {
                return None;
            }
            (module.to_vec(), path)
        }
    };
    for (number, word) in rest.iter().enumerate() {
        let here = all.get(&place)?;
        if here.children.contains(word) {
            place.push(word.clone());
            continue;
        }
        if let Some(imported) = here.uses.get(word) {
            let mut path = imported.clone();
            path.extend_from_slice(&rest[number + 1..]);
            return resolve(all, &place, &path, left);
        }
        if !here.items.contains(word) {
            let globs = here.globs.iter().find_map(|glob| {
                let mut path = glob.clone();
                path.extend_from_slice(&rest[number..]);
                resolve(all, &place, &path, left)
            });
            if globs.is_some() {
                return globs;
            }
        }
        return Some((here.file.clone(), word.clone()));
    }
    None
}

fn imports(all: &Crate) -> Imports {
    let mut imports = Imports::new();
    for (path, module) in all {
        for named in &module.paths {
            if let Some((file, name)) = resolve(all, path, named, 20)
                && file != module.file
            {
                let files = imports.entry(module.file.clone()).or_default();
                files.entry(file).or_default().insert(name);
            }
        }
    }
    imports
}

/// The groups of files that all import from each other, directly or not.
fn cycles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reach = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reach(file))).collect();
    let groups: BTreeSet<BTreeSet<String>> = reached
        .iter()
        .filter(|(file, reached)| reached.contains(**file))
        .map(|(file, all)| {
            let is_back =
                |other: &&String| reached.get(other).is_some_and(|all| all.contains(*file));
            all.iter().filter(is_back).cloned().collect()
        })
        .collect();
    groups.into_iter().collect()
}

/// A line for each import within a cycle.
fn told(imports: &Imports, cycle: &BTreeSet<String>) -> String {
    let mut text = format!("{} files import from each other:\n", cycle.len());
    for file in cycle {
        for (other, names) in imports.get(file).into_iter().flatten() {
            if cycle.contains(other) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                text.push_str(&format!("  {file} -> {other}: {}\n", names.join(", ")));
            }
        }
    }
    text
}

/// CAT-709
#[test]
fn the_files_of_a_crate_form_no_import_cycle() {
    let mut found = String::new();
    for name in CRATES {
        let folder = format!("crates/{name}/src");
        let source = top().join(&folder);
        let files: Vec<(String, String)> = rust_files(&folder)
            .iter()
            .map(|file| {
                let relative = file.strip_prefix(&source).unwrap();
                (relative.to_str().unwrap().to_owned(), read(file))
            })
            .collect();
        let files = files
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()));
        let imports = imports(&parse(files));
        assert!(imports.len() > 10, "the imports of {name} were found");
        for cycle in cycles(&imports) {
            found.push_str(&format!("{name}: {}", told(&imports, &cycle)));
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// CAT-709
#[test]
fn the_cycle_check_follows_re_exports() {
    let lib = ("lib.rs", "mod a; mod b; pub use a::Top;");
    let a = (
        "a/mod.rs",
        "mod one; mod two; pub(crate) use one::One; pub use two::Two as Top;",
    );
    let one = ("a/one.rs", "use super::Top; pub struct One(Top);");
    let two = ("a/two.rs", "use std::path::Path; pub struct Two;");
    let straight = parse([
        lib,
        a,
        one,
        two,
        ("b.rs", "use crate::a; fn f() { a::One::new() }"),
    ]);
    let imports_of = imports(&straight);
    assert!(imports_of["a/one.rs"]["a/two.rs"].contains("Two"));
    assert!(imports_of["b.rs"]["a/one.rs"].contains("One"));
    assert_eq!(imports_of.len(), 2, "{imports_of:?}");
    assert!(cycles(&imports_of).is_empty());

    let two = ("a/two.rs", "pub struct Two; fn f() { let _: crate::b::B; }");
    let round = imports(&parse([
        lib,
        a,
        one,
        two,
        ("b.rs", "use crate::a::One; pub struct B;"),
    ]));
    let found = cycles(&round);
    let files = ["a/one.rs", "a/two.rs", "b.rs"].map(str::to_owned);
    assert_eq!(found, [BTreeSet::from(files)]);
    assert!(told(&round, &found[0]).contains("a/two.rs -> b.rs: B"));
}
