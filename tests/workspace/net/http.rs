use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use catalog_core::{Basis, CatalogStore, FetchProblem};
use model_provisioner::{EventKind, Policy, Provided};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use workspace_tests::web::Reply;

use super::{Events, bytes, fetching, network, provision, provisioner, request, server, sha256};

/// NET-100
#[test]
fn a_file_is_fetched_in_parts_hashed_while_it_arrives_and_not_read_again() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(1, 30 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let events = Events::default();
    let provisioner = provisioner(root.path(), network()).with_observer(events.observer());
    let url = server.url("/m.bin");
    let report = provisioner.provision(&request(&url)).unwrap();
    assert_eq!(report.provided, Provided::Fetched);
    assert_eq!(report.digest, Some(sha256(&content)));
    assert_eq!(report.bytes.fetched, content.len() as u64);
    assert_eq!(report.assurance.basis, Basis::Sizes);
    assert_eq!(fs::read(&report.resolved.local_path).unwrap(), content[..]);
    assert_eq!(server.sent(), content.len() as u64, "no byte came twice");
    assert!(server.requests().len() >= 4, "in parts of 8 MiB at most");
    for part in server.requests() {
        let (begin, end) = part.range(usize::MAX).unwrap();
        assert!(end - begin <= 8 << 20, "{part:?}");
        assert_eq!(part.header("accept-encoding"), Some("identity"));
    }
    let verified = events.0.lock().unwrap();
    let hashes = |event: &&model_provisioner::Event| match &event.kind {
        EventKind::Verifying(progress) => progress.done > 0,
        _ => false,
    };
    assert_eq!(
        verified.iter().filter(hashes).count(),
        0,
        "no byte was read again"
    );
    drop(verified);
    server.be_honest();
    let warm = provisioner.provision(&request(&url)).unwrap();
    assert_eq!(warm.provided, Provided::AlreadyPresent);
    assert_eq!(server.requests().len(), 0, "a warm call asks nobody");
}

/// NET-103
#[test]
fn a_file_that_the_store_has_by_digest_is_not_fetched() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(5, 1 << 20);
    server.put("/a.bin", Arc::clone(&content), Some("\"a\""));
    server.put("/b.bin", Arc::clone(&content), Some("\"a\""));
    provision(root.path(), &server.url("/a.bin")).unwrap();
    server.be_honest();
    let url = format!("{}#sha256={}", server.url("/b.bin"), sha256(&content).value);
    let report = provision(root.path(), &url).unwrap();
    assert_eq!(report.bytes.reused, content.len() as u64);
    assert_eq!(server.requests().len(), 0);
    assert!(report.resolved.local_path.ends_with("b.bin"));
}

/// NET-104
#[test]
fn a_shard_names_its_whole_set() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    for number in 1..=3 {
        let path = format!("/x/m-0000{number}-of-00003.bin");
        server.put(&path, bytes(number, 3 << 20), Some("\"a\""));
    }
    let url = server.url("/x/m-00002-of-00003.bin?k=v");
    let report = provision(root.path(), &url).unwrap();
    assert!(report.resolved.local_path.ends_with("m-00001-of-00003.bin"));
    assert_eq!(report.bytes.fetched, 9 << 20);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.path.ends_with("?k=v"))
    );
}

/// NET-105
#[test]
fn a_failed_call_leaves_its_bytes_for_the_next_one() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(6, 20 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    server.lie(|number, _, reply| match number {
        0 | 1 => reply,
        _ => Reply::new("404 Not Found"),
    });
    let url = server.url("/m.bin");
    let one_by_one = provisioner(root.path(), network().connections(1));
    let error = one_by_one.provision(&request(&url)).unwrap_err();
    assert_eq!(error.code(), FetchProblem::FileNotFound.code(), "{error}");
    let (_, end) = server.requests()[1].range(usize::MAX).unwrap();
    server.be_honest();
    let report = provision(root.path(), &url).unwrap();
    assert_eq!(report.bytes.resumed, end as u64, "two parts");
    assert_eq!(report.bytes.fetched, (content.len() - end) as u64);
    assert_eq!(report.digest, Some(sha256(&content)));
}

/// NET-106
#[test]
fn a_size_cap_holds_before_and_during_a_transfer() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(7, 12 << 20), Some("\"a\""));
    let policy = Policy::default().max_bytes(10 << 20);
    let capped = provisioner(root.path(), network())
        .with_policy(policy)
        .unwrap();
    let error = capped
        .provision(&request(&server.url("/m.bin")))
        .unwrap_err();
    assert_eq!(error.code(), "policy_refused", "{error}");
    // Without a length, the cap ends the transfer.
    server.lie(|_, request, reply| {
        let whole = Reply {
            status: "200 OK".to_owned(),
            ending: workspace_tests::web::Ending::Close,
            ..reply
        };
        assert!(request.header("range").is_some());
        let whole = whole.body(bytes(7, 12 << 20));
        whole.without("Content-Length").without("Content-Range")
    });
    let error = capped
        .provision(&request(&server.url("/m.bin")))
        .unwrap_err();
    assert_eq!(error.code(), "policy_refused", "{error}");
    assert_eq!(capped.catalog().list().unwrap(), []);
    let uncapped = provision(root.path(), &server.url("/m.bin")).unwrap();
    assert_eq!(uncapped.digest, Some(sha256(&bytes(7, 12 << 20))));
    assert_eq!(uncapped.assurance.basis, Basis::OwnHash);
}

