//! Personas of a segment. Every write makes a revision of the segment and of the canvas too.

use super::once::Once;
use super::segments::{MAX_SEGMENTS, missing};
use super::{App, Result, admit};
use crate::domain::canvas::Canvas;
use crate::domain::check::{Checker, Draft, Invalid};
use crate::domain::name::{Id, PersonaName, SegmentName};
use crate::domain::segment::{Persona, PersonaContent, Segment};
use crate::domain::version::{Stamp, Version};
use crate::storage::StoreError;

impl App {
    pub async fn create_persona(
        &self,
        parent: &SegmentName,
        id: Option<Id>,
        draft: Draft<PersonaContent>,
        once: Once<(PersonaName, Persona)>,
    ) -> Result<(PersonaName, Persona)> {
        let content = self.check_persona(draft)?;
        let id = id.unwrap_or_else(|| self.new_id());
        let (canvas, segment) = (parent.canvas.clone(), parent.segment.clone());
        let name = PersonaName { canvas, segment, persona: id.clone() };
        let receipt = |_: &Canvas, persona: &Persona| once.of(&(name.clone(), persona.clone()));
        let (_, persona) = self
            .write_canvas(&parent.canvas_name(), &once, receipt, |canvas| {
                let segment = touch(canvas, parent, once.stamp(self.now()))?;
                if segment.personas.contains_key(&id) {
                    return Err(StoreError::AlreadyExists(name.to_string()).into());
                }
                if segment.personas.len() >= MAX_SEGMENTS {
                    let message = format!("has {MAX_SEGMENTS} personas already, which is the most");
                    return Err(Invalid::one("parent", message).into());
                }
                let persona =
                    Persona { version: Version::first(once.stamp(self.now())), content: content.clone() };
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

    pub async fn personas(
        &self,
        parent: &SegmentName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Id, Persona)>> {
        let personas = self.segment(parent).await?.personas.into_iter();
        Ok(personas.filter(|(id, _)| after.is_none_or(|after| id.as_str() > after)).take(limit).collect())
    }

    /// Changes a persona by `edit`, which sees its newest content.
    pub async fn update_persona(
        &self,
        name: &PersonaName,
        etag: &str,
        once: Once<(PersonaName, Persona)>,
        edit: impl Fn(&Persona) -> Draft<PersonaContent>,
    ) -> Result<(PersonaName, Persona)> {
        let receipt = |_: &Canvas, persona: &Persona| once.of(&(name.clone(), persona.clone()));
        let (_, persona) = self
            .write_canvas(&name.canvas_name(), &once, receipt, |canvas| {
                let segment = touch(canvas, &name.segment_name(), once.stamp(self.now()))?;
                let persona = segment.personas.get_mut(&name.persona).ok_or_else(|| missing(name))?;
                admit(name, &persona.version, etag)?;
                persona.content = self.check_persona(edit(persona))?;
                persona.version = persona.version.next(once.stamp(self.now()));
                Ok(persona.clone())
            })
            .await?;
        Ok((name.clone(), persona))
    }

    pub async fn delete_persona(&self, name: &PersonaName, etag: &str, once: Once<()>) -> Result<()> {
        self.write_canvas(
            &name.canvas_name(),
            &once,
            |_, ()| once.of(&()),
            |canvas| {
                let segment = touch(canvas, &name.segment_name(), once.stamp(self.now()))?;
                let persona = segment.personas.get(&name.persona).ok_or_else(|| missing(name))?;
                admit(name, &persona.version, etag)?;
                segment.personas.remove(&name.persona);
                Ok(())
            },
        )
        .await?;
        Ok(())
    }

    fn check_persona(&self, draft: Draft<PersonaContent>) -> Result<PersonaContent> {
        let rules = self.rule_set()?;
        let Draft { content, violations } = draft;
        let mut c = Checker::resume("persona", violations);
        content.check(&mut c, &rules.vocabulary);
        Ok(c.finish(content)?)
    }
}

/// The segment, as its next revision.
fn touch<'c>(canvas: &'c mut Canvas, name: &SegmentName, stamp: Stamp) -> Result<&'c mut Segment> {
    let segment = canvas.segments.get_mut(&name.segment).ok_or_else(|| missing(name))?;
    segment.version = segment.version.next(stamp);
    Ok(segment)
}
