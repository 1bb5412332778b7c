//! The command line: a file per verb.
//!
//! Exit codes: 0 done, 1 failed or broken rules, 2 wrong usage, 3 done but for some rows.

mod apply;
mod canvas;
mod connect;
mod demo;
mod doctor;
mod documents;
mod explain;
mod export;
mod impact;
mod import;
mod infer;
mod init;
mod interviews;
mod kinds;
mod leads;
pub mod leads_file;
mod local;
mod lsp;
pub mod mapping;
mod migrate;
mod operation;
mod output;
mod page;
mod probe;
mod profile;
mod resources;
pub mod rows;
mod rules;
mod score;
mod scored;
mod segments;
mod serve;
mod sheet_out;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Decides which customers are worth serving, and says why.
#[derive(Parser)]
#[command(
    name = "assay",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  assay demo                                     see it work, with nothing set up
  assay init my-rules                            a folder to begin with: rules, a profile, leads
  assay serve --scripts scripts                  serve on 127.0.0.1:50051
  assay score leads.csv --out scored.csv         score a file without a server
  assay import leads.csv                         store the leads of a file in a server
  assay profile derive leads.csv                 learn rules from won and lost accounts
  assay rules check scripts                      check rules before they are loaded
  assay rules impact new-rules                   which leads would move by them, and why"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the main job on a made-up business: score, explain, rank, and follow your edits of the rules
    Demo(demo::Demo),
    /// Make a folder with rules, a profile, a canvas, leads and a configuration to begin with
    Init(init::Init),
    /// Serve over gRPC
    Serve(Box<serve::Serve>),
    /// Score the rows of a file
    Score(score::Score),
    /// Explain one lead's score as a table
    Explain(explain::Explain),
    /// Store the leads of a file in a server
    Import(import::Import),
    /// Write stored leads, with their scores, into a file
    Export(export::Export),
    /// Bring resources of a server to what files say
    Apply(apply::Apply),
    /// Show resources
    Get(resources::Get),
    /// List resources of a kind
    List(resources::List),
    /// Delete resources
    Delete(resources::Delete),
    /// Work with segments
    #[command(subcommand)]
    Segments(segments::Segments),
    /// Work with canvases
    #[command(subcommand)]
    Canvas(canvas::Canvas),
    /// Work with the stored leads: funnel, disagreements, steps of their way
    #[command(subcommand)]
    Leads(leads::Leads),
    /// Work with ideal customer profiles
    #[command(subcommand)]
    Profile(profile::ProfileVerb),
    /// Work with the words of facts.toml
    #[command(subcommand)]
    Facts(infer::Facts),
    /// Work with rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Help an editor with rules while they are written, by the language server protocol
    Lsp(lsp::Lsp),
    /// Work with notes of conversations, and what a model proposes to make of them
    #[command(subcommand)]
    Interviews(interviews::Interviews),
    /// Bring a database's schema up to date, as serving does at its start
    Migrate(migrate::Migrate),
    /// Examine a database and a running server: what is wrong, and what to do
    Doctor(doctor::Doctor),
    /// Ask a server's health: exit code 0 if it is SERVING
    Probe(probe::Probe),
}

/// What a verb came to.
pub enum Done {
    Well,
    /// Broken rules, a server that does not serve: the answer is "no".
    No,
    /// Some rows could not be scored.
    Partly,
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.verb {
            Verb::Demo(verb) => verb.run().await,
            Verb::Init(verb) => verb.run().await,
            Verb::Serve(verb) => verb.run().await,
            Verb::Score(verb) => verb.run().await,
            Verb::Explain(verb) => verb.run().await,
            Verb::Import(verb) => verb.run().await,
            Verb::Export(verb) => verb.run().await,
            Verb::Apply(verb) => verb.run().await,
            Verb::Get(verb) => verb.run().await,
            Verb::List(verb) => verb.run().await,
            Verb::Delete(verb) => verb.run().await,
            Verb::Segments(verb) => verb.run().await,
            Verb::Canvas(verb) => verb.run().await,
            Verb::Leads(verb) => verb.run().await,
            Verb::Profile(verb) => verb.run().await,
            Verb::Facts(verb) => verb.run().await,
            Verb::Rules(verb) => verb.run().await,
            Verb::Lsp(verb) => verb.run(),
            Verb::Interviews(verb) => verb.run().await,
            Verb::Migrate(verb) => verb.run().await,
            Verb::Doctor(verb) => verb.run().await,
            Verb::Probe(verb) => verb.run().await,
        }
    });
    // A reader of the rules' folder may still be waiting for an event: don't wait for it.
    runtime.shutdown_background();
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(1),
        Ok(Done::Partly) => ExitCode::from(3),
        Err(error) => {
            eprintln!("error: {}", connect::describe(&error));
            ExitCode::FAILURE
        }
    }
}
