//! Files as people have them: every case is a kind of fault that cost rows, or worse, counted wrongly in silence.

use std::path::Path;

use crate::support::process::assay;

const PROFILE: &str = r#"{"displayName": "Main", "countries": ["DE"], "technologies": ["sap"],
    "sizeBands": [{"min": "50", "max": "500", "pointsHundredths": "1400"}]}"#;

/// What scoring a file came to.
struct Scored {
    code: Option<i32>,
    /// The rows of the result, each with its cells.
    rows: Vec<Vec<String>>,
    told: String,
    errors: String,
}

impl Scored {
    fn totals(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row[4].as_str()).collect()
    }
}

fn score(content: &[u8], more: &[&str]) -> Scored {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leads.csv");
    std::fs::write(&file, content).unwrap();
    score_file(&file, more)
}

fn score_file(file: &Path, more: &[&str]) -> Scored {
    let profile = file.with_file_name("icp.json");
    std::fs::write(&profile, PROFILE).unwrap();
    let output = assay()
        .arg("score")
        .arg(file)
        .arg("--profile-file")
        .arg(&profile)
        .args(more)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(&output.stdout[..]);
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    Scored {
        code: output.status.code(),
        rows,
        told: String::from_utf8(output.stderr).unwrap(),
        errors: std::fs::read_to_string(file.with_extension("errors.csv")).unwrap_or_default(),
    }
}

#[test]
fn numbers_count_as_their_column_writes_them_and_never_by_a_guess() {
    // The third row shows that the comma marks decimals; 6 points for a budget of 20,000.
    let shown = score(b"id;name;budget\n1;a;25000\n2;b;25.000\n3;c;25.000,00\n", &[]);
    assert_eq!((shown.code, shown.totals()), (Some(0), vec!["6", "6", "6"]));
    let alone = score(b"id;name;budget\n1;a;25000\n2;b;25.000\n", &[]);
    assert_eq!((alone.code, alone.totals()), (Some(0), vec!["6", "0"]));
    assert!(alone.told.contains("budget: 1 cell such as \"25.000\" (line 3)"), "{}", alone.told);
    assert!(alone.told.contains("declare decimal"), "{}", alone.told);
    let dollars = score(
        b"id,name,staff,budget\n1,a,\"2,400\",\"$25,000.00\"\n2,b,120,\"$1,000.50\"\n",
        &["--currency", "USD"],
    );
    assert_eq!((dollars.code, dollars.totals()), (Some(0), vec!["6", "14"]));
    let ranges =
        score("id,name,staff,pain_intensity\n1,a,51-200,70 %\n2,b,\"0,3k\",\"0,7\"\n".as_bytes(), &[]);
    assert_eq!((ranges.code, ranges.totals()), (Some(0), vec!["21", "21"]), "{}", ranges.told);
    // A slip shows nothing of the column's format, and a percentage is no amount.
    let slip = score(b"id;name;staff;budget\n1;a;25.000;12,5%\n2;b;1.5;\n", &[]);
    assert_eq!((slip.code, slip.totals()), (Some(0), vec!["0", "0"]), "{}", slip.told);
    for part in
        ["staff: 1 cell such as \"25.000\"", "it may be a thousand times", "a percentage is no amount"]
    {
        assert!(slip.told.contains(part), "{part}: {}", slip.told);
    }
    // A file whose numbers are numbers leaves no doubt: 25.125 is not 25,125, and the text beside it is.
    let typed = score(
        b"{\"id\": 1, \"budget\": 25.125}\n{\"id\": 2, \"budget\": \"25.125,00\"}\n",
        &["--input", "jsonl"],
    );
    assert_eq!((typed.code, typed.totals()), (Some(0), vec!["0", "6"]), "{}", typed.told);
}

