//! Configuration: defaults < file < environment < flags, validated once. `docs/configuration.md` is the
//! reference.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::app::guard::RulesMode;
use crate::assistant::Assistant;
use crate::domain::name::ProfileName;
use crate::grpc::middleware::web::Origins;
use crate::storage::postgres::PoolSettings;

/// What can be set: as a flag, as the environment variable in its help, or as the key of the same name in the
/// file. Everything may be left out.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address of the gRPC server [default: 127.0.0.1:50051]
    #[arg(long, env = "ASSAY_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of the admin HTTP server with /livez, /readyz and /metrics [default: 127.0.0.1:9464]
    #[arg(long, env = "ASSAY_ADMIN_LISTEN", value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// Serve beyond this machine although there are no credentials yet [default: false]
    #[arg(long, env = "ASSAY_INSECURE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub insecure: Option<bool>,
    /// A SQLite file, made where it is missing, or postgres://user@host/name [default: assay-data/assay.db]
    #[arg(long, env = "ASSAY_DATABASE", value_name = "FILE|URL")]
    pub database: Option<String>,
    /// Bring an older schema up to date at the start; without it, `assay migrate` must [default: true]
    #[arg(long, env = "ASSAY_MIGRATE_AT_START", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub migrate_at_start: Option<bool>,
    /// The folder with the rules; watched while serving [default: scripts]
    #[arg(long, env = "ASSAY_SCRIPTS", value_name = "DIR")]
    pub scripts: Option<PathBuf>,
    /// Whether the rules in force are those of the folder, or those that were activated in the store [default: directory]
    #[arg(long, env = "ASSAY_RULES_MODE", value_name = "MODE")]
    pub rules_mode: Option<RulesMode>,
    /// Hold a change of rules back by which more leads than this change their grade, until somebody lets it in [default: 100]
    #[arg(long, env = "ASSAY_RULES_GUARD", value_name = "PERCENT")]
    pub rules_guard: Option<f64>,
    /// How changes of the scripts are noticed: by events and looking, or by looking alone [default: auto]
    #[arg(long, env = "ASSAY_WATCH", value_name = "MODE")]
    pub watch: Option<WatchMode>,
    /// How many calls may be in flight; more are refused at once [default: 1024]
    #[arg(long, env = "ASSAY_MAX_CALLS", value_name = "N")]
    pub max_calls: Option<usize>,
    /// How long a call may take that brings no earlier deadline [default: 60s]
    #[arg(long, env = "ASSAY_CALL_TIMEOUT", value_name = "DURATION")]
    pub call_timeout: Option<Span>,
    /// The same for lists [default: 10s]
    #[arg(long, env = "ASSAY_LIST_TIMEOUT", value_name = "DURATION")]
    pub list_timeout: Option<Span>,
    /// How old a connection gets, about, before its caller is asked to open another [default: 5m]
    #[arg(long, env = "ASSAY_MAX_CONNECTION_AGE", value_name = "DURATION")]
    pub max_connection_age: Option<Span>,
    /// How many connections to PostgreSQL a replica has at most [default: 16]
    #[arg(long, env = "ASSAY_DATABASE_CONNECTIONS", value_name = "N")]
    pub database_connections: Option<usize>,
    /// How long a call waits for a connection to PostgreSQL [default: 2s]
    #[arg(long, env = "ASSAY_DATABASE_WAIT", value_name = "DURATION")]
    pub database_wait: Option<Span>,
    /// How long PostgreSQL may take for a statement, and not answer at all [default: 15s]
    #[arg(long, env = "ASSAY_DATABASE_TIMEOUT", value_name = "DURATION")]
    pub database_timeout: Option<Span>,
    /// The pages that may call from a browser, by their origins, such as https://app.example; `*` is all [default: none]
    #[arg(long, env = "ASSAY_WEB_ORIGINS", value_delimiter = ',', value_name = "ORIGIN,…")]
    pub web_origins: Option<Vec<String>>,
    /// The deployment's currency; amounts in others are unknown facts [default: EUR]
    #[arg(long, env = "ASSAY_CURRENCY", value_name = "ISO4217")]
    pub currency: Option<String>,
    /// The profile for leads that name none, such as profiles/main [default: none]
    #[arg(long, env = "ASSAY_DEFAULT_PROFILE", value_name = "NAME")]
    pub default_profile: Option<String>,
    /// For how many days a lead is kept of which nothing is heard, unless it is with sales or was a customer [default: for ever]
    #[arg(long, env = "ASSAY_RETENTION_DAYS", value_name = "DAYS")]
    pub retention_days: Option<i64>,
    /// How long long work stays with a replica that says nothing, before another goes on with it [default: 30s]
    #[arg(long, env = "ASSAY_JOB_LEASE", value_name = "DURATION")]
    pub job_lease: Option<Span>,
    /// An OpenAI-compatible endpoint that reads notes of conversations, such as https://models.example/v1 [default: none]
    #[arg(long, env = "ASSAY_ASSISTANT_URL", value_name = "URL")]
    pub assistant_url: Option<String>,
    /// The model to ask there
    #[arg(long, env = "ASSAY_ASSISTANT_MODEL", value_name = "NAME")]
    pub assistant_model: Option<String>,
    /// The file whose first line is the key for it [default: no key]
    #[arg(long, env = "ASSAY_ASSISTANT_KEY_FILE", value_name = "FILE")]
    pub assistant_key_file: Option<PathBuf>,
    /// How this replica is called in its status [default: the host's name]
    #[arg(long, env = "ASSAY_REPLICA", value_name = "NAME")]
    pub replica: Option<String>,
    /// How long to report NOT_SERVING before the server stops accepting calls [default: 5s]
    #[arg(long, env = "ASSAY_DRAIN_DELAY", value_name = "DURATION")]
    pub drain_delay: Option<Span>,
    /// How long calls in flight may take after that [default: 20s]
    #[arg(long, env = "ASSAY_DRAIN_DEADLINE", value_name = "DURATION")]
    pub drain_deadline: Option<Span>,
    /// How log lines look [default: text on a terminal, else json]
    #[arg(long, env = "ASSAY_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: a level, or directives such as assay=debug,h2=warn [default: info]
    #[arg(long, env = "ASSAY_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Where traces are sent by OTLP over gRPC, such as http://127.0.0.1:4317 [default: nowhere]
    #[arg(long, env = "ASSAY_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchMode {
    /// By file events, and by looking four times a second.
    #[default]
    Auto,
    /// By looking alone: for network file systems, whose events are of this machine's changes only.
    Poll,
}

