//! Resources from files into a server: what differs is shown first, and applying twice is applying once.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use prost_reflect::DynamicMessage;

use super::Done;
use super::connect::{Clients, ServerArg};
use super::documents;
use super::kinds::{self, Kind, read_document};
use super::table::{coloured, counted};
use crate::cli::output::outln;
use crate::grpc::document::Document;
use crate::grpc::{dynamic, pb};

#[derive(Args)]
#[command(after_help = "\
A file holds documents of YAML (parted by ---) or JSON: the name of a resource and its fields, as `assay get` writes them.
Fields that a document names are set, all others stay; canvases come before their segments and links, whatever the order.

  name: canvases/acme
  display_name: Acme
  kind: CANVAS_KIND_BUSINESS_MODEL
  ---
  name: canvases/acme/segments/trades
  display_name: Trades
  size: 6500

Examples:
  assay apply acme.yaml                    show what differs, ask, and apply it
  assay apply model/ --yes --author an --reason \"after the workshop\"
  assay apply model/ --dry-run             only show what differs: exit code 1 if something does")]
pub struct Apply {
    /// Files, and folders with files that end with .yaml, .yml or .json
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// Only show what differs
    #[arg(long)]
    dry_run: bool,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// Who applies, kept with each revision
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why, kept with each revision
    #[arg(long, default_value = "assay apply", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: ServerArg,
}

/// A document of a file.
struct Wanted {
    /// Where it stands.
    origin: String,
    kind: Kind,
    name: String,
    paths: Vec<String>,
    message: DynamicMessage,
}

/// What is to be done with a document.
enum Step {
    Create,
    Update { etag: String },
    Nothing,
}

impl Apply {
    pub async fn run(self) -> anyhow::Result<Done> {
        let mut wanted = self.read()?;
        if wanted.is_empty() {
            bail!("there is no document in {}", self.paths[0].display());
        }
        wanted.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        for pair in wanted.windows(2) {
            if pair[0].name == pair[1].name {
                bail!("{} stands twice: in {} and in {}", pair[0].name, pair[0].origin, pair[1].origin);
            }
        }
        let clients = Clients::connect(&self.server.server).await?;
        let mut steps = Vec::with_capacity(wanted.len());
        for document in &wanted {
            steps.push(show(&clients, document).await.with_context(|| document.origin.clone())?);
        }
        let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count();
        let created = count(|step| matches!(step, Step::Create));
        let changed = count(|step| matches!(step, Step::Update { .. }));
        let unchanged = wanted.len() - created - changed;
        outln!("{created} to create, {changed} to change, {unchanged} unchanged");
        if created + changed == 0 {
            return Ok(Done::Well);
        }
        if self.dry_run {
            return Ok(Done::No);
        }
        if !self.yes && !confirmed()? {
            eprintln!("nothing was applied");
            return Ok(Done::No);
        }
        self.carry_out(&clients, &wanted, &steps).await?;
        outln!("{} applied", counted(created + changed, "resource"));
        Ok(Done::Well)
    }

