//! What accounts that fit, and golden customers, need: counted and weighted, matched with what the canvas offers, with topics for
//! those who write.

use std::collections::BTreeMap;

use super::canonical::folded;
use super::canvas::Canvas;
use super::golden::Standing;
use super::labels::of_language;
use super::scorecard::evidence::Tally;

/// How much an account counts by what it is: golden customers say best what the product is for.
pub fn weight(standing: Option<Standing>, is_customer: bool, grade: &str) -> f64 {
    match (standing, is_customer, grade) {
        (Some(Standing::Golden), _, _) => 3.0,
        (_, true, _) | (_, _, "A") => 2.0,
        (_, _, "B") => 1.0,
        // It does not fit: what it needs is not the product's to answer.
        _ => 0.0,
    }
}

/// A pain that is being counted.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counted {
    /// As it was written first.
    word: String,
    leads: u64,
    fitting: u64,
    golden: u64,
    weight: f64,
    outcomes: Tally,
    industries: BTreeMap<String, u64>,
}

/// An account that tells of pains.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    pub weight: f64,
    pub is_golden: bool,
    pub won: Option<bool>,
    pub industry: &'a str,
}

/// Pains that are being counted.
#[derive(Debug, Clone, Default)]
pub struct Pains {
    by_word: BTreeMap<String, Counted>,
    /// Accounts that tell any.
    pub accounts: u64,
    weight: f64,
}

/// What offers something against a pain.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The note's id on the canvas.
    pub note: String,
    pub text: String,
    pub likeness: f64,
}

/// A pain with what is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedPain {
    pub pain: String,
    pub leads: u64,
    pub fitting: u64,
    pub golden: u64,
    pub outcomes: Tally,
    /// Its part of the weight of all accounts that tell of pains, 0 to 1.
    pub share: f64,
    pub is_in_profile: bool,
    /// What the canvas offers that sounds like it, the most alike first.
    pub answers: Vec<Answer>,
    /// The industries that tell of it most, with how many accounts.
    pub industries: Vec<(String, u64)>,
}

/// The most pains that are told apart.
const MAX_WORDS: usize = 20_000;
/// The most that are told.
pub const MAX_RANKED: usize = 100;
const MAX_INDUSTRIES: usize = 3;

impl Pains {
    pub fn see<'a>(&mut self, account: Account, words: impl Iterator<Item = &'a str>) {
        let mut seen: Vec<String> = Vec::new();
        for word in words.map(str::trim).filter(|word| !word.is_empty()) {
            let key = folded(word);
            let has_room = self.by_word.len() < MAX_WORDS || self.by_word.contains_key(&key);
            if seen.contains(&key) || !has_room {
                continue;
            }
            let of = self
                .by_word
                .entry(key.clone())
                .or_insert_with(|| Counted { word: word.into(), ..Counted::default() });
            of.leads += 1;
            of.fitting += u64::from(account.weight > 0.0);
            of.golden += u64::from(account.is_golden);
            of.weight += account.weight;
            account.won.into_iter().for_each(|won| of.outcomes.see(won));
            if !account.industry.is_empty() {
                *of.industries.entry(account.industry.to_owned()).or_default() += 1;
            }
            seen.push(key);
        }
        if !seen.is_empty() {
            self.accounts += 1;
            self.weight += account.weight;
        }
    }

    /// The pains that weigh most first; of equal ones that of more leads, then by their words.
    pub fn ranked(self, canvas: Option<&Canvas>, in_profiles: &[String]) -> Vec<RankedPain> {
        let all = if self.weight > 0.0 { self.weight } else { 1.0 };
        let mut found: Vec<(String, Counted)> = self.by_word.into_iter().collect();
        found.sort_by(|(a, x), (b, y)| {
            y.weight.total_cmp(&x.weight).then(y.leads.cmp(&x.leads)).then(a.cmp(b))
        });
        found.truncate(MAX_RANKED);
        let rank = |(key, of): (String, Counted)| {
            let mut industries: Vec<(String, u64)> = of.industries.into_iter().collect();
            industries.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            industries.truncate(MAX_INDUSTRIES);
            let alike = canvas.map(|canvas| canvas.offers_alike(&of.word)).unwrap_or_default().into_iter();
            RankedPain {
                is_in_profile: in_profiles.iter().any(|pain| folded(pain) == key),
                answers: alike
                    .map(|(item, likeness)| Answer {
                        note: item.note.to_string(),
                        text: item.text.to_owned(),
                        likeness,
                    })
                    .collect(),
                pain: of.word,
                leads: of.leads,
                fitting: of.fitting,
                golden: of.golden,
                outcomes: of.outcomes,
                share: of.weight / all,
                industries,
            }
        };
        found.into_iter().map(rank).collect()
    }
}