#[test]
fn a_table_scores_the_same_in_every_kind_of_file() {
    let table = [
        ["id", "name", "country", "employees", "tech"],
        ["1", "Müller & Söhne", "Deutschland", "120", "SAP"],
        ["2", "Bäckerei Weiß", "AT", "40", ""],
        ["3", "Größe", "", "5400", "sap; x"],
    ];
    let text: String = table.iter().map(|row| row.join(",") + "\r\n").collect();
    let plain = score(text.as_bytes(), &[]);
    assert_eq!((plain.code, plain.rows.len()), (Some(0), 3), "{}", plain.told);

    let dir = tempfile::tempdir().unwrap();
    let utf_16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let lines: String = table[1..]
        .iter()
        .map(|row| {
            let fields: serde_json::Map<_, _> =
                table[0].iter().zip(row).map(|(name, cell)| ((*name).to_owned(), (*cell).into())).collect();
            serde_json::Value::Object(fields).to_string() + "\n"
        })
        .collect();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (i, row) in (0..).zip(&table) {
        for (j, cell) in (0..).zip(row) {
            match cell.parse::<f64>() {
                Ok(number) => sheet.write_number(i, j, number).unwrap(),
                Err(_) => sheet.write_string(i, j, *cell).unwrap(),
            };
        }
    }
    for (name, content, more) in [
        ("utf-16.csv", utf_16, &[][..]),
        ("old.csv", latin, &["--encoding", "windows-1252"]),
        ("tabs.tsv", text.replace(',', "\t").into_bytes(), &[]),
        (
            "marked.csv",
            format!("sep=;\n{}", text.replace(',', ";").replace("sap; x", "\"sap; x\"")).into_bytes(),
            &[],
        ),
        ("lines.jsonl", lines.into_bytes(), &[]),
        ("sheet.xlsx", book.save_to_buffer().unwrap(), &[]),
    ] {
        std::fs::write(dir.path().join(name), content).unwrap();
        let scored = score_file(&dir.path().join(name), more);
        assert_eq!((scored.code, &scored.rows), (Some(0), &plain.rows), "{name}: {}", scored.told);
    }

    // Bytes that are no UTF-8 are told with what to say.
    std::fs::write(dir.path().join("old.csv"), b"id,name,country\n1,M\xfcller,DE\n").unwrap();
    let refused = score_file(&dir.path().join("old.csv"), &[]);
    assert!(refused.told.contains("--encoding windows-1252"), "{}", refused.told);
}

#[test]
fn words_and_domains_are_compared_in_one_form() {
    let words = score(
        "id,name,country,tech\n1,a,DE,sap\n2,b, de ,SAP \n3,c,Deutschland,Sap;x\n4,d,GERMANY,\" sap, x\"\n"
            .as_bytes(),
        &[],
    );
    assert_eq!((words.code, words.totals()), (Some(0), vec!["7"; 4]));
    let rivals = score(
        b"id,name,domain\n1,a,rival.example\n2,b,HTTP://www.Rival.example:80/x?y\n3,c,sales@copycat.example\n4,d,rival.example.org\n5,e,Rival <info@rival.example>\n6,f,(rival.example)\n7,g,no domain\n",
        &[],
    );
    let out: Vec<_> = rivals.rows.iter().map(|row| row[2] == "disqualified").collect();
    assert_eq!(out, [true, true, true, false, true, true, false]);
    assert!(rivals.told.contains("domain: 1 cell such as \"no domain\" (line 8)"), "{}", rivals.told);
    // A word that is like a known one is told.
    let typo = score(b"id,name,country\n1,a,Germny\n2,b,Ghana\n", &[]);
    assert!(
        typo.told.contains("\"Germny\" (line 2)") && typo.told.contains("did you mean \"DE\"?"),
        "{}",
        typo.told
    );
    assert!(!typo.told.contains("Ghana"), "{}", typo.told);
}

