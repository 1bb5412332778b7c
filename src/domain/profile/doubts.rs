//! How a profile goes wrong: the three misconceptions of the articles, each with its evidence and its remedy, and the lack of detail.

mod texts;

use super::portrait::Portrait;
use super::{Dimension, ProfileContent, Served, SizeBand};
use crate::domain::labels::of_language;
use crate::domain::time::Time;

/// What goes wrong with profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misconception {
    /// The bigger the customer, the better: whoever is too big for one's own delivery costs more than it brings.
    ChasingBigCustomers,
    /// Only one person is thought of, and somebody else decides.
    IgnoringTheDecisionChain,
    /// Written once, while the market moves on.
    StaticPortrait,
    /// Too little is said to tell anybody apart.
    LackOfDetail,
}

/// What is doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    NoSizeBands,
    CoarseSizeBand,
    SizeBandGap,
    BiggestWithoutCapacity,
    BiggerIsBetter,
    NothingTooBig,
    NoDecisionRoles,
    OneDecisionRole,
    NoRequiredRole,
    NoReview,
    ReviewOverdue,
    ReviewTooRare,
    OldEvidence,
    DimensionMissing,
    FewCriteria,
    NoDisqualifiers,
    CriterionWithoutEvidence,
    NoPains,
    FactSeldomKnown,
    HoldsOfAll,
    HoldsOfNone,
    BandOverCapacity,
    SizesOutside,
}

/// One doubt about a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub doubt: Doubt,
    /// The field that it is about, such as `size_bands[2]`.
    pub path: String,
    /// What was seen, in figures or names of the profile.
    pub evidence: String,
}

/// A band that spans more than so many times its least size holds customers that differ.
const WIDEST: f64 = 10.0;
/// With fewer leads, what they have in common is chance.
const ENOUGH_LEADS: u64 = 50;
/// A fact is seldom known that less than one lead in so many tells.
const SELDOM: u64 = 5;
/// A criterion tells nobody apart that holds of all leads, or of none, but for one in so many.
const NEARLY: u64 = 50;
/// Bands that leave out more than one lead in so many miss the market.
const MANY_OUTSIDE: u64 = 3;
/// A quarter of a year with a fortnight's grace: the articles ask for a look every quarter.
const A_QUARTER: i32 = 106;
/// Days after which evidence is old.
const OLD: f64 = 365.0;
/// With fewer criteria a profile fits nearly everybody.
const FEW: usize = 3;

