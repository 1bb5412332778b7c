//! A bounded run of the fuzz targets on the stable toolchain: seeded mutations of good inputs, the same each time.
//! `make fuzz` searches further, guided by coverage.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod targets;

use std::time::{Duration, Instant};

use assay::grpc::pb;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// How many inputs each target gets.
const INPUTS: usize = 4_000;
/// What no input may take, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, target) in targets::TARGETS {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        let seeds = seeds(name);
        let mut random = SmallRng::seed_from_u64(7);
        let (begin, mut longest) = (Instant::now(), Duration::ZERO);
        for i in 0..INPUTS {
            let input = match () {
                () if i < seeds.len() => seeds[i].clone(),
                // Changed bytes are seldom a message; most of what a caller gets wrong is inside one.
                () if name == "request" && i % 4 > 0 => strange_request(&mut random),
                () => mutated(&mut random, &seeds),
            };
            let begin = Instant::now();
            let outcome = std::panic::catch_unwind(|| target(&input));
            if outcome.is_err() || begin.elapsed() > PATIENCE {
                let (path, took) = (std::env::temp_dir().join(format!("assay-fuzz-{name}")), begin.elapsed());
                std::fs::write(&path, &input).unwrap();
                panic!("{name} broke its promise after {took:?}; the input is in {}", path.display());
            }
            longest = longest.max(begin.elapsed());
        }
        println!("{name}: {INPUTS} inputs in {:.1?}, the longest {longest:.1?}", begin.elapsed());
    }
}

/// Good inputs, from which the others are made.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "filter" => &[
            "grade = \"A\" AND (country = DE OR country = 'AT') AND NOT stage = LEAD_STAGE_MQL\ntotal desc",
            "-owner:*\nname",
            "external_ids.\"crm\" != 7 AND update_time >= 2026-11-21T00:00:00Z AND stale = true",
            "total <= -12.5 OR employees > 1e9 OR source:\"web \\\" site\"",
        ],
        "page_token" => &[
            "\n0123456789abcdef6c656164732f61",
            "total desc\n00112233445566777b226b6579223a7b224e756d626572223a312e307d2c226e616d65223a2278227d",
        ],
        "facts_toml" => &[
            include_str!("../../scripts/facts.toml"),
            "[activities]\nvisit = { meaning = \"A visit\" }\n[attributes]\nx = { type = \"choice\", choices = [\"a\"] }\n",
        ],
        "csv" => &[
            "id,display_name,employees,country,budget,is_partner\n1,Acme,120,DE,20000,yes\n2,\"A \"\"b\"\"\",,AT,,no\n",
            "name;x\n\u{FEFF}a,b\n",
        ],
        "script" => &[
            include_str!("../../scripts/lead_scoring/default.rhai"),
            include_str!("../../scripts/lead_scoring/clinic.rhai"),
            "rule \"a\" when known(employees) and employees in 1..5 then 3 because `x ${employees}`;\ngrade \"A\" otherwise;",
            "fn f(x) { switch x { 1 => 2, _ => x * 3 } }\nconst C = 5;\nrule \"b\" when f(C) > 2 then f(2) because \"y\";",
        ],
        "rule_tests" => &[
            include_str!("../../examples/default.test.toml"),
            "as_of = 2026-06-01\nsubject = \"person\"\n[profile]\ncriteria = [{ id = \"a\", fact = \"city\", in = [\"Rome\"] }]\n\n[[case]]\nname = \"a\"\nfacts = { birth_year = 1990, city = \"Rome\" }\nexpect = { total = { at_least = 1 }, error = \"x\" }\n",
        ],
        "canvas" => &[
            include_str!("../service/model.bmml"),
            "name: canvases/a\ndisplay_name: A\nkind: CANVAS_KIND_BUSINESS_MODEL\nnotes:\n- {id: n, block: Kênh, text: Một, tags: [t]}\nlinks:\n- {kind: LINK_KIND_REACHES, from: n, to: canvases/a/segments/s}\n---\nname: canvases/a/segments/s\ndisplay_name: S\nneeds: [{kind: NEED_KIND_PAIN, text: x}]\n---\nname: canvases/a/segments/s/personas/p\ndisplay_name: P\n",
            "# Phở\n## Kênh truyền hình\n- Cửa hàng\n## Customer Segments\n- Workshops\n  - Cash\n",
            "[{\"name\": \"canvases/a\", \"kind\": \"CANVAS_KIND_LEAN\", \"display_name\": \"A\", \"notes\": [{\"block\": \"BLOCK_PROBLEM\", \"text\": \"x\"}]}]",
        ],
        _ => return requests(),
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn requests() -> Vec<Vec<u8>> {
    let company = pb::Company { display_name: "Acme".into(), employees: Some(3), ..Default::default() };
    let lead = pb::Lead {
        subject: Some(pb::lead::Subject::Company(company)),
        external_ids: [("crm".to_owned(), "1".to_owned())].into(),
        ..Default::default()
    };
    let create =
        pb::CreateLeadRequest { lead: Some(lead.clone()), request_id: "r".into(), ..Default::default() };
    let batch = pb::BatchUpsertLeadsRequest {
        system: "crm".into(),
        items: vec![pb::UpsertLead { id: "1".into(), lead: Some(lead.clone()), ..Default::default() }],
        ..Default::default()
    };
    let list =
        pb::ListLeadsRequest { filter: "grade = A".into(), order_by: "total".into(), ..Default::default() };
    let inline = pb::InlineLead { lead: Some(lead), activities: vec![pb::Activity::default()] };
    let score = pb::ScoreLeadRequest {
        subject: Some(pb::score_lead_request::Subject::Inline(inline)),
        profile_choice: Some(pb::score_lead_request::ProfileChoice::InlineProfile(pb::Profile::default())),
        ..Default::default()
    };
    let canvas = pb::CreateCanvasRequest {
        canvas: Some(pb::Canvas { display_name: "x".into(), kind: 1, ..Default::default() }),
        ..Default::default()
    };
    let messages = [
        create.encode_to_vec(),
        batch.encode_to_vec(),
        list.encode_to_vec(),
        score.encode_to_vec(),
        canvas.encode_to_vec(),
    ];
    // Each message is sent to every method: most find it strange.
    (0..80_u8)
        .flat_map(|method| messages.iter().map(move |message| [&[method], message.as_slice()].concat()))
        .collect()
}

