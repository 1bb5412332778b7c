//! Personas of a segment. Every write makes a revision of the segment and of the canvas too.

use super::segments::{MAX_SEGMENTS, missing, page_of};
use super::{App, Result, admit};
use crate::domain::canvas::Canvas;
use crate::domain::check::{Checker, Draft, Invalid};
use crate::domain::name::{Id, PersonaName, SegmentName};
use crate::domain::segment::{Persona, PersonaContent, Segment};
use crate::domain::version::Version;
use crate::storage::{Page, StoreError};

impl App {
    pub async fn create_persona(
        &self,
        parent: &SegmentName,
        id: Option<Id>,
        draft: Draft<PersonaContent>,
    ) -> Result<(PersonaName, Persona)> {
        let content = self.check_persona(draft)?;
        let id = id.unwrap_or_else(|| self.new_id());
        let (canvas, segment) = (parent.canvas.clone(), parent.segment.clone());
        let name = PersonaName { canvas, segment, persona: id.clone() };
        let (_, persona) = self
            .edit_canvas(&parent.canvas_name(), |canvas| {
                let segment = self.touch(canvas, parent)?;
                if segment.personas.contains_key(&id) {
                    return Err(StoreError::AlreadyExists(name.to_string()).into());
                }
                if segment.personas.len() >= MAX_SEGMENTS {
                    let message = format!("has {MAX_SEGMENTS} personas already, which is the most");
                    return Err(Invalid::one("parent", message).into());
                }
                let persona = Persona { version: Version::first(self.now()), content: content.clone() };
                segment.personas.insert(id.clone(), persona.clone());
                Ok(persona)
            })
            .await?;
        Ok((name, persona))
    }

    pub async fn persona(&self, name: &PersonaName) -> Result<Persona> {
        let mut segment = self.segment(&name.segment_name()).await?;
        segment.personas.remove(&name.persona).ok_or_else(|| missing(name))
    }

    pub async fn personas(&self, parent: &SegmentName, page: Page) -> Result<Vec<(Id, Persona)>> {
        let segment = self.segment(parent).await?;
        Ok(page_of(&segment.personas, &page))
    }

    /// Changes a persona by `edit`, which sees its newest content.
    pub async fn update_persona(
        &self,
        name: &PersonaName,
        etag: &str,
        edit: impl Fn(&Persona) -> Draft<PersonaContent>,
    ) -> Result<Persona> {
        let (_, persona) = self
            .edit_canvas(&name.canvas_name(), |canvas| {
                let segment = self.touch(canvas, &name.segment_name())?;
                let persona = segment.personas.get_mut(&name.persona).ok_or_else(|| missing(name))?;
                admit(name, &persona.version, etag)?;
                persona.content = self.check_persona(edit(persona))?;
                persona.version = persona.version.next(self.now());
                Ok(persona.clone())
            })
            .await?;
        Ok(persona)
    }

    pub async fn delete_persona(&self, name: &PersonaName, etag: &str) -> Result<()> {
        self.edit_canvas(&name.canvas_name(), |canvas| {
            let segment = self.touch(canvas, &name.segment_name())?;
            let persona = segment.personas.get(&name.persona).ok_or_else(|| missing(name))?;
            admit(name, &persona.version, etag)?;
            segment.personas.remove(&name.persona);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// The segment, as its next revision.
    fn touch<'c>(&self, canvas: &'c mut Canvas, name: &SegmentName) -> Result<&'c mut Segment> {
        let segment = canvas.segments.get_mut(&name.segment).ok_or_else(|| missing(name))?;
        segment.version = segment.version.next(self.now());
        Ok(segment)
    }

    fn check_persona(&self, draft: Draft<PersonaContent>) -> Result<PersonaContent> {
        let rules = self.rule_set()?;
        let Draft { content, violations } = draft;
        let mut c = Checker::resume("persona", violations);
        content.check(&mut c, &rules.vocabulary);
        Ok(c.finish(content)?)
    }
}
