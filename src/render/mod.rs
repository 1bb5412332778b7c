//! Floor 1: canvases as pictures and pages. The same canvas gives the same bytes on every machine: texts are measured with a
//! font that is part of the program, and each line says how wide it is, so that it fits whatever font a viewer has.

mod canvas;
mod chart;
mod measure;
mod page;
mod svg;

pub use svg::escape;
mod wrap;

pub use canvas::{Overflow, Picture, picture};
pub use chart::{Bar, Part, bars, stacked};
pub use page::{html, markdown};

/// The paper that a picture is made for, in landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paper {
    #[default]
    A4,
    A3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style<'a> {
    /// One of the five languages: that of all words that are ours.
    pub language: &'a str,
    pub paper: Paper,
    pub theme: Theme,
}

impl Style<'_> {
    /// Whether pages of its language begin at the right.
    pub fn is_rtl(&self) -> bool {
        let primary = self.language.split(['-', '_']).next().unwrap_or_default();
        ["ar", "he", "fa", "ur"].contains(&primary.to_lowercase().as_str())
    }
}

/// The credit that a picture of a canvas carries: its licence asks for it.
pub fn credit(kind: crate::domain::canvas::CanvasKind) -> &'static str {
    match kind {
        crate::domain::canvas::CanvasKind::BusinessModel => {
            "The Business Model Canvas by Strategyzer AG (strategyzer.com), CC BY-SA 3.0"
        }
        crate::domain::canvas::CanvasKind::Lean => {
            "Lean Canvas by Ash Maurya (leanstack.com), adapted from The Business Model Canvas by Strategyzer AG \
             (strategyzer.com), CC BY-SA 3.0"
        }
    }
}
