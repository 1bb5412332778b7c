//! `assay lsp`: what an editor asks while rules are written, by the language server protocol.

mod position;

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types as lsp;
use lsp_types::notification::{self as told, Notification as _};
use lsp_types::request::{self as asked, Request as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use self::position::{byte_at, range_in_line, range_of};
use super::Done;
use crate::config::currency;
use crate::priority::Nice;
use crate::rules::ScriptKind;
use crate::rules::assist::{Assist, DeclaredKind, Proposal, ProposalKind, declared};
use crate::rules::compile_and_test;
use crate::rules::diagnostics::Diagnostic;
use crate::rules::format::format;
use crate::rules::source::{Sources, facts_toml};

/// How long nothing is written before a folder is checked: nobody wants to hear of half a word.
const PAUSE: Duration = Duration::from_millis(150);
/// What a URI writes by its number: all but letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Folders within a folder of rules, beside those of scripts.
const OTHER_FOLDERS: [&str; 2] = ["lib", "tables"];

#[derive(Args)]
#[command(after_help = "\
An editor starts it and speaks with it on standard input and output. It checks the folder of rules that a file stands in at every pause (tests beside scripts included), proposes and explains words, leads to where they are declared, writes scripts in the one way, and puts in what was probably meant. editors/vscode is an extension for VS Code.

Examples:
  assay lsp
  assay lsp --currency USD")]
pub struct Lsp {
    /// The deployment's currency, in which examples are scored
    #[arg(long, env = "ASSAY_CURRENCY", default_value = "EUR", value_parser = currency, value_name = "ISO4217")]
    currency: String,
    /// What editors say who know of other ways
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    pub fn run(self) -> anyhow::Result<Done> {
        if std::io::stdin().is_terminal() {
            eprintln!(
                "waiting for an editor: the language server protocol is spoken here, not typed (Ctrl-C ends it)"
            );
        }
        let (connection, threads) = Connection::stdio();
        let (id, _) = connection.initialize_start()?;
        let server_info =
            lsp::ServerInfo { name: "assay".into(), version: Some(env!("CARGO_PKG_VERSION").into()) };
        let answer = lsp::InitializeResult { capabilities: capabilities(), server_info: Some(server_info) };
        connection.initialize_finish(id, serde_json::to_value(answer)?)?;
        let mut server =
            Server { connection, currency: self.currency, open: BTreeMap::new(), folders: BTreeMap::new() };
        server.run()?;
        // The threads end when nothing can be sent to them any more.
        drop(server);
        threads.join()?;
        Ok(Done::Well)
    }
}

fn capabilities() -> lsp::ServerCapabilities {
    let sync = lsp::TextDocumentSyncOptions {
        open_close: Some(true),
        // Scripts are small: each change brings the whole text.
        change: Some(lsp::TextDocumentSyncKind::FULL),
        save: Some(true.into()),
        ..Default::default()
    };
    lsp::ServerCapabilities {
        text_document_sync: Some(sync.into()),
        completion_provider: Some(lsp::CompletionOptions {
            trigger_characters: Some([".", "\"", ":"].map(String::from).to_vec()),
            ..Default::default()
        }),
        hover_provider: Some(true.into()),
        definition_provider: Some(lsp::OneOf::Left(true)),
        document_formatting_provider: Some(lsp::OneOf::Left(true)),
        document_symbol_provider: Some(lsp::OneOf::Left(true)),
        code_action_provider: Some(
            lsp::CodeActionOptions {
                code_action_kinds: Some(vec![lsp::CodeActionKind::QUICKFIX]),
                ..Default::default()
            }
            .into(),
        ),
        ..Default::default()
    }
}

/// What is known of a folder of rules.
#[derive(Default)]
struct Folder {
    must_be_checked: bool,
    findings: Vec<Diagnostic>,
    /// The files of which something was told, so that it can be taken back.
    told_of: BTreeSet<String>,
}

struct Server {
    connection: Connection,
    currency: String,
    /// The texts in the editor, which may not be saved.
    open: BTreeMap<PathBuf, String>,
    folders: BTreeMap<PathBuf, Folder>,
}

/// A file by its folder of rules and its path within.
struct File {
    root: PathBuf,
    path: String,
}

impl File {
    /// The file of a path; `None` if it stands where no rules do.
    fn of(path: &Path) -> Option<Self> {
        let is_of_rules = |folder: &Path| {
            let name = folder.file_name().unwrap_or_default();
            let kinds = ScriptKind::ALL.map(ScriptKind::folder);
            kinds.iter().chain(&OTHER_FOLDERS).any(|known| name == *known)
        };
        let root = match path.file_name()? == facts_toml::PATH {
            true => path.parent()?,
            false => path.ancestors().skip(1).find(|folder| is_of_rules(folder))?.parent()?,
        };
        let parts: Vec<&str> = path.strip_prefix(root).ok()?.iter().map_while(|part| part.to_str()).collect();
        Some(Self { root: root.to_owned(), path: parts.join("/") })
    }
}

fn path_of(uri: &lsp::Uri) -> Option<PathBuf> {
    let path = uri.as_str().strip_prefix("file://")?;
    // Before the path may stand the name of this machine.
    let path = path.get(path.find('/')?..)?;
    Some(percent_decode_str(path).decode_utf8().ok()?.into_owned().into())
}

fn uri_of(path: &Path) -> Option<lsp::Uri> {
    format!("file://{}", utf8_percent_encode(path.to_str()?, ENCODED)).parse().ok()
}

impl Server {
    fn run(&mut self) -> anyhow::Result<()> {
        loop {
            let waits = self.folders.values().any(|folder| folder.must_be_checked);
            let message = match waits {
                true => self.connection.receiver.recv_timeout(PAUSE).map_err(|error| error.is_timeout()),
                false => self.connection.receiver.recv().map_err(|_| false),
            };
            match message {
                Ok(Message::Request(request)) => {
                    if self.connection.handle_shutdown(&request)? {
                        return Ok(());
                    }
                    let answer = self.answer(request);
                    self.connection.sender.send(answer.into())?;
                }
                Ok(Message::Notification(notification)) => self.hear(notification),
                Ok(Message::Response(_)) => {}
                Err(true) => self.check()?,
                // The editor is gone.
                Err(false) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        match method.as_str() {
            told::DidOpenTextDocument::METHOD => {
                if let Some(params) = read::<lsp::DidOpenTextDocumentParams>(params) {
                    self.see(&params.text_document.uri, Some(params.text_document.text));
                }
            }
            told::DidChangeTextDocument::METHOD => {
                if let Some(params) = read::<lsp::DidChangeTextDocumentParams>(params) {
                    let text = params.content_changes.into_iter().next_back().map(|change| change.text);
                    self.see(&params.text_document.uri, text);
                }
            }
            told::DidCloseTextDocument::METHOD => {
                if let Some(params) = read::<lsp::DidCloseTextDocumentParams>(params) {
                    self.see(&params.text_document.uri, None);
                }
            }
            told::DidSaveTextDocument::METHOD => {
                if let Some(params) = read::<lsp::DidSaveTextDocumentParams>(params) {
                    self.must_check(&params.text_document.uri);
                }
            }
            told::DidChangeWatchedFiles::METHOD => {
                let changes = read::<lsp::DidChangeWatchedFilesParams>(params).map(|params| params.changes);
                changes.unwrap_or_default().iter().for_each(|change| self.must_check(&change.uri));
            }
            // Whatever else editors tell needs no answer.
            _ => {}
        }
    }

    /// Notes what a file holds in the editor; `None` as on the disk.
    fn see(&mut self, uri: &lsp::Uri, text: Option<String>) {
        let Some(path) = path_of(uri) else { return };
        match text {
            Some(text) => _ = self.open.insert(path, text),
            None => _ = self.open.remove(&path),
        }
        self.must_check(uri);
    }

    fn must_check(&mut self, uri: &lsp::Uri) {
        if let Some(file) = path_of(uri).and_then(|path| File::of(&path)) {
            self.folders.entry(file.root).or_default().must_be_checked = true;
        }
    }

    /// The files of a folder, with what is not saved yet.
    fn sources(&self, root: &Path) -> Sources {
        let mut files = Sources::read(root).map(|sources| sources.with_tests()).unwrap_or_default();
        for (path, text) in &self.open {
            if let Some(file) = File::of(path).filter(|file| file.root == root) {
                files.insert(file.path, text.clone());
            }
        }
        Sources::new(files)
    }

    /// Checks the folders in which something changed, and tells what was found.
    fn check(&mut self) -> anyhow::Result<()> {
        let roots: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|(_, folder)| folder.must_be_checked)
            .map(|(root, _)| root.clone())
            .collect();
        for root in roots {
            let sources = self.sources(&root);
            // Where a file can't be read, that is what is wrong.
            let checked = Sources::read(&root)
                .and_then(|_| compile_and_test(sources.clone(), &self.currency, Nice::Back));
            let mut findings = match checked {
                Ok((_, warnings)) => warnings,
                Err(findings) => findings,
            };
            // What concerns the whole set is shown in a file that is looked at.
            let shown = self.open.keys().filter_map(|path| File::of(path)).find(|file| file.root == root);
            for finding in findings.iter_mut().filter(|finding| finding.file.is_empty()) {
                finding.file = shown.as_ref().map_or(facts_toml::PATH, |file| &file.path).to_owned();
            }
            let mut by_file = BTreeMap::<&str, Vec<lsp::Diagnostic>>::new();
            for finding in &findings {
                by_file.entry(&finding.file).or_default().push(shown_finding(&root, &sources, finding));
            }
            let now: BTreeSet<String> = by_file.keys().map(|file| (*file).to_owned()).collect();
            let before = self.folders.get(&root).map(|folder| folder.told_of.clone()).unwrap_or_default();
            for file in before.union(&now) {
                let Some(uri) = uri_of(&root.join(file)) else { continue };
                let diagnostics = by_file.remove(file.as_str()).unwrap_or_default();
                let params = lsp::PublishDiagnosticsParams { uri, diagnostics, version: None };
                let notification = Notification {
                    method: told::PublishDiagnostics::METHOD.to_owned(),
                    params: serde_json::to_value(params)?,
                };
                self.connection.sender.send(notification.into())?;
            }
            self.folders.insert(root, Folder { must_be_checked: false, findings, told_of: now });
        }
        Ok(())
    }

    fn answer(&self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let answered = match method.as_str() {
            asked::Completion::METHOD => with(params, |params: lsp::CompletionParams| self.propose(&params)),
            asked::HoverRequest::METHOD => with(params, |params: lsp::HoverParams| self.explain(&params)),
            asked::GotoDefinition::METHOD => {
                with(params, |params: lsp::GotoDefinitionParams| self.lead(&params))
            }
            asked::Formatting::METHOD => {
                with(params, |params: lsp::DocumentFormattingParams| self.write_anew(&params))
            }
            asked::CodeActionRequest::METHOD => {
                with(params, |params: lsp::CodeActionParams| self.mend(&params))
            }
            asked::DocumentSymbolRequest::METHOD => {
                with(params, |params: lsp::DocumentSymbolParams| self.outline(&params))
            }
            other => Err((ErrorCode::MethodNotFound, format!("{other} is not answered here"))),
        };
        match answered {
            Ok(answer) => Response::new_ok(id, answer),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        }
    }

    /// A file's text, as the editor has it.
    fn text(&self, uri: &lsp::Uri) -> Option<(File, String)> {
        let path = path_of(uri)?;
        let file = File::of(&path)?;
        let text = self.open.get(&path).cloned().or_else(|| std::fs::read_to_string(&path).ok())?;
        Some((file, text))
    }

    fn propose(&self, params: &lsp::CompletionParams) -> Option<Vec<lsp::CompletionItem>> {
        let at = &params.text_document_position;
        let (file, text) = self.text(&at.text_document.uri)?;
        let proposals =
            Assist::new(self.sources(&file.root)).proposals(&file.path, byte_at(&text, at.position));
        Some(proposals.into_iter().map(shown_proposal).collect())
    }

    fn explain(&self, params: &lsp::HoverParams) -> Option<lsp::Hover> {
        let at = &params.text_document_position_params;
        let (file, text) = self.text(&at.text_document.uri)?;
        let meaning =
            Assist::new(self.sources(&file.root)).meaning(&file.path, byte_at(&text, at.position))?;
        let value = format!("```rhai\n{}\n```\n\n{}", meaning.written, meaning.told);
        let range = range_of(&text, meaning.at.start as usize, meaning.at.end as usize);
        Some(lsp::Hover { contents: lsp::HoverContents::Markup(markdown(value)), range: Some(range) })
    }

    fn lead(&self, params: &lsp::GotoDefinitionParams) -> Option<lsp::Location> {
        let at = &params.text_document_position_params;
        let (file, text) = self.text(&at.text_document.uri)?;
        let sources = self.sources(&file.root);
        let origin = Assist::new(sources.clone()).origin(&file.path, byte_at(&text, at.position))?;
        let there = sources.get(&origin.path)?;
        let range = range_of(there, origin.at.start as usize, origin.at.end as usize);
        Some(lsp::Location { uri: uri_of(&file.root.join(&origin.path))?, range })
    }

    fn write_anew(&self, params: &lsp::DocumentFormattingParams) -> Option<Vec<lsp::TextEdit>> {
        let (file, text) = self.text(&params.text_document.uri)?;
        let written = file.path.ends_with(".rhai").then(|| format(&text))??;
        if written == text {
            return Some(Vec::new());
        }
        Some(vec![lsp::TextEdit { range: range_of(&text, 0, text.len()), new_text: written }])
    }

    /// What was probably meant, for the findings of a range.
    fn mend(&self, params: &lsp::CodeActionParams) -> Option<Vec<lsp::CodeAction>> {
        let uri = &params.text_document.uri;
        let (file, text) = self.text(uri)?;
        // What was found in another text says nothing of this one.
        let folder = self.folders.get(&file.root).filter(|folder| !folder.must_be_checked)?;
        let findings = &folder.findings;
        let sources = self.sources(&file.root);
        let mut actions = Vec::new();
        for finding in findings.iter().filter(|finding| finding.file == file.path) {
            let Some(fix) = &finding.fix else { continue };
            let shown = shown_finding(&file.root, &sources, finding);
            let is_asked = shown.range.start <= params.range.end && params.range.start <= shown.range.end;
            if !is_asked {
                continue;
            }
            let range = range_in_line(&text, finding.line, fix.column, fix.length);
            let edit = lsp::TextEdit { range, new_text: fix.replacement.clone() };
            #[allow(clippy::mutable_key_type)] // It is not changed.
            let changes = [(uri.clone(), vec![edit])].into();
            actions.push(lsp::CodeAction {
                title: format!("write {}", fix.replacement),
                kind: Some(lsp::CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![shown]),
                edit: Some(lsp::WorkspaceEdit { changes: Some(changes), ..Default::default() }),
                is_preferred: Some(true),
                ..Default::default()
            });
        }
        Some(actions)
    }

    fn outline(&self, params: &lsp::DocumentSymbolParams) -> Option<Vec<lsp::DocumentSymbol>> {
        let (file, text) = self.text(&params.text_document.uri)?;
        if !file.path.ends_with(".rhai") {
            return None;
        }
        let symbols = declared(&text).into_iter().map(|known| {
            let range = range_of(&text, known.at.start as usize, known.at.end as usize);
            let kind = match known.kind {
                DeclaredKind::Define => lsp::SymbolKind::VARIABLE,
                DeclaredKind::Function => lsp::SymbolKind::FUNCTION,
                DeclaredKind::Constant => lsp::SymbolKind::CONSTANT,
                DeclaredKind::Import => lsp::SymbolKind::MODULE,
                DeclaredKind::Group => lsp::SymbolKind::NAMESPACE,
                DeclaredKind::Rule(_) => lsp::SymbolKind::EVENT,
            };
            let detail = match known.kind {
                DeclaredKind::Rule(keyword) => keyword.to_owned(),
                _ => known.said,
            };
            // The protocol does not allow a name without letters.
            let name = if known.name.trim().is_empty() { "…".to_owned() } else { known.name };
            #[allow(deprecated)] // The field can't be left out.
            lsp::DocumentSymbol {
                name,
                detail: Some(detail),
                kind,
                tags: None,
                deprecated: None,
                range,
                selection_range: range,
                children: None,
            }
        });
        Some(symbols.collect())
    }
}

fn read<T: DeserializeOwned>(params: Json) -> Option<T> {
    serde_json::from_value(params).ok()
}

/// Answers a request that can be read.
fn with<T: DeserializeOwned, R: Serialize>(
    params: Json,
    answer: impl FnOnce(T) -> Option<R>,
) -> Result<Json, (ErrorCode, String)> {
    let params =
        serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))?;
    serde_json::to_value(answer(params)).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}

