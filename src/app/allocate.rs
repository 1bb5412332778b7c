//! Splits a budget over the segments of a canvas by their priority.

use std::collections::BTreeMap;

use super::prioritize::Ranking;
use super::{App, Result};
use crate::domain::allocation::{Claim, Share, Why, allocate};
use crate::domain::check::{Checker, Invalid};
use crate::domain::labels::of_language;
use crate::domain::name::{CanvasName, Id};
use crate::domain::score::Points;

/// What is split, and within which bounds.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    pub amount: i64,
    pub unit: String,
    /// Floor and cap, by segment.
    pub bounds: BTreeMap<Id, (i64, Option<i64>)>,
    /// What serving one customer takes; 0 where capacities do not count.
    pub units_per_customer: f64,
}

/// What a segment gets, in the order of the ranking.
pub struct Allotted {
    pub segment: Id,
    pub display_name: String,
    pub rank: u32,
    pub share: Share,
    /// Why, in words.
    pub reason: String,
}

pub struct Split {
    pub allotted: Vec<Allotted>,
    pub unallocated: i64,
    pub ranking: Ranking,
}

impl App {
    pub async fn allocate_resources(
        &self,
        name: &CanvasName,
        budget: Budget,
        script: Option<&str>,
        language: &str,
    ) -> Result<Split> {
        let canvas = self.live_canvas(name).await?;
        let language = if language.is_empty() { &canvas.content.language } else { language };
        let mut c = Checker::at("");
        for id in budget.bounds.keys().filter(|id| !canvas.segments.contains_key(*id)) {
            c.wrong_field("bounds", format!("there is no segment \"{id}\" on {name}"));
        }
        c.finish(())?;
        let tallies = self.store.segment_tallies(name).await?;
        let ranking = self.rank(&canvas, script, &tallies)?;
        let claims: Vec<(Claim, bool)> = ranking
            .priorities
            .iter()
            .map(|priority| {
                let id = &priority.segment.segment;
                let (floor, cap) = budget.bounds.get(id).copied().unwrap_or((0, None));
                let capacity = canvas.segments.get(id).and_then(|segment| segment.content.capacity);
                let usable = capacity.filter(|_| budget.units_per_customer > 0.0).map(|capacity| {
                    // What is more than any budget is no limit.
                    libm::floor(capacity * budget.units_per_customer).min(9e18) as i64
                });
                let by_capacity = usable.is_some_and(|usable| cap.is_none_or(|cap| usable < cap));
                let cap = if by_capacity { usable } else { cap };
                // A floor is a promise; a capacity only says what can be used.
                let cap = cap.map(|cap| cap.max(floor));
                let weight = priority.assessment.priority.0.max(0);
                (Claim { weight, floor, cap }, by_capacity)
            })
            .collect();
        let bare: Vec<Claim> = claims.iter().map(|(claim, _)| *claim).collect();
        let shares = allocate(budget.amount, &bare).map_err(|too_high| {
            Invalid::one("bounds", format!("the floors take {}, and there is {}", too_high.0, budget.amount))
        })?;
        let all: i64 = bare.iter().map(|claim| claim.weight).sum();
        let allotted: Vec<Allotted> = ranking
            .priorities
            .iter()
            .zip(&claims)
            .zip(shares)
            .map(|((priority, (claim, by_capacity)), share)| Allotted {
                segment: priority.segment.segment.clone(),
                display_name: priority.display_name.clone(),
                rank: priority.rank,
                share,
                reason: reason(language, share.why, *claim, *by_capacity, all, &budget.unit),
            })
            .collect();
        let given: i64 = allotted.iter().map(|allotted| allotted.share.amount).sum();
        Ok(Split { allotted, unallocated: budget.amount - given, ranking })
    }
}

/// Why a segment gets what it gets.
fn reason(language: &str, why: Why, claim: Claim, by_capacity: bool, all: i64, unit: &str) -> String {
    let template = match why {
        Why::Share => [
            "by its priority of {0} among {1} in all",
            "theo mức ưu tiên {0} trên tổng {1}",
            "按优先级 {0}（总计 {1}）分配",
            "بحسب أولويتها {0} من مجموع {1}",
            "per la sua priorità di {0} su {1} in tutto",
        ],
        Why::Floor => [
            "raised to its floor of {2}: its priority of {0} among {1} alone would give less",
            "nâng lên mức sàn {2}: chỉ theo ưu tiên {0} trên {1} thì ít hơn",
            "提高到下限 {2}：仅按优先级 {0}（总计 {1}）会更少",
            "رُفعت إلى حدها الأدنى {2}: أولويتها {0} من {1} وحدها تعطي أقل",
            "portato al minimo di {2}: la sola priorità di {0} su {1} darebbe meno",
        ],
        Why::Cap if by_capacity => [
            "held at {2}, which is all that its capacity can use",
            "giữ ở mức {2}, là tất cả những gì năng lực phục vụ dùng được",
            "限定为 {2}，这是其服务能力所能使用的全部",
            "حُددت بـ {2} وهو كل ما تستطيع قدرتها استخدامه",
            "fermo a {2}, tutto ciò che la sua capacità può usare",
        ],
        Why::Cap => [
            "held at its cap of {2}: its priority of {0} among {1} alone would give more",
            "giữ ở mức trần {2}: chỉ theo ưu tiên {0} trên {1} thì nhiều hơn",
            "限定在上限 {2}：仅按优先级 {0}（总计 {1}）会更多",
            "حُددت بحدها الأعلى {2}: أولويتها {0} من {1} وحدها تعطي أكثر",
            "fermo al massimo di {2}: la sola priorità di {0} su {1} darebbe di più",
        ],
        Why::Nothing => [
            "its priority is not above 0",
            "mức ưu tiên không lớn hơn 0",
            "其优先级不大于 0",
            "أولويتها ليست أكبر من 0",
            "la sua priorità non supera 0",
        ],
    };
    let bound = if why == Why::Floor { claim.floor } else { claim.cap.unwrap_or(0) };
    let bound = format!("{bound} {unit}");
    of_language(language, template)
        .replace("{0}", &Points(claim.weight).to_string())
        .replace("{1}", &Points(all).to_string())
        .replace("{2}", bound.trim_end())
}
