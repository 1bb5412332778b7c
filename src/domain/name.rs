//! Resource names, parsed at the edge: a value of these types is well-formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The last part of a name: `[a-z0-9-]`, 1 to 63 characters, no hyphen at the ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// A text that is not an id or a name; says what it should look like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(pub(super) String);

impl Id {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for an id that could not be read, in a draft whose violations say so.
    pub fn unreadable() -> Self {
        Self("unreadable".into())
    }
}

impl FromStr for Id {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ends = text.starts_with('-') || text.ends_with('-');
        if (1..=63).contains(&text.len()) && text.bytes().all(legal) && !ends {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName("must be 1 to 63 of a-z, 0-9 and -, with no hyphen at the ends".into()))
        }
    }
}

impl TryFrom<String> for Id {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Has a name kept as the text that it is written as.
macro_rules! written_as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    };
}
pub(super) use written_as_text;

/// A resource name made of pairs `collection/id`.
macro_rules! resource_name {
    ($(#[$doc:meta])* $name:ident, $($collection:literal => $field:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name { $(pub $field: Id),+ }

        impl $name {
            /// What the name looks like.
            pub const PATTERN: &'static str =
                concat!($($collection, "/{", stringify!($field), "}/"),+);
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let bad = || BadName(format!("must look like {}", Self::PATTERN.trim_end_matches('/')));
                let mut parts = text.split('/');
                let name = Self {
                    $($field: {
                        if parts.next() != Some($collection) {
                            return Err(bad());
                        }
                        parts.next().ok_or_else(bad)?.parse().map_err(|_| bad())?
                    }),+
                };
                if parts.next().is_some() { Err(bad()) } else { Ok(name) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let parts = [$($collection, self.$field.as_str()),+];
                f.write_str(&parts.join("/"))
            }
        }

        written_as_text!($name);
    };
}

resource_name!(
    /// `canvases/{canvas}`
    CanvasName, "canvases" => canvas
);
resource_name!(
    /// `canvases/{canvas}/segments/{segment}`
    SegmentName, "canvases" => canvas, "segments" => segment
);
resource_name!(
    /// `canvases/{canvas}/segments/{segment}/personas/{persona}`
    PersonaName, "canvases" => canvas, "segments" => segment, "personas" => persona
);
resource_name!(
    /// `profiles/{profile}`
    ProfileName, "profiles" => profile
);
resource_name!(
    /// `leads/{lead}`
    LeadName, "leads" => lead
);
resource_name!(
    /// `leads/{lead}/scores/{score}`
    ScoreName, "leads" => lead, "scores" => score
);

impl SegmentName {
    pub fn canvas_name(&self) -> CanvasName {
        CanvasName { canvas: self.canvas.clone() }
    }
}

impl PersonaName {
    pub fn canvas_name(&self) -> CanvasName {
        CanvasName { canvas: self.canvas.clone() }
    }

    pub fn segment_name(&self) -> SegmentName {
        SegmentName { canvas: self.canvas.clone(), segment: self.segment.clone() }
    }
}

impl ScoreName {
    pub fn lead_name(&self) -> LeadName {
        LeadName { lead: self.lead.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_say_what_they_should_look_like() {
        let error = "canvases/a/segment/b".parse::<SegmentName>().unwrap_err();
        assert_eq!(error.to_string(), "must look like canvases/{canvas}/segments/{segment}");
        assert!("leads/A".parse::<LeadName>().is_err());
        assert!("leads/a/".parse::<LeadName>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_comes_back_the_same(text in "(canvases/[a-z-]{0,3}(/segments/[a-zA-Z0-9/-]{0,4})?|\\PC*)") {
            if let Ok(name) = text.parse::<SegmentName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