#[test]
fn no_row_is_lost_that_a_person_would_keep() {
    let unknown =
        score(b"id,name,industry,staff\n1,a,N/A,n/a\n2,b,#N/A,-\n3,c,null,?\n4,d,heating,many\n", &[]);
    assert_eq!((unknown.code, unknown.rows.len(), unknown.errors.as_str()), (Some(0), 4, ""));
    let blank = score(b"id,name,staff\n1,a,120\n,,\n2,b,80\n,,\n", &[]);
    assert_eq!((blank.code, blank.rows.len()), (Some(0), 2));
    assert!(blank.told.contains("2 empty rows were skipped"), "{}", blank.told);
    let again = score(b"id,name,staff\n1,a,120\n1,b,80\n", &[]);
    assert!(again.told.contains("line 3: the id 1 stands on line 2 already"), "{}", again.told);
    let quotes = score(b"id,name,staff\n1,\"a\" b,120\n2,\"b,80\n3,c\" d,90\n4,e,100\n", &[]);
    assert_eq!((quotes.code, quotes.rows.len()), (Some(3), 3));
    assert!(
        quotes.errors.contains("line 3: a quote opens") && quotes.errors.contains("1 line"),
        "{}",
        quotes.errors
    );
    // Lines that a quote holds together are told, and taken apart where they can't be one row.
    let legal = score(b"id,name,staff\n1,\"Birch,80\n2,Cedar\",90\n3,D,20\n", &[]);
    assert_eq!(legal.rows.len(), 2);
    assert!(legal.told.contains("line 2: a quoted cell goes on to line 3"), "{}", legal.told);
    let swallowed = score(b"id,name,staff\n1,\"Birch,80,x\n2,Cedar,90\n3,D\",20,x\n4,e,6\n", &[]);
    let ids: Vec<_> = swallowed.rows.iter().map(|row| row[0].as_str()).collect();
    assert!(ids.contains(&"2") && ids.contains(&"4"), "{ids:?} {}", swallowed.errors);
    // The row stands there as it was.
    assert!(quotes.errors.lines().nth(1).unwrap().ends_with("2,\"\"\"b\",80"), "{}", quotes.errors);
    let windows = score(b"id,name,staff\n1,M\xfcller,120\n", &["--encoding", "windows-1252"]);
    assert_eq!((windows.code, windows.rows[0][1].as_str()), (Some(0), "Müller"));
}

#[test]
fn headers_are_found_whatever_their_case_and_slips_are_told() {
    let cased = score(b"ID, Name ,STAFF, Budget\n1,a,120,25000\n", &[]);
    assert_eq!((cased.code, cased.totals()), (Some(0), vec!["20"]));
    let twice = score(b"id,name,budget,budget\n1,a,,25000\n", &[]);
    assert_eq!(twice.code, Some(1));
    assert!(twice.told.contains("stands twice, as column 3 and column 4"), "{}", twice.told);
    let slip = score(b"id,name,staff,budgte\n1,a,120,25000\n", &[]);
    assert!(
        slip.told.contains("budget = \"budgte\"") || slip.told.contains("if it is budget"),
        "{}",
        slip.told
    );
}

#[test]
fn what_a_spreadsheet_would_run_is_defused_and_read_back() {
    let first = score(b"id,name,staff\n=1+1,@x,120\n", &["--keep", "Staff"]);
    assert_eq!(first.rows[0][..3], ["'=1+1", "'@x", "120"]);
    let again = score(b"id,name,staff\n'=1+1,'@x,120\n", &["--format", "jsonl"]);
    assert_eq!(again.code, Some(0));
    let jsonl = assay_stdout(b"id,name,staff\n'=1+1,'@x,120\n");
    assert!(jsonl.contains("\"id\":\"=1+1\"") && jsonl.contains("\"name\":\"@x\""), "{jsonl}");
}

