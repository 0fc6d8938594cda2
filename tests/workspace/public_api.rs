//! The public items of the crates: their number, their signatures, and their documentation.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

use crate::{read, rust_files};

const CRATES: [&str; 2] = ["catalog-core", "model-provisioner"];

/// The number of names that the first edition exported from the roots of both crates.
const NAMES_OF_FIRST_EDITION: usize = 112;

fn parse(path: impl AsRef<std::path::Path>) -> syn::File {
    syn::parse_file(&read(path)).unwrap()
}

/// Adds the names that a `use` exports.
fn names_in(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => names_in(&path.tree, names),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(rename) => names.push(rename.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|item| names_in(item, names)),
        UseTree::Glob(_) => panic!("no glob is exported"),
    }
}

/// Returns the names that the root of a crate exports.
fn exported(name: &str) -> Vec<String> {
    let mut names = Vec::new();
    for item in parse(format!("crates/{name}/src/lib.rs")).items {
        match item {
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => {
                names_in(&item.tree, &mut names);
            }
            _ => {}
        }
    }
    names
}

/// CAT-712
#[test]
fn the_roots_of_both_crates_export_few_names_and_none_twice() {
    let all: Vec<String> = CRATES.into_iter().flat_map(exported).collect();
    assert!(all.len() < NAMES_OF_FIRST_EDITION, "{} names", all.len());
    let different: BTreeSet<&String> = all.iter().collect();
    assert_eq!(
        different.len(),
        all.len(),
        "two globs do not clash: {all:?}"
    );
}

/// Two globs, and a name of each crate, and `Result`, compile together.
mod globs {
    use catalog_core::*;
    use model_provisioner::*;

    pub(super) fn parse(text: &str) -> Result<ProvisionRequest> {
        Ok(ProvisionRequest::new(ModelRef::parse(text)?))
    }
}

/// CAT-712
#[test]
fn glob_imports_of_both_crates_do_not_clash() {
    assert!(globs::parse("hf:org/repo").is_ok());
}

/// Finds positional tuples and bare choices in the signatures of public methods and functions.
#[derive(Default)]
struct Signatures {
    found: Vec<String>,
}

impl Signatures {
    fn check(&mut self, visibility: &Visibility, signature: &syn::Signature) {
        if !matches!(visibility, Visibility::Public(_)) {
            return;
        }
        let mut types = Types::default();
        for input in &signature.inputs {
            if let syn::FnArg::Typed(argument) = input {
                types.has_bare_choice |= is_bool(&argument.ty);
                types.visit_type(&argument.ty);
            }
        }
        if let syn::ReturnType::Type(_, output) = &signature.output {
            types.visit_type(output);
        }
        if types.has_bare_choice || types.has_tuple {
            self.found.push(signature.ident.to_string());
        }
    }
}

fn is_bool(kind: &syn::Type) -> bool {
    matches!(kind, syn::Type::Path(path) if path.path.is_ident("bool"))
}

#[derive(Default)]
struct Types {
    has_bare_choice: bool,
    has_tuple: bool,
}

impl<'s> Visit<'s> for Types {
    fn visit_type_tuple(&mut self, tuple: &'s syn::TypeTuple) {
        self.has_tuple |= !tuple.elems.is_empty();
    }
}

impl<'s> Visit<'s> for Signatures {
    fn visit_impl_item_fn(&mut self, item: &'s syn::ImplItemFn) {
        self.check(&item.vis, &item.sig);
    }
    fn visit_item_fn(&mut self, item: &'s syn::ItemFn) {
        self.check(&item.vis, &item.sig);
    }
    fn visit_field(&mut self, field: &'s syn::Field) {
        let mut types = Types::default();
        types.visit_type(&field.ty);
        if types.has_tuple && matches!(field.vis, Visibility::Public(_)) {
            self.found.push(format!("{:?}", field.ident));
        }
    }
}

/// CAT-713
#[test]
fn public_signatures_have_no_positional_tuples_and_no_bare_choices() {
    for name in CRATES {
        for file in rust_files(&format!("crates/{name}/src")) {
            let mut signatures = Signatures::default();
            signatures.visit_file(&parse(&file));
            assert!(
                signatures.found.is_empty(),
                "{}: {:?}",
                file.display(),
                signatures.found
            );
        }
    }
    let mut sample = Signatures::default();
    let code = "pub fn a(x: bool) {} pub fn b() -> Vec<(u8, u8)> {} fn c(x: bool) {} pub struct S { pub f: (u8, u8) }";
    sample.visit_file(&syn::parse_file(code).unwrap());
    assert_eq!(
        sample.found.len(),
        3,
        "the check sees them: {:?}",
        sample.found
    );
}