fn markdown(value: String) -> lsp::MarkupContent {
    lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value }
}

fn shown_proposal(proposal: Proposal) -> lsp::CompletionItem {
    let kind = match proposal.kind {
        ProposalKind::Statement => lsp::CompletionItemKind::SNIPPET,
        ProposalKind::Keyword => lsp::CompletionItemKind::KEYWORD,
        ProposalKind::Fact => lsp::CompletionItemKind::FIELD,
        ProposalKind::Define => lsp::CompletionItemKind::VARIABLE,
        ProposalKind::Function => lsp::CompletionItemKind::FUNCTION,
        ProposalKind::Member => lsp::CompletionItemKind::PROPERTY,
        ProposalKind::Word => lsp::CompletionItemKind::ENUM_MEMBER,
        ProposalKind::File => lsp::CompletionItemKind::FILE,
    };
    let filled = |text: String| (!text.is_empty()).then_some(text);
    lsp::CompletionItem {
        label: proposal.label.to_string(),
        kind: Some(kind),
        detail: filled(proposal.detail),
        documentation: filled(proposal.told).map(|told| lsp::Documentation::MarkupContent(markdown(told))),
        insert_text: Some(proposal.snippet),
        insert_text_format: Some(lsp::InsertTextFormat::SNIPPET),
        ..Default::default()
    }
}

