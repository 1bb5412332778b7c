//! What customers need, and the service that they get.

use super::funnel::share;
use crate::app::rank_pains::PainsFound;
use crate::domain::pains::{Answer, RankedPain};
use crate::domain::service_tier::{Assigned, Tier};
use crate::grpc::pb;

pub fn pains_out(found: &PainsFound, language: &str) -> pb::RankPainsResponse {
    let answer = |answer: &Answer| pb::PainAnswer {
        note: answer.note.clone(),
        text: answer.text.clone(),
        likeness: answer.likeness,
    };
    let industry = |(industry, count): &(String, u64)| pb::PainIndustry {
        industry: industry.clone(),
        count: *count as i64,
    };
    let pain = |of: &RankedPain| pb::RankedPain {
        pain: of.pain.clone(),
        lead_count: of.leads as i64,
        fitting_count: of.fitting as i64,
        golden_count: of.golden as i64,
        won: Some(share(of.outcomes)),
        share: of.share,
        in_profile: of.is_in_profile,
        answers: of.answers.iter().map(answer).collect(),
        industries: of.industries.iter().map(industry).collect(),
        topics: of.topics(language),
    };
    pb::RankPainsResponse {
        attributes: found.attributes.clone(),
        lead_count: found.accounts as i64,
        pains: found.pains.iter().map(pain).collect(),
    }
}

/// The most customers that are told one by one.
const MAX_CUSTOMERS: usize = 1_000;

pub fn tiers_out(assigned: &[Assigned], tiers: &[Tier]) -> pb::AssignServiceTiersResponse {
    let customer = |of: &Assigned| pb::AssignedTier {
        lead: of.candidate.lead.to_string(),
        display_name: of.candidate.display_name.clone(),
        grade: of.candidate.grade.clone(),
        potential: of.potential,
        tier: of.tier.map(|place| tiers[place].name.clone()).unwrap_or_default(),
        fit: of.candidate.fit,
        value: of.candidate.value,
        golden: of.candidate.golden,
        held_back: of.is_held_back,
    };
    pb::AssignServiceTiersResponse {
        customers: assigned.iter().take(MAX_CUSTOMERS).map(customer).collect(),
        customer_count: assigned.len() as i64,
        unserved_count: assigned.iter().filter(|of| of.tier.is_none()).count() as i64,
    }
}
