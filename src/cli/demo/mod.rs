//! The main job on a made-up business, over real gRPC, then live: edit the rules and see the grades move.

mod sample;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Done;
use super::connect::{Clients, OwnServer};
use super::score::{grade_or_status, grades_table};
use super::table::bold;
use crate::cli::output::{ended, out, outln};
use crate::config::Settings;
use crate::grpc::pb::{self, score_lead_request, score_leads_response, upsert_lead_result};

/// The scripts that ship, for a demo away from a checkout.
const SHIPPED: [(&str, &str); 8] = [
    ("facts.toml", include_str!("../../../scripts/facts.toml")),
    ("lib/shapes.rhai", include_str!("../../../scripts/lib/shapes.rhai")),
    ("lead_scoring/default.rhai", include_str!("../../../scripts/lead_scoring/default.rhai")),
    ("lead_scoring/ecommerce.rhai", include_str!("../../../scripts/lead_scoring/ecommerce.rhai")),
    ("lead_scoring/clinic.rhai", include_str!("../../../scripts/lead_scoring/clinic.rhai")),
    ("segment_priority/default.rhai", include_str!("../../../scripts/segment_priority/default.rhai")),
    ("segment_priority/ecommerce.rhai", include_str!("../../../scripts/segment_priority/ecommerce.rhai")),
    ("segment_priority/clinic.rhai", include_str!("../../../scripts/segment_priority/clinic.rhai")),
];

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay demo                         show, then serve on; edit the rules and see the grades move
  assay demo --once                  show and exit
  assay demo --leads 500 --seed 7    another business")]
pub struct Demo {
    /// Exit after showing
    #[arg(long)]
    once: bool,
    /// How many leads the made-up business has
    #[arg(long, default_value = "2000", value_parser = clap::value_parser!(u32).range(1..=200_000), value_name = "N")]
    leads: u32,
    /// Decides what the business looks like
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The folder with the rules; made with the shipped ones where it is missing
    #[arg(long, env = "ASSAY_SCRIPTS", default_value = "scripts", value_name = "DIR")]
    scripts: PathBuf,
    /// The address to serve on [default: any free port of this machine]
    #[arg(long, env = "ASSAY_LISTEN", value_name = "ADDR")]
    listen: Option<std::net::SocketAddr>,
    /// Serve beyond this machine although there are no credentials yet
    #[arg(long, env = "ASSAY_INSECURE")]
    insecure: bool,
}

impl Demo {
    pub async fn run(self) -> anyhow::Result<Done> {
        if !self.scripts.exists() {
            ship(&self.scripts)?;
            outln!("wrote the shipped rules to {}", self.scripts.display());
        }
        let settings = Settings { listen: self.listen, insecure: Some(self.insecure), ..Settings::default() };
        let server = OwnServer::start(self.scripts.clone(), settings).await?;
        let clients = &server.clients;
        let address = server.url.trim_start_matches("http://");
        outln!("Serving gRPC on {address}, storing in a temporary SQLite file.\n");

        set_up(clients).await?;
        let names = self.store_leads(clients).await?;
        outln!("{}", bold(&format!("{} leads, scored over gRPC", names.len())));
        let (scores, failures) = score_all(clients, &names, true).await?;
        report(&failures);
        let grades = tally(&scores);
        out!("{}", grades_table(&grades));

        outln!();
        let shown = one_to_explain(&scores).context("no lead was scored")?;
        let lead =
            clients.leads().get_lead(pb::GetLeadRequest { name: shown.lead.clone(), revision: 0 }).await?;
        out!("{}", super::explain::render(&super::explain::title(&lead.into_inner()), shown));

        outln!("\n{}", bold("Segments, the one most worth serving first"));
        let request = pb::PrioritizeSegmentsRequest { parent: sample::CANVAS.into(), script: String::new() };
        let ranking = clients.segments().prioritize_segments(request).await?.into_inner();
        out!("{}", super::segments::render(&ranking.priorities, false));

        if !self.once {
            self.follow(clients, &names, grades, address).await?;
        }
        server.stop().await?;
        Ok(Done::Well)
    }

