//! Changes of a whole canvas as one revision: by a list of edits, back to a former revision, or as a copy to try things on.

use super::canvases::check_size;
use super::once::Once;
use super::segments::MAX_SEGMENTS;
use super::{App, Error, Result, admit, until_written};
use crate::domain::canvas::Canvas;
use crate::domain::canvas::edit::Edit;
use crate::domain::check::Checker;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::version::Version;

/// Reads the edit of a number, as the canvas stands when its turn comes.
pub type ReadEdit<'a> = dyn Fn(&mut Checker, &Canvas, usize) -> Option<Edit> + Send + Sync + 'a;

/// A canvas before and after a list of edits.
#[derive(Clone)]
pub struct Edited {
    pub before: Canvas,
    pub after: Canvas,
    /// What undoes them, in the order to be applied.
    pub undo: Vec<Edit>,
}

impl App {
    /// Applies edits as one revision, all or none.
    pub async fn edit_canvas(
        &self,
        name: &CanvasName,
        etag: &str,
        once: Once<Edited>,
        count: usize,
        read: &ReadEdit<'_>,
    ) -> Result<Edited> {
        until_written!("", async {
            let pointing = self.pointing(name).await?;
            let written =
                |canvas: &Canvas, edited: &Edited| Edited { after: canvas.clone(), ..edited.clone() };
            let receipt = |canvas: &Canvas, edited: &Edited| once.of(&written(canvas, edited));
            let edited = self.write_canvas(name, &once, receipt, |canvas| {
                let edited = self.edited(canvas, etag, count, read)?;
                refuse_what_is_pointed_to(&pointing, &edited.after)?;
                *canvas = edited.after.clone();
                canvas.stamp_what_changed(&edited.before, &once.stamp(self.now()));
                Ok(edited)
            });
            edited.await.map(|(after, edited)| Edited { after, ..edited })
        })
    }

    /// What edits would make of a canvas.
    pub async fn try_edits(
        &self,
        name: &CanvasName,
        etag: &str,
        count: usize,
        read: &ReadEdit<'_>,
    ) -> Result<Edited> {
        let pointing = self.pointing(name).await?;
        let edited = self.edited(&self.live_canvas(name).await?, etag, count, read)?;
        refuse_what_is_pointed_to(&pointing, &edited.after)?;
        check_size(&edited.after)?;
        Ok(edited)
    }

    fn edited(&self, canvas: &Canvas, etag: &str, count: usize, read: &ReadEdit<'_>) -> Result<Edited> {
        admit(&canvas.name, &canvas.version, etag)?;
        let (before, mut after) = (canvas.clone(), canvas.clone());
        let mut c = Checker::at("");
        let edits = (0..count).map(|number| move |c: &mut Checker, canvas: &Canvas| read(c, canvas, number));
        let undo = after.apply(&mut c, edits);
        c.finish(())?;
        self.check_whole(&before, &after)?;
        Ok(Edited { before, after, undo })
    }

    /// Makes a canvas what it was in a revision.
    pub async fn restore_canvas(
        &self,
        name: &CanvasName,
        revision: i64,
        etag: &str,
        once: Once<Canvas>,
    ) -> Result<Canvas> {
        let former = self.canvas(name, revision).await?;
        until_written!("", async {
            let pointing = self.pointing(name).await?;
            let restored = self.write_canvas(
                name,
                &once,
                |canvas: &Canvas, (): &()| once.of(canvas),
                |canvas| {
                    admit(name, &canvas.version, etag)?;
                    let before = canvas.clone();
                    canvas.content = former.content.clone();
                    canvas.segments = former.segments.clone();
                    refuse_what_is_pointed_to(&pointing, canvas)?;
                    self.check_whole(&before, canvas)?;
                    canvas.stamp_what_changed(&before, &once.stamp(self.now()));
                    Ok(())
                },
            );
            restored.await.map(|(canvas, ())| canvas)
        })
    }

