use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use crate::app::edit_canvas::Edited;
use crate::app::examine_canvas::Linter;
use crate::app::once::Once;
use crate::app::{App, Error};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::lint::{Diagnostic, gained_and_lost};
use crate::domain::canvas::templates::{TEMPLATES, Template};
use crate::domain::check::{Checker, Invalid};
use crate::domain::labels;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::{CanvasName, Id, LeadName, SegmentName};
use crate::domain::score::{Priority, PriorityAssessment};
use crate::domain::segment::LeadCounts;
use crate::domain::time::Time;
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::document::{self, Format};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::pb::import_canvas_request::Source;
use crate::grpc::status::{self, Reason};
use crate::grpc::{finish, mask, pb};
use crate::priority::aside_of_tasks;
use crate::render::{self, Bar, Paper, Part, Style, Theme};

pub struct Service(pub Arc<App>);

impl Service {
    /// A canvas as of now: an answer that is kept says the same again.
    fn answer(&self) -> impl Fn(&Canvas) -> (pb::Canvas, Vec<LeadName>) + Clone + use<> {
        let now = self.0.now();
        once::plain(move |canvas: &Canvas| convert::canvas::outward(canvas, now))
    }

    fn out(&self, canvas: &Canvas) -> pb::Canvas {
        convert::canvas::outward(canvas, self.0.now())
    }

    /// What edits came to, with the findings that they brought and settled.
    fn edited(&self, language: &str) -> impl Fn(&Edited) -> pb::EditCanvasResponse + Clone + use<> {
        let (linter, language) = (self.0.linter(), language.to_owned());
        move |Edited { before, after, undo }: &Edited| {
            let language = language_of(&language, after);
            let [old, new] = [before, after].map(|canvas| linter.of(canvas));
            let (gained, lost) = gained_and_lost(&old, &new);
            let out = |found: Vec<&_>| {
                found.into_iter().map(|one| convert::edit::diagnostic_out(after, one, language)).collect()
            };
            pb::EditCanvasResponse {
                canvas: Some(convert::canvas::outward(after, linter.now)),
                changes: convert::edit::changes_out(&before.diff(after).changes, language),
                undo: convert::edit::edits_out(after, undo),
                gained: out(gained),
                lost: out(lost),
            }
        }
    }
}

impl Service {
    /// Makes a canvas as it was read, or brings the one of its name to that.
    async fn imported(
        &self,
        request: &pb::ImportCanvasRequest,
        canvas: Canvas,
        once: Once<Edited>,
    ) -> Result<Edited, Status> {
        let existing = match request.replace {
            true => self.0.canvas(&canvas.name, 0).await.ok(),
            false => None,
        };
        let Some(existing) = existing else {
            return Ok(match request.validate_only {
                true => {
                    let (before, after) = self.0.tried_import(canvas)?;
                    Edited { before, after, undo: Vec::new() }
                }
                false => self.0.import_canvas(canvas, once).await?,
            });
        };
        if existing.content.kind != canvas.content.kind {
            return Err(Error::from(Invalid::one(
                "content",
                "is of another kind than the canvas: make a new one",
            ))
            .into());
        }
        // What differs now is what is changed: what others change meanwhile stays, unless the etag says otherwise.
        let edits = existing.diff(&canvas).edits;
        let read = |_: &mut Checker, _: &Canvas, number: usize| edits.get(number).cloned();
        Ok(match request.validate_only {
            true => self.0.try_edits(&canvas.name, &request.etag, edits.len(), &read).await?,
            false => self.0.edit_canvas(&canvas.name, &request.etag, once, edits.len(), &read).await?,
        })
    }
}

/// The language that was asked for, or the canvas's own.
fn language_of<'a>(asked: &'a str, canvas: &'a Canvas) -> &'a str {
    if asked.is_empty() { &canvas.content.language } else { asked }
}

