//! How well the relationships with segments are founded, and what to do next.

use super::Canvas;
use crate::domain::labels::{label, of_language};
use crate::domain::name::Id;
use crate::domain::segment::{Facet, FacetKind, FacetStatus, LifecycleStage, SegmentContent, Touchpoint};
use crate::domain::time::Time;

/// How one facet stands.
#[derive(Debug, Clone, PartialEq)]
pub struct FacetAssessment {
    pub kind: FacetKind,
    pub status: FacetStatus,
    /// Which share of what it could tell is told, 0 to 1.
    pub told: f64,
    /// What is not told, by the names of attributes and fields.
    pub missing: Vec<&'static str>,
    /// Of the newest evidence.
    pub evidence_age_days: Option<f64>,
    /// As it stands.
    pub facet: Facet,
}

/// How customers are met in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageAssessment {
    pub stage: LifecycleStage,
    pub approach: String,
    pub touchpoints: Vec<Touchpoint>,
}

/// How the relationship with a segment stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationshipAssessment {
    pub segment: Id,
    pub display_name: String,
    pub facets: Vec<FacetAssessment>,
    /// 0 to 1.
    pub completeness: f64,
    pub stages: Vec<StageAssessment>,
}

impl FacetAssessment {
    fn of(kind: FacetKind, facet: &Facet, now: Time) -> Self {
        let told =
            |attribute: &str| facet.attributes.get(attribute).is_some_and(|text| !text.trim().is_empty());
        let fields = [
            ("relationship_types", FacetKind::RelationshipType, !facet.relationship_types.is_empty()),
            ("touchpoints", FacetKind::Touchpoints, !facet.touchpoints.is_empty()),
            ("lifecycle", FacetKind::Lifecycle, facet.lifecycle.len() == LifecycleStage::ALL.len()),
            ("response_time", FacetKind::Support, facet.response_time.is_some()),
            ("resolution_time", FacetKind::ComplaintHandling, facet.resolution_time.is_some()),
            ("lawful_bases", FacetKind::PrivacyAndSecurity, !facet.lawful_bases.is_empty()),
        ];
        let attributes = kind.attributes().iter().map(|attribute| (*attribute, told(attribute)));
        let own =
            fields.into_iter().filter(|(_, of, _)| *of == kind).map(|(name, _, is_told)| (name, is_told));
        let parts: Vec<(&'static str, bool)> = attributes.chain(own).collect();
        let missing: Vec<_> = parts.iter().filter(|(_, is_told)| !is_told).map(|(name, _)| *name).collect();
        let newest = facet.evidence.iter().map(|evidence| evidence.observed_time).max();
        Self {
            kind,
            status: facet.status(now),
            told: 1.0 - missing.len() as f64 / parts.len().max(1) as f64,
            missing,
            evidence_age_days: newest.map(|newest| now.days_since(newest).max(0.0)),
            facet: facet.clone(),
        }
    }

    /// What it adds to completeness, 0 to 1.
    fn worth(&self) -> f64 {
        let founded = match self.status {
            FacetStatus::Missing => 0.0,
            FacetStatus::Assumed => 0.5,
            FacetStatus::Stale => 0.75,
            FacetStatus::Evidenced => 1.0,
        };
        founded * (0.5 + 0.5 * self.told)
    }

    /// What to do about it next, in a language; nothing where all is well.
    pub fn step(&self, language: &str) -> Option<String> {
        let facet = label(language, self.kind.title());
        let template = match self.status {
            FacetStatus::Missing => [
                "{0}: say what is planned",
                "{0}: hãy nêu kế hoạch",
                "{0}：请写明计划",
                "{0}: اذكر ما هو مخطط",
                "{0}: di' che cosa è previsto",
            ],
            FacetStatus::Stale => [
                "{0}: look again, the evidence is older than its review period",
                "{0}: hãy xem lại, bằng chứng đã quá kỳ xem xét",
                "{0}：请重新核实，证据已超过复查期限",
                "{0}: راجعها مجدداً فالأدلة أقدم من فترة مراجعتها",
                "{0}: verifica di nuovo, le prove sono più vecchie del periodo di revisione",
            ],
            FacetStatus::Assumed => [
                "{0}: find evidence, by asking customers or by measuring",
                "{0}: hãy tìm bằng chứng bằng cách hỏi khách hàng hoặc đo lường",
                "{0}：请通过询问客户或测量来取得证据",
                "{0}: ابحث عن دليل بسؤال العملاء أو بالقياس",
                "{0}: trova prove, chiedendo ai clienti o misurando",
            ],
            FacetStatus::Evidenced if !self.missing.is_empty() => [
                "{0}: tell also {1}",
                "{0}: hãy bổ sung {1}",
                "{0}：请补充 {1}",
                "{0}: أضف أيضاً {1}",
                "{0}: indica anche {1}",
            ],
            FacetStatus::Evidenced => return None,
        };
        Some(of_language(language, template).replace("{0}", facet).replace("{1}", &self.missing.join(", ")))
    }

    /// The smaller, the more urgent.
    fn urgency(&self) -> u8 {
        match self.status {
            FacetStatus::Missing => 0,
            FacetStatus::Stale => 1,
            FacetStatus::Assumed => 2,
            FacetStatus::Evidenced => 3,
        }
    }
}

impl RelationshipAssessment {
    fn of(segment: &Id, content: &SegmentContent, now: Time) -> Self {
        let plan = &content.relationship_plan;
        let nothing = Facet::default();
        let facets: Vec<FacetAssessment> = FacetKind::ALL
            .into_iter()
            .map(|kind| FacetAssessment::of(kind, plan.get(&kind).unwrap_or(&nothing), now))
            .collect();
        let completeness = facets.iter().map(FacetAssessment::worth).sum::<f64>() / facets.len() as f64;
        let touchpoints = || plan.values().flat_map(|facet| &facet.touchpoints);
        let stages = LifecycleStage::ALL.into_iter().map(|stage| StageAssessment {
            stage,
            approach: plan
                .values()
                .find_map(|facet| facet.lifecycle.get(&stage))
                .cloned()
                .unwrap_or_default(),
            touchpoints: touchpoints()
                .filter(|touchpoint| touchpoint.stage == Some(stage))
                .cloned()
                .collect(),
        });
        let (segment, display_name) = (segment.clone(), content.display_name.clone());
        Self { segment, display_name, facets, completeness, stages: stages.collect() }
    }