/// NET-107
#[test]
fn names_come_from_the_reference_and_credentials_stay_out_of_texts() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/a%20b.bin", bytes(8, 1000), Some("\"a\""));
    server.lie(|_, _, reply| reply.with("Content-Disposition", "attachment; filename=\"../evil\""));
    let url = server
        .url("/a%20b.bin?token=hush-hush")
        .replace("//", "//user:hush-hush@");
    let report = provision(root.path(), &url).unwrap();
    assert!(report.resolved.local_path.ends_with("a b.bin"));
    let requests = server.requests();
    let sent = requests[0].header("authorization").unwrap();
    assert_eq!(
        sent,
        format!("Basic {}", BASE64_STANDARD.encode("user:hush-hush"))
    );
    server.lie(|_, _, _| Reply::new("403 Forbidden").body(*b"no such token hush-hush"));
    let other = url.replace("a%20b", "other");
    let error = provision(root.path(), &other).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert_eq!(error.code(), FetchProblem::AccessDenied.code(), "{shown}");
    assert!(!shown.contains("hush-hush"), "{shown}");
    let folder = provision(root.path(), &server.url("/folder/")).unwrap_err();
    assert!(folder.to_string().contains("file name"), "{folder}");
    let index = fs::read_to_string(root.path().join("index.json")).unwrap();
    assert!(!index.contains("hush-hush"));
}

/// NET-108
#[test]
fn an_empty_file_is_fetched() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/empty.bin", [], Some("\"a\""));
    let report = provision(root.path(), &server.url("/empty.bin")).unwrap();
    assert_eq!(report.digest, Some(sha256(b"")));
}

/// NET-109
#[test]
fn plain_http_is_refused_except_to_an_address_of_this_host() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(9, 1000), Some("\"a\""));
    let url = server.url("/m.bin").replace("127.0.0.1", "localhost");
    let error = provision(root.path(), &url).unwrap_err();
    assert_eq!(error.code(), FetchProblem::Forbidden.code(), "{error}");
    assert!(error.to_string().contains("https:"), "{error}");
    assert_eq!(server.connections(), 0);
    let allowed = provisioner(root.path(), network().allow_http());
    allowed.provision(&request(&url)).unwrap();
}

/// NET-111
#[test]
fn a_crowd_that_asks_for_one_model_causes_one_download() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(10, 12 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let url = server.url("/m.bin");
    std::thread::scope(|scope| {
        let ask = || provision(root.path(), &url).unwrap().digest;
        let askers: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
        for asker in askers {
            assert_eq!(asker.join().unwrap(), Some(sha256(&content)));
        }
    });
    assert_eq!(server.sent(), content.len() as u64);
}

/// NET-111
#[test]
fn processes_that_ask_for_one_model_cause_one_download() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(11, 12 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let start = |_| {
        let mut command = fetching(root.path(), &server.url("/m.bin"));
        command.spawn().unwrap()
    };
    let processes: Vec<_> = (0..64).map(start).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(server.sent(), content.len() as u64);
}

/// NET-117
#[test]
fn an_address_that_does_not_answer_does_not_stop_the_next_one() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(12, 1000), Some("\"a\""));
    let dead = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), server.port());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        || rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    let listener = socket();
    rustix::net::bind(&listener, &dead).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // These connections fill the backlog, so that the address answers nobody.
    let fillers: Vec<_> = (0..4).map(|_| socket()).collect();
    for filler in &fillers {
        let _ = rustix::net::connect(filler, &dead);
    }
    #[derive(Debug)]
    struct Both;
    impl model_fetchers::Resolve for Both {
        fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
            Ok(vec![
                Ipv4Addr::new(127, 0, 0, 2).into(),
                Ipv4Addr::LOCALHOST.into(),
            ])
        }
    }
    let url = format!("http://both.test:{}/m.bin", server.port());
    let config = network().allow_http().retries(0).resolver(Both);
    provisioner(root.path(), config)
        .provision(&request(&url))
        .unwrap();
}

/// NET-118
#[test]
fn a_repair_fetches_the_lost_file_and_leaves_nothing_behind() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(13, 40 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let request = || request(&server.url("/m.bin")).expecting(sha256(&content));
    let first = provisioner(root.path(), network())
        .provision(&request())
        .unwrap();
    let path = first.resolved.local_path.clone();
    drop(first);
    let hex = sha256(&content).value;
    fs::remove_file(root.path().join("blobs/sha256").join(&hex[..2]).join(&hex)).unwrap();
    fs::remove_file(&path).unwrap();
    let report = provisioner(root.path(), network())
        .provision(&request())
        .unwrap();
    assert_eq!(report.provided, Provided::Repaired);
    assert_eq!(fs::read(&path).unwrap(), content[..]);
    let staged = fs::read_dir(root.path().join("staging")).unwrap();
    assert_eq!(staged.count(), 0, "nothing is left");
}
