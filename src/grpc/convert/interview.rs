//! Notes of conversations, and proposals.

use super::{change_out, profile, time, timestamp};
use crate::app::interviews::{InterviewDraft, Proposals};
use crate::domain::check::{Checker, Draft};
use crate::domain::interview::{Interview, LeftOut, Proposal, ProposedItem};
use crate::grpc::pb::{self, proposal};

pub fn draft(interview: Option<pb::Interview>) -> Draft<InterviewDraft> {
    let mut c = Checker::at("interview");
    if interview.is_none() {
        c.wrong("is required");
    }
    let pb::Interview { title, taken_time, text, .. } = interview.unwrap_or_default();
    let taken = time(&mut c, "taken_time", taken_time);
    c.draft(InterviewDraft { title, taken, text })
}

pub fn outward(interview: &Interview) -> pb::Interview {
    pb::Interview {
        name: interview.name.to_string(),
        create_time: Some(timestamp(interview.create_time)),
        title: interview.title.clone(),
        taken_time: interview.taken.map(timestamp),
        text: interview.text.clone(),
        change: change_out(&interview.change),
    }
}

fn proposal_out(proposed: &Proposal) -> pb::Proposal {
    let item = match &proposed.item {
        ProposedItem::Criterion(criterion) => proposal::Item::Criterion(profile::criterion_out(criterion)),
        ProposedItem::Disqualifier(criterion) => {
            proposal::Item::Disqualifier(profile::criterion_out(criterion))
        }
        ProposedItem::Pain(pain) => proposal::Item::Pain(pain.clone()),
        ProposedItem::DecisionRole(role) => proposal::Item::DecisionRole(role.clone()),
    };
    pb::Proposal {
        item: Some(item),
        interview: proposed.interview.to_string(),
        quotation: proposed.quotation.clone(),
    }
}

pub fn proposals_out(found: &Proposals) -> pb::Proposals {
    let left_out = |left: &LeftOut| pb::LeftOutProposal { what: left.what.clone(), why: left.why.clone() };
    pb::Proposals {
        model: found.model.clone(),
        proposals: found.proposals.iter().map(proposal_out).collect(),
        left_out: found.left_out.iter().map(left_out).collect(),
    }
}
