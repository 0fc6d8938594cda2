//! The core reaches neither other processes nor the network.

use syn::visit::Visit;

use crate::{read, rust_files};

/// The types of the standard library that start a process or open a socket.
const FORBIDDEN: [&str; 6] = [
    "Command",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
];

/// Collects the forbidden names that a file uses.
#[derive(Default)]
struct Used(Vec<String>);

impl<'s> Visit<'s> for Used {
    fn visit_ident(&mut self, ident: &'s syn::Ident) {
        if FORBIDDEN.iter().any(|name| ident == name) {
            self.0.push(ident.to_string());
        }
    }
}

fn used_in(text: &str) -> Vec<String> {
    let mut used = Used::default();
    used.visit_file(&syn::parse_file(text).unwrap());
    used.0
}

/// CAT-716
#[test]
fn the_core_starts_no_process_and_opens_no_socket() {
    for file in rust_files("crates/catalog-core/src") {
        let used = used_in(&read(&file));
        assert!(used.is_empty(), "{}: {used:?}", file.display());
    }
    let sample = used_in("use std::process::Command; fn f() { std::net::TcpStream::connect(0); }");
    assert_eq!(sample, ["Command", "TcpStream"], "the check sees them");
}
