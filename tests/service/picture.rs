//! Pictures of canvases, looked at by a real browser: every text stands within its card or block, none lies on another one,
//! whatever the language; and the same canvas gives the same bytes.

use std::path::Path;
use std::process::Command;

use crate::support::process::assay;

/// Looks at every text of an SVG as the browser lays it out: tells of those that reach beyond the smallest rectangle that they
/// stand in, and of those that lie on one another.
const LOOK: &str = r#"
const rects = [...document.querySelectorAll('svg rect')].map(r => r.getBoundingClientRect());
const texts = [...document.querySelectorAll('svg text')].map(t => ({text: t.textContent, box: t.getBoundingClientRect()}));
const wrong = [];
const inside = (a, b, slack) =>
  a.left >= b.left - slack && a.right <= b.right + slack && a.top >= b.top - slack && a.bottom <= b.bottom + slack;
for (const {text, box} of texts) {
  const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
  const around = rects.filter(r => r.left <= x && x <= r.right && r.top <= y && y <= r.bottom)
    .sort((a, b) => a.width * a.height - b.width * b.height)[0];
  if (!around || !inside(box, around, 1.5)) wrong.push('beyond its box: ' + text);
}
for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length; j++) {
  const a = texts[i].box, b = texts[j].box;
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (across > 1 && down > Math.min(a.height, b.height) / 3) wrong.push(texts[i].text + ' lies on ' + texts[j].text);
}
document.body.innerHTML = '<pre id="found">' + JSON.stringify({texts: texts.length, wrong}).replaceAll('<', '&lt;') + '</pre>';
"#;

/// What the browser finds in a picture: how many texts, and what is wrong.
pub fn look(folder: &Path, name: &str, svg: &str) -> (usize, Vec<String>) {
    let page = folder.join(format!("{name}.html"));
    let html = format!(
        "<!doctype html><meta charset=\"utf-8\"><body style=\"margin:0\">{svg}<script>{LOOK}</script>"
    );
    std::fs::write(&page, html).unwrap();
    let profile = folder.join("profile");
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is needed: `make deps` installs it");
    let dom = String::from_utf8_lossy(&browser.stdout);
    let found = dom.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found.unwrap_or_else(|| panic!("{name}: {dom}{}", String::from_utf8_lossy(&browser.stderr)));
    let found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let wrong =
        found["wrong"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    (usize::try_from(found["texts"].as_u64().unwrap()).unwrap(), wrong)
}

/// Runs the command line in a folder; gives its exit code and output.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = assay().args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_look_sees_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"300\" height=\"100\"><rect width=\"60\" height=\"40\"/>\
               <text x=\"5\" y=\"20\">much too long for its box</text><text x=\"15\" y=\"22\">in</text></svg>";
    let (texts, wrong) = look(dir.path(), "wrong", svg);
    let expected = ["beyond its box: much too long for its box", "much too long for its box lies on in"];
    assert_eq!((texts, wrong), (2, expected.map(String::from).to_vec()));
}

#[test]
fn every_text_stands_in_its_box_in_five_languages() {
    let dir = tempfile::tempdir().unwrap();
    for (template, style) in [("b2b", "light"), ("ecommerce", "dark"), ("clinic", "light")] {
        for language in ["en", "vi", "zh", "ar", "it"] {
            let id = format!("{template}-{language}");
            let (code, told, wrong) =
                run(dir.path(), &["canvas", "new", "--template", template, "--lang", language, "--id", &id]);
            assert_eq!(code, Some(0), "{told}{wrong}");
            let render = ["canvas", "render", &format!("{id}.yaml"), "--theme", style];
            let (code, svg, wrong) = run(dir.path(), &render);
            assert_eq!(code, Some(0), "{wrong}");
            assert_eq!(run(dir.path(), &render).1, svg, "the same canvas gives the same bytes");
            let (texts, wrong) = look(dir.path(), &id, &svg);
            assert!(texts > 40 && wrong.is_empty(), "{id}: {texts} texts, {wrong:#?}");
        }
    }
}

