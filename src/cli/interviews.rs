//! `assay interviews`: notes of conversations, and what a model proposes to make of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::connect::{Clients, ServerArg};
use super::output::{out, outln};
use super::table::{Table, bold, plain};
use super::{Done, operation};
use crate::grpc::{dynamic, pb};

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  assay interviews add leads/acme notes.txt --title \"First call\"
  assay interviews list canvases/main/segments/trades
  assay interviews propose leads/acme                    criteria, pains and roles, each with the words it rests on")]
pub enum Interviews {
    /// Note a conversation with a lead or about a segment
    Add(Add),
    /// List the conversations with a lead or about a segment
    List(Of),
    /// Show the notes of a conversation
    Show(One),
    /// Erase the notes of a conversation
    Delete(One),
    /// Have notes read by the model that the server is configured with; nothing is applied
    Propose(Propose),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay interviews add leads/acme notes.txt --title \"First call\"
  assay interviews add canvases/main/segments/trades -")]
pub struct Add {
    /// leads/{lead} or canvases/{canvas}/segments/{segment}
    #[arg(value_name = "PARENT")]
    parent: String,
    /// The notes, as plain text; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it was about
    #[arg(long, default_value = "", value_name = "TEXT")]
    title: String,
    /// Who notes it
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay interviews list leads/acme")]
pub struct Of {
    /// leads/{lead} or canvases/{canvas}/segments/{segment}
    #[arg(value_name = "PARENT")]
    parent: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay interviews show leads/acme/interviews/first
  assay interviews delete leads/acme/interviews/first")]
pub struct One {
    /// The interview's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  assay interviews propose leads/acme
  assay interviews propose leads/acme/interviews/first canvases/main/segments/trades --json")]
pub struct Propose {
    /// Interviews, or leads and segments for all of theirs
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Write everything as JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

impl Interviews {
    pub async fn run(self) -> anyhow::Result<Done> {
        match self {
            Interviews::Add(add) => add.run().await,
            Interviews::List(of) => of.run().await,
            Interviews::Show(one) => one.show().await,
            Interviews::Delete(one) => one.delete().await,
            Interviews::Propose(propose) => propose.run().await,
        }
    }
}

async fn all_of(clients: &Clients, parent: &str) -> anyhow::Result<Vec<pb::Interview>> {
    let mut request =
        pb::ListInterviewsRequest { parent: parent.into(), page_size: 1_000, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = clients.interviews().list_interviews(request.clone()).await?.into_inner();
        found.extend(page.interviews);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<Done> {
        let text = match self.file == Path::new("-") {
            true => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
                text
            }
            false => std::fs::read_to_string(&self.file)
                .with_context(|| format!("{} can't be read", self.file.display()))?,
        };
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::CreateInterviewRequest {
            parent: self.parent,
            interview: Some(pb::Interview { title: self.title, text, ..Default::default() }),
            change: Some(pb::Change { author: self.author, reason: String::new() }),
            ..Default::default()
        };
        let created = clients.interviews().create_interview(request).await?.into_inner();
        outln!("{}", created.name);
        Ok(Done::Well)
    }
}

impl Of {
    async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let mut table = Table::new(&["interview", "noted", "title", "characters"], &[3]);
        for interview in all_of(&clients, &self.parent).await? {
            let noted = interview.create_time.map(|time| time.to_string()).unwrap_or_default();
            let noted = noted.split('T').next().unwrap_or_default().to_owned();
            table.row([interview.name, noted, interview.title, interview.text.chars().count().to_string()]);
        }
        out!("{}", table.render());
        Ok(Done::Well)
    }
}

impl One {
    async fn show(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::GetInterviewRequest { name: self.name };
        let interview = clients.interviews().get_interview(request).await?.into_inner();
        if !interview.title.is_empty() {
            outln!("{}\n", bold(&plain(&interview.title)));
        }
        interview.text.lines().for_each(|line| outln!("{}", plain(line)));
        Ok(Done::Well)
    }

    async fn delete(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let request = pb::DeleteInterviewRequest { name: self.name.clone(), request_id: String::new() };
        clients.interviews().delete_interview(request).await?;
        outln!("{} is erased", self.name);
        Ok(Done::Well)
    }
}

impl Propose {
    async fn run(self) -> anyhow::Result<Done> {
        let clients = Clients::connect(&self.server.server).await?;
        let mut interviews = Vec::new();
        for name in &self.names {
            match name.contains("/interviews/") {
                true => interviews.push(name.clone()),
                false => interviews.extend(all_of(&clients, name).await?.into_iter().map(|of| of.name)),
            }
        }
        let request = pb::ProposeCriteriaRequest { interviews, request_id: String::new() };
        let started = clients.interviews().propose_criteria(request).await?.into_inner();
        let found: pb::Proposals = operation::response(&clients, started).await?;
        if self.json {
            let message = dynamic::of(&found, "Proposals").context("there is no such message")?;
            outln!("{:#}", dynamic::to_json(&message));
            return Ok(Done::Well);
        }
        outln!("{} proposals by {}; nothing is applied.", found.proposals.len(), plain(&found.model));
        for proposal in &found.proposals {
            outln!("\n{}", bold(&plain(&proposed(proposal))));
            outln!("  \"{}\"\n  {}", plain(&proposal.quotation), proposal.interview);
        }
        if !found.left_out.is_empty() {
            outln!("\n{} more can't be:", found.left_out.len());
            for left in &found.left_out {
                outln!("  {}: {}", plain(&left.what), plain(&left.why));
            }
        }
        Ok(Done::Well)
    }
}

/// What a proposal says, in a line.
fn proposed(proposal: &pb::Proposal) -> String {
    use pb::proposal::Item;
    let criterion = |criterion: &pb::Criterion| {
        use pb::criterion::Expectation as E;
        let how = match &criterion.expectation {
            Some(E::In(words)) => format!("in {}", words.values.join(", ")),
            Some(E::NotIn(words)) => format!("not in {}", words.values.join(", ")),
            Some(E::AtLeast(number)) => format!("at least {number}"),
            Some(E::AtMost(number)) => format!("at most {number}"),
            Some(E::Between(range)) => {
                format!("{} to {}", range.min.unwrap_or_default(), range.max.unwrap_or_default())
            }
            Some(E::Equals(value)) => super::explain::shown(value),
            None => String::new(),
        };
        format!("{} {how}: {}", criterion.fact, criterion.because)
    };
    match &proposal.item {
        Some(Item::Criterion(of)) => format!("fits if {}", criterion(of)),
        Some(Item::Disqualifier(of)) => format!("out if {}", criterion(of)),
        Some(Item::Pain(pain)) => format!("needs: {pain}"),
        Some(Item::DecisionRole(role)) => format!("decides with: {role}"),
        None => String::new(),
    }
}