impl Doubt {
    pub const ALL: [Doubt; 23] = [
        Doubt::NoSizeBands,
        Doubt::CoarseSizeBand,
        Doubt::SizeBandGap,
        Doubt::BiggestWithoutCapacity,
        Doubt::BiggerIsBetter,
        Doubt::NothingTooBig,
        Doubt::NoDecisionRoles,
        Doubt::OneDecisionRole,
        Doubt::NoRequiredRole,
        Doubt::NoReview,
        Doubt::ReviewOverdue,
        Doubt::ReviewTooRare,
        Doubt::OldEvidence,
        Doubt::DimensionMissing,
        Doubt::FewCriteria,
        Doubt::NoDisqualifiers,
        Doubt::CriterionWithoutEvidence,
        Doubt::NoPains,
        Doubt::FactSeldomKnown,
        Doubt::HoldsOfAll,
        Doubt::HoldsOfNone,
        Doubt::BandOverCapacity,
        Doubt::SizesOutside,
    ];

    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Doubt::NoSizeBands => "NO_SIZE_BANDS",
            Doubt::CoarseSizeBand => "COARSE_SIZE_BAND",
            Doubt::SizeBandGap => "SIZE_BAND_GAP",
            Doubt::BiggestWithoutCapacity => "BIGGEST_WITHOUT_CAPACITY",
            Doubt::BiggerIsBetter => "BIGGER_IS_BETTER",
            Doubt::NothingTooBig => "NOTHING_TOO_BIG",
            Doubt::NoDecisionRoles => "NO_DECISION_ROLES",
            Doubt::OneDecisionRole => "ONE_DECISION_ROLE",
            Doubt::NoRequiredRole => "NO_REQUIRED_ROLE",
            Doubt::NoReview => "NO_REVIEW",
            Doubt::ReviewOverdue => "REVIEW_OVERDUE",
            Doubt::ReviewTooRare => "REVIEW_TOO_RARE",
            Doubt::OldEvidence => "OLD_EVIDENCE",
            Doubt::DimensionMissing => "DIMENSION_MISSING",
            Doubt::FewCriteria => "FEW_CRITERIA",
            Doubt::NoDisqualifiers => "NO_DISQUALIFIERS",
            Doubt::CriterionWithoutEvidence => "CRITERION_WITHOUT_EVIDENCE",
            Doubt::NoPains => "NO_PAINS",
            Doubt::FactSeldomKnown => "FACT_SELDOM_KNOWN",
            Doubt::HoldsOfAll => "HOLDS_OF_ALL",
            Doubt::HoldsOfNone => "HOLDS_OF_NONE",
            Doubt::BandOverCapacity => "BAND_OVER_CAPACITY",
            Doubt::SizesOutside => "SIZES_OUTSIDE",
        }
    }

    /// Which mistake it is a sign of.
    pub fn misconception(self) -> Misconception {
        use Misconception as M;
        match self {
            Doubt::NoSizeBands
            | Doubt::CoarseSizeBand
            | Doubt::SizeBandGap
            | Doubt::BiggestWithoutCapacity
            | Doubt::BiggerIsBetter
            | Doubt::NothingTooBig => M::ChasingBigCustomers,
            Doubt::NoDecisionRoles | Doubt::OneDecisionRole | Doubt::NoRequiredRole => {
                M::IgnoringTheDecisionChain
            }
            Doubt::NoReview | Doubt::ReviewOverdue | Doubt::ReviewTooRare | Doubt::OldEvidence => {
                M::StaticPortrait
            }
            Doubt::DimensionMissing
            | Doubt::FewCriteria
            | Doubt::NoDisqualifiers
            | Doubt::CriterionWithoutEvidence
            | Doubt::NoPains
            | Doubt::FactSeldomKnown
            | Doubt::HoldsOfAll
            | Doubt::HoldsOfNone => M::LackOfDetail,
            Doubt::BandOverCapacity | Doubt::SizesOutside => M::ChasingBigCustomers,
        }
    }
}

