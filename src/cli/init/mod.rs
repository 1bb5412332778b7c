//! Everything that a first hour needs, outside of any checkout: rules, a profile, a canvas, leads, a configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::Done;
use crate::app::{Clock as _, SystemClock};
use crate::cli::output::outln;
use crate::domain::time::Time;

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay init my-rules                     for B2B software
  assay init my-shop --kind shop
  assay init my-clinic --kind clinic")]
pub struct Init {
    /// The folder to make
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What kind of business to begin with
    #[arg(long, default_value = "b2b")]
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    B2b,
    Shop,
    Clinic,
}

const FACTS: &str = include_str!("../../../scripts/facts.toml");
const SHAPES: &str = include_str!("../../../scripts/lib/shapes.rhai");
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
        }
    }
}

impl Init {
    pub async fn run(self) -> anyhow::Result<Done> {
        let taken = std::fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            bail!("{} is not empty: name a new folder", self.folder.display());
        }
        let template = self.kind.template();
        let subject = if template.person { "subject = \"person\" " } else { "subject = \"company\"" };
        let facts = FACTS.replace("subject = \"company\"", subject);
        let files = [
            ("scripts/facts.toml", format!("{facts}\n{}", template.columns)),
            ("scripts/lib/shapes.rhai", SHAPES.to_owned()),
            ("scripts/lead_scoring/default.rhai", template.scoring.to_owned()),
            ("scripts/segment_priority/default.rhai", template.priority.to_owned()),
            ("profile.json", template.profile.to_owned()),
            ("canvas.json", template.canvas.to_owned()),
            ("leads.csv", dated(template.leads, SystemClock.now())),
            ("assay.toml", CONFIG.to_owned()),
        ];
        for (path, text) in files {
            write(&self.folder.join(path), &text)?;
        }
        let shown = self.folder.display();
        outln!("{shown} is made. Go on with:\n");
        outln!("  cd {shown}");
        outln!("  assay score leads.csv --profile-file profile.json      grades, with reasons");
        outln!("  assay explain leads.csv --row 1 --profile-file profile.json");
        outln!("  assay rules check                                      after an edit of scripts/");
        outln!(
            "  assay serve --config assay.toml                        the service; profile.json and canvas.json are"
        );
        outln!(
            "                                                         bodies for CreateProfile and CreateCanvas"
        );
        Ok(Done::Well)
    }
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
    use crate::cli::json;
    use crate::domain::check::Checker;
    use crate::grpc::{convert, pb};

    #[test]
    fn the_profiles_and_canvases_are_such_as_the_service_takes() {
        for kind in Kind::value_variants() {
            let template = kind.template();
            let mut c = Checker::at("");
            let profile = convert::profile::content(&mut c, json::profile(template.profile).unwrap());
            let canvas = json::message("assay.v1.Canvas", template.canvas).unwrap();
            let canvas: pb::Canvas = canvas.transcode_to().unwrap();
            assert_eq!(canvas.notes.len(), 3);
            let canvas = convert::canvas::content(&mut c, canvas);
            canvas.check(&mut c);
            assert_eq!(c.finish(profile.display_name.is_empty()), Ok(false));
        }
    }
}