/// The other kind of canvas, with entries in each block, drawn in each language.
#[test]
fn lean_canvases_stand_in_their_boxes_too() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = [
        ("Problem", "Hours lost on the road every week"),
        ("Customer Segments", "小型维修车间和他们的调度员"),
        ("Unique Value Proposition", "ثلث أقل من القيادة كل يوم مع خطة جاهزة في الصباح"),
        ("Solution", "Tuyến đường được lên kế hoạch qua đêm"),
        ("Channels", "Fiere regionali e rivenditori di programmi contabili"),
        ("Revenue Streams", "A fee per technician and month"),
        ("Cost Structure", "The delivery team of six"),
        ("Key Metrics", "Visits a day"),
        ("Unfair Advantage", "Map data that nobody else has"),
    ];
    let text: Vec<String> =
        blocks.iter().map(|(block, entry)| format!("## {block}\n- {entry}\n- {entry} and more\n")).collect();
    std::fs::write(dir.path().join("lean.md"), format!("# Lean\n{}", text.concat())).unwrap();
    for (language, theme) in
        [("en", "light"), ("vi", "dark"), ("zh", "light"), ("ar", "dark"), ("it", "light")]
    {
        let (code, svg, told) =
            run(dir.path(), &["canvas", "render", "lean.md", "--lang", language, "--theme", theme]);
        assert_eq!(code, Some(0), "{told}");
        let (texts, wrong) = look(dir.path(), &format!("lean-{language}"), &svg);
        assert!(texts >= 28 && wrong.is_empty(), "{language}: {texts} texts, {wrong:#?}");
    }
}

/// An outline whose entries are long, and more than have room.
fn crowded() -> String {
    let long = [
        "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleih in allen deutschsprachigen Ländern und darüber hinaus",
        "我们为所有在城市里生活和工作的年轻家庭提供新鲜、健康、当季并且来自本地农场的食材，每周两次送货上门，还附有详细的菜谱",
        "نقدم لجميع العملاء في المنطقة خدمة توصيل يومية موثوقة with CRM integration ونضمن لهم استرداد المبلغ كاملاً خلال 30 يوماً",
        "Chúng tôi giúp các cửa hàng nhỏ quản lý hàng tồn kho, hoá đơn và khách hàng quen chỉ trên một chiếc điện thoại cũ",
    ];
    let blocks =
        ["Value Propositions", "Channels", "Customer Relationships", "Key Resources", "Cost Structure"];
    let mut text = String::from("# A crowded canvas\n## Customer Segments\n- Everybody in town\n");
    for (number, block) in blocks.iter().enumerate() {
        text += &format!("## {block}\n");
        for index in 0..(6 + 6 * number) {
            text += &format!("- {index} {}\n", long[index % 4]);
        }
    }
    text
}

#[test]
fn what_has_no_room_is_told_and_what_is_shown_fits() {
    let dir = tempfile::tempdir().unwrap();
    // A name as long as names may be is written whole.
    let long_name =
        "A canvas that is called by a very long name so that nobody forgets what it is about ".repeat(2);
    let crowded = crowded().replace("A crowded canvas", long_name.trim());
    std::fs::write(dir.path().join("crowded.md"), crowded).unwrap();
    for (paper, language) in [("a4", "en"), ("a3", "ar")] {
        let render = ["canvas", "render", "crowded.md", "--paper", paper, "--lang", language];
        let (code, svg, told) = run(dir.path(), &render);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("no room in Cost Structure for all of: "), "{told}");
        assert!(svg.contains("… +"), "the picture itself says that there is more");
        assert!(svg.contains("what it is about</text>"), "the end of the name is there");
        let (texts, wrong) = look(dir.path(), paper, &svg);
        assert!(texts > 60 && wrong.is_empty(), "{paper}: {texts} texts, {wrong:#?}");
    }
    let (code, all, _) = run(dir.path(), &["canvas", "render", "crowded.md", "--format", "markdown"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        all.lines().filter(|line| line.starts_with("- ")).count(),
        1 + (0..5).map(|n| 6 + 6 * n).sum::<usize>()
    );
}

#[test]
fn a_picture_is_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let outline = "# Acme & Söhne\n## Problem\n- Waiting <hours>\n## Customer Segments\n- Workshops\n## Solution\n- Routes overnight\n";
    std::fs::write(dir.path().join("lean.md"), outline).unwrap();
    insta::assert_snapshot!("lean_svg", run(dir.path(), &["canvas", "render", "lean.md"]).1);
    // The nine blocks mirrored on dark paper, small enough to be read over.
    let outline = "# مثال\n## شرائح العملاء\n- ورش صغيرة\n## القيمة المقترحة\n- ثلث أقل من القيادة with CRM\n## القنوات\n- معارض محلية\n";
    std::fs::write(dir.path().join("arabic.md"), outline).unwrap();
    let render = ["canvas", "render", "arabic.md", "--lang", "ar", "--theme", "dark"];
    insta::assert_snapshot!("business_svg", run(dir.path(), &render).1);
    insta::assert_snapshot!(
        "lean_html",
        run(dir.path(), &["canvas", "render", "lean.md", "--format", "html"]).1
    );
}
