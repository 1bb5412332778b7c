//! Follows a canvas: every revision as it comes, whichever replica makes it.

use std::time::Duration;

use super::{App, Result};
use crate::domain::canvas::Canvas;
use crate::domain::name::CanvasName;

/// How often it is looked whether there is a new revision. Only its number is read for that.
const LOOK: Duration = Duration::from_millis(500);

impl App {
    /// The number of the latest revision.
    pub async fn latest_canvas_revision(&self, name: &CanvasName) -> Result<i64> {
        Ok(self.store.latest_canvas_revision(name).await?)
    }

    /// Waits for the revision after one that is known; gives both.
    pub async fn next_canvas_revision(&self, name: &CanvasName, known: i64) -> Result<(Canvas, Canvas)> {
        while self.store.latest_canvas_revision(name).await? <= known {
            tokio::time::sleep(LOOK).await;
        }
        let before = self.canvas(name, known).await?;
        Ok((before, self.canvas(name, known + 1).await?))
    }
}