    async fn store_leads(&self, clients: &Clients) -> anyhow::Result<Vec<String>> {
        use crate::app::{Clock as _, SystemClock};
        let now = SystemClock.now().micros() / 1_000_000;
        let leads = sample::leads(self.leads as usize, self.seed, now);
        let mut names = Vec::with_capacity(leads.len());
        let mut happened = Vec::new();
        for batch in leads.chunks(500) {
            let item = |l: &sample::SampleLead| pb::UpsertLead {
                id: l.id.clone(),
                lead: Some(l.lead.clone()),
                ..Default::default()
            };
            let items = batch.iter().map(item);
            let request = pb::BatchUpsertLeadsRequest {
                system: "crm".into(),
                items: items.collect(),
                ..Default::default()
            };
            let results = clients.leads().batch_upsert_leads(request).await?.into_inner().results;
            for (sample, result) in batch.iter().zip(results) {
                match result.result {
                    Some(upsert_lead_result::Result::Lead(lead)) => {
                        happened.push((lead.name.clone(), sample.activities.clone()));
                        names.push(lead.name);
                    }
                    Some(upsert_lead_result::Result::Error(error)) => anyhow::bail!("{}", error.message),
                    None => anyhow::bail!("the server gave no answer for {}", result.id),
                }
            }
        }
        let recorded = futures::stream::iter(happened.into_iter().filter(|(_, a)| !a.is_empty()))
            .map(|(lead, activities)| async move {
                clients
                    .leads()
                    .record_activities(pb::RecordActivitiesRequest { lead, activities, ..Default::default() })
                    .await
            })
            .buffer_unordered(64)
            .filter_map(|result| async { result.err() });
        match std::pin::pin!(recorded).next().await {
            Some(error) => Err(error.into()),
            None => Ok(names),
        }
    }

