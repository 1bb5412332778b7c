use super::*;
use crate::grpc::pb::value::Kind;
use crate::rules::source::Sources;
use proptest::prelude::*;

fn vocabulary(facts: &str) -> Vocabulary {
    let sources = Sources::new([("facts.toml".to_owned(), facts.to_owned())].into());
    crate::rules::vocabulary(&sources).unwrap()
}

const FACTS: &str = r#"
    [import]
    id = "No"
    missing = ["Select"]
    [columns]
    employees = "Staff"
    [columns.activity.page_visit]
    count = "Visits"
    last = { column = "Last Visit", date = "%d.%m.%Y" }
    [[columns.contact]]
    name = "Contact"
    title = "Title"
    role = "=champion"
    [attributes.score]
    type = "number"
    meaning = "x"
    min = 0
    max = 1
    [attributes.urgency]
    type = "choice"
    choices = ["now", "later"]
    meaning = "x"
    [attributes.budget]
    type = "money"
    meaning = "x"
    [attributes.mail]
    type = "yes_no"
    column = "Do Not Email"
    meaning = "x"
    [attributes.renewal]
    type = "date"
    meaning = "x"
    [activities.page_visit]
    meaning = "x"
    [roles.champion]
    meaning = "x"
    [aliases.country]
    DE = ["Germany", "Deutschland"]
"#;

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn as_of() -> Time {
    "2026-11-26T00:00:00Z".parse().unwrap()
}

fn read(header: &[&str], rows: &[&[&str]]) -> (Vec<Mapped>, Vec<String>) {
    let vocabulary = vocabulary(FACTS);
    let mut mapping = Mapping::new(&vocabulary, &strings(header), "EUR", as_of()).unwrap();
    rows.iter().for_each(|cells| mapping.see(&Row { cells: strings(cells), ..Row::default() }));
    let mut notes = Notes::default();
    let read = |(i, cells): (usize, &&[&str])| {
        let row = Row { line: i as u64 + 2, cells: strings(cells), ..Row::default() };
        mapping.row(i + 1, &row, &mut notes).unwrap()
    };
    let mapped = rows.iter().enumerate().map(read).collect();
    (mapped, notes.told().collect())
}