impl RankedPain {
    /// What to write about, in one of the five languages; in English for any other. The figures are those that were counted.
    pub fn topics(&self, language: &str) -> Vec<String> {
        let industry = self.industries.first();
        let filled = |template: &str| {
            let (industry, count) = industry.map_or(("", 0), |(industry, count)| (industry.as_str(), *count));
            template
                .replace("{pain}", &self.pain)
                .replace("{industry}", industry)
                .replace("{count}", &count.to_string())
                .replace("{leads}", &self.leads.to_string())
        };
        let mut topics = Vec::new();
        if industry.is_some() {
            topics.push(filled(of_language(language, OF_INDUSTRY)));
        }
        if self.golden > 0 {
            topics.push(filled(of_language(language, OF_CUSTOMERS)));
        }
        topics.push(filled(of_language(language, OF_ALL)));
        topics
    }
}

const OF_INDUSTRY: [&str; 5] = [
    "How companies in {industry} deal with \"{pain}\": what {count} of them told us",
    "Doanh nghiệp ngành {industry} xử lý \"{pain}\" thế nào: điều {count} doanh nghiệp đã kể",
    "{industry}行业如何应对“{pain}”：{count} 家企业的经验",
    "كيف تتعامل شركات {industry} مع «{pain}»: ما أخبرتنا به {count} منها",
    "Come le aziende del settore {industry} affrontano \"{pain}\": il racconto di {count} di loro",
];

const OF_CUSTOMERS: [&str; 5] = [
    "\"{pain}\": how customers who stayed got rid of it",
    "\"{pain}\": những khách hàng gắn bó đã giải quyết ra sao",
    "“{pain}”：长期客户是如何解决的",
    "«{pain}»: كيف تخلص منه العملاء الذين بقوا",
    "\"{pain}\": come se ne sono liberati i clienti rimasti",
];

const OF_ALL: [&str; 5] = [
    "A checklist against \"{pain}\", out of {leads} conversations",
    "Danh mục kiểm tra cho \"{pain}\", rút ra từ {leads} cuộc trao đổi",
    "应对“{pain}”的检查清单：来自 {leads} 次交流",
    "قائمة تحقق ضد «{pain}»، من {leads} محادثة",
    "Una lista di controllo contro \"{pain}\", da {leads} colloqui",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canvas::tests::acme;
    use crate::domain::labels::LANGUAGES;

    #[test]
    fn pains_weigh_by_who_has_them_and_are_matched_with_what_is_offered() {
        let mut pains = Pains::default();
        let account =
            |weight, is_golden| Account { weight, is_golden, won: Some(is_golden), industry: "Heating" };
        // Many who don't fit want it cheap; a few who are golden want routes.
        for _ in 0..10 {
            pains.see(account(0.0, false), ["It costs too much"].into_iter());
        }
        pains
            .see(account(3.0, true), ["Planning routes overnight", "planning routes overnight "].into_iter());
        pains.see(account(1.0, false), ["Paper", "Planning routes overnight"].into_iter());
        pains.see(account(1.0, false), [""].into_iter());
        assert_eq!(pains.accounts, 12);
        let ranked = pains.ranked(Some(&acme()), &["PAPER".into()]);
        let order: Vec<(&str, u64, u64)> =
            ranked.iter().map(|of| (of.pain.as_str(), of.leads, of.fitting)).collect();
        assert_eq!(
            order,
            [("Planning routes overnight", 2, 2), ("Paper", 1, 1), ("It costs too much", 10, 0)]
        );
        assert_eq!((ranked[0].share, ranked[2].share), (1.0, 0.0));
        assert_eq!(ranked[0].answers[0].text, "Routes planned overnight");
        assert!(ranked[2].answers.is_empty() && ranked[1].is_in_profile && !ranked[0].is_in_profile);
        let topics = ranked[0].topics("en");
        assert_eq!(
            topics[0],
            "How companies in Heating deal with \"Planning routes overnight\": what 2 of them told us"
        );
        assert_eq!((topics.len(), ranked[2].topics("vi").len()), (3, 2));
        for language in LANGUAGES {
            assert!(ranked[0].topics(language).iter().all(|topic| !topic.contains('{')));
        }
    }
}
