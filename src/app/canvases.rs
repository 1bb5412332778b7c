//! Canvases: created, changed, deleted. Segments and personas belong to them.

use super::once::Once;
use super::{App, Error, Result, admit, admit_undelete, until_written};
use crate::domain::canvas::{Canvas, CanvasContent};
use crate::domain::check::{Checker, Draft, Invalid, Violation};
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, Id};
use crate::domain::version::Version;
use crate::rules::ScriptKind;
use crate::storage::{Part, Receipt, StoreError, Window};

impl App {
    pub async fn create_canvas(
        &self,
        id: Option<Id>,
        draft: Draft<CanvasContent>,
        once: Once<Canvas>,
    ) -> Result<Canvas> {
        let canvas = Canvas {
            name: CanvasName { canvas: id.unwrap_or_else(|| self.new_id()) },
            version: Version::first(once.stamp(self.now())),
            content: draft.content,
            forked_from: None,
            forked_from_revision: 0,
            segments: Default::default(),
        };
        self.check_canvas(&canvas, draft.violations)?;
        self.store.create_canvas(canvas.clone(), once.of(&canvas)).await?;
        Ok(canvas)
    }

    /// A canvas, or one of its revisions unless that is 0.
    pub async fn canvas(&self, name: &CanvasName, revision: i64) -> Result<Canvas> {
        let canvas = self.store.canvas(name).await?;
        match revision == 0 || revision == canvas.version.revision {
            true => Ok(canvas),
            false => Ok(self.store.canvas_revision(name, revision).await?),
        }
    }

    pub async fn canvas_revisions(&self, name: &CanvasName, window: Window) -> Result<Part<Canvas>> {
        let revisions = self.store.canvas_revisions(name, window).await?;
        if revisions.is_empty() && window.after.is_none() {
            return Err(StoreError::NotFound(name.to_string()).into());
        }
        Ok(revisions)
    }

    pub async fn canvases(&self, query: Query, deleted: bool) -> Result<Part<Canvas>> {
        Ok(self.store.canvases(query, deleted).await?)
    }

    /// Changes a canvas by `edit`, which sees its newest content.
    pub async fn update_canvas(
        &self,
        name: &CanvasName,
        etag: &str,
        once: Once<Canvas>,
        edit: impl Fn(&Canvas) -> Draft<CanvasContent>,
    ) -> Result<Canvas> {
        let receipt = |canvas: &Canvas, (): &()| once.of(canvas);
        let (canvas, ()) = self
            .write_canvas(name, &once, receipt, |canvas| {
                admit(name, &canvas.version, etag)?;
                let Draft { content, mut violations } = edit(canvas);
                if content.kind != canvas.content.kind {
                    violations
                        .extend(Invalid::one("canvas.kind", "can't be changed: the notes would not fit").0);
                }
                canvas.content = content;
                self.check_canvas(canvas, violations)
            })
            .await?;
        Ok(canvas)
    }

    pub async fn delete_canvas(&self, name: &CanvasName, etag: &str, once: Once<()>) -> Result<()> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut canvas = self.store.canvas(name).await?;
            admit(name, &canvas.version, etag)?;
            let users = self.store.profiles_of_canvas(name).await?;
            if !users.is_empty() {
                let users = users.into_iter().map(|(profile, segment)| format!("{profile} (for {segment})"));
                return Err(Error::InUse { resource: name.to_string(), users: users.collect() });
            }
            canvas.version = canvas.version.next(once.stamp(self.now()));
            canvas.version.delete_time = Some(canvas.version.update_time);
            self.store.update_canvas(canvas, once.of(&())).await.map_err(Error::from)
        })
    }

    /// Takes a deletion back.
    pub async fn undelete_canvas(&self, name: &CanvasName, etag: &str, once: Once<Canvas>) -> Result<Canvas> {
        let _turn = self.turn(name).await;
        until_written!(etag, async {
            let mut canvas = self.store.canvas(name).await?;
            admit_undelete(name, &canvas.version, etag)?;
            canvas.version = canvas.version.restored(once.stamp(self.now()));
            self.store.update_canvas(canvas.clone(), once.of(&canvas)).await?;
            Ok(canvas)
        })
    }

    /// Reads a canvas, lets `edit` change it, and writes it as its next revision: the way of every write to a
    /// canvas and to what belongs to it. A conflict is always tried again, since a write to a sibling may
    /// have caused it: `edit` compares etags itself and refuses when its own part has moved on.
    pub(super) async fn write_canvas<T, O: 'static>(
        &self,
        name: &CanvasName,
        once: &Once<O>,
        receipt: impl Fn(&Canvas, &T) -> Option<Receipt<()>>,
        edit: impl Fn(&mut Canvas) -> Result<T>,
    ) -> Result<(Canvas, T)> {
        let _turn = self.turn(name).await;
        until_written!("", async {
            let mut canvas = self.store.canvas(name).await?;
            if canvas.version.delete_time.is_some() {
                return Err(Error::Deleted(name.to_string()));
            }
            let result = edit(&mut canvas)?;
            canvas.version = canvas.version.next(once.stamp(self.now()));
            check_size(&canvas)?;
            self.store.update_canvas(canvas.clone(), receipt(&canvas, &result)).await?;
            Ok((canvas, result))
        })
    }

    pub(super) fn check_canvas(&self, canvas: &Canvas, violations: Vec<Violation>) -> Result<()> {
        let mut c = Checker::resume("canvas", violations);
        canvas.content.check(&mut c);
        canvas.check_references(&mut c);
        let script = &canvas.content.priority_script;
        // A script may come later; one that is named on purpose must exist.
        if script != "default"
            && let Err(missing) = self.rule_set()?.script(ScriptKind::SegmentPriority, script)
        {
            c.wrong_field("priority_script", missing.to_string());
        }
        Ok(c.finish(())?)
    }

    /// A canvas that is not deleted.
    pub async fn live_canvas(&self, name: &CanvasName) -> Result<Canvas> {
        let canvas = self.store.canvas(name).await?;
        match canvas.version.delete_time {
            None => Ok(canvas),
            Some(_) => Err(StoreError::NotFound(name.to_string()).into()),
        }
    }
}

/// The most bytes of a canvas with its segments and personas, as it is stored: they are read and written as one.
const MAX_STORED: usize = 3_500_000;

pub(super) fn check_size(canvas: &Canvas) -> Result<()> {
    let size = serde_json::to_vec(canvas).map_err(StoreError::failed)?.len();
    if size <= MAX_STORED {
        return Ok(());
    }
    let message =
        format!("the canvas with its segments would take {size} bytes, at most {MAX_STORED} are allowed");
    Err(Invalid::one("", message).into())
}
