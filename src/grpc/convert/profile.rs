//! Profiles.

use super::value::{evidence, evidence_out, value, value_out};
use super::{PartIds, WireEnum, change_out, choice, optional, stated_or_zero, time, timestamp};
use crate::domain::canonical::host;
use crate::domain::check::Checker;
use crate::domain::name::ProfileName;
use crate::domain::profile::{
    Criterion, DecisionRole, Dimension, Expectation, Indicator, Profile, ProfileContent, Review, Served,
    SizeBand,
};
use crate::domain::score::Points;
use crate::domain::version::Version;
use crate::grpc::pb::{self, criterion};

super::wire_enum!(Dimension, Dimension, IndustryAndScenario, SizeAndStage, DecisionChain);
super::wire_enum!(Indicator, Indicator, Hard, Soft);
super::wire_enum!(Served, Served, Now, Costly, No);

pub fn content(c: &mut Checker, profile: pb::Profile) -> ProfileContent {
    let given = profile.criteria.iter().chain(&profile.disqualifiers).map(|criterion| criterion.id.as_str());
    let mut ids = PartIds::new("criterion", given);
    let script = profile.scoring_script;
    ProfileContent {
        display_name: profile.display_name,
        segment: optional(c, "segment", &profile.segment),
        maturity: choice(c, "maturity", profile.maturity).unwrap_or_default(),
        scoring_script: if script.is_empty() { "default".into() } else { script },
        criteria: c.each("criteria", profile.criteria, |c, item| criterion(c, item, &mut ids)),
        size_bands: c.each("size_bands", profile.size_bands, |c, band| SizeBand {
            min: band.min,
            max: band.max,
            points: Points(band.points_hundredths),
            served: choice(c, "served", band.served).unwrap_or(Served::Unstated),
            capacity: band.capacity,
        }),
        decision_roles: c.each("decision_roles", profile.decision_roles, |_, role| DecisionRole {
            role: role.role,
            required: role.required,
            min_contacts: if role.min_contacts == 0 { 1 } else { role.min_contacts },
            min_employees: role.min_employees,
            max_employees: role.max_employees,
        }),
        disqualifiers: c.each("disqualifiers", profile.disqualifiers, |c, item| criterion(c, item, &mut ids)),
        technologies: profile.technologies,
        pains: profile.pains,
        industries: profile.industries,
        countries: profile.countries,
        review: profile.review.map(|review| Review {
            cadence_days: review.cadence_days,
            last_time: time(c, "review.last_time", review.last_time),
        }),
    }
}

fn criterion(c: &mut Checker, criterion: pb::Criterion, ids: &mut PartIds) -> Criterion {
    use criterion::Expectation as Wire;
    // Domains are compared as hosts, however they were written.
    let words = |words: pb::TextList| match criterion.fact.as_str() {
        "domain" => words.values.iter().map(|word| host(word)).collect(),
        _ => words.values,
    };
    let expectation = match criterion.expectation {
        Some(Wire::In(list)) => Expectation::In(words(list)),
        Some(Wire::NotIn(list)) => Expectation::NotIn(words(list)),
        Some(Wire::Between(range)) => Expectation::Between(range.min, range.max),
        Some(Wire::AtLeast(number)) => Expectation::AtLeast(number),
        Some(Wire::AtMost(number)) => Expectation::AtMost(number),
        Some(Wire::Equals(expected)) => Expectation::Equals(value(c, "equals", Some(expected))),
        None => {
            c.wrong_field(
                "expectation",
                "is required: one of in, not_in, between, at_least, at_most, equals",
            );
            Expectation::AtLeast(0.0)
        }
    };
    Criterion {
        id: ids.read(c, &criterion.id),
        dimension: choice(c, "dimension", criterion.dimension),
        indicator: choice(c, "indicator", criterion.indicator),
        fact: criterion.fact,
        expectation,
        points: Points(criterion.points_hundredths),
        because: criterion.because,
        evidence: evidence(c, criterion.evidence),
    }
}

/// Content as it would be read under a name.
pub fn shown(name: ProfileName, content: ProfileContent) -> pb::Profile {
    outward(&Profile { name, version: Version::default(), content })
}

pub fn outward(profile: &Profile) -> pb::Profile {
    let Profile { name, version, content } = profile;
    pb::Profile {
        name: name.to_string(),
        display_name: content.display_name.clone(),
        segment: content.segment.as_ref().map(ToString::to_string).unwrap_or_default(),
        maturity: content.maturity.outward(),
        scoring_script: content.scoring_script.clone(),
        criteria: content.criteria.iter().map(criterion_out).collect(),
        size_bands: content.size_bands.iter().map(band_out).collect(),
        decision_roles: content.decision_roles.iter().map(role_out).collect(),
        disqualifiers: content.disqualifiers.iter().map(criterion_out).collect(),
        technologies: content.technologies.clone(),
        pains: content.pains.clone(),
        industries: content.industries.clone(),
        countries: content.countries.clone(),
        review: content.review.as_ref().map(|review| pb::Review {
            cadence_days: review.cadence_days,
            last_time: review.last_time.map(timestamp),
            next_time: review.next_time().map(timestamp),
        }),
        revision: version.revision,
        etag: version.etag(),
        create_time: Some(timestamp(version.create_time)),
        update_time: Some(timestamp(version.update_time)),
        delete_time: version.delete_time.map(timestamp),
        change: change_out(&version.change),
    }
}

fn band_out(band: &SizeBand) -> pb::SizeBand {
    pb::SizeBand {
        min: band.min,
        max: band.max,
        points_hundredths: band.points.0,
        served: band.served.outward(),
        capacity: band.capacity,
    }
}

fn role_out(role: &DecisionRole) -> pb::DecisionRole {
    pb::DecisionRole {
        role: role.role.clone(),
        required: role.required,
        min_contacts: role.min_contacts,
        min_employees: role.min_employees,
        max_employees: role.max_employees,
    }
}

pub fn criterion_out(criterion: &Criterion) -> pb::Criterion {
    use criterion::Expectation as Wire;
    let words = |words: &[String]| pb::TextList { values: words.to_vec() };
    let expectation = match &criterion.expectation {
        Expectation::In(list) => Wire::In(words(list)),
        Expectation::NotIn(list) => Wire::NotIn(words(list)),
        Expectation::Between(min, max) => Wire::Between(pb::NumberRange { min: *min, max: *max }),
        Expectation::AtLeast(number) => Wire::AtLeast(*number),
        Expectation::AtMost(number) => Wire::AtMost(*number),
        Expectation::Equals(expected) => Wire::Equals(value_out(expected)),
    };
    pb::Criterion {
        id: criterion.id.to_string(),
        dimension: stated_or_zero(criterion.dimension),
        indicator: stated_or_zero(criterion.indicator),
        fact: criterion.fact.clone(),
        points_hundredths: criterion.points.0,
        because: criterion.because.clone(),
        evidence: evidence_out(&criterion.evidence),
        expectation: Some(expectation),
    }
}
