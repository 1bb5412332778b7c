//! What can stand after a dot: the parts of activities, contacts and the profile, and what can be asked of words and lists.

use std::sync::Arc;

use super::types::{Choices, Type};

/// What stands before the dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// `activity("type")`
    Activity,
    Contacts,
    /// A list of words.
    Words,
    /// A word.
    Text,
}

/// Something that can stand after a dot.
#[derive(Debug)]
pub struct Member {
    pub of: Of,
    pub name: &'static str,
    /// Whether arguments follow it, in parentheses.
    pub called: bool,
    /// As it is written.
    pub written: &'static str,
    /// The name of its type.
    pub ty: &'static str,
    pub meaning: &'static str,
}

const fn member(
    of: Of,
    name: &'static str,
    called: bool,
    written: &'static str,
    ty: &'static str,
    meaning: &'static str,
) -> Member {
    Member { of, name, called, written, ty, meaning }
}

/// All members, but for those of the profile.
pub const MEMBERS: [Member; 16] = [
    member(Of::Activity, "count", false, "activity(\"type\").count", "number", "how often it happened"),
    member(Of::Activity, "sum", false, "activity(\"type\").sum", "number", "the sum of its amounts"),
    member(
        Of::Activity,
        "last_days",
        false,
        "activity(\"type\").last_days",
        "number",
        "days since it last happened; unknown if it never did",
    ),
    member(
        Of::Activity,
        "within",
        true,
        "activity(\"type\").within(days)",
        "number",
        "how often it happened in the last days",
    ),
    member(
        Of::Activity,
        "decayed",
        true,
        "activity(\"type\").decayed(half_life_days)",
        "number",
        "sum of amount · 2^(−age / half-life)",
    ),
    member(Of::Contacts, "count", false, "contacts.count", "number", "how many contacts are known"),
    member(Of::Contacts, "engaged", false, "contacts.engaged", "number", "how many contacts have answered"),
    member(
        Of::Contacts,
        "engaged_role",
        true,
        "contacts.engaged_role(\"role\")",
        "yes_no",
        "whether a contact in the role has answered",
    ),
    member(
        Of::Contacts,
        "engaged_at",
        true,
        "contacts.engaged_at(\"seniority\", …)",
        "number",
        "how many contacts of these seniorities have answered",
    ),
    member(
        Of::Contacts,
        "roles_covered",
        true,
        "contacts.roles_covered(list)",
        "number",
        "how many of the roles have a contact",
    ),
    member(Of::Words, "count", false, "list.count", "number", "how many words a list has"),
    member(Of::Words, "contains", true, "list.contains(\"…\")", "yes_no", "the same as word in list"),
    member(
        Of::Words,
        "count_in",
        true,
        "list.count_in(list)",
        "number",
        "how many words of the first are in the second",
    ),
    member(
        Of::Text,
        "contains",
        true,
        "word.contains(\"…\")",
        "yes_no",
        "whether it stands in the word, ignoring case",
    ),
    member(
        Of::Text,
        "starts_with",
        true,
        "word.starts_with(\"…\")",
        "yes_no",
        "whether the word begins so, ignoring case",
    ),
    member(
        Of::Text,
        "ends_with",
        true,
        "word.ends_with(\"…\")",
        "yes_no",
        "whether the word ends so, ignoring case",
    ),
];

/// A member by its name.
pub fn member_of(of: Of, name: &str) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| member.of == of && member.name == name)
}

/// The names of all members of something.
pub fn names_of(of: Of) -> Vec<&'static str> {
    MEMBERS.iter().filter(|member| member.of == of).map(|member| member.name).collect()
}

/// A field of the profile, as `icp.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcpField {
    Technologies,
    Pains,
    Industries,
    Countries,
    DecisionRoles,
    Served,
    Capacity,
}

impl IcpField {
    pub fn ty(self) -> Type {
        match self {
            IcpField::Served => Type::Choice(Arc::new(Choices {
                of: "icp.served".into(),
                words: ["now", "costly", "no"].map(String::from).to_vec(),
            })),
            IcpField::Capacity => Type::Number,
            _ => Type::Words,
        }
    }

    /// The fact whose words it lists.
    pub fn fact(self) -> Option<&'static str> {
        match self {
            IcpField::Technologies => Some("tech"),
            IcpField::Industries => Some("industry"),
            IcpField::Countries => Some("country"),
            IcpField::Pains | IcpField::DecisionRoles | IcpField::Served | IcpField::Capacity => None,
        }
    }
}

/// The profile's fields with their meanings.
pub const ICP_FIELDS: [(&str, IcpField, &str); 7] = [
    ("technologies", IcpField::Technologies, "technologies that fit"),
    ("pains", IcpField::Pains, "pains that the offering relieves"),
    ("industries", IcpField::Industries, "target industries"),
    ("countries", IcpField::Countries, "target countries"),
    (
        "decision_roles",
        IcpField::DecisionRoles,
        "roles that take part in the decision at an account of this size",
    ),
    ("served", IcpField::Served, "size band says whether the account is served; \"no\" outside all bands"),
    ("capacity", IcpField::Capacity, "size band says how many such accounts can be served"),
];