fn company(mapped: &Mapped) -> &pb::Company {
    match &mapped.lead.subject {
        Some(Subject::Company(company)) => company,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cells_become_facts_and_what_can_not_be_read_is_unknown_and_noted() {
    let header =
        ["no ", "Staff", "Industry", "score", "urgency", "budget", "Do Not Email", "country", "renewal"];
    let (rows, notes) = read(
        &header,
        &[
            &["7", "5,400", "Select", "0.5", "NOW", "USD 12.5", "No", "Germany", "2027-01-31"],
            &["8", "many", "#N/A", "7", "soon", "1.250.000,00 €", "maybe", " de ", "31.1.2027"],
            &["9", "-5", "heating ", "60 %", "", "25.000", "ja", "", ""],
        ],
    );
    assert_eq!(
        (rows[0].id.as_str(), company(&rows[0]).employees, company(&rows[0]).industry.as_str()),
        ("7", Some(5_400), "")
    );
    assert_eq!((company(&rows[0]).country.as_str(), company(&rows[1]).country.as_str()), ("DE", "DE"));
    let kind = |row: usize, name: &str| {
        rows[row].lead.attributes.get(name).and_then(|fact| fact.value.clone()?.kind)
    };
    let money =
        |code: &str, units, nanos| Some(Kind::Money(pb::Money { currency_code: code.into(), units, nanos }));
    assert_eq!(kind(0, "urgency"), Some(Kind::Text("now".into())));
    assert_eq!(kind(0, "budget"), money("USD", 12, 500_000_000));
    assert_eq!(kind(0, "renewal"), Some(Kind::Text("2027-01-31".into())));
    assert_eq!(kind(1, "budget"), money("EUR", 1_250_000, 0));
    for name in ["score", "urgency", "mail", "renewal"] {
        assert_eq!(kind(1, name), None, "{name}");
    }
    assert_eq!((kind(2, "score"), kind(2, "mail")), (Some(Kind::Number(0.6)), Some(Kind::YesNo(true))));
    // The column writes a point and a comma for decimals: 25.000 may be either.
    assert_eq!(kind(2, "budget"), None);
    assert_eq!(company(&rows[2]).employees, None);
    for part in [
        "\"many\" (line 3)",
        "more than 1",
        "not one of the choices",
        "neither yes nor no",
        "a thousand times",
        "2026-11-26",
        "in USD",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
    }
}

#[test]
fn columns_become_activities_and_contacts() {
    let header = ["No", "Visits", "Last Visit", "Contact", "Title"];
    let (rows, notes) = read(&header, &[&["1", "3", "20.11.2026", "Rosa", "CTO"], &["2", "", "", "", ""]]);
    assert_eq!(rows[0].activities.len(), 3);
    let contacts = &rows[0].lead.contacts.as_ref().unwrap().contacts;
    assert_eq!((contacts[0].display_name.as_str(), contacts[0].decision_role.as_str()), ("Rosa", "champion"));
    assert!(rows[1].activities.is_empty() && rows[1].lead.contacts.as_ref().unwrap().contacts.is_empty());
    assert!(notes.is_empty(), "{notes:#?}");
}

#[test]
fn when_something_happened_is_never_guessed() {
    let header = ["No", "Visits", "Last Visit"];
    let (rows, notes) = read(
        &header,
        &[
            &["1", "3", "20.11.2025 14:30"],
            &["2", "3", "31.02.2025"],
            &["3", "3", ""],
            &["4", "3", "20.11.2030"],
            &["5", "", "20.11.2025"],
            &["6", "3", "20.11.25"],
        ],
    );
    let counts: Vec<_> = rows.iter().map(|row| row.activities.len()).collect();
    assert_eq!(counts, [3, 0, 0, 0, 1, 0]);
    let day = rows[0].activities[0].time.unwrap();
    assert_eq!(rows[4].activities[0].time.unwrap(), day);
    for part in ["it is not a day", "when it happened is not known", "it is to come yet"] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
    }
}

#[test]
fn what_is_too_long_costs_the_fact_and_a_name_its_end() {
    let long = "x".repeat(201);
    let (rows, notes) =
        read(&["no", "company", "industry"], &[&["1", "Acme", &long], &[&long, "", "heating"]]);
    assert_eq!((company(&rows[0]).display_name.as_str(), company(&rows[0]).industry.as_str()), ("1", ""));
    assert_eq!(company(&rows[1]).display_name, long[..200]);
    assert!(notes[0].starts_with("industry: 1 cell such as \"xxx"), "{notes:#?}");
    assert!(notes[1].contains("cut to 200 characters"), "{notes:#?}");
}

#[test]
fn what_has_happened_is_not_to_come() {
    let header = ["no", "created", "outcome", "outcome_time"];
    let (rows, notes) = read(
        &header,
        &[&["1", "2026-01-31", "won", "2026-11-25"], &["2", "2027-01-31", "lost", "2026-12-24"]],
    );
    let days = |mapped: &Mapped| {
        let ended = mapped.lead.outcome.as_ref().and_then(|outcome| outcome.time);
        (mapped.lead.first_seen_time.is_some(), mapped.lead.outcome.is_some(), ended.is_some())
    };
    assert_eq!((days(&rows[0]), days(&rows[1])), ((true, true, true), (false, true, false)));
    assert_eq!(notes.iter().filter(|note| note.contains("it is to come yet")).count(), 2, "{notes:#?}");
}

#[test]
fn a_column_that_stands_or_is_mapped_twice_is_an_error() {
    let vocabulary = vocabulary(FACTS);
    let header = strings(&["No", "budget", "budget", "x"]);
    let problems = Mapping::new(&vocabulary, &header, "EUR", as_of()).err().unwrap();
    assert!(problems[0].contains("column 2 and column 3"), "{problems:?}");
    // Which case is meant is clear.
    let header = strings(&["No", "Budget", "budget", "employes"]);
    let mapping = Mapping::new(&vocabulary, &header, "EUR", as_of()).unwrap();
    assert_eq!(mapping.ignored, ["Budget", "employes"]);
    assert!(
        mapping.hints.iter().any(|hint| hint.contains("employees = \"employes\"")),
        "{:?}",
        mapping.hints
    );
}

#[test]
fn unused_columns_are_told_by_what_they_are_perhaps() {
    let vocabulary = vocabulary(FACTS);
    let header = [
        "Account ID",
        "Firma",
        "Umsatz",
        "budget (EUR)",
        "employes",
        "Land",
        "Visits",
        "Letzter Besuch",
        "Fax",
    ];
    let mapping = Mapping::new(&vocabulary, &strings(&header), "EUR", as_of()).unwrap();
    for write in [
        "id = \"Account ID\" under [import]",
        "display_name = \"Firma\" under [import]",
        "revenue = \"Umsatz\" under [columns]",
        "column = \"budget (EUR)\" under [attributes.budget]",
        "employees = \"employes\" under [columns]",
        "country = \"Land\" under [columns]",
    ] {
        assert!(mapping.hints.iter().any(|hint| hint.contains(write)), "{write}: {:?}", mapping.hints);
    }
    assert_eq!(mapping.hints.iter().filter(|hint| hint.contains("\"Fax\"")).count(), 0);
    assert!(mapping.ignored.contains(&"Fax".to_owned()));

    // An activity that is declared, but that no column is mapped to.
    let facts = FACTS
        .replace("[columns.activity.page_visit]", "[columns.activity.call]")
        .replace("[activities.page_visit]", "[activities.call]\nmeaning = \"x\"\n[activities.page_visit]");
    let vocabulary = self::vocabulary(&facts);
    let mapping =
        Mapping::new(&vocabulary, &strings(&["no", "Seitenaufrufe", "Last Seen"]), "EUR", as_of()).unwrap();
    for write in
        ["count = \"Seitenaufrufe\" under [columns.activity.page_visit]", "last = \"Last Seen\" under"]
    {
        assert!(mapping.hints.iter().any(|hint| hint.contains(write)), "{write}: {:?}", mapping.hints);
    }
}

/// A number of hundredths as people of one style write it; none behind the decimal sign if there are none.
fn as_written(hundredths: i64, comma: bool, grouped: bool) -> String {
    let (group, decimal) = if comma { (".", ",") } else { (",", ".") };
    let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    let mut whole = (size / 100).to_string();
    if grouped {
        let digits = whole.len();
        for at in (1..digits).rev().filter(|at| (digits - at) % 3 == 0) {
            whole.insert_str(at, group);
        }
    }
    match size % 100 {
        0 => format!("{sign}{whole}"),
        cents => format!("{sign}{whole}{decimal}{cents:02}"),
    }
}

proptest! {
    /// A whole column in one style, of which nobody has declared which: each number is read as it was meant, or not at
    /// all; and if one of its cells leaves no doubt, all are read.
    #[test]
    fn a_column_is_read_as_it_was_meant_or_not_at_all(
        numbers in prop::collection::vec((-100_000_000_i64..100_000_000, any::<bool>()), 1..12),
        comma: bool,
        grouped: bool,
    ) {
        let hundredths = |(number, whole): (i64, bool)| if whole { number / 100 * 100 } else { number };
        let numbers: Vec<i64> = numbers.into_iter().map(hundredths).collect();
        let cells: Vec<String> = numbers.iter().map(|number| as_written(*number, comma, grouped)).collect();
        let table: Vec<[&str; 2]> = cells.iter().map(|cell| ["7", cell.as_str()]).collect();
        let rows: Vec<&[&str]> = table.iter().map(|row| &row[..]).collect();
        let (read, _) = read(&["no", "budget"], &rows);
        let amounts: Vec<Option<i64>> = read.iter().map(|mapped| {
            match mapped.lead.attributes.get("budget")?.value.clone()?.kind {
                Some(Kind::Money(money)) => Some(money.units * 100 + i64::from(money.nanos) / 10_000_000),
                other => panic!("{other:?}"),
            }
        }).collect();
        // Both signs in one number, or two digits behind one, say which is which.
        let is_clear = numbers.iter().any(|number| number % 100 != 0);
        for (i, (amount, number)) in amounts.iter().zip(&numbers).enumerate() {
            prop_assert!(amount.is_none_or(|amount| amount == *number), "{:?} of {cells:?} is {amount:?}", cells[i]);
            prop_assert!(!is_clear || amount.is_some(), "{:?} of {cells:?} is not read", cells[i]);
        }
    }

    #[test]
    fn any_row_is_read(cells in prop::collection::vec("\\PC{0,8}|-?[0-9]{1,25}([.,][0-9]{1,3}){0,2}", 9)) {
        let vocabulary = vocabulary(FACTS);
        let header = strings(&["no", "Staff", "industry", "score", "urgency", "budget", "Do Not Email", "Visits", "Contact"]);
        let mut mapping = Mapping::new(&vocabulary, &header, "EUR", as_of()).unwrap();
        let row = Row { line: 2, cells, ..Row::default() };
        mapping.see(&row);
        if let Err(problem) = mapping.row(1, &row, &mut Notes::default()) {
            prop_assert!(problem.contains("no id"), "{}", problem);
        }
    }
}