/// Returns the feature that an attribute requires, or the features of which one is enough, joined as
/// in a label.
fn feature_of(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let list = attribute.meta.require_list().ok()?;
        let tokens = list.tokens.to_string();
        let tokens = tokens
            .strip_prefix("any (")
            .map_or(&*tokens, |any| any.trim_end_matches(')'));
        let names = tokens.split(',').map(|one| {
            let name = one.trim().strip_prefix("feature = \"")?.strip_suffix('"')?;
            Some(name.to_owned())
        });
        let names: Vec<String> = names.collect::<Option<_>>()?;
        list.path.is_ident("cfg").then(|| names.join("` or `"))
    })
}

fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                syn::Expr::Lit(value) => match &value.lit {
                    syn::Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("")
}

/// CAT-714
#[test]
fn each_public_item_behind_a_feature_names_the_feature() {
    let mut checked = Vec::new();
    for name in ["catalog-core", "model-fetchers", "model-provisioner"] {
        let lib = parse(format!("crates/{name}/src/lib.rs"));
        let mut gated: Vec<(String, String)> = Vec::new();
        for item in &lib.items {
            match item {
                Item::Use(item) => {
                    let mut names = Vec::new();
                    names_in(&item.tree, &mut names);
                    let feature = feature_of(&item.attrs);
                    gated.extend(
                        names
                            .into_iter()
                            .filter_map(|name| Some((name, feature.clone()?))),
                    );
                }
                Item::Mod(ItemMod {
                    vis: Visibility::Public(_),
                    attrs,
                    ident,
                    ..
                }) => {
                    gated.extend(feature_of(attrs).map(|feature| (ident.to_string(), feature)));
                }
                _ => {}
            }
        }
        for file in rust_files(&format!("crates/{name}/src")) {
            let syntax = parse(&file);
            let module = file.parent().and_then(|folder| folder.file_name()).unwrap();
            for (gated, feature) in &gated {
                let is_module = file.ends_with("mod.rs") && module == gated.as_str();
                let mut docs: Vec<String> = Vec::new();
                docs.extend(is_module.then(|| documentation(&syntax.attrs)));
                docs.extend(syntax.items.iter().filter_map(|item| match item {
                    Item::Struct(item) if item.ident == gated => Some(documentation(&item.attrs)),
                    _ => None,
                }));
                for doc in docs {
                    let words = doc.split_whitespace().collect::<Vec<_>>().join(" ");
                    let label = format!("Needs feature `{feature}`.");
                    assert!(words.contains(&label), "{gated}: {doc}");
                    checked.push(gated.clone());
                }
            }
            for item in &syntax.items {
                let Item::Impl(block) = item else { continue };
                let Some(feature) = feature_of(&block.attrs) else {
                    continue;
                };
                for item in &block.items {
                    if let syn::ImplItem::Fn(method) = item
                        && matches!(method.vis, Visibility::Public(_))
                    {
                        let doc = documentation(&method.attrs);
                        let words = doc.split_whitespace().collect::<Vec<_>>().join(" ");
                        let label = format!("Needs feature `{feature}`.");
                        assert!(words.contains(&label), "{}: {doc}", method.sig.ident);
                        checked.push(method.sig.ident.to_string());
                    }
                }
            }
        }
    }
    checked.sort();
    assert_eq!(
        checked,
        [
            "HfCliFetcher",
            "HfFetcher",
            "HttpFetcher",
            "conformance",
            "from_environment",
            "with_hf_cli",
            "with_network"
        ]
    );
}

/// CAT-715
#[test]
fn no_errors_section_refers_elsewhere_without_a_name() {
    for name in CRATES {
        for file in rust_files(&format!("crates/{name}/src")) {
            let text = read(&file);
            let vague = ["/// As there", "/// See there", "; as there", ", as there."];
            for line in text
                .lines()
                .filter(|line| line.trim_start().starts_with("///"))
            {
                let is_vague = vague.iter().any(|words| line.contains(words));
                assert!(!is_vague, "{}: {line}", file.display());
            }
        }
    }
}
