//! Canvases of older versions. Notes named segments, and segments notes, beside the links; facets had texts for what has
//! types now. Both are brought into today's form when the schema is.

use serde_json::{Map, Value, json};

use super::Result;

/// The kind of link that says what a note in a block said by naming a segment.
fn kind(block: &str) -> Option<&'static str> {
    Some(match block {
        "value_propositions" | "unique_value_proposition" | "solution" => "serves",
        "channels" => "reaches",
        "customer_relationships" => "relates",
        "revenue_streams" => "paid_by",
        "problem" => "concerns",
        // Of the others no link leads to a segment, and nothing was ever done with what they named.
        _ => return None,
    })
}

/// The body of a canvas, or of one of its revisions, in today's form.
pub fn with_links(body: &str) -> Result<String> {
    let mut canvas: Value = serde_json::from_str(body)?;
    let name = canvas["name"].as_str().unwrap_or_default().to_owned();
    let mut named: Vec<(String, &'static str, String)> = Vec::new();
    let mut serving = Vec::new();
    for note in canvas["content"]["notes"].as_array_mut().into_iter().flatten() {
        let segments = note.as_object_mut().and_then(|note| note.remove("segments")).unwrap_or_default();
        let id = note["id"].as_str().unwrap_or_default().to_owned();
        if let Some(kind) = kind(note["block"].as_str().unwrap_or_default()) {
            let segments = segments.as_array().into_iter().flatten().filter_map(Value::as_str);
            named.extend(segments.map(|segment| (id.clone(), kind, segment.to_owned())));
            if kind == "serves" {
                serving.push(id);
            }
        }
    }
    for (id, segment) in canvas["segments"].as_object_mut().into_iter().flatten() {
        let Some(content) = segment["content"].as_object_mut() else { continue };
        let notes = content.remove("proposition_notes").unwrap_or_default();
        let notes = notes.as_array().into_iter().flatten().filter_map(Value::as_str);
        let notes = notes.filter(|note| serving.iter().any(|known| known == note));
        named.extend(notes.map(|note| (note.to_owned(), "serves", format!("{name}/segments/{id}"))));
        for (kind, facet) in
            content.get_mut("relationship_plan").and_then(Value::as_object_mut).into_iter().flatten()
        {
            type_facet(kind, facet);
        }
    }
    if let Some(content) = canvas["content"].as_object_mut() {
        let links = content.entry("links").or_insert_with(|| json!([]));
        for (from, kind, segment) in named {
            add_link(links, &from, kind, &segment);
        }
    }
    Ok(canvas.to_string())
}

fn add_link(links: &mut Value, from: &str, kind: &str, segment: &str) {
    let Some(links) = links.as_array_mut() else { return };
    let to = json!({ "segment": segment });
    if links.iter().any(|link| link["from"] == from && link["kind"] == kind && link["to"] == to) {
        return;
    }
    let taken = |id: &str| links.iter().any(|link| link["id"] == id);
    let id = (1..).map(|n| format!("link-{n}")).find(|id| !taken(id)).unwrap_or_default();
    links.push(json!({ "id": id, "kind": kind, "from": from, "to": to }));
}

/// Gives the stages of a lifecycle and touchpoints their places; what can't be told from a text goes on as a text.
fn type_facet(kind: &str, facet: &mut Value) {
    let Some(facet) = facet.as_object_mut() else { return };
    let Some(mut attributes) = facet.remove("attributes").and_then(|attributes| match attributes {
        Value::Object(attributes) => Some(attributes),
        _ => None,
    }) else {
        return;
    };
    match kind {
        "lifecycle" if !attributes.is_empty() => {
            facet.insert("lifecycle".into(), Value::Object(std::mem::take(&mut attributes)));
        }
        "touchpoints" if !attributes.is_empty() => {
            let touchpoints = std::mem::take(&mut attributes).into_iter();
            let text = |place: String, what: Value| format!("{place}: {}", what.as_str().unwrap_or_default());
            let touchpoints = touchpoints.map(|(place, what)| json!({ "description": text(place, what) }));
            facet.insert("touchpoints".into(), touchpoints.collect());
        }
        "relationship_type" => to_content(facet, &mut attributes, &["types"]),
        "support" => to_content(facet, &mut attributes, &["response_time"]),
        "complaint_handling" => to_content(facet, &mut attributes, &["resolution_time"]),
        "privacy_and_security" => to_content(facet, &mut attributes, &["lawful_basis"]),
        _ => {}
    }
    facet.insert("attributes".into(), Value::Object(attributes));
}

fn to_content(facet: &mut Map<String, Value>, attributes: &mut Map<String, Value>, fields: &[&str]) {
    for field in fields {
        if let Some(text) = attributes.remove(*field) {
            let before = facet.get("content").and_then(Value::as_str).unwrap_or_default();
            let told = format!("{field}: {}", text.as_str().unwrap_or_default());
            let content = if before.is_empty() { told } else { format!("{before}\n{told}") };
            facet.insert("content".into(), content.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canvas::{Canvas, LinkKind};
    use crate::domain::segment::{FacetKind, LifecycleStage};

    #[test]
    fn nothing_that_older_canvases_said_is_lost() {
        let old = r#"{"name":"canvases/c","version":{"revision":2,"create_time":"2026-11-21T22:06:45Z","update_time":"2026-11-21T22:06:45Z"},
            "content":{"display_name":"Main","kind":"business_model","language":"en","notes":[
                {"id":"offer","block":"value_propositions","text":"x","segments":["canvases/c/segments/s"]},
                {"id":"site","block":"channels","text":"x","segments":["canvases/c/segments/s"]},
                {"id":"crew","block":"key_resources","text":"x","segments":["canvases/c/segments/s"]}],
              "links":[{"id":"link-1","kind":"serves","from":"offer","to":{"segment":"canvases/c/segments/t"}}],
              "priority_script":"default"},
            "segments":{"s":{"version":{"revision":1,"create_time":"2026-11-21T22:06:45Z","update_time":"2026-11-21T22:06:45Z"},
              "content":{"display_name":"Trades","proposition_notes":["offer"],"relationship_plan":{
                "lifecycle":{"content":"","attributes":{"renewal":"a call"}},
                "touchpoints":{"attributes":{"sales":"a fair"}},
                "support":{"content":"By mail","attributes":{"level":"second","response_time":"a day"}}}}}}}"#;
        let new = with_links(old).unwrap();
        let canvas: Canvas = serde_json::from_str(&new).unwrap();
        let said = |kind| canvas.content.links.iter().filter(|link| link.kind == kind).count();
        assert_eq!((said(LinkKind::Serves), said(LinkKind::Reaches), canvas.content.links.len()), (2, 1, 3));
        let plan = &canvas.segments.values().next().unwrap().content.relationship_plan;
        assert_eq!(plan[&FacetKind::Lifecycle].lifecycle[&LifecycleStage::Renewal], "a call");
        assert_eq!(plan[&FacetKind::Touchpoints].touchpoints[0].description, "sales: a fair");
        let support = &plan[&FacetKind::Support];
        assert_eq!(
            (support.content.as_str(), support.attributes.len()),
            ("By mail\nresponse_time: a day", 1)
        );
        // What is in today's form already stays as it is.
        assert_eq!(serde_json::from_str::<Canvas>(&with_links(&new).unwrap()).unwrap(), canvas);
    }
}