impl ProfileContent {
    /// All doubts at a time, by the mistake that they are signs of.
    pub fn doubts(&self, now: Time) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut tell = |doubt, path: &str, evidence: String| {
            found.push(Finding { doubt, path: path.to_owned(), evidence });
        };
        self.doubt_sizes(&mut tell);
        self.doubt_roles(&mut tell);
        self.doubt_freshness(now, &mut tell);
        self.doubt_detail(&mut tell);
        found.sort_by_key(|finding| finding.doubt.misconception());
        found
    }

    /// The doubts that only leads can tell, of those that were counted.
    pub fn doubts_by_leads(&self, portrait: &Portrait) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut tell = |doubt, path: String, evidence: String| found.push(Finding { doubt, path, evidence });
        let criteria = self.criteria.iter().map(|criterion| ("criteria", criterion));
        let criteria =
            criteria.chain(self.disqualifiers.iter().map(|criterion| ("disqualifiers", criterion)));
        for ((list, criterion), of) in criteria.zip(&portrait.criteria) {
            let all = of.reference.with(&of.recent);
            let (known, path) = (all.holds + all.fails, format!("{list}[\"{}\"]", criterion.id));
            if all.all() >= ENOUGH_LEADS && known * SELDOM < all.all() {
                tell(Doubt::FactSeldomKnown, path.clone(), format!("{known}/{}", all.all()));
            }
            // What rules accounts out is meant to hold of few.
            let is_rare_by_intent = list == "disqualifiers";
            if known >= ENOUGH_LEADS && all.fails * NEARLY < known {
                tell(Doubt::HoldsOfAll, path, format!("{}/{known}", all.holds));
            } else if known >= ENOUGH_LEADS && all.holds * NEARLY < known && !is_rare_by_intent {
                tell(Doubt::HoldsOfNone, path, format!("{}/{known}", all.holds));
            }
        }
        let mut inside = 0;
        for (place, (band, (all, served, _))) in self.size_bands.iter().zip(&portrait.bands).enumerate() {
            inside += all;
            let is_over = |capacity: i64| i64::try_from(*served).is_ok_and(|served| served > capacity);
            if let Some(capacity) = band.capacity.filter(|capacity| is_over(*capacity)) {
                tell(
                    Doubt::BandOverCapacity,
                    format!("size_bands[{place}]"),
                    format!("{served} > {capacity}"),
                );
            }
        }
        let sized = inside + portrait.outside;
        if sized >= ENOUGH_LEADS && portrait.outside * MANY_OUTSIDE > sized {
            tell(Doubt::SizesOutside, "size_bands".into(), format!("{}/{sized}", portrait.outside));
        }
        found
    }

    fn doubt_sizes(&self, tell: &mut impl FnMut(Doubt, &str, String)) {
        if self.size_bands.is_empty() {
            return tell(Doubt::NoSizeBands, "size_bands", String::new());
        }
        let mut bands: Vec<(usize, &SizeBand)> = self.size_bands.iter().enumerate().collect();
        bands.sort_by_key(|(_, band)| band.min);
        let is_served = |band: &SizeBand| !matches!(band.served, Served::No);
        for (index, band) in bands.iter().filter(|(_, band)| is_served(band)) {
            let path = format!("size_bands[{index}]");
            if let Some(max) =
                band.max.filter(|max| *max as f64 > WIDEST * band.min.max(1) as f64 && *max > 100)
            {
                tell(Doubt::CoarseSizeBand, &path, format!("{} – {max}", band.min));
            }
        }
        for pair in bands.windows(2) {
            let ((_, low), (index, high)) = (pair[0], pair[1]);
            if let Some(end) = low.max.filter(|end| *end < high.min) {
                tell(Doubt::SizeBandGap, &format!("size_bands[{index}]"), format!("{end} – {}", high.min));
            }
        }
        let Some((index, biggest)) = bands.iter().rev().find(|(_, band)| band.served == Served::Now) else {
            return;
        };
        let path = format!("size_bands[{index}]");
        if biggest.capacity.is_none() {
            tell(Doubt::BiggestWithoutCapacity, &path, range(biggest));
        }
        if biggest.max.is_none() {
            tell(Doubt::NothingTooBig, &path, range(biggest));
        }
        let points: Vec<i64> = bands.iter().map(|(_, band)| band.points.0).collect();
        if points.len() >= 3 && points.windows(2).all(|pair| pair[0] < pair[1]) {
            let told: Vec<String> = bands.iter().map(|(_, band)| band.points.to_string()).collect();
            tell(Doubt::BiggerIsBetter, "size_bands", told.join(" < "));
        }
    }

    fn doubt_roles(&self, tell: &mut impl FnMut(Doubt, &str, String)) {
        match &self.decision_roles[..] {
            [] => tell(Doubt::NoDecisionRoles, "decision_roles", String::new()),
            [only] => tell(Doubt::OneDecisionRole, "decision_roles[0]", only.role.clone()),
            roles if !roles.iter().any(|role| role.required) => {
                let told: Vec<&str> = roles.iter().map(|role| role.role.as_str()).collect();
                tell(Doubt::NoRequiredRole, "decision_roles", told.join(", "));
            }
            _ => {}
        }
    }

    fn doubt_freshness(&self, now: Time, tell: &mut impl FnMut(Doubt, &str, String)) {
        match &self.review {
            None => tell(Doubt::NoReview, "review", String::new()),
            Some(review) if review.cadence_days == 0 => tell(Doubt::NoReview, "review", String::new()),
            Some(review) => {
                if review.cadence_days > A_QUARTER {
                    tell(Doubt::ReviewTooRare, "review.cadence_days", review.cadence_days.to_string());
                }
                if let Some(next) = review.next_time().filter(|next| *next < now) {
                    tell(Doubt::ReviewOverdue, "review.last_time", next.date());
                }
            }
        }
        for (field, list) in [("criteria", &self.criteria), ("disqualifiers", &self.disqualifiers)] {
            for criterion in list {
                let newest = criterion.evidence.iter().map(|evidence| evidence.observed_time).max();
                if let Some(newest) = newest.filter(|newest| now.days_since(*newest) > OLD) {
                    let path = format!("{field}[\"{}\"].evidence", criterion.id);
                    tell(Doubt::OldEvidence, &path, newest.date());
                }
            }
        }
    }

    fn doubt_detail(&self, tell: &mut impl FnMut(Doubt, &str, String)) {
        let has = |dimension| self.criteria.iter().any(|criterion| criterion.dimension == Some(dimension));
        let is_told = has(Dimension::IndustryAndScenario) || !self.industries.is_empty();
        if !is_told {
            tell(Doubt::DimensionMissing, "criteria", "industry and scenario".into());
        }
        if self.criteria.len() < FEW {
            tell(Doubt::FewCriteria, "criteria", self.criteria.len().to_string());
        }
        if self.disqualifiers.is_empty() {
            tell(Doubt::NoDisqualifiers, "disqualifiers", String::new());
        }
        for criterion in self.criteria.iter().filter(|criterion| criterion.evidence.is_empty()) {
            let path = format!("criteria[\"{}\"].evidence", criterion.id);
            tell(Doubt::CriterionWithoutEvidence, &path, criterion.fact.clone());
        }
        if self.pains.is_empty() {
            tell(Doubt::NoPains, "pains", String::new());
        }
    }
}