    /// Shows how the grades move whenever the rules change, until interrupted.
    async fn follow(
        &self,
        clients: &Clients,
        names: &[String],
        mut grades: BTreeMap<String, usize>,
        address: &str,
    ) -> anyhow::Result<()> {
        let script = self.scripts.join("lead_scoring/default.rhai");
        outln!("\nNow edit {} and save: the grades move here. Or call the server:", script.display());
        let lead = names.first().map_or("leads/…", String::as_str);
        outln!("  assay explain {lead} --server http://{address}");
        outln!("  assay canvas show {} --server http://{address}", sample::CANVAS);
        outln!(
            "  buf curl --http2-prior-knowledge --protocol grpc -d '{{}}' http://{address}/assay.v1.RuleService/GetRuleStatus"
        );
        outln!("Ctrl-C ends it.");
        let mut seen = status(clients).await?;
        let mut stop = std::pin::pin!(crate::shutdown::requested());
        loop {
            tokio::select! {
                ended = &mut stop => return Ok(ended?),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
            if ended() {
                return Ok(());
            }
            let now = status(clients).await?;
            if let Some(pending) = &now.pending
                && seen.pending.as_ref() != Some(pending)
            {
                outln!("\nThat change can't be loaded; the rules in force stay:");
                let errors = pending.diagnostics.iter();
                for finding in errors.filter(|finding| finding.severity() == pb::DiagnosticSeverity::Error) {
                    let place = format!("{}:{}:{}", finding.file, finding.line, finding.column);
                    let help =
                        if finding.help.is_empty() { String::new() } else { format!(" ({})", finding.help) };
                    outln!("  {place}: error[{}]: {}{help}", finding.code, finding.message);
                }
            }
            if now.pending.is_none() && seen.pending.is_some() {
                outln!("\nMended.");
            }
            let id = |status: &pb::RuleStatus| status.active.as_ref().map(|active| active.rule_set.clone());
            if id(&now) != id(&seen) {
                let (scores, failures) = score_all(clients, names, false).await?;
                let after = tally(&scores);
                outln!("\nNew rules are in force. {}", bold("Grades before → after"));
                for grade in grades.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>() {
                    let count = |grades: &BTreeMap<String, usize>| grades.get(grade).copied().unwrap_or(0);
                    outln!("  {grade}: {} → {}", count(&grades), count(&after));
                }
                report(&failures);
                grades = after;
            }
            seen = now;
        }
    }
}

async fn status(clients: &Clients) -> anyhow::Result<pb::RuleStatus> {
    Ok(clients.rules().get_rule_status(pb::GetRuleStatusRequest {}).await?.into_inner())
}

/// Makes the canvas with its segments and personas, and the profile.
async fn set_up(clients: &Clients) -> anyhow::Result<()> {
    let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let request = pb::CreateCanvasRequest {
        canvas: Some(sample::canvas()),
        canvas_id: id(sample::CANVAS),
        ..Default::default()
    };
    clients.canvases().create_canvas(request).await?;
    for (segment_id, segment, persona) in sample::segments() {
        let request = pb::CreateSegmentRequest {
            parent: sample::CANVAS.into(),
            segment: Some(segment),
            segment_id: segment_id.into(),
            ..Default::default()
        };
        let segment = clients.segments().create_segment(request).await?.into_inner();
        let persona = Some(persona);
        let request = pb::CreatePersonaRequest {
            parent: segment.name,
            persona,
            persona_id: "main".into(),
            ..Default::default()
        };
        clients.segments().create_persona(request).await?;
    }
    let mut canvas = clients
        .canvases()
        .get_canvas(pb::GetCanvasRequest { name: sample::CANVAS.into(), ..Default::default() })
        .await?
        .into_inner();
    canvas.links.extend(sample::segment_links());
    let mask = prost_types::FieldMask { paths: vec!["links".into()] };
    let request =
        pb::UpdateCanvasRequest { canvas: Some(canvas), update_mask: Some(mask), ..Default::default() };
    clients.canvases().update_canvas(request).await?;
    let request = pb::CreateProfileRequest {
        profile: Some(sample::profile()),
        profile_id: id(sample::PROFILE),
        ..Default::default()
    };
    clients.profiles().create_profile(request).await?;
    Ok(())
}

/// Scores the leads; gives the scores, and why leads could not be scored.
async fn score_all(
    clients: &Clients,
    names: &[String],
    record: bool,
) -> anyhow::Result<(Vec<pb::Score>, Vec<String>)> {
    let (requests, outgoing) = mpsc::channel(64);
    let names = names.to_vec();
    let sender = tokio::spawn(async move {
        for name in names {
            let subject = Some(score_lead_request::Subject::Lead(name.clone()));
            let request = Some(pb::ScoreLeadRequest { subject, record, ..Default::default() });
            if requests.send(pb::ScoreLeadsRequest { id: name, request }).await.is_err() {
                return;
            }
        }
    });
    let mut answers = clients.scoring().score_leads(ReceiverStream::new(outgoing)).await?.into_inner();
    let (mut scores, mut failures) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.message().await? {
        match answer.result {
            Some(score_leads_response::Result::Score(score)) => scores.push(score),
            Some(score_leads_response::Result::Error(error)) => failures.push(error.message),
            None => anyhow::bail!("the server gave no answer for {}", answer.id),
        }
    }
    sender.await?;
    Ok((scores, failures))
}

/// Says how many leads could not be scored, and why the first of them.
fn report(failures: &[String]) {
    if let Some(first) = failures.first() {
        outln!("  {} could not be scored: {first}", failures.len());
    }
}

fn tally(scores: &[pb::Score]) -> BTreeMap<String, usize> {
    let mut grades = BTreeMap::new();
    for score in scores {
        *grades.entry(grade_or_status(score)).or_default() += 1;
    }
    grades
}

/// A good lead of which something is unknown, so that there is something to see.
fn one_to_explain(scores: &[pb::Score]) -> Option<&pb::Score> {
    let telling = |score: &&pb::Score| score.grade == "A" && (1..=3).contains(&score.unknowns.len());
    scores.iter().find(telling).or_else(|| scores.iter().max_by_key(|score| score.total_hundredths))
}

/// Writes the rules that ship with the program.
fn ship(folder: &Path) -> anyhow::Result<()> {
    for (path, text) in SHIPPED {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} can't be made", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(())
}
