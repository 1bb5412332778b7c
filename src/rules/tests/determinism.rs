//! The same rules, facts and time give the same bytes: whichever way the files come, and however many threads there are.

use std::collections::BTreeSet;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::domain::text::hex;

const LOADS: u64 = 100;

fn some_leads(rules: &RuleSet) -> Vec<LeadContent> {
    let mut random = SmallRng::seed_from_u64(7);
    let one = |number: usize| {
        let company = Company {
            display_name: format!("Company {number}"),
            employees: Some(random.random_range(1..2_000)),
            country: ["DE", "FR", "US", ""][random.random_range(0..4)].into(),
            ..Company::default()
        };
        let mut lead = LeadContent::of(Subject::Company(company));
        for (name, attribute) in &rules.vocabulary.attributes {
            let value = match &attribute.kind {
                crate::domain::vocabulary::AttributeType::Number => {
                    Value::Number(random.random_range(0.0..1.0))
                }
                crate::domain::vocabulary::AttributeType::YesNo => Value::YesNo(random.random()),
                crate::domain::vocabulary::AttributeType::Choice(words) => {
                    Value::Text(words[random.random_range(0..words.len())].clone())
                }
                _ => continue,
            };
            if random.random() {
                lead.attributes.insert(name.clone(), FactValue::of(value));
            }
        }
        lead
    };
    (0..20).map(one).collect()
}

/// Everything that all scripts make of some leads, as one digest.
fn digest(rules: &RuleSet, threads: usize) -> String {
    let profile = ProfileContent::default();
    let leads = some_leads(rules);
    let scripts: Vec<_> = rules.scripts().filter(|script| script.kind == ScriptKind::LeadScoring).collect();
    let pairs: Vec<_> =
        scripts.iter().flat_map(|script| leads.iter().map(move |lead| (script, lead))).collect();
    let as_of = Time::from_micros(1_780_000_000_000_000).unwrap();
    let (rules, profile) = (&rules, &profile);
    let scored: Vec<Vec<String>> = std::thread::scope(|scope| {
        let part = |pairs| {
            let one = move |(script, lead): &(&&std::sync::Arc<Script>, &LeadContent)| {
                let facts = LeadFacts {
                    lead,
                    activities: &[],
                    profile,
                    created: None,
                    as_of,
                    currency: "EUR",
                    vocabulary: &rules.vocabulary,
                };
                let assessment = rules.assess(script, facts).unwrap();
                let outlook = rules.outlook(script, facts, &assessment);
                serde_json::to_string(&(assessment, outlook)).unwrap()
            };
            move || <[_]>::iter(pairs).map(one).collect::<Vec<String>>()
        };
        let running: Vec<_> =
            pairs.chunks(pairs.len().div_ceil(threads)).map(|pairs| scope.spawn(part(pairs))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    hex(&Sha256::digest(scored.concat().join("\n")))
}

#[test]
fn a_hundred_loads_in_any_order_and_on_any_number_of_threads_give_the_same_bytes() {
    let shipped = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")).unwrap();
    let mut found = BTreeSet::new();
    for load in 0..LOADS {
        // Files are written, and so listed by the file system, in another order each time.
        let folder = tempfile::tempdir().unwrap();
        let mut files: Vec<_> = shipped.iter().collect();
        files.shuffle(&mut SmallRng::seed_from_u64(load));
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (rules, _) = compile(Sources::read(folder.path()).unwrap()).unwrap();
        let threads = 1 + usize::try_from(load % 8).unwrap();
        found.insert((rules.id.clone(), digest(&rules, threads)));
    }
    assert_eq!(found.len(), 1, "{found:?}");
}
