//! The words by which files call what we know.

/// Built-in facts with the words that columns are called by.
pub const CALLED: [(&str, &[&str]); 16] = [
    ("industry", &["industry", "branche", "sector", "vertical", "industrie"]),
    ("country", &["country", "country/region", "land", "pays", "paese", "país", "quốc gia", "国家"]),
    ("region", &["region", "state", "province", "bundesland"]),
    ("city", &["city", "town", "ort", "stadt", "ville", "città"]),
    ("domain", &["domain", "company domain name", "website", "web site", "url", "homepage", "webseite"]),
    (
        "employees",
        &[
            "employees",
            "number of employees",
            "company size",
            "no. of employees",
            "headcount",
            "staff",
            "mitarbeiter",
            "mitarbeiterzahl",
            "effectif",
            "dipendenti",
        ],
    ),
    (
        "revenue",
        &[
            "revenue",
            "annual revenue",
            "turnover",
            "umsatz",
            "jahresumsatz",
            "chiffre d'affaires",
            "fatturato",
        ],
    ),
    ("founded_year", &["founded", "founded year", "year founded", "gründungsjahr"]),
    ("tech", &["technologies", "technology", "tech", "tech stack"]),
    ("age", &["age", "alter", "âge", "età"]),
    ("occupation", &["occupation", "what is your current occupation", "profession", "beruf"]),
    (
        "owner",
        &["owner", "lead owner", "account owner", "contact owner", "company owner", "sales rep", "zuständig"],
    ),
    ("source", &["source", "lead source", "original source", "quelle"]),
    ("stage", &["stage", "lead stage", "lifecycle stage", "lead status", "status"]),
    ("outcome", &["outcome", "converted", "won", "is won", "deal outcome", "closed won"]),
    ("created", &["created", "created at", "created date", "create date", "erstellt am", "angelegt"]),
];

/// What the column with ids is called.
pub const IDS: [&str; 10] = [
    "id",
    "record id",
    "lead id",
    "account id",
    "prospect id",
    "customer id",
    "lead number",
    "kunden-nr.",
    "kundennummer",
    "uuid",
];
/// What the column with names is called.
pub const NAMES: [&str; 11] = [
    "name",
    "company",
    "company name",
    "account",
    "account name",
    "firma",
    "firmenname",
    "organization",
    "display_name",
    "full name",
    "société",
];
/// Parts of names of columns that only people have.
pub const PEOPLE: [&str; 5] = ["occupation", "first name", "last name", "birth date", "date of birth"];
/// What people leave in a form instead of an answer.
pub const NON_ANSWERS: [&str; 8] =
    ["select", "please select", "bitte wählen", "not set", "none selected", "tbd", "xxx", "keine angabe"];

/// A kind of activity with what the columns are called that count them and that have the day of the last one.
pub struct Behaviour {
    pub activity: &'static str,
    pub meaning: &'static str,
    pub count: &'static [&'static str],
    pub last: &'static [&'static str],
}

/// The activities that files tell of, called as the shipped rules call them.
pub const BEHAVIOURS: [Behaviour; 5] = [
    Behaviour {
        activity: "page_visit",
        meaning: "A visit to a page of the site",
        count: &[
            "visits",
            "page views",
            "pageviews",
            "number of pageviews",
            "number of page views",
            "number of sessions",
            "website visits",
            "total visits",
            "totalvisits",
            "seitenaufrufe",
            "besuche",
        ],
        last: &["last visit", "last seen", "time last seen", "time of last session", "letzter besuch"],
    },
    Behaviour {
        activity: "pricing_visit",
        meaning: "A visit to the page with the prices",
        count: &["pricing visits", "pricing page views", "preisseite", "besuche der preisseite"],
        last: &["last pricing visit"],
    },
    Behaviour {
        activity: "email_open",
        meaning: "A message was opened",
        count: &[
            "emails opened",
            "email opens",
            "marketing emails opened",
            "geöffnete e-mails",
            "geöffnete mails",
        ],
        last: &["last email open", "last marketing email open date"],
    },
    Behaviour {
        activity: "demo_request",
        meaning: "A demonstration was asked for",
        count: &["demo requests"],
        last: &["demo requested", "demo request date", "demo date", "demo angefragt", "demo angefragt am"],
    },
    Behaviour {
        activity: "meeting",
        meaning: "A conversation took place",
        count: &["meetings", "number of meetings", "termine", "anzahl termine"],
        last: &["last meeting", "last meeting date", "letzter termin"],
    },
];

/// What the columns of one contact are called: the name, the title, and how often an answer came.
pub const CONTACT_NAMES: [&str; 7] =
    ["contact", "contact name", "primary contact", "main contact", "ansprechpartner", "kontakt", "referente"];
pub const CONTACT_TITLES: [&str; 6] =
    ["title", "job title", "contact title", "position", "funktion", "ruolo"];
pub const CONTACT_ANSWERS: [&str; 5] =
    ["replies", "emails replied", "number of replies", "antworten", "risposte"];

/// Attributes that the shipped rules ask for, with the words that columns are called by.
pub const SHIPPED: [(&str, &[&str]); 4] = [
    ("budget", &["budget", "annual budget", "jahresbudget", "budget pro jahr"]),
    ("pain_intensity", &["pain", "pain intensity"]),
    ("digital_maturity", &["digital maturity", "digitalisierungsgrad"]),
    ("newsletter", &["newsletter", "newsletter opt-in"]),
];
