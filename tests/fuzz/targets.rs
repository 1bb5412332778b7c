//! What every parser is fed with, by the bounded test beside and by cargo-fuzz (`make fuzz`). A target panics when a
//! promise is broken: whatever comes in is taken or refused with a reason.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use assay::app::load_rules::Loaded;
use assay::app::{App, Settings, SystemClock};
use assay::cli::leads_file::LeadsFile;
use assay::cli::rows::FileArg;
use assay::domain::check::Checker;
use assay::domain::filter::{Field, Filter, Operand};
use assay::domain::listing::{LEAD, Order};
use assay::domain::vocabulary::Vocabulary;
use assay::grpc::document::{self, Format};
use assay::grpc::page::PageRequest;
use assay::grpc::pb;
use assay::rules::format::format;
use assay::rules::set::RuleSet;
use assay::rules::source::Sources;
use assay::rules::testing::{self, Reading};
use assay::rules::{compile, smoke};
use assay::storage::Upgrade;
use assay::storage::sqlite::SqliteStore;
use bytes::{BufMut as _, Bytes};
use http_body_util::Full;
use prost::Message as _;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use tokio::runtime::Runtime;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt as _;

pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("filter", filter),
    ("page_token", page_token),
    ("facts_toml", facts_toml),
    ("csv", csv),
    ("canvas", canvas),
    ("script", script),
    ("rule_tests", rule_tests),
    ("request", request),
];

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// A canvas as a text, in the format that it looks like and in each of the others: what is read can be examined, drawn, and
/// written so that it reads back.
pub fn canvas(data: &[u8]) {
    let text = text(data);
    let formats = [Format::Yaml, Format::Json, Format::Bmml, Format::Outline].map(Some);
    for format in formats.into_iter().chain([None]) {
        let mut c = Checker::at("");
        let read = document::read(&mut c, &text, format, None, &mut Vec::new());
        let Ok(Some(canvas)) = c.finish(read) else { continue };
        let now = assay::domain::time::Time::default();
        _ = canvas.lint(now, &BTreeMap::new());
        _ = canvas.value_matches();
        _ = assay::render::picture(&canvas, assay::render::Style::default(), now);
        let Ok(written) = document::write(&canvas, Format::Json, &mut Vec::new()) else { continue };
        let mut c = Checker::at("");
        let again = document::read(&mut c, &written, Some(Format::Json), None, &mut Vec::new());
        // An outline names no canvas, and one without a name is no document.
        if let Ok(Some(again)) = c.finish(again) {
            assert_eq!(canvas.content, again.content);
        }
    }
}

/// The tests of a script: what is read runs, and what can't be read is told with its line.
pub fn rule_tests(data: &[u8]) {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let files = [
            ("facts.toml", include_str!("../../scripts/facts.toml")),
            ("lib/shapes.rhai", include_str!("../../scripts/lib/shapes.rhai")),
            ("lead_scoring/default.rhai", include_str!("../../scripts/lead_scoring/default.rhai")),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        compile(Sources::new(files.into())).unwrap().0
    });
    let text = text(data);
    let reading = Reading { vocabulary: &rules.vocabulary, currency: "EUR" };
    match testing::read("default", &text, reading) {
        Ok(suite) => _ = suite.run(rules, "EUR", ""),
        Err(problems) => {
            let lines = text.matches('\n').count() + 1;
            assert!(!problems.is_empty());
            assert!(
                problems
                    .iter()
                    .all(|problem| (1..=lines).contains(&problem.line) && !problem.message.is_empty())
            );
        }
    }
}

/// A filter, or after a line's end an order: what is read can be applied, and its negation is its opposite.
pub fn filter(data: &[u8]) {
    let text = text(data);
    let (filter, order) = text.split_once('\n').unwrap_or((&text, ""));
    _ = Order::parse(order, &LEAD);
    let Ok(parsed) = Filter::parse(filter, &LEAD) else { return };
    // Everything is set, so that of a condition and its negation exactly one holds; an attribute of another type than it
    // is compared with meets neither.
    let get = |field: &Field, _: Option<&str>| {
        use assay::domain::filter::Kind;
        Some(match field.kind {
            Kind::Text | Kind::Folded | Kind::Host | Kind::Word(..) | Kind::Name(_) | Kind::Keyed => {
                Operand::Text("new".into())
            }
            Kind::Number | Kind::Points | Kind::Attribute => Operand::Number(1.0),
            Kind::Time => Operand::Time(Default::default()),
            Kind::YesNo => Operand::YesNo(true),
        })
    };
    if let Ok(negated) = Filter::parse(&format!("NOT ({filter})"), &LEAD)
        && !filter.trim().is_empty()
    {
        let (holds, fails) = (parsed.matches(&get), negated.matches(&get));
        assert!(holds != fails || filter.contains("attributes"), "{filter}");
    }
}