/// A length of time, written as `250ms`, `5s` or `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: jiff::SignedDuration =
            text.parse().map_err(|_| format!("\"{text}\" is not a duration: write it as 250ms or 5s"))?;
        Duration::try_from(parsed).map(Span).map_err(|_| format!("\"{text}\" is negative"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Where resources are kept.
#[derive(Clone)]
pub enum Database {
    Sqlite(PathBuf),
    /// A URL, which may hold a password: never shown.
    Postgres(String),
}

impl Database {
    /// A PostgreSQL URL, or the path of a SQLite file. What looks like another URL is none: it would silently become
    /// a file of that name, password and all.
    pub fn of(text: String) -> anyhow::Result<Self> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("postgres" | "postgresql") => Ok(Database::Postgres(text)),
            Some(other) => {
                bail!("database: {other}:// is not supported; name a file, or postgres://user@host/name")
            }
            None if text.trim().is_empty() => {
                bail!("database: the name is empty; name a file, or leave it out")
            }
            None if text.starts_with(":memory:") => {
                bail!(
                    "database: what is acknowledged must be kept, so there is no storage in memory; name a file"
                )
            }
            None => Ok(Database::Sqlite(text.into())),
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "{}", path.display()),
            Database::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// What was decided: complete and valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub database: Database,
    pub migrate_at_start: bool,
    pub scripts: PathBuf,
    pub rules_mode: RulesMode,
    /// A share, 0 to 1.
    pub rules_guard: Option<f64>,
    pub watch: WatchMode,
    pub max_calls: usize,
    pub call_timeout: Duration,
    pub list_timeout: Duration,
    pub max_connection_age: Duration,
    pub pool: PoolSettings,
    pub web_origins: Origins,
    pub currency: String,
    pub default_profile: Option<ProfileName>,
    pub retention_days: i64,
    pub job_lease: Duration,
    pub assistant: Option<Assistant>,
    pub replica: String,
    pub drain_delay: Duration,
    pub drain_deadline: Duration,
    pub log_format: Option<LogFormat>,
    pub log: String,
    pub otlp_endpoint: Option<String>,
}

impl Settings {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration {} can't be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("the configuration {} is not valid", path.display()))
    }

    /// These settings, and those of `below` where these say nothing.
    pub fn over(self, below: Settings) -> Settings {
        Settings {
            listen: self.listen.or(below.listen),
            admin_listen: self.admin_listen.or(below.admin_listen),
            insecure: self.insecure.or(below.insecure),
            database: self.database.or(below.database),
            migrate_at_start: self.migrate_at_start.or(below.migrate_at_start),
            scripts: self.scripts.or(below.scripts),
            rules_mode: self.rules_mode.or(below.rules_mode),
            rules_guard: self.rules_guard.or(below.rules_guard),
            watch: self.watch.or(below.watch),
            max_calls: self.max_calls.or(below.max_calls),
            call_timeout: self.call_timeout.or(below.call_timeout),
            list_timeout: self.list_timeout.or(below.list_timeout),
            max_connection_age: self.max_connection_age.or(below.max_connection_age),
            database_connections: self.database_connections.or(below.database_connections),
            database_wait: self.database_wait.or(below.database_wait),
            database_timeout: self.database_timeout.or(below.database_timeout),
            web_origins: self.web_origins.or(below.web_origins),
            currency: self.currency.or(below.currency),
            default_profile: self.default_profile.or(below.default_profile),
            retention_days: self.retention_days.or(below.retention_days),
            job_lease: self.job_lease.or(below.job_lease),
            assistant_url: self.assistant_url.or(below.assistant_url),
            assistant_model: self.assistant_model.or(below.assistant_model),
            assistant_key_file: self.assistant_key_file.or(below.assistant_key_file),
            replica: self.replica.or(below.replica),
            drain_delay: self.drain_delay.or(below.drain_delay),
            drain_deadline: self.drain_deadline.or(below.drain_deadline),
            log_format: self.log_format.or(below.log_format),
            log: self.log.or(below.log),
            otlp_endpoint: self.otlp_endpoint.or(below.otlp_endpoint),
        }
    }

    /// Fills in the defaults and checks the whole.
    pub fn build(self) -> anyhow::Result<Config> {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let seconds = |span: Option<Span>, default| span.map_or(Duration::from_secs(default), |span| span.0);
        let config = Config {
            listen: self.listen.unwrap_or(loopback(50_051)),
            admin_listen: self.admin_listen.unwrap_or(loopback(9_464)),
            database: Database::of(self.database.unwrap_or_else(|| "assay-data/assay.db".into()))?,
            migrate_at_start: self.migrate_at_start.unwrap_or(true),
            scripts: self.scripts.unwrap_or_else(|| "scripts".into()),
            rules_mode: self.rules_mode.unwrap_or_default(),
            rules_guard: self.rules_guard.filter(|percent| *percent != 100.0).map(|percent| percent / 100.0),
            watch: self.watch.unwrap_or_default(),
            max_calls: self.max_calls.unwrap_or(1_024),
            call_timeout: seconds(self.call_timeout, 60),
            list_timeout: seconds(self.list_timeout, 10),
            max_connection_age: seconds(self.max_connection_age, 300),
            pool: PoolSettings {
                connections: self.database_connections.unwrap_or(16),
                wait: seconds(self.database_wait, 2),
                timeout: seconds(self.database_timeout, 15),
            },
            web_origins: Origins::of(&self.web_origins.unwrap_or_default()).map_err(|text| {
                anyhow::anyhow!("web_origins \"{text}\": write an origin as https://app.example, or *")
            })?,
            currency: self.currency.unwrap_or_else(|| "EUR".into()),
            default_profile: self
                .default_profile
                .map(|name| name.parse().with_context(|| format!("default_profile \"{name}\"")))
                .transpose()?,
            retention_days: self.retention_days.unwrap_or(0),
            job_lease: seconds(self.job_lease, 30),
            assistant: assistant(self.assistant_url, self.assistant_model, self.assistant_key_file)?,
            replica: self.replica.unwrap_or_else(host_name),
            drain_delay: seconds(self.drain_delay, 5),
            drain_deadline: seconds(self.drain_deadline, 20),
            log_format: self.log_format,
            log: self.log.unwrap_or_else(|| "info".into()),
            otlp_endpoint: self.otlp_endpoint.filter(|endpoint| !endpoint.is_empty()),
        };
        if !(1..=1_000_000).contains(&config.max_calls) {
            bail!("max_calls {}: write a number from 1 to 1,000,000", config.max_calls);
        }
        if let Some(share) = config.rules_guard.filter(|share| !(0.0..=1.0).contains(share)) {
            bail!("rules_guard {}: write a percentage from 0 to 100", 100.0 * share);
        }
        if !(0..=36_500).contains(&config.retention_days) {
            bail!("retention_days {}: write a number from 1 to 36,500, or 0 for ever", config.retention_days);
        }
        if !(1..=1_000).contains(&config.pool.connections) {
            bail!("database_connections {}: write a number from 1 to 1,000", config.pool.connections);
        }
        for (name, span) in [
            ("call_timeout", config.call_timeout),
            ("list_timeout", config.list_timeout),
            ("max_connection_age", config.max_connection_age),
            ("job_lease", config.job_lease),
            ("database_wait", config.pool.wait),
            ("database_timeout", config.pool.timeout),
        ] {
            if !(Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(&span) {
                bail!("{name} {span:?}: write a time from 100ms to 24h");
            }
        }
        check_log(&config.log)?;
        if let Some(endpoint) = config.otlp_endpoint.as_ref().filter(|url| !url.starts_with("http://")) {
            bail!("otlp_endpoint \"{endpoint}\": write it as http://127.0.0.1:4317");
        }
        currency(&config.currency)
            .map_err(|problem| anyhow::anyhow!("currency \"{}\": {problem}", config.currency))?;
        if !self.insecure.unwrap_or(false) {
            for (name, address) in [("listen", config.listen), ("admin_listen", config.admin_listen)] {
                if !address.ip().is_loopback() {
                    bail!(
                        "{name} {address} can be reached from other machines, and there are no credentials yet: \
                         use a loopback address such as 127.0.0.1:{}, or say --insecure if a proxy guards it",
                        address.port()
                    );
                }
            }
        }
        Ok(config)
    }
}

/// The language model that is configured, if one is.
fn assistant(
    url: Option<String>,
    model: Option<String>,
    key_file: Option<PathBuf>,
) -> anyhow::Result<Option<Assistant>> {
    let Some(url) = url.filter(|url| !url.is_empty()) else { return Ok(None) };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        bail!("assistant_url \"{url}\": write it as https://models.example/v1");
    }
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        bail!("assistant_url is given, and assistant_model is not: name the model to ask there");
    };
    let made = Assistant::new(&url, &model, key_file.as_deref());
    Ok(Some(made.with_context(|| {
        format!("assistant_key_file {} can't be read", key_file.unwrap_or_default().display())
    })?))
}

