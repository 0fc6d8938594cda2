use workspace_tests::hub::*;
fn main(){
 let hub=Hub::start().unwrap();
 let repo=Repo::default().with("config.json",RepoFile::small("{\"a\":1}")).with("model.bin",RepoFile::large(vec![7u8;3_000_000])).with("sub/dir/x.bin",RepoFile::large(vec![8u8;5000]));
 println!("{} {}",hub.endpoint(),repo.commit());
 hub.put("org/repo","main",repo.clone());
 hub.put("org/bad","main",Repo::default().with("model.bin",RepoFile::large(vec![7u8;3000]).corrupt()).with("c.json",RepoFile::small("{\"b\":1}").corrupt()));
 hub.put("org/gated","main",repo.clone().gated_by("hf_secret"));
 hub.put("org/evil","main",repo.with("../x",RepoFile::small("evil")));
 hub.put("org/slow","main",Repo::default().with("model.bin",RepoFile::large(vec![7u8;3_000_000])));
 loop{ std::thread::sleep(std::time::Duration::from_secs(1)); let s=hub.seen(); for x in s.iter().skip(SEEN.swap(s.len(),std::sync::atomic::Ordering::Relaxed)){println!("{} {} {:?}",x.method,x.path,x.authorization);} }
}
static SEEN:std::sync::atomic::AtomicUsize=std::sync::atomic::AtomicUsize::new(0);