/// A message of some method's type with strange contents.
fn strange_request(random: &mut SmallRng) -> Vec<u8> {
    let methods = targets::methods();
    let method = random.random_range(0..methods.len());
    let message = strange(random, methods[method].input(), 0);
    [&[u8::try_from(method).unwrap()], message.encode_to_vec().as_slice()].concat()
}

fn strange(random: &mut SmallRng, kind: MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    for field in kind.fields() {
        // Deep down most is left out, so that messages end.
        if !random.random_bool(if depth < 4 { 0.6 } else { 0.1 }) {
            continue;
        }
        let count = random.random_range(0..4);
        let value = if field.is_map() {
            Value::Map(
                (0..count)
                    .map(|_| (MapKey::String(word(random)), map_value(random, &field, depth)))
                    .collect(),
            )
        } else if field.is_list() {
            Value::List((0..count).map(|_| one(random, &field.kind(), depth)).collect())
        } else {
            one(random, &field.kind(), depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn map_value(random: &mut SmallRng, field: &FieldDescriptor, depth: usize) -> Value {
    let Kind::Message(entry) = field.kind() else { unreachable!("the entries of a map are messages") };
    one(random, &entry.map_entry_value_field().kind(), depth)
}

fn one(random: &mut SmallRng, kind: &Kind, depth: usize) -> Value {
    const NUMBERS: [i64; 9] = [0, 1, -1, 7, 100, i64::MAX, i64::MIN, 1_780_000_000, 1 << 40];
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    match kind {
        Kind::Message(kind) => Value::Message(strange(random, kind.clone(), depth + 1)),
        Kind::Enum(_) => Value::EnumNumber(random.random_range(-1..9)),
        Kind::String => Value::String(word(random)),
        Kind::Bytes => Value::Bytes(word(random).into_bytes().into()),
        Kind::Bool => Value::Bool(random.random()),
        Kind::Double => {
            const STRANGE: [f64; 7] = [0.0, -0.0, f64::NAN, f64::INFINITY, 0.5, -1e300, 1e-300];
            Value::F64(STRANGE[random.random_range(0..STRANGE.len())])
        }
        Kind::Float => Value::F32(number as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
    }
}

fn word(random: &mut SmallRng) -> String {
    const WORDS: [&str; 26] = [
        "",
        "a",
        "acme",
        "leads/acme",
        "profiles/main",
        "canvases/c",
        "canvases/c/segments/s",
        "canvases/c/segments/s/personas/p",
        "leads/acme/scores/1",
        "crm",
        "default",
        "EUR",
        "DE",
        "industry",
        "employees",
        "page_visit",
        "champion",
        "owner",
        "grade = A",
        "total desc",
        "*",
        "company.employees",
        "\0",
        "\u{202E}\u{FEFF}",
        "' OR 1 = 1 --",
        "rule \"a\" when true then 1 because \"x\"; grade \"A\" otherwise;",
    ];
    match random.random_range(0..30) {
        0 => "x".repeat(random.random_range(0..5_000)),
        n => WORDS[n % WORDS.len()].to_owned(),
    }
}

/// Some seed with some of its bytes changed, moved, repeated, or mixed with those of another.
fn mutated(random: &mut SmallRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..20)).min(input.len());
        match random.random_range(0..7) {
            0 if at < input.len() => input[at] = random.random(),
            1 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            2 => drop(input.drain(at..end)),
            3 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..=other.len());
                let part = other[from..(from + random.random_range(0..40)).min(other.len())].to_vec();
                input.splice(at..end, part);
            }
            5 => {
                let sharp: [&[u8]; 10] = [
                    b"\0",
                    b"\xFF",
                    b"\"",
                    b"((((",
                    b"-",
                    b"99999999999999999999",
                    b"\n",
                    "\u{202E}".as_bytes(),
                    b"NaN",
                    b"${",
                ];
                let part = sharp[random.random_range(0..sharp.len())].to_vec();
                input.splice(at..at, part);
            }
            _ => input.truncate(at),
        }
    }
    input
}
