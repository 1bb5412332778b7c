//! What it costs to learn a scorecard: 10,000 and 1,000,000 accounts with 30 columns, against optbinning with scikit-learn's logistic
//! regression on the same accounts, in the same run.
//!
//! `make bench-derive`, which installs optbinning; without it, `cargo bench --bench derive` measures this side alone and says so.

// Whatever goes wrong here ends the run, and is meant to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use assay::domain::scorecard::learn::{Scorecard, Verdict, Wanted, examine};
use assay::domain::scorecard::measure::Quality;
use assay::domain::scorecard::sample::{Column, Sample, UNKNOWN, Values};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

const COLUMNS: usize = 30;
/// Of them so many hold words.
const OF_WORDS: usize = 8;
/// Of them so many matter.
const THAT_MATTER: usize = 10;

fn main() {
    for (rows, rounds) in [(10_000, 5), (1_000_000, 1)] {
        let sample = made(rows);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let data = folder.join(format!("derive-{rows}.bin"));
        write(&sample, &data);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(learnt(&sample));
            theirs.extend(by_optbinning(&data, rows));
        }
        std::fs::remove_file(&data).unwrap();
        let seconds = median(&mut ours);
        println!("{rows:>9} x {COLUMNS}: {seconds:.2} s, peak resident {} MiB with the data", resident());
        match theirs.is_empty() {
            true => println!("          optbinning was not measured: OPTBINNING names no Python that has it"),
            false => {
                let other = median(&mut theirs);
                println!("          optbinning {other:.2} s: {:.1} times as long", other / seconds);
            }
        }
    }
}

/// Accounts of which ten columns matter: seven of numbers, three of words; a tenth of each column is not known.
fn made(rows: usize) -> Sample {
    let mut random = SmallRng::seed_from_u64(1);
    let mut odds = vec![-1.0; rows];
    let columns = (0..COLUMNS).map(|column| {
        let matters = column % (COLUMNS / THAT_MATTER) == 0;
        let name = format!("c{column}");
        let is_words = column >= COLUMNS - OF_WORDS;
        if is_words {
            let words = (0..12).map(|word| format!("word {word}")).collect();
            let places = odds.iter_mut().map(|odds| {
                let place = random.random_range(0..12_u32);
                if matters {
                    *odds += if place < 3 { 0.8 } else { -0.2 };
                }
                if random.random_range(0..10) == 0 { UNKNOWN } else { place }
            });
            return Column { name, values: Values::Words { words, places: places.collect() } };
        }
        let numbers = odds.iter_mut().map(|odds| {
            let number: f64 = random.random_range(0.0..100.0);
            if matters {
                *odds += (number - 50.0) / 60.0;
            }
            if random.random_range(0..10) == 0 { f64::NAN } else { number }
        });
        Column { name, values: Values::Numbers(numbers.collect()) }
    });
    let columns: Vec<Column> = columns.collect();
    let won = odds.iter().map(|odds| random.random::<f64>() < 1.0 / (1.0 + (-odds).exp())).collect();
    Sample { columns, won }
}

/// Learns once; gives the seconds, having made sure that what matters was found.
fn learnt(sample: &Sample) -> f64 {
    let begin = Instant::now();
    let mut examined = examine(sample, &[]);
    let card = Scorecard::learn(sample, &mut examined, Wanted::default()).unwrap();
    let took = begin.elapsed().as_secs_f64();
    let used = examined.iter().filter(|column| column.verdict == Verdict::Used).count();
    assert_eq!(used, THAT_MATTER);
    let chances: Vec<f64> = card.totals(sample).into_iter().map(|total| card.chance(total)).collect();
    let auc = Quality::of(&chances, &sample.won).auc;
    assert!(auc > 0.75, "{auc}");
    took
}

/// The columns one after the other as little-endian doubles, words by their places, then the outcomes.
fn write(sample: &Sample, path: &Path) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    for column in &sample.columns {
        let numbers: Vec<f64> = match &column.values {
            Values::Numbers(numbers) => numbers.clone(),
            Values::Words { places, .. } => places
                .iter()
                .map(|place| if *place == UNKNOWN { f64::NAN } else { f64::from(*place) })
                .collect(),
        };
        numbers.iter().for_each(|number| file.write_all(&number.to_le_bytes()).unwrap());
    }
    sample.won.iter().for_each(|won| file.write_all(&f64::from(u8::from(*won)).to_le_bytes()).unwrap());
}

fn by_optbinning(data: &Path, rows: usize) -> Option<f64> {
    let python = std::env::var_os("OPTBINNING")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/derive_peer.py");
    let output = Command::new(python)
        .arg(script)
        .arg(data)
        .args([rows.to_string(), COLUMNS.to_string(), OF_WORDS.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    println!("          {}", told.trim());
    told.split_whitespace().nth(1).and_then(|seconds| seconds.parse().ok())
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The most memory that this process has had, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}
