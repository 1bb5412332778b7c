//! Segments of a canvas. Every write makes a revision of the canvas too.

use super::once::Once;
use super::{App, Error, Result, admit, until_written};
use crate::domain::canvas::{Canvas, NeedRef};
use crate::domain::check::{Checker, Draft, Invalid};
use crate::domain::listing::Query;
use crate::domain::name::{CanvasName, Id, SegmentName};
use crate::domain::segment::{Segment, SegmentContent};
use crate::domain::version::Version;
use crate::storage::StoreError;

/// The most segments of a canvas, and personas of a segment: a canvas is written as a whole.
pub(super) const MAX_SEGMENTS: usize = 500;

impl App {
    pub async fn create_segment(
        &self,
        parent: &CanvasName,
        id: Option<Id>,
        draft: Draft<SegmentContent>,
        once: Once<(SegmentName, Segment)>,
    ) -> Result<(SegmentName, Segment)> {
        let id = id.unwrap_or_else(|| self.new_id());
        let name = SegmentName { canvas: parent.canvas.clone(), segment: id.clone() };
        let receipt = |_: &Canvas, segment: &Segment| once.of(&(name.clone(), segment.clone()));
        let (_, segment) = self
            .write_canvas(parent, &once, receipt, |canvas| {
                if canvas.segments.contains_key(&id) {
                    return Err(StoreError::AlreadyExists(name.to_string()).into());
                }
                if canvas.segments.len() >= MAX_SEGMENTS {
                    let message = format!("has {MAX_SEGMENTS} segments already, which is the most");
                    return Err(Invalid::one("parent", message).into());
                }
                let content = self.check_segment(canvas, &[], draft.clone())?;
                let version = Version::first(once.stamp(self.now()));
                let segment = Segment {
                    version,
                    content,
                    personas: Default::default(),
                    proposition_notes: canvas.serving(&id),
                };
                canvas.segments.insert(id.clone(), segment.clone());
                Ok(segment)
            })
            .await?;
        Ok((name, segment))
    }

    pub async fn segment(&self, name: &SegmentName) -> Result<Segment> {
        let mut canvas = self.live_canvas(&name.canvas_name()).await?;
        let mut segment = canvas.segments.remove(&name.segment).ok_or_else(|| missing(name))?;
        segment.proposition_notes = canvas.serving(&name.segment);
        Ok(segment)
    }

    pub async fn segments(&self, parent: &CanvasName, query: Query) -> Result<Vec<(Id, Segment)>> {
        let mut canvas = self.live_canvas(parent).await?;
        let mut found = query.select(std::mem::take(&mut canvas.segments));
        for (id, segment) in &mut found {
            segment.proposition_notes = canvas.serving(id);
        }
        Ok(found)
    }

    /// Changes a segment by `edit`, which sees its newest content.
    pub async fn update_segment(
        &self,
        name: &SegmentName,
        etag: &str,
        once: Once<(SegmentName, Segment)>,
        edit: impl Fn(&Segment) -> Draft<SegmentContent>,
    ) -> Result<(SegmentName, Segment)> {
        let receipt = |_: &Canvas, segment: &Segment| once.of(&(name.clone(), segment.clone()));
        let (_, segment) = self
            .write_canvas(&name.canvas_name(), &once, receipt, |canvas| {
                let segment = canvas.segments.get(&name.segment).ok_or_else(|| missing(name))?;
                admit(name, &segment.version, etag)?;
                let kept: Vec<Id> = segment.content.channel_notes().cloned().collect();
                let content = self.check_segment(canvas, &kept, edit(segment))?;
                let serving = canvas.serving(&name.segment);
                let segment = canvas.segments.get_mut(&name.segment).ok_or_else(|| missing(name))?;
                segment.content = content;
                segment.version = segment.version.next(once.stamp(self.now()));
                let segment = segment.clone();
                check_answers(canvas, &name.segment)?;
                Ok(Segment { proposition_notes: serving, ..segment })
            })
            .await?;
        Ok((name.clone(), segment))
    }

    pub async fn delete_segment(&self, name: &SegmentName, etag: &str, once: Once<()>) -> Result<()> {
        let (canvas, receipt) = (name.canvas_name(), |_: &Canvas, (): &()| once.of(&()));
        // A profile that comes to point here meanwhile makes the store refuse the write; then they are read again.
        until_written!("", async {
            let profiles = self.store.profiles_of_canvas(&canvas).await?;
            let profiles = profiles.into_iter().filter(|(_, segment)| segment == name);
            let profiles: Vec<String> = profiles.map(|(profile, _)| profile.to_string()).collect();
            let edited = self.write_canvas(&canvas, &once, receipt, |canvas| {
                let segment = canvas.segments.get(&name.segment).ok_or_else(|| missing(name))?;
                admit(name, &segment.version, etag)?;
                let mut users = profiles.clone();
                users.extend(canvas.references_to(&name.segment));
                if !users.is_empty() {
                    return Err(Error::InUse { resource: name.to_string(), users });
                }
                canvas.segments.remove(&name.segment);
                Ok(())
            });
            edited.await.map(drop)
        })
    }

    /// Checks a segment. The notes `kept` from before were checked when they came.
    fn check_segment(
        &self,
        canvas: &Canvas,
        kept: &[Id],
        draft: Draft<SegmentContent>,
    ) -> Result<SegmentContent> {
        let rules = self.rule_set()?;
        let Draft { content, violations } = draft;
        let mut c = Checker::resume("segment", violations);
        content.check(&mut c, &rules.vocabulary);
        for note in content.channel_notes().filter(|note| !kept.contains(note) && !canvas.is_channel(note)) {
            let field = "relationship_plan.facets[Touchpoints].touchpoints";
            c.wrong_field(field, format!("\"{note}\" is not a note in the Channels of {}", canvas.name));
        }
        Ok(c.finish(content)?)
    }
}

/// A need that an offer answers can't go before the answer.
fn check_answers(canvas: &Canvas, segment: &Id) -> Result<()> {
    let Some(found) = canvas.segments.get(segment) else { return Ok(()) };
    let mut c = Checker::at("segment");
    for note in &canvas.content.notes {
        let gone = |answer: &&NeedRef| {
            answer.segment.segment == *segment
                && !found.content.needs.iter().any(|need| need.id == answer.need)
        };
        for answer in note.answers().filter(gone) {
            c.wrong_field(
                "needs",
                format!(
                    "\"{}\" is answered by the note \"{}\": change its offer first, or both by EditCanvas",
                    answer.need, note.id
                ),
            );
        }
    }
    Ok(c.finish(())?)
}

pub(super) fn missing(name: impl ToString) -> Error {
    StoreError::NotFound(name.to_string()).into()
}
