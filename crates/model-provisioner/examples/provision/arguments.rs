//! The command line of `provision`.

use std::error::Error;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use catalog_core::{AddressSet, Digest, FilePatterns, default_model_cache_dir};
use model_provisioner::{AddressRules, Filter, Outbound, Policy};

pub(crate) const USAGE: &str = "usage: provision MODEL_REF [OPTION]...

MODEL_REF  a path, file:…, https://…, hf:org/repo[@revision][/path] for a repository of the hub or
           a file or folder in it, or hf:org/repo[@revision]:TAG for a quantisation such as Q4_K_M
--digest ALGORITHM:HEX  the digest that the bytes must have: sha256:… or sha512:… of a file,
                        sha256-tree:… of a folder
--cache-dir DIR         the folder of the catalog; ~/.cache/models by default
--deadline SECONDS      ends the call after this time
--max-bytes BYTES       refuses a larger model
--allow HOST            allows only this host, and others that are allowed; .example.org allows all
                        hosts below it. @loopback, @private, @link-local and @public are sets of
                        addresses, which are allowed in addition
--deny HOST             denies this host or this set of addresses
--allow-http            allows plain http: to every host
--include PATTERN       fetches only files of the repository that match, such as *.safetensors
--exclude PATTERN       leaves out files of the repository that match
--hf-command            fetches models of the hub with the `hf` command, which must be installed
--token-file FILE       the file with the token of the hub, instead of HF_TOKEN
--revalidate            asks the source whether the model changed
--json                  prints the result, or the error of the call, as one JSON object
--quiet                 prints no progress";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) model_ref: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) cache_dir: PathBuf,
    pub(crate) deadline: Option<Duration>,
    pub(crate) policy: Policy,
    pub(crate) allows_http: bool,
    pub(crate) runs_hf_command: bool,
    pub(crate) patterns: FilePatterns,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) revalidates: bool,
    pub(crate) is_json: bool,
    pub(crate) is_quiet: bool,
}

/// The form of the value of `--allow` and `--deny`.
const RULE: &str = "a host, or @ and the name of a set";

/// The value of `--allow` or `--deny`.
enum Rule {
    Host(String),
    Set(AddressSet),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(set) => set.parse().map(Self::Set),
            None => Ok(Self::Host(text.to_owned())),
        }
    }
}

/// The value of `--deadline`.
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = Box<dyn Error>;

    fn from_str(text: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self(Duration::try_from_secs_f64(text.parse()?)?))
    }
}

/// Rules for hosts and for sets of addresses.
#[derive(Default)]
struct Rules {
    hosts: Vec<String>,
    sets: Vec<AddressSet>,
}

impl Rules {
    fn add(&mut self, rule: Rule) {
        match rule {
            Rule::Set(set) => self.sets.push(set),
            Rule::Host(host) => self.hosts.push(host),
        }
    }
}

impl Arguments {
    /// Returns `None` if the arguments ask for help.
    pub(crate) fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::{Long, Short, Value, ValueExt};

        let mut parser = lexopt::Parser::from_env();
        let (mut model_ref, mut digest, mut cache_dir) = (None, None, None);
        let (mut deadline, mut max_bytes) = (None, None);
        let (mut allow, mut deny) = (Rules::default(), Rules::default());
        let (mut patterns, mut token_file) = (FilePatterns::default(), None);
        let (mut allows_http, mut revalidates) = (false, false);
        let mut runs_hf_command = false;
        let (mut is_json, mut is_quiet) = (false, false);
        while let Some(argument) = parser.next()? {
            match argument {
                Value(value) if model_ref.is_none() => model_ref = Some(value.string()?),
                Long("digest") => {
                    digest = Some(parse_value(&mut parser, "--digest", "ALGORITHM:HEX")?)
                }
                Long("cache-dir") => cache_dir = Some(PathBuf::from(parser.value()?)),
                Long("deadline") => {
                    let form = "a number of seconds, such as 600";
                    let Seconds(time) = parse_value(&mut parser, "--deadline", form)?;
                    deadline = Some(time);
                }
                Long("max-bytes") => {
                    let form = "a number of bytes, such as 80000000000";
                    max_bytes = Some(parse_value::<u64>(&mut parser, "--max-bytes", form)?);
                }
                Long("allow") => allow.add(parse_value(&mut parser, "--allow", RULE)?),
                Long("deny") => deny.add(parse_value(&mut parser, "--deny", RULE)?),
                Long("include") => patterns = patterns.include([parser.value()?.string()?]),
                Long("exclude") => patterns = patterns.exclude([parser.value()?.string()?]),
                Long("hf-command") => runs_hf_command = true,
                Long("token-file") => token_file = Some(PathBuf::from(parser.value()?)),
                Long("allow-http") => allows_http = true,
                Long("revalidate") => revalidates = true,
                Long("json") => is_json = true,
                Long("quiet") => is_quiet = true,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(Some(Self {
            model_ref: model_ref.ok_or("MODEL_REF is missing")?,
            digest,
            cache_dir: cache_dir.unwrap_or_else(default_model_cache_dir),
            deadline,
            policy: Policy::default()
                .max_bytes(max_bytes)
                .outbound(outbound(allow, deny)),
            allows_http,
            runs_hf_command,
            patterns,
            token_file,
            revalidates,
            is_json,
            is_quiet,
        }))
    }
}

/// Parses the value of an option. The error names the option, the value and the form of a right one.
fn parse_value<T: FromStr<Err: Display>>(
    parser: &mut lexopt::Parser,
    option: &str,
    form: &str,
) -> Result<T, Box<dyn Error>> {
    let value = parser.value()?;
    let text = value.to_string_lossy();
    let wrong = |error| format!("the value {text:?} of {option} is wrong: {error}; write {form}");
    Ok(text.parse().map_err(wrong)?)
}

fn outbound(allow: Rules, deny: Rules) -> Outbound {
    let mut hosts = Filter::except(deny.hosts);
    if !allow.hosts.is_empty() {
        hosts.allow = Some(allow.hosts.into_iter().collect());
    }
    let allowed = allow.sets.into_iter();
    let allowed = allowed.fold(AddressRules::default(), AddressRules::allow);
    let mut outbound = Outbound::default();
    outbound.hosts = hosts;
    outbound.addresses = deny.sets.into_iter().fold(allowed, AddressRules::deny);
    outbound
}
