//! Canvases to begin with: complete, without a finding, in five languages. Each file holds the documents that `assay apply`
//! takes; the files of a template differ in their texts alone.

use crate::domain::labels;

/// What a template is called, and its files in the order of [`labels::LANGUAGES`].
#[derive(Debug, Clone, Copy)]
pub struct Template {
    pub id: &'static str,
    /// Its English name, by which [`labels`] has those of other languages.
    pub title: &'static str,
    files: [&'static str; 5],
}

macro_rules! files {
    ($id:literal) => {
        [
            include_str!(concat!($id, "/en.yaml")),
            include_str!(concat!($id, "/vi.yaml")),
            include_str!(concat!($id, "/zh.yaml")),
            include_str!(concat!($id, "/ar.yaml")),
            include_str!(concat!($id, "/it.yaml")),
        ]
    };
}

pub const TEMPLATES: [Template; 3] = [
    Template { id: "b2b", title: "B2B software", files: files!("b2b") },
    Template { id: "ecommerce", title: "e-commerce", files: files!("ecommerce") },
    Template { id: "clinic", title: "clinic", files: files!("clinic") },
];

impl Template {
    pub fn find(id: &str) -> Option<Self> {
        TEMPLATES.into_iter().find(|template| template.id == id)
    }

    /// Its documents in a language; in English for one that it does not have.
    pub fn text(&self, language: &str) -> &'static str {
        labels::of_language(language, self.files)
    }
}