fn shown_finding(root: &Path, sources: &Sources, finding: &Diagnostic) -> lsp::Diagnostic {
    let text = |file: &str| {
        let tests = || sources.tests().get(file).map(String::as_str);
        sources.get(file).or_else(tests).unwrap_or_default()
    };
    let range = range_in_line(text(&finding.file), finding.line, finding.column, finding.length);
    let help = if finding.help.is_empty() { String::new() } else { format!("\n{}", finding.help) };
    let related = finding.related.iter().filter_map(|related| {
        let range = range_in_line(text(&related.file), related.line, related.column, 1);
        let location = lsp::Location { uri: uri_of(&root.join(&related.file))?, range };
        Some(lsp::DiagnosticRelatedInformation { location, message: related.message.clone() })
    });
    let severity =
        if finding.is_error() { lsp::DiagnosticSeverity::ERROR } else { lsp::DiagnosticSeverity::WARNING };
    lsp::Diagnostic {
        range,
        severity: Some(severity),
        code: Some(lsp::NumberOrString::String(finding.code.as_str().into())),
        source: Some("assay".into()),
        message: format!("{}{help}", finding.message),
        related_information: Some(related.collect()),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_uris_and_back() {
        let path = Path::new("/a b/é%/x-1.rhai");
        let uri = uri_of(path).unwrap();
        assert_eq!(uri.as_str(), "file:///a%20b/%C3%A9%25/x-1.rhai");
        assert_eq!(path_of(&uri).unwrap(), path);
        assert_eq!(path_of(&"untitled:x".parse().unwrap()), None);
    }

    #[test]
    fn a_file_is_of_the_folder_of_rules_around_it() {
        for (path, root, within) in [
            ("/a/scripts/lead_scoring/default.rhai", "/a/scripts", "lead_scoring/default.rhai"),
            ("/a/scripts/lib/deep/x.rhai", "/a/scripts", "lib/deep/x.rhai"),
            ("/a/facts.toml", "/a", "facts.toml"),
            ("/a/tables/t.csv", "/a", "tables/t.csv"),
        ] {
            let file = File::of(Path::new(path)).unwrap();
            assert_eq!((file.root.as_path(), file.path.as_str()), (Path::new(root), within));
        }
        assert!(File::of(Path::new("/a/b.rhai")).is_none());
    }
}