#[tonic::async_trait]
impl pb::canvas_service_server::CanvasService for Service {
    async fn create_canvas(
        &self,
        request: Request<pb::CreateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            c.require(request.canvas.is_some(), "canvas", "is required");
            let id = optional(&mut c, "canvas_id", &request.canvas_id);
            let canvas = request.canvas.unwrap_or_default();
            let content = c.within("canvas", |c| convert::canvas::content(c, canvas));
            Ok(self.0.create_canvas(id, c.draft(content), once).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn get_canvas(
        &self,
        request: Request<pb::GetCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let canvas = self.0.canvas(&finish(c, name)?, request.revision).await?;
        Ok(Response::new(self.out(&canvas)))
    }

    async fn list_canvases(
        &self,
        request: Request<pb::ListCanvasesRequest>,
    ) -> Result<Response<pb::ListCanvasesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let scope = request.show_deleted.to_string();
        let list =
            ListRequest::read(&mut c, ("canvases", &scope), &listing::CANVAS, Order::default(), wanted);
        c.finish(())?;
        let found = self.0.canvases(list.query(), request.show_deleted).await?;
        let (canvases, next_page_token) =
            list.cut(found, |canvas| canvas.cursor(list.order()), |canvas| self.out(canvas));
        Ok(Response::new(pb::ListCanvasesResponse { canvases, next_page_token }))
    }

    async fn update_canvas(
        &self,
        request: Request<pb::UpdateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdateCanvasRequest { canvas, update_mask, .. } = request;
            let update = canvas.unwrap_or_default();
            let name = parsed::<CanvasName>(&mut c, "canvas.name", &update.name);
            mask::check(&mut c, "Canvas", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Canvas| {
                let current = self.out(current);
                let read = convert::canvas::content;
                mask::edit("Canvas", "canvas", current, &update, update_mask.as_ref(), read)
            };
            Ok(self.0.update_canvas(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn delete_canvas(&self, request: Request<pb::DeleteCanvasRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_canvas(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn undelete_canvas(
        &self,
        request: Request<pb::UndeleteCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.undelete_canvas(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn list_canvas_revisions(
        &self,
        request: Request<pb::ListCanvasRevisionsRequest>,
    ) -> Result<Response<pb::ListCanvasRevisionsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        let page = PageRequest::read(
            &mut c,
            "canvas revisions",
            &request.name,
            request.page_size,
            &request.page_token,
        );
        let found = self.0.canvas_revisions(&finish(c, name)?, page.window()).await?;
        let key = |canvas: &Canvas| canvas.version.revision.to_string();
        let (canvases, next_page_token) = page.cut(found, key, |canvas| self.out(canvas));
        Ok(Response::new(pb::ListCanvasRevisionsResponse { canvases, next_page_token }))
    }

    async fn edit_canvas(
        &self,
        request: Request<pb::EditCanvasRequest>,
    ) -> Result<Response<pb::EditCanvasResponse>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let answer = self.edited(&request.language);
        let work = async |mut c: Checker, once| {
            let name = parsed::<CanvasName>(&mut c, "name", &request.name);
            c.require(!request.edits.is_empty(), "edits", "is required");
            let name = finish(c, name)?;
            let (edits, app) = (&request.edits, &self.0);
            let read = |c: &mut Checker, canvas: &Canvas, number: usize| {
                convert::edit::edit(c, canvas, &edits[number], &|| app.new_id())
            };
            Ok(match request.validate_only {
                true => app.try_edits(&name, &request.etag, edits.len(), &read).await?,
                false => app.edit_canvas(&name, &request.etag, once, edits.len(), &read).await?,
            })
        };
        mutation.answer(once::plain(answer), work).await
    }

    async fn restore_canvas(
        &self,
        request: Request<pb::RestoreCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            c.require(request.revision > 0, "revision", "is required: which revision to go back to");
            let name = finish(c, name)?;
            Ok(self.0.restore_canvas(&name, request.revision, &request.etag, once).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn fork_canvas(
        &self,
        request: Request<pb::ForkCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            c.require(request.revision >= 0, "revision", "must be 0 or more");
            let id = optional(&mut c, "canvas_id", &request.canvas_id);
            let name = finish(c, name)?;
            Ok(self.0.fork_canvas(&name, request.revision, id, &request.display_name, once).await?)
        };
        mutation.answer(self.answer(), work).await
    }

    async fn diff_canvases(
        &self,
        request: Request<pb::DiffCanvasesRequest>,
    ) -> Result<Response<pb::DiffCanvasesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let base = parsed::<CanvasName>(&mut c, "base", &request.base);
        let target = optional::<CanvasName>(&mut c, "target", &request.target);
        c.require(request.base_revision >= 0, "base_revision", "must be 0 or more");
        c.require(request.target_revision >= 0, "target_revision", "must be 0 or more");
        let base = finish(c, base)?;
        let target = target.unwrap_or_else(|| base.clone());
        let base = self.0.canvas(&base, request.base_revision).await?;
        let target = self.0.canvas(&target, request.target_revision).await?;
        let language = language_of(&request.language, &target);
        let diff = base.diff(&target);
        // What differs only by the canvas's name is the same finding.
        let linter = self.0.linter();
        let (old, new) = (linter.of(&base), linter.of(&target.clone().renamed(&base.name)));
        let (gained, lost) = gained_and_lost(&old, &new);
        let out = |found: Vec<&_>| {
            found.into_iter().map(|one| convert::edit::diagnostic_out(&base, one, language)).collect()
        };
        Ok(Response::new(pb::DiffCanvasesResponse {
            changes: convert::edit::changes_out(&diff.changes, language),
            edits: convert::edit::edits_out(&base, &diff.edits),
            gained: out(gained),
            lost: out(lost),
            base_revision: base.version.revision,
            target_revision: target.version.revision,
        }))
    }

    async fn lint_canvas(
        &self,
        request: Request<pb::LintCanvasRequest>,
    ) -> Result<Response<pb::LintCanvasResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let (canvas, found) = self.0.lint_canvas(&finish(c, name)?, request.revision).await?;
        let language = language_of(&request.language, &canvas);
        let diagnostics = found.iter().map(|one| convert::edit::diagnostic_out(&canvas, one, language));
        Ok(Response::new(pb::LintCanvasResponse {
            diagnostics: diagnostics.collect(),
            canvas_revision: canvas.version.revision,
        }))
    }

    type WatchCanvasStream = BoxStream<'static, Result<pb::WatchCanvasResponse, Status>>;

    async fn watch_canvas(
        &self,
        request: Request<pb::WatchCanvasRequest>,
    ) -> Result<Response<Self::WatchCanvasStream>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed::<CanvasName>(&mut c, "name", &request.name);
        c.require(request.after_revision >= 0, "after_revision", "must be 0 or more");
        let name = finish(c, name)?;
        let latest = self.0.latest_canvas_revision(&name).await?;
        if request.after_revision > latest {
            let message = format!("is after the latest revision, {latest}");
            return Err(Error::from(Invalid::one("after_revision", message)).into());
        }
        let (first, known) = match request.after_revision {
            0 => (Some(pb::WatchCanvasResponse { revision: latest, ..Default::default() }), latest),
            after => (None, after),
        };
        let (app, language) = (self.0.clone(), request.language);
        let later = futures::stream::try_unfold(known, move |known| {
            let (app, name, language) = (app.clone(), name.clone(), language.clone());
            async move {
                let (before, after) = app.next_canvas_revision(&name, known).await?;
                let linter = app.linter();
                let event = aside_of_tasks(|| revision_out(&before, &after, &language, &linter));
                Ok(Some((event, known + 1)))
            }
        });
        Ok(Response::new(futures::stream::iter(first.map(Ok)).chain(later).boxed()))
    }

    async fn export_canvas(
        &self,
        request: Request<pb::ExportCanvasRequest>,
    ) -> Result<Response<pb::ExportCanvasResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let format = convert::choice(&mut c, "format", request.format).unwrap_or(Format::Yaml);
        c.require(
            format != Format::Outline,
            "format",
            "is only read: write YAML, JSON or BMML, or render Markdown",
        );
        let canvas = self.0.canvas(&finish(c, name)?, request.revision).await?;
        let mut dropped = Vec::new();
        let content = aside_of_tasks(|| document::write(&canvas, format, &mut dropped));
        let content = content.map_err(|error| status::plain(Reason::Internal, error.to_string()))?;
        Ok(Response::new(pb::ExportCanvasResponse {
            content,
            media_type: format.media_type().to_owned(),
            dropped,
            canvas_revision: canvas.version.revision,
        }))
    }

    async fn import_canvas(
        &self,
        request: Request<pb::ImportCanvasRequest>,
    ) -> Result<Response<pb::ImportCanvasResponse>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let remarks = Arc::new(Mutex::new(Vec::new()));
        let (linter, told) = (self.0.linter(), remarks.clone());
        let answer = move |Edited { before, after, .. }: &Edited| {
            let language = &after.content.language;
            let found = linter.of(after);
            pb::ImportCanvasResponse {
                canvas: Some(convert::canvas::outward(after, linter.now)),
                remarks: told.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                // Of a canvas that is new all is new: that is said by the canvas itself.
                changes: match before.version.revision {
                    0 => Vec::new(),
                    _ => convert::edit::changes_out(&before.diff(after).changes, language),
                },
                diagnostics: found
                    .iter()
                    .map(|one| convert::edit::diagnostic_out(after, one, language))
                    .collect(),
            }
        };
        let work = async |mut c: Checker, once| {
            let id: Option<Id> = optional(&mut c, "canvas_id", &request.canvas_id);
            let format = convert::choice(&mut c, "format", request.format);
            let (text, format) = match &request.source {
                Some(Source::Content(text)) => (text.as_str(), format),
                Some(Source::Template(id)) => match Template::find(id) {
                    Some(template) => (template.text(&request.language), Some(Format::Yaml)),
                    None => {
                        let help = c.suggestion(id, TEMPLATES.map(|template| template.id));
                        c.wrong_field("template", format!("there is no template \"{id}\"; {help}"));
                        ("", None)
                    }
                },
                None => {
                    c.wrong_field("content", "is required, or a template");
                    ("", None)
                }
            };
            c.finish(())?;
            // A template's own name is nobody's, and a text may have none.
            let named =
                matches!(request.source, Some(Source::Content(_))) && format.is_none_or(Format::has_name);
            let name = id.map(|canvas| CanvasName { canvas });
            let mut found = Vec::new();
            let mut c = Checker::at("");
            let canvas = aside_of_tasks(|| document::read(&mut c, text, format, name.as_ref(), &mut found));
            let canvas = finish(c, canvas)?;
            *remarks.lock().unwrap_or_else(PoisonError::into_inner) = found;
            let canvas = match named && canvas.name.canvas != Id::unreadable() || name.is_some() {
                true => canvas,
                false => canvas.renamed(&CanvasName { canvas: self.0.new_id() }),
            };
            self.imported(&request, canvas, once).await
        };
        mutation.answer(once::plain(answer), work).await
    }

    async fn list_canvas_templates(
        &self,
        request: Request<pb::ListCanvasTemplatesRequest>,
    ) -> Result<Response<pb::ListCanvasTemplatesResponse>, Status> {
        let language = &request.get_ref().language;
        let templates = TEMPLATES.iter().map(|template| pb::CanvasTemplate {
            id: template.id.to_owned(),
            display_name: labels::label(language, template.title).to_owned(),
            languages: labels::LANGUAGES.map(str::to_owned).to_vec(),
        });
        Ok(Response::new(pb::ListCanvasTemplatesResponse { templates: templates.collect() }))
    }

    async fn render_canvas(
        &self,
        request: Request<pb::RenderCanvasRequest>,
    ) -> Result<Response<pb::RenderCanvasResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed::<CanvasName>(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let of_canvas =
            matches!(request.picture(), pb::CanvasPicture::Unspecified | pb::CanvasPicture::Canvas);
        let is_svg = matches!(request.format(), pb::RenderFormat::Unspecified | pb::RenderFormat::Svg);
        c.require(is_svg || of_canvas, "format", "charts are drawn as SVG only");
        c.require(
            request.revision == 0 || of_canvas,
            "revision",
            "charts are drawn of the latest revision only",
        );
        let name = finish(c, name)?;
        let canvas = self.0.canvas(&name, request.revision).await?;
        let style = Style {
            language: language_of(&request.language, &canvas),
            paper: if request.paper() == pb::Paper::A3 { Paper::A3 } else { Paper::A4 },
            theme: if request.dark { Theme::Dark } else { Theme::Light },
        };
        let title =
            |what: &str| format!("{}: {}", canvas.content.display_name, labels::label(style.language, what));
        let canvas_revision = canvas.version.revision;
        let svg = |content: String| pb::RenderCanvasResponse {
            content,
            media_type: "image/svg+xml".into(),
            overflow: Vec::new(),
            canvas_revision,
        };
        Ok(Response::new(match request.picture() {
            pb::CanvasPicture::Priority => {
                let ranking = self.0.prioritize_segments(&name, None).await?;
                let bars: Vec<Bar> = ranking.priorities.iter().map(bar).collect();
                svg(render::bars(style, &title("priority"), &bars))
            }
            pb::CanvasPicture::Grades => {
                let segments = self.0.segment_leads(&name).await?;
                svg(render::stacked(style, &title("leads by grade"), &parts(&segments, style.language)))
            }
            pb::CanvasPicture::Unspecified | pb::CanvasPicture::Canvas => {
                aside_of_tasks(|| drawn(&canvas, style, request.format(), self.0.now()))
            }
        }))
    }
}

/// A revision, with what it changed.
fn revision_out(before: &Canvas, after: &Canvas, language: &str, linter: &Linter) -> pb::WatchCanvasResponse {
    let language = language_of(language, after);
    let [old, new] = [before, after].map(|canvas| linter.of(canvas));
    let (gained, lost) = gained_and_lost(&old, &new);
    let out = |found: Vec<&Diagnostic>| {
        found.into_iter().map(|one| convert::edit::diagnostic_out(after, one, language)).collect()
    };
    pb::WatchCanvasResponse {
        revision: after.version.revision,
        update_time: Some(convert::timestamp(after.version.update_time)),
        change: convert::change_out(&after.version.change),
        deleted: after.version.delete_time.is_some(),
        changes: convert::edit::changes_out(&before.diff(after).changes, language),
        gained: out(gained),
        lost: out(lost),
    }
}

/// A canvas as it is asked for.
fn drawn(canvas: &Canvas, style: Style, format: pb::RenderFormat, now: Time) -> pb::RenderCanvasResponse {
    let picture = render::picture(canvas, style, now);
    let (content, media_type) = match format {
        pb::RenderFormat::Markdown => (render::markdown(canvas, style), "text/markdown"),
        pb::RenderFormat::Html => (render::html(canvas, style, now), "text/html"),
        pb::RenderFormat::Unspecified | pb::RenderFormat::Svg => (picture.svg, "image/svg+xml"),
    };
    let overflow = picture.overflow.into_iter().filter(|_| format != pb::RenderFormat::Markdown);
    let overflow = overflow.map(|block| pb::RenderOverflow {
        block: convert::WireEnum::outward(block.block),
        entries: block.entries,
    });
    pb::RenderCanvasResponse {
        content,
        media_type: media_type.into(),
        overflow: overflow.collect(),
        canvas_revision: canvas.version.revision,
    }
}

fn bar(priority: &Priority) -> Bar {
    let PriorityAssessment { priority: value, low, high, .. } = &priority.assessment;
    Bar {
        name: format!("{}. {}", priority.rank, priority.display_name),
        value: value.number(),
        could_be: (low.number(), high.number()),
        text: value.to_string(),
    }
}

/// The leads of each segment by grade, all grades in one order, those without one last.
fn parts(segments: &[(SegmentName, String, LeadCounts)], language: &str) -> Vec<(String, Vec<Part>)> {
    let grades: BTreeSet<&String> = segments.iter().flat_map(|(_, _, leads)| leads.by_grade.keys()).collect();
    let grades = || {
        grades.iter().filter(|grade| !grade.is_empty()).chain(grades.iter().filter(|grade| grade.is_empty()))
    };
    let rows = segments.iter().map(|(_, name, leads)| {
        let parts = grades().map(|grade| Part {
            name: match grade.as_str() {
                "" => labels::label(language, "without a grade").to_owned(),
                grade => grade.to_owned(),
            },
            count: leads.by_grade.get(*grade).copied().unwrap_or(0),
        });
        (name.clone(), parts.collect())
    });
    rows.collect()
}