    async fn carry_out(&self, clients: &Clients, wanted: &[Wanted], steps: &[Step]) -> anyhow::Result<()> {
        let change = serde_json::json!({ "author": self.author, "reason": self.reason });
        let applying = |document: &Wanted| format!("{} ({})", document.name, document.origin);
        // Links to segments, answers to their needs, and the touchpoints that need notes, come when all are there.
        let mut again = Vec::new();
        for (document, step) in wanted.iter().zip(steps) {
            let mut message = document.message.clone();
            let paths = document.paths.clone();
            if document.kind == Kind::Canvas {
                let mut canvas: pb::Canvas = message.transcode_to()?;
                let current = match step {
                    Step::Create => None,
                    _ => document.kind.get(clients, &document.name).await?,
                };
                let current: pb::Canvas =
                    current.map(|current| current.transcode_to()).transpose()?.unwrap_or_default();
                let later: Vec<String> = without_what_is_to_come(&mut canvas, &current);
                if !later.is_empty() {
                    message = dynamic::of(&canvas, "Canvas").context("there is no such message")?;
                    again.push((document, later));
                }
            }
            let done = match step {
                Step::Create => document.kind.create(clients, &document.name, &message, &change).await,
                Step::Update { etag } if !paths.is_empty() => {
                    document.kind.update(clients, &message, etag, &paths, &change).await
                }
                Step::Update { .. } | Step::Nothing => Ok(()),
            };
            done.with_context(|| applying(document))?;
        }
        for (document, later) in again {
            let Some(current) = document.kind.get(clients, &document.name).await? else { continue };
            let later: Vec<String> = later.into_iter().filter(|path| document.paths.contains(path)).collect();
            let (_, differs) = document.kind.merged(&current, &document.message, &later)?;
            if differs {
                let etag = kinds::text_of(&current, "etag");
                let done = document.kind.update(clients, &document.message, &etag, &later, &change).await;
                done.with_context(|| applying(document))?;
            }
        }
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<Wanted>> {
        let mut files = Vec::new();
        for path in &self.paths {
            match path.is_dir() {
                true => collect(path, &mut files)?,
                false => files.push(path.clone()),
            }
        }
        let mut wanted = Vec::new();
        for path in files {
            let shown = path.display().to_string();
            for (number, json) in documents::read(&path)?.into_iter().enumerate() {
                let origin =
                    if number == 0 { shown.clone() } else { format!("{shown}, document {}", number + 1) };
                let (kind, name, paths, message) = read_document(json).with_context(|| origin.clone())?;
                wanted.push(Wanted { origin, kind, name, paths, message });
            }
        }
        Ok(wanted)
    }
}

/// Takes out of a canvas what may name a segment or a need that is not there yet, and leaves what the stored canvas has already; gives
/// the fields that are to be set when all is there.
fn without_what_is_to_come(canvas: &mut pb::Canvas, stored: &pb::Canvas) -> Vec<String> {
    let mut later = Vec::new();
    let links = canvas.links.len();
    canvas.links.retain(|link| stored.links.contains(link));
    if canvas.links.len() < links {
        later.push("links".to_owned());
    }
    let items = |note: &pb::Note| -> Vec<pb::OfferItem> {
        note.offer.iter().flat_map(|offer| offer.features.iter().chain(&offer.benefits)).cloned().collect()
    };
    let known: Vec<(String, pb::OfferItem)> = stored
        .notes
        .iter()
        .flat_map(|note| items(note).into_iter().map(|item| (note.id.clone(), item)))
        .collect();
    let mut answers = false;
    for note in &mut canvas.notes {
        let id = note.id.clone();
        let offers = note.offer.iter_mut();
        for item in offers.flat_map(|offer| offer.features.iter_mut().chain(&mut offer.benefits)) {
            let stored = known.iter().find(|(note, known)| *note == id && known.id == item.id);
            let is_stored =
                |answer: &pb::NeedRef| stored.is_some_and(|(_, known)| known.answers.contains(answer));
            let all = item.answers.len();
            item.answers.retain(is_stored);
            answers |= item.answers.len() < all;
        }
    }
    if answers {
        later.push("notes".to_owned());
    }
    later
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            collect(&path, files)?;
        } else if matches!(ending, Some("yaml" | "yml" | "json")) {
            files.push(path);
        }
    }
    Ok(())
}

/// Shows what a document would do.
async fn show(clients: &Clients, wanted: &Wanted) -> anyhow::Result<Step> {
    let Wanted { kind, name, paths, message, .. } = wanted;
    let Some(current) = kind.get(clients, name).await? else {
        outln!("{}", coloured("32", &format!("+ {name}")));
        return Ok(Step::Create);
    };
    let (merged, differs) = kind.merged(&current, message, paths)?;
    if !differs {
        return Ok(Step::Nothing);
    }
    outln!("{}", coloured("33", &format!("~ {name}")));
    let text = |resource: &DynamicMessage| yaml(&Document::of(resource));
    let (before, after) = (text(&current)?, text(&merged)?);
    let diff = similar::TextDiff::from_lines(&before, &after);
    for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
        for change in hunk.iter_changes() {
            let line = change.value().trim_end();
            match change.tag() {
                similar::ChangeTag::Delete => outln!("{}", coloured("31", &format!("  - {line}"))),
                similar::ChangeTag::Insert => outln!("{}", coloured("32", &format!("  + {line}"))),
                similar::ChangeTag::Equal => outln!("    {line}"),
            }
        }
    }
    Ok(Step::Update { etag: kinds::text_of(&current, "etag") })
}

/// A document as YAML.
pub fn yaml(document: &Document) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(document)?)
}

/// Asks; somebody who can't be asked has not agreed.
fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        eprintln!("standard input is no terminal: --yes applies without asking");
        return Ok(false);
    }
    eprint!("apply this? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