    /// What to do next, the most urgent first.
    pub fn next(&self, language: &str) -> Vec<(FacetKind, String)> {
        let mut facets: Vec<&FacetAssessment> = self.facets.iter().collect();
        facets.sort_by_key(|facet| facet.urgency());
        facets.into_iter().filter_map(|facet| Some((facet.kind, facet.step(language)?))).collect()
    }
}

impl Canvas {
    /// How the relationships with all segments stand at a time.
    pub fn relationships(&self, now: Time) -> Vec<RelationshipAssessment> {
        self.segments
            .iter()
            .map(|(id, segment)| RelationshipAssessment::of(id, &segment.content, now))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::canvas::tests::{acme, now};
    use crate::domain::value::Evidence;

    #[test]
    fn completeness_follows_what_is_told_and_founded() {
        let mut canvas = acme();
        let plan = &mut canvas.segments.get_mut(&"small".parse().unwrap()).unwrap().content.relationship_plan;
        plan.retain(|kind, _| matches!(kind, FacetKind::Support | FacetKind::Lifecycle));
        let evidence = |days: i64| Evidence {
            source: "a survey".into(),
            strength: None,
            observed_time: Time::from_micros(now().micros() - days * crate::domain::time::DAY).unwrap(),
            against: false,
        };
        plan.get_mut(&FacetKind::Support).unwrap().evidence = vec![evidence(30)];
        plan.get_mut(&FacetKind::Lifecycle).unwrap().evidence = vec![evidence(400)];
        let assessed = canvas.relationships(now());
        let small = assessed.iter().find(|one| one.segment.as_str() == "small").unwrap();
        // Support: one of four parts is told, evidenced; lifecycle: all is told, stale.
        let expected = (1.0 * (0.5 + 0.5 * 0.25) + 0.75) / 11.0;
        assert!((small.completeness - expected).abs() < 1e-12, "{small:?}");
        let next = small.next("en");
        assert_eq!((next.len(), next[0].1.as_str()), (11, "Segments: say what is planned"));
        assert_eq!(next[9].1, "Lifecycle: look again, the evidence is older than its review period");
        assert_eq!(next[10].1, "Support: tell also level, person_access, resources");
        assert!(small.stages.iter().all(|stage| stage.approach.ends_with("with small")));
    }
}
