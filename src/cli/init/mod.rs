//! Everything that a first hour needs, outside of any checkout: rules, a profile, a canvas, leads, a configuration.

mod guess;
mod lift;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use self::guess::Guess;
use super::Done;
use super::infer::Inferred;
use super::leads_file::LeadsFile;
use super::rows::FileArg;
use crate::app::{Clock as _, SystemClock};
use crate::cli::output::outln;
use crate::domain::time::Time;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay init my-rules                     for B2B software
  assay init my-shop --kind shop
  assay init my-clinic --kind clinic
  assay init my-rules --from export.csv   around the columns of a file of yours, and by what its won
                                          leads have more often than the lost ones, if it tells them")]
pub struct Init {
    /// The folder to make
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What kind of business to begin with [default: b2b, or people if a file has people]
    #[arg(long)]
    kind: Option<Kind>,
    /// Make facts.toml and a first profile out of this file, in place of sample leads
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    input: FileArg,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    B2b,
    Shop,
    Clinic,
    /// Whoever asks, such as for a course
    #[value(hide = true)]
    People,
}

const FACTS: &str = include_str!("../../../scripts/facts.toml");
const SHAPES: &str = include_str!("../../../scripts/lib/shapes.rhai");
/// The currency of the samples.
const EUR: &str = "EUR";
const CONFIG: &str = "\
# assay serve --config assay.toml; docs/configuration.md lists every key
database = \"assay.db\"
scripts = \"scripts\"
currency = \"EUR\"
";

/// What differs between kinds.
struct Template {
    person: bool,
    scoring: &'static str,
    priority: &'static str,
    /// The columns of the sample that tell of activities and contacts.
    columns: &'static str,
    profile: &'static str,
    canvas: &'static str,
    /// `{N}` stands for the day that many days ago.
    leads: &'static str,
}

impl Kind {
    fn template(self) -> Template {
        match self {
            Kind::B2b => Template {
                person: false,
                scoring: include_str!("../../../scripts/lead_scoring/default.rhai"),
                priority: include_str!("../../../scripts/segment_priority/default.rhai"),
                columns: include_str!("b2b.toml"),
                profile: include_str!("b2b.profile.json"),
                canvas: include_str!("b2b.canvas.json"),
                leads: include_str!("b2b.csv"),
            },
            Kind::Shop => Template {
                person: true,
                scoring: include_str!("../../../scripts/lead_scoring/ecommerce.rhai"),
                priority: include_str!("../../../scripts/segment_priority/ecommerce.rhai"),
                columns: include_str!("shop.toml"),
                profile: include_str!("shop.profile.json"),
                canvas: include_str!("shop.canvas.json"),
                leads: include_str!("shop.csv"),
            },
            Kind::Clinic => Template {
                person: true,
                scoring: include_str!("../../../scripts/lead_scoring/clinic.rhai"),
                priority: include_str!("../../../scripts/segment_priority/clinic.rhai"),
                columns: include_str!("clinic.toml"),
                profile: include_str!("clinic.profile.json"),
                canvas: include_str!("clinic.canvas.json"),
                leads: include_str!("clinic.csv"),
            },
            // Only made around a file, which has leads of its own.
            Kind::People => Template { scoring: include_str!("people.rhai"), ..Kind::Shop.template() },
        }
    }
}