/// Checks the code of a currency.
pub fn currency(text: &str) -> Result<String, String> {
    match text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        true => Ok(text.to_owned()),
        false => Err("write three capital letters as in ISO 4217, such as EUR".into()),
    }
}

/// Refuses a filter that would switch off the log by a slip: a word that is no level would be taken for the name of a
/// target, and nothing else be logged.
fn check_log(filter: &str) -> anyhow::Result<()> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.contains(&word.trim().to_lowercase().as_str());
    let bad = filter.split(',').find(|part| match part.rsplit_once('=') {
        Some((_, level)) => !is_level(level),
        None => !is_level(part),
    });
    match bad {
        None => Ok(()),
        Some(part) => bail!(
            "log \"{}\": write a level ({}), or directives such as assay=debug,h2=warn",
            part.trim(),
            LEVELS.join(", ")
        ),
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "assay".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_file_and_the_file_before_defaults() {
        let file: Settings = toml::from_str("listen = \"127.0.0.1:1\"\ndrain_delay = \"250ms\"").unwrap();
        let flags = Settings { listen: "127.0.0.1:2".parse().ok(), ..Settings::default() };
        let config = flags.over(file).build().unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.drain_delay, Duration::from_millis(250));
        assert_eq!(config.drain_deadline, Duration::from_secs(20));
    }

    #[test]
    fn a_bind_beyond_this_machine_must_be_meant() {
        let open = Settings { listen: "0.0.0.0:1".parse().ok(), ..Settings::default() };
        let message = open.clone().build().unwrap_err().to_string();
        assert!(message.contains("--insecure"), "{message}");
        assert!(Settings { insecure: Some(true), ..open }.build().is_ok());
        let open = Settings { admin_listen: "[::]:1".parse().ok(), ..Settings::default() };
        assert!(open.build().is_err());
    }

    #[test]
    fn what_would_lose_writes_or_the_log_is_refused() {
        let database = |text: &str| Settings { database: Some(text.into()), ..Settings::default() };
        let log = |text: &str| Settings { log: Some(text.into()), ..Settings::default() };
        let otlp = |text: &str| Settings { otlp_endpoint: Some(text.into()), ..Settings::default() };
        let calls = |n| Settings { max_calls: Some(n), ..Settings::default() };
        let bad = [
            database(""),
            database(":memory:"),
            database("mysql://x/y"),
            database("postgress://u:secret@h/d"),
            log("loud"),
            log(""),
            log("assay=verbose"),
            otlp("127.0.0.1:4317"),
            calls(0),
        ];
        for settings in bad {
            let message = settings.clone().build().unwrap_err().to_string();
            assert!(message.contains("write") || message.contains("name"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        for settings in
            [database("a.db"), database("postgres://h/d"), log("WARN"), log("info,assay=debug"), calls(1)]
        {
            assert!(settings.clone().build().is_ok(), "{settings:?}");
        }
    }

    #[test]
    fn a_slip_in_the_file_is_an_error() {
        let error = toml::from_str::<Settings>("lisen = \"127.0.0.1:1\"").unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
        assert!(toml::from_str::<Settings>("drain_delay = \"-1s\"").is_err());
    }

    #[test]
    fn the_reference_names_every_setting_with_its_variable() {
        use clap::CommandFactory as _;
        #[derive(clap::Parser)]
        struct Whole {
            #[command(flatten)]
            _settings: Settings,
        }
        let reference = include_str!("../docs/configuration.md");
        for argument in Whole::command().get_arguments().filter(|a| a.get_env().is_some()) {
            let variable = argument.get_env().unwrap().to_str().unwrap();
            let row = reference.lines().find(|line| line.contains(&format!("`{variable}`")));
            let row = row.unwrap_or_else(|| panic!("{variable} is not in docs/configuration.md"));
            let key = argument.get_id().as_str();
            assert!(row.contains(&format!("`{key}`")), "{key}: {row}");
        }
    }
}
