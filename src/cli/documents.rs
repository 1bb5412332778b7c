//! Resources as people write them into files: documents of YAML, or protobuf JSON as the official libraries write it.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value as Json;

use crate::grpc::{dynamic, pb};

/// The documents of a file, or of standard input as `-`; a list of them is as good as several.
pub fn read(path: &Path) -> anyhow::Result<Vec<Json>> {
    let shown = || path.display().to_string();
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin().lock())?,
        false => std::fs::read_to_string(path).with_context(shown)?,
    };
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let found: Vec<Json> = match is_json {
        true => vec![serde_json::from_str(&text).with_context(shown)?],
        false => serde_saphyr::from_multiple(&text)
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(shown)?,
    };
    let parts = found.into_iter().flat_map(|json| match json {
        Json::Array(items) => items,
        other => vec![other],
    });
    Ok(parts.filter(|json| !json.is_null()).collect())
}

/// The profile of a file that holds nothing else.
pub fn profile(path: &Path) -> anyhow::Result<pb::Profile> {
    let mut documents = read(path)?;
    let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
        bail!("{} is to hold one profile, and nothing else", path.display());
    };
    read_profile(document).with_context(|| path.display().to_string())
}

/// Reads a profile.
pub fn read_profile(document: Json) -> anyhow::Result<pb::Profile> {
    let descriptor = dynamic::message("Profile").context("there is no such message")?;
    Ok(dynamic::from_json(descriptor, document)?.transcode_to()?)
}