impl Init {
    pub async fn run(self) -> anyhow::Result<Done> {
        let taken = std::fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            bail!("{} is not empty: name a new folder", self.folder.display());
        }
        match &self.from {
            None => self.with_sample(),
            Some(file) => self.around(file),
        }
    }

    fn with_sample(&self) -> anyhow::Result<Done> {
        let template = self.kind.unwrap_or(Kind::B2b).template();
        let subject = if template.person { "subject = \"person\" " } else { "subject = \"company\"" };
        let facts = FACTS.replace("subject = \"company\"", subject);
        self.write_rules(&template, &format!("{facts}\n{}", template.columns), EUR)?;
        write(&self.folder.join("profile.json"), template.profile)?;
        write(&self.folder.join("leads.csv"), &dated(template.leads, SystemClock.now()))?;
        let shown = self.folder.display();
        outln!("{shown} is made. Go on with:\n");
        outln!("  cd {shown}");
        outln!("  assay score leads.csv --profile-file profile.json      grades, with reasons");
        outln!("  assay explain leads.csv --row 1 --profile-file profile.json");
        outln!("  assay rules check                                      after an edit of scripts/");
        outln!("  assay serve --config assay.toml                        the service");
        outln!("  assay apply profile.json canvas.json                   stores both in it");
        Ok(Done::Well)
    }

    fn around(&self, file: &Path) -> anyhow::Result<Done> {
        let inferred = Inferred::of(file, &self.input)?;
        let usual = if inferred.is_person { Kind::People } else { Kind::B2b };
        let template = self.kind.unwrap_or(usual).template();
        let currency = inferred.currency().unwrap_or(EUR);
        self.write_rules(&template, &facts_of(&inferred), currency)?;
        let scripts = self.folder.join("scripts");
        let (_, compiled) = super::rules::examine(&scripts, currency);
        let (rules, _) = compiled.map_err(|findings| {
            let first = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
            anyhow::anyhow!(
                "the rules that were made of the columns can't be loaded: {first}; correct {shown}/facts.toml: \
                 `assay rules check {shown}` shows all",
                shown = scripts.display()
            )
        })?;
        let mut leads = LeadsFile::open(file, &self.input, &rules.vocabulary, currency, SystemClock.now())?;
        let guess = Guess::of(&mut leads)?;
        write(&self.folder.join("profile.json"), &guess.profile(&inferred.shown))?;

        let (shown, file) = (self.folder.display(), file.display());
        outln!("{shown} is made. profile.json is a first guess: {}.", guess.basis());
        outln!("Read scripts/facts.toml and it, correct them, and go on with:\n");
        let mut by = format!("--scripts {shown}/scripts --profile-file {shown}/profile.json");
        if currency != EUR {
            by.push_str(&format!(" --currency {currency}"));
        }
        outln!("  assay score {file} {by} --out scored.csv");
        outln!("  assay explain {file} --row 1 {by}");
        Ok(Done::Well)
    }

    /// Writes what is there of every kind.
    fn write_rules(&self, template: &Template, facts: &str, currency: &str) -> anyhow::Result<()> {
        for (path, text) in [
            ("scripts/facts.toml", facts),
            ("scripts/lib/shapes.rhai", SHAPES),
            ("scripts/lead_scoring/default.rhai", template.scoring),
            ("scripts/segment_priority/default.rhai", template.priority),
            ("canvas.json", template.canvas),
            ("assay.toml", &CONFIG.replace(EUR, currency)),
        ] {
            write(&self.folder.join(path), text)?;
        }
        Ok(())
    }
}

/// The shipped words, with the columns of a file in place of the sample's.
fn facts_of(inferred: &Inferred) -> String {
    let words_begin = FACTS.find("# Words that mean").unwrap_or_default();
    let mut words = FACTS[words_begin..].to_owned();
    let names: Vec<String> = words
        .lines()
        .filter_map(|line| line.strip_prefix("[attributes.")?.strip_suffix(']').map(str::to_owned))
        .collect();
    for (name, lines) in inferred.shipped() {
        let head = format!("[attributes.{name}]\n");
        words = words.replace(&head, &format!("{head}{lines}"));
    }
    let shown = &inferred.shown;
    let mut text = format!(
        "# Made of the columns of {shown} by `assay init`: a beginning, to be read and corrected.\n\n{}\n{words}",
        inferred.import()
    );
    text.push_str(&format!("\n# The other columns of {shown}: rules may ask for them.\n"));
    inferred.attributes(&mut text, &names.iter().map(String::as_str).collect::<Vec<_>>());
    text
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    written.with_context(|| format!("{} can't be written", path.display()))
}

/// The sample with its days: it must not grow stale.
fn dated(leads: &str, now: Time) -> String {
    let mut text = leads.to_owned();
    for days in 1..=400 {
        let mark = format!("{{{days}}}");
        if text.contains(&mark) {
            text = text.replace(&mark, &now.plus_days(-days).date());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::documents::read_profile;
    use crate::domain::check::Checker;
    use crate::grpc::{convert, dynamic, pb};

    #[test]
    fn the_profiles_and_canvases_are_such_as_the_service_takes() {
        for kind in Kind::value_variants() {
            let template = kind.template();
            let mut c = Checker::at("");
            let profile = convert::profile::content(
                &mut c,
                read_profile(serde_json::from_str(template.profile).unwrap()).unwrap(),
            );
            let canvas = serde_json::from_str(template.canvas).unwrap();
            let canvas = dynamic::from_json(dynamic::message("Canvas").unwrap(), canvas).unwrap();
            let canvas: pb::Canvas = canvas.transcode_to().unwrap();
            assert_eq!(canvas.notes.len(), 3);
            let canvas = convert::canvas::content(&mut c, canvas);
            canvas.check(&mut c);
            assert_eq!(c.finish(profile.display_name.is_empty()), Ok(false));
        }
    }
}