fn assay_stdout(content: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leads.csv");
    std::fs::write(&file, content).unwrap();
    let mut command = assay();
    command.arg("score").arg(&file).args(["--format", "jsonl"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// A folder with a script that gives a point for each year of age, and what a day says.
fn dated(dir: &Path) {
    std::fs::create_dir_all(dir.join("lead_scoring")).unwrap();
    let facts = "[import]\nsubject = \"person\"\n[attributes.renewal]\ntype = \"date\"\nmeaning = \"x\"\ndate = \"%d.%m.%Y\"\n";
    std::fs::write(dir.join("facts.toml"), facts).unwrap();
    let script = "rule \"age\" when known(age) then age because \"x\";\n\
                  rule \"soon\" when days_until(renewal) < 90 then 1000 because \"x\";\ngrade \"D\" otherwise;\n";
    std::fs::write(dir.join("lead_scoring/default.rhai"), script).unwrap();
}

#[test]
fn an_age_is_the_same_whatever_the_time_and_days_are_counted_to_it() {
    let dir = tempfile::tempdir().unwrap();
    dated(dir.path());
    let scripts = dir.path().display().to_string();
    let rows = b"name,age,renewal\nAn,30,31.01.2027\nBo,64,\n";
    let now = |as_of: &str| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("leads.csv");
        std::fs::write(&file, rows).unwrap();
        let output =
            assay().arg("score").arg(&file).args(["--scripts", &scripts, "--as-of", as_of]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().skip(1).map(|line| line.split(',').nth(4).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(now("2016-06-01"), ["30", "64"]);
    assert_eq!(now("2026-12-01"), ["1030", "64"]);
}

#[test]
fn a_folder_is_made_in_which_the_first_score_is_an_a() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["b2b", "shop", "clinic"] {
        let folder = dir.path().join(kind);
        let made = assay().arg("init").arg(&folder).args(["--kind", kind]).output().unwrap();
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
        let run = |arguments: &[&str]| {
            let output = assay().args(arguments).current_dir(&folder).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{kind}: {arguments:?}: {told}");
            String::from_utf8(output.stdout).unwrap()
        };
        let scored = run(&["score", "leads.csv", "--profile-file", "profile.json"]);
        assert!(scored.lines().nth(1).unwrap().contains(",scored,A,"), "{kind}: {scored}");
        let explained = run(&["explain", "leads.csv", "--row", "1", "--profile-file", "profile.json"]);
        assert!(explained.contains("Grade A"), "{kind}: {explained}");
        run(&["rules", "check"]);
        run(&["serve", "--check", "--config", "assay.toml"]);
        let again = assay().arg("init").arg(&folder).output().unwrap();
        assert_eq!(again.status.code(), Some(1), "nothing is written over");
    }
}

#[test]
fn facts_are_inferred_of_a_file_and_rules_score_by_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut content = String::from(
        "Kundennummer;Firma;Mitarbeiter;Vertragsende;Newsletter;WelchesPaket;Budget;Rahmen;Faxnummer;Notiz;Leer\n",
    );
    for place in 0..60 {
        content.push_str(&format!(
            "K{place};Firma {place};1.{:03};{:02}.06.2027;{};{};{},50 €;{}.500;{};Notiz Nummer {place};\n",
            place,
            place % 28 + 1,
            ["ja", "nein"][place % 2],
            ["Gold", "Silber", "bitte wählen"][place % 3],
            20_000 + place,
            place % 7 + 1,
            4_930_000 + place,
        ));
    }
    std::fs::write(dir.path().join("kunden.csv"), content).unwrap();
    let run = |arguments: &[&str]| assay().args(arguments).current_dir(dir.path()).output().unwrap();
    std::fs::create_dir_all(dir.path().join("scripts/lead_scoring")).unwrap();
    let made = run(&["facts", "infer", "kunden.csv", "--out", "scripts/facts.toml"]);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let text = std::fs::read_to_string(dir.path().join("scripts/facts.toml")).unwrap();
    insta::assert_snapshot!("inferred_facts", text);
    let again = run(&["facts", "infer", "kunden.csv", "--out", "scripts/facts.toml"]);
    assert_eq!(again.status.code(), Some(1), "nothing is written over");

    // What was inferred stands as it is: each kind of fact counts in a rule.
    std::fs::write(
        dir.path().join("scripts/lead_scoring/default.rhai"),
        "rule \"package\" when welches_paket == \"Gold\" then 1 because \"x\";\n\
         rule \"asked\" when !known(welches_paket) then 2 because \"x\";\n\
         rule \"letters\" when newsletter then 10 because \"x\";\n\
         rule \"ends\" when days_until(vertragsende) < 200 then 100 because \"x\";\n\
         rule \"budget\" when budget >= 20_001 then 1_000 because \"x\";\n\
         rule \"staff\" when employees >= 1_002 then 10_000 because \"x\";\n\
         grade \"D\" otherwise;\n",
    )
    .unwrap();
    let scored = run(&["score", "kunden.csv", "--as-of", "2026-11-26"]);
    let told = String::from_utf8_lossy(&scored.stderr);
    assert_eq!(scored.status.code(), Some(0), "{told}");
    let text = String::from_utf8(scored.stdout).unwrap();
    let totals: Vec<_> = text.lines().skip(1).map(|line| line.split(',').nth(4).unwrap()).collect();
    assert_eq!(totals[..3], ["111", "1100", "11112"], "{told}");
}

/// An export of a CRM with American numbers, one with German ones: 60 firms each, of which every third is a good one.
fn exports() -> [(&'static str, String); 2] {
    let mut us = String::from(
        "Record ID,Company name,Company Domain Name,Industry,Country/Region,Number of Employees,Annual Revenue,Budget,\
         Number of Pageviews,Time Last Seen,Pricing Page Views,Demo Request Date,Contact owner\n",
    );
    let mut german = String::from(
        "Kundennummer;Firma;Website;Branche;Land;Mitarbeiter;Jahresumsatz;Budget;Besuche;Letzter Besuch;Besuche der Preisseite;\
         Demo angefragt am;Ansprechpartner;Position;Antworten;Zuständig\n",
    );
    for place in 0..60 {
        let good = place % 3 == 0;
        let industry = ["Heating", "Retail", "Legal services"][place % 3];
        let staff = [1_000 + 10 * place, 5 * place + 6, 20_000 + place][place % 3];
        us.push_str(&format!(
            "{},\"Firm {place}, Inc.\",https://www.firm{place}.example/,{industry},{},\"{},{:03}\",\"$2,{:03},000.00\",\"$45,000.00\",{},{},{},{},Ann\n",
            9_000 + place,
            ["USA", "United States"][place % 2],
            staff / 1_000,
            staff % 1_000,
            place,
            if good { 12 } else { 0 },
            if good { "2026-11-20" } else { "" },
            if good { "3" } else { "#N/A" },
            if good { "2026-11-18" } else { "" },
        ).replace("\"0,", "\""));
        german.push_str(&format!(
            "K-{place};Firma {place} GmbH;www.firma{place}.example;{};{};{};2.{:03}.000,00 €;45.000,50 €;{};{};{};{};{};{};{};Ute\n",
            ["Heizung", "Handel", "Recht"][place % 3],
            ["Deutschland", "DE", "deutschland"][place % 3],
            if staff < 1_000 { staff.to_string() } else { format!("{}.{:03}", staff / 1_000, staff % 1_000) },
            place,
            if good { "12" } else { "" },
            if good { "20.11.2026" } else { "" },
            if good { "3" } else { "-" },
            if good { "18.11.2026" } else { "" },
            ["Rosa Klein", "", "Jan Vogt"][place % 3],
            ["Leiterin IT", "", "Inhaber"][place % 3],
            place % 2,
        ));
    }
    [("crm_a.csv", us), ("crm_b.csv", german)]
}

#[test]
fn three_commands_lead_from_an_export_to_an_explained_a() {
    let dir = tempfile::tempdir().unwrap();
    for ((name, content), currency) in exports().into_iter().zip(["USD", "EUR"]) {
        std::fs::write(dir.path().join(name), content).unwrap();
        let run = |arguments: &[&str]| {
            let output = assay().args(arguments).current_dir(dir.path()).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{name}: {arguments:?}: {told}");
            (String::from_utf8(output.stdout).unwrap(), told)
        };
        let folder = name.trim_end_matches(".csv");
        let (told, _) = run(&["init", folder, "--from", name]);
        assert!(told.contains(&format!("assay score {name}")), "{told}");
        assert_eq!(told.contains("--currency USD"), currency == "USD", "{told}");
        let by = [
            "--scripts",
            &format!("{folder}/scripts"),
            "--profile-file",
            &format!("{folder}/profile.json"),
            "--as-of",
            "2026-11-26",
            "--currency",
            currency,
        ];
        let (scored, told) = run(&[&["score", name][..], &by].concat());
        let grades: Vec<_> =
            scored.lines().skip(1).filter_map(|line| line.split(",scored,").nth(1)).collect();
        assert_eq!(grades.len(), 60, "{name}: {told}{scored}");
        assert_eq!(grades.iter().filter(|rest| rest.starts_with("A,")).count(), 20, "{name}: {told}{scored}");
        let (explained, _) = run(&[&["explain", name, "--row", "1"][..], &by].concat());
        assert!(explained.contains("Grade A"), "{name}: {explained}");
    }
}
