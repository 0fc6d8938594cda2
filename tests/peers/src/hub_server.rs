//! A hub that nginx plays: static answers about repositories, and files that the kernel sends.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use workspace_tests::hub::Repo;
use workspace_tests::real_servers::{Running, nginx};

/// A repository at a hub.
pub struct Hosted<'h> {
    /// Such as `org/model`.
    pub name: &'h str,
    pub repo: &'h Repo,
    /// The folder with the files of the repository, by their paths.
    pub files: &'h Path,
    /// The SHA-256 and the size of its file, if it has one large file.
    pub linked: Option<(&'h str, usize)>,
}

/// A hub that runs until it is dropped.
pub struct StaticHub(Running);

impl StaticHub {
    /// Starts a hub with these repositories. nginx must be installed.
    pub fn start(hosted: &[Hosted<'_>]) -> Self {
        let mut settings = "listen 127.0.0.1:PORT; sendfile on; tcp_nopush on; \
                            keepalive_requests 100000; default_type application/octet-stream;\n\
                            location /api/ { default_type application/json; }\n"
            .to_owned();
        for Hosted {
            name, repo, linked, ..
        } in hosted
        {
            let linked = linked.map_or_else(String::new, |(sha256, size)| {
                format!(
                    "add_header X-Linked-Etag '\"{sha256}\"' always; \
                     add_header X-Linked-Size {size} always; "
                )
            });
            settings.push_str(&format!(
                "location /{name}/resolve/ {{ add_header X-Repo-Commit {} always; {linked}\
                 access_log FOLDER/{}; }}\n",
                repo.commit(),
                log(name)
            ));
        }
        let server = nginx(&settings, &[]).expect("nginx is installed");
        let www = server.folder.path().join("www");
        for Hosted {
            name, repo, files, ..
        } in hosted
        {
            let files = files.canonicalize().expect("the folder is there");
            let resolve = www.join(name).join("resolve");
            fs::create_dir_all(&resolve).expect("a folder can be made");
            for revision in ["main", &repo.commit()] {
                symlink(&files, resolve.join(revision)).expect("a link can be made");
            }
            for (path, answer) in repo.answers(name) {
                let path = www.join(path);
                let folder = path.parent().expect("it is below the folder of the server");
                fs::create_dir_all(folder).expect("a folder can be made");
                fs::write(path, answer).expect("an answer can be written");
            }
        }
        Self(server)
    }

    /// Returns the address of the hub.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Returns the number of bytes that the hub sent so far of the files of a repository.
    pub fn sent_of(&self, name: &str) -> u64 {
        let path = self.0.folder.path().join(log(name));
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(sent).sum()
    }
}

fn log(name: &str) -> String {
    format!("{}.log", name.replace('/', "-"))
}

/// Reads the size of a sent body from a line of the log: `… "GET /path HTTP/1.1" 206 1024 "-" "curl"`.
fn sent(line: &str) -> Option<u64> {
    let mut parts = line.split('"').skip(1);
    parts.next()?.strip_prefix("GET ")?;
    parts.next()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::sent;

    #[test]
    fn the_log_states_the_size_of_each_sent_body() {
        let line = |method: &str| {
            format!(
                "127.0.0.1 - - [27/Nov/2026:15:00:00 +0000] \"{method} /m HTTP/1.1\" 206 42 \"-\" \"curl\""
            )
        };
        assert_eq!(sent(&line("GET")), Some(42));
        assert_eq!(sent(&line("HEAD")), None);
        assert_eq!(sent(""), None);
    }
}