/// A page token, with an order before a line's end: as it stands, and as the key of a token that is well made.
pub fn page_token(data: &[u8]) {
    let text = text(data);
    let (order_by, key) = text.split_once('\n').unwrap_or(("", &text));
    let scope = format!("\n{order_by}\n");
    let made = PageRequest::read(&mut Checker::at(""), "leads", &scope, 1, "");
    let (_, sealed) = made.cut(vec![key, key], |key| (*key).to_owned(), |_| pb::Lead::default());
    for page_token in [key.to_owned(), sealed] {
        let request = pb::ListLeadsRequest { order_by: order_by.into(), page_token, ..Default::default() };
        send("/assay.v1.LeadService/ListLeads", &request.encode_to_vec());
    }
}

fn set(path: &str, text: String) -> Sources {
    let good = "grade \"A\" otherwise;".to_owned();
    let files = BTreeMap::from([("lead_scoring/default.rhai".to_owned(), good), (path.to_owned(), text)]);
    Sources::new(files)
}

/// The declarations of facts.
pub fn facts_toml(data: &[u8]) {
    if let Err(findings) = compile(set("facts.toml", text(data))) {
        assert!(findings.iter().any(|finding| finding.is_error()));
    }
}

/// A file of leads: whatever it holds, it is refused, or each row becomes a lead or is told.
pub fn csv(data: &[u8]) {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    let vocabulary = VOCABULARY.get_or_init(|| {
        let facts = include_str!("../../scripts/facts.toml");
        assay::rules::vocabulary(&set("facts.toml", facts.into())).unwrap()
    });
    let path = std::env::temp_dir().join(format!("assay-fuzz-{}.csv", std::process::id()));
    std::fs::write(&path, data).unwrap();
    let as_of = "2026-06-01T00:00:00Z".parse().unwrap();
    if let Ok(mut file) = LeadsFile::open(&path, &FileArg::default(), vocabulary, "EUR", as_of) {
        while let Ok(Some(row)) = file.read() {
            assert!(row.lead.is_ok_and(|lead| !lead.id.is_empty()) || row.row.line > 0);
        }
    }
    _ = std::fs::remove_file(&path);
}

/// A script: refused with findings, or good enough to score the made-up leads without a panic.
pub fn script(data: &[u8]) {
    // What is written in the one way stays as it is.
    if let Some(written) = format(&text(data)) {
        assert_eq!(format(&written).as_ref(), Some(&written));
    }
    match compile(set("lead_scoring/fuzzed.rhai", text(data))) {
        Ok((set, _)) => {
            if let Err(findings) = smoke(&set, "EUR") {
                assert!(!findings.is_empty());
            }
        }
        Err(findings) => {
            assert!(findings.iter().any(|finding| finding.is_error()));
            // Findings are shown with their source line, whatever stands there.
            let sources = self::set("lead_scoring/fuzzed.rhai", text(data));
            for finding in findings {
                _ = finding.render("scripts", &sources);
            }
        }
    }
}

/// A request: the first byte chooses a method, the others are its message.
pub fn request(data: &[u8]) {
    if let Some((first, message)) = data.split_first() {
        let method = &methods()[usize::from(*first) % methods().len()];
        send(&format!("/{}/{}", method.parent_service().full_name(), method.name()), message);
    }
}

/// The methods of the service that take one message and give one.
pub fn methods() -> &'static [MethodDescriptor] {
    static METHODS: OnceLock<Vec<MethodDescriptor>> = OnceLock::new();
    METHODS.get_or_init(|| {
        let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        methods.filter(|method| !method.is_client_streaming() && !method.is_server_streaming()).collect()
    })
}

/// The whole service but for its sockets, on a store of its own.
struct Service {
    runtime: Runtime,
    routes: Routes,
    _dir: tempfile::TempDir,
}

// Shared for all inputs: only ever used by one at a time.
fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("fuzz.db"), Upgrade::Allowed).unwrap());
        let settings = Settings {
            currency: "EUR".into(),
            default_profile: None,
            replica: "fuzz".into(),
            assistant: None,
            rules_mode: Default::default(),
            rules_guard: None,
            rules_source: "scripts".into(),
            retention_days: 0,
            job_lease: std::time::Duration::from_secs(30),
        };
        let app = Arc::new(App::new(store, Box::new(SystemClock), settings, 7));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sources = set("facts.toml", include_str!("../../scripts/facts.toml").into());
        assert_eq!(runtime.block_on(app.load_rules(Ok(sources))), Loaded::Good);
        let reporter = tonic_health::server::HealthReporter::new();
        let health = tonic_health::server::HealthService::from_health_reporter(reporter);
        Service { runtime, routes: assay::grpc::routes(&app, health).unwrap(), _dir: dir }
    })
}

/// Sends a message to the service; it may be refused, with details and never as a failure of the service.
fn send(method: &str, message: &[u8]) {
    let mut frame = Vec::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let request = http::Request::post(method)
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::new(Full::new(Bytes::from(frame))))
        .unwrap();
    let service = service();
    let response = service.runtime.block_on(service.routes.clone().oneshot(request)).unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        let ours =
            !matches!(status.code(), Code::Internal | Code::Unknown | Code::Unavailable | Code::DataLoss);
        // What prost can't decode is answered by tonic, and gets its details in a layer further out.
        assert!(ours || status.details().is_empty(), "{method}: {status:?}");
        assert!(!status.details().is_empty() || status.code() != Code::InvalidArgument, "{status:?}");
    }
}