fn range(band: &SizeBand) -> String {
    band.max.map_or_else(|| format!("{} +", band.min), |max| format!("{} – {max}", band.min))
}

impl Finding {
    /// What is doubtful, in one of the five languages; in English for any other.
    pub fn text(&self, language: &str) -> String {
        of_language(language, texts::text(self.doubt)).replace("{0}", &self.evidence)
    }
}

impl Misconception {
    pub fn as_str(self) -> &'static str {
        match self {
            Misconception::ChasingBigCustomers => "CHASING_BIG_CUSTOMERS",
            Misconception::IgnoringTheDecisionChain => "IGNORING_THE_DECISION_CHAIN",
            Misconception::StaticPortrait => "STATIC_PORTRAIT",
            Misconception::LackOfDetail => "LACK_OF_DETAIL",
        }
    }

    /// What people call it.
    pub fn title(self, language: &str) -> &'static str {
        of_language(
            language,
            match self {
                Misconception::ChasingBigCustomers => [
                    "Chasing big customers",
                    "Chạy theo khách hàng lớn",
                    "一味追逐大客户",
                    "السعي وراء العملاء الكبار",
                    "Rincorrere i grandi clienti",
                ],
                Misconception::IgnoringTheDecisionChain => [
                    "Ignoring the decision chain",
                    "Bỏ qua chuỗi ra quyết định",
                    "忽视决策链",
                    "إغفال سلسلة القرار",
                    "Ignorare la catena decisionale",
                ],
                Misconception::StaticPortrait => [
                    "A static portrait",
                    "Chân dung bất động",
                    "画像一成不变",
                    "صورة جامدة",
                    "Un ritratto statico",
                ],
                Misconception::LackOfDetail => {
                    ["Lack of detail", "Thiếu chi tiết", "细节不足", "نقص التفاصيل", "Mancanza di dettaglio"]
                }
            },
        )
    }

    /// What helps.
    pub fn remedy(self, language: &str) -> &'static str {
        of_language(
            language,
            match self {
                Misconception::ChasingBigCustomers => [
                    "find the right size from what your own team can deliver: fine bands, which are served now, which cost more, which are too big, and how many of each you can take",
                    "xác định quy mô phù hợp từ năng lực giao hàng của chính mình: chia nhỏ các khoảng, khoảng nào phục vụ được ngay, khoảng nào tốn kém hơn, khoảng nào quá lớn, và nhận được bao nhiêu khách mỗi khoảng",
                    "从自身交付能力出发确定合适的规模：细分区间，标明哪些现在可服务、哪些成本更高、哪些过大，以及每个区间可承接多少客户",
                    "حدد الحجم المناسب من قدرة فريقك على التنفيذ: شرائح دقيقة، أيها تُخدم الآن وأيها أعلى كلفة وأيها أكبر من اللازم، وكم عميلاً تستوعب في كل شريحة",
                    "trova la dimensione giusta da ciò che il tuo team sa consegnare: fasce fini, quali servi ora, quali costano di più, quali sono troppo grandi, e quanti clienti reggi in ciascuna",
                ],
                Misconception::IgnoringTheDecisionChain => [
                    "rebuild the real process of your last deals: who uses it, who decides, who holds the budget; in a small firm that is the owner, in a large one the head of IT or of the business",
                    "dựng lại quy trình thật của các thương vụ gần đây: ai dùng, ai quyết định, ai giữ ngân sách; ở công ty nhỏ là chủ, ở công ty lớn là trưởng bộ phận CNTT hoặc nghiệp vụ",
                    "还原最近成交的真实流程：谁使用、谁决策、谁掌握预算；小公司是老板，大公司是 IT 或业务负责人",
                    "أعد بناء المسار الحقيقي لصفقاتك الأخيرة: من يستخدم ومن يقرر ومن يملك الميزانية؛ في الشركة الصغيرة هو المالك، وفي الكبيرة رئيس تقنية المعلومات أو القسم المعني",
                    "ricostruisci il processo reale degli ultimi contratti: chi usa, chi decide, chi ha il budget; nella piccola impresa il titolare, nella grande il responsabile IT o di funzione",
                ],
                Misconception::StaticPortrait => [
                    "look at your customers' data every quarter and sign the review off: who came, who left, what no longer sets anybody apart",
                    "mỗi quý hãy xem lại dữ liệu khách hàng và chốt bản rà soát: ai đến, ai đi, điều gì không còn phân biệt được nữa",
                    "每季度复查客户数据并确认结论：谁来了、谁走了、哪些标准已不再有区分力",
                    "راجع بيانات عملائك كل ربع سنة واعتمد المراجعة: من جاء ومن غادر وما الذي لم يعد يميز أحداً",
                    "ogni trimestre riguarda i dati dei clienti e chiudi la revisione: chi è arrivato, chi se n'è andato, che cosa non distingue più nessuno",
                ],
                Misconception::LackOfDetail => [
                    "say more, and from what you know it: industry and scenario, size and stage, the decision chain, what rules an account out, and the pains that you take away; `assay profile derive` finds what your own customers have",
                    "hãy nói rõ hơn và nêu căn cứ: ngành và tình huống, quy mô và giai đoạn, chuỗi ra quyết định, điều gì loại trừ một khách hàng, và nỗi đau mà bạn giải quyết; `assay profile derive` tìm ra đặc điểm của chính khách hàng bạn",
                    "写得更具体并给出依据：行业与场景、规模与阶段、决策链、哪些情况应排除，以及你解决的痛点；`assay profile derive` 可从自有客户中找出特征",
                    "قل المزيد مع السند: القطاع والحالة، الحجم والمرحلة، سلسلة القرار، ما يستبعد عميلاً، والآلام التي تزيلها؛ يجد `assay profile derive` ما يميز عملاءك أنت",
                    "di' di più, e da dove lo sai: settore e scenario, dimensione e fase, catena decisionale, che cosa esclude un cliente e quali dolori togli; `assay profile derive` trova ciò che hanno i tuoi clienti",
                ],
            },
        )
    }
}

#[cfg(test)]
mod tests;