    /// Copies a canvas, or one of its revisions, under another name.
    pub async fn fork_canvas(
        &self,
        name: &CanvasName,
        revision: i64,
        id: Option<Id>,
        display_name: &str,
        once: Once<Canvas>,
    ) -> Result<Canvas> {
        self.live_canvas(name).await?;
        let original = self.canvas(name, revision).await?;
        let copy = CanvasName { canvas: id.unwrap_or_else(|| self.new_id()) };
        let stamp = once.stamp(self.now());
        let mut fork = original.clone().renamed(&copy);
        fork.version = Version::first(stamp.clone());
        fork.forked_from = Some(name.clone());
        fork.forked_from_revision = original.version.revision;
        for segment in fork.segments.values_mut() {
            segment.version = Version::first(stamp.clone());
            segment.personas.values_mut().for_each(|persona| persona.version = Version::first(stamp.clone()));
        }
        if !display_name.is_empty() {
            fork.content.display_name = display_name.to_owned();
        }
        let mut c = Checker::at("");
        c.length("display_name", &fork.content.display_name, 1, 200);
        c.finish(())?;
        self.store.create_canvas(fork.clone(), once.of(&fork)).await?;
        Ok(fork)
    }

    /// Makes a canvas of content with its segments and personas.
    pub async fn import_canvas(&self, canvas: Canvas, once: Once<Edited>) -> Result<Edited> {
        let (before, mut after) = self.tried_import(canvas)?;
        let stamp = once.stamp(self.now());
        after.version = Version::first(stamp.clone());
        after.stamp_what_changed(&before, &stamp);
        let edited = Edited { before, after, undo: Vec::new() };
        self.store.create_canvas(edited.after.clone(), once.of(&edited)).await?;
        Ok(edited)
    }

    /// What importing a canvas would make; nothing was there before.
    pub fn tried_import(&self, canvas: Canvas) -> Result<(Canvas, Canvas)> {
        let mut before = canvas.clone();
        before.segments.clear();
        before.content.notes.clear();
        before.content.links.clear();
        self.check_whole(&before, &canvas)?;
        check_size(&canvas)?;
        Ok((before, canvas))
    }

    /// The segments of a canvas that profiles point to, with those profiles.
    async fn pointing(&self, name: &CanvasName) -> Result<Vec<(String, SegmentName)>> {
        let profiles = self.store.profiles_of_canvas(name).await?;
        Ok(profiles.into_iter().map(|(profile, segment)| (profile.to_string(), segment)).collect())
    }

    /// Checks a canvas after a change: the notes and links, the segments and personas that changed, and what all of them say
    /// of each other.
    fn check_whole(&self, before: &Canvas, after: &Canvas) -> Result<()> {
        self.check_canvas(after, Vec::new())?;
        let changed = |id: &Id| before.segments.get(id) != after.segments.get(id);
        if !after.segments.keys().any(changed) {
            return Ok(());
        }
        let rules = self.rule_set()?;
        let mut c = Checker::at("canvas");
        c.count("segments", after.segments.len(), MAX_SEGMENTS);
        for (id, segment) in after.segments.iter().filter(|(id, _)| changed(id)) {
            c.within(format!("segments[\"{id}\"]"), |c| {
                segment.content.check(c, &rules.vocabulary);
                c.count("personas", segment.personas.len(), MAX_SEGMENTS);
                for (id, persona) in &segment.personas {
                    c.within(format!("personas[\"{id}\"]"), |c| persona.content.check(c, &rules.vocabulary));
                }
            });
        }
        Ok(c.finish(())?)
    }
}

/// A segment that a profile points to can't go.
fn refuse_what_is_pointed_to(pointing: &[(String, SegmentName)], after: &Canvas) -> Result<()> {
    let gone = |segment: &SegmentName| !after.segments.contains_key(&segment.segment);
    let Some((_, segment)) = pointing.iter().find(|(_, segment)| gone(segment)) else { return Ok(()) };
    let users = pointing.iter().filter(|(_, other)| other == segment).map(|(profile, _)| profile.clone());
    Err(Error::InUse { resource: segment.to_string(), users: users.collect() })
}
