//! The kinds of findings, and how grave each is for a business of a maturity.

use crate::domain::canvas::Maturity;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Hint,
    Warning,
    /// The model does not hold together.
    Error,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident = $name:literal: $startup:ident $growth:ident $mature:ident,)+) => {
        /// What a finding is about. `docs/canvas.md` has a row for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $code,)+
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$code,)+];

            /// The word for programs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)+
                }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Code::$code => concat!($($doc),+).trim_ascii(),)+
                }
            }

            fn levels(self) -> [Level; 3] {
                match self {
                    $(Code::$code => [Level::$startup, Level::$growth, Level::$mature],)+
                }
            }
        }
    };
}

#[derive(Clone, Copy)]
enum Level {
    /// Not told.
    Off,
    Hint,
    Warn,
    Error,
}

codes! {
    /// A note that no link joins to anything.
    OrphanNote = "ORPHAN_NOTE": Hint Warn Warn,
    /// A channel that reaches no segment.
    ChannelUnused = "CHANNEL_UNUSED": Hint Warn Warn,
    /// A partner that supplies no resource or activity.
    PartnerSuppliesNothing = "PARTNER_SUPPLIES_NOTHING": Warn Warn Warn,
    /// A proposition that serves no segment.
    PropositionServesNobody = "PROPOSITION_SERVES_NOBODY": Warn Warn Error,
    /// A revenue stream that no segment pays.
    RevenueWithoutPayer = "REVENUE_WITHOUT_PAYER": Warn Error Error,
    /// A revenue stream that is paid for no proposition.
    RevenueWithoutProposition = "REVENUE_WITHOUT_PROPOSITION": Warn Warn Error,
    /// A revenue stream is paid by a segment for a proposition that does not serve it.
    PayerNotServed = "PAYER_NOT_SERVED": Warn Warn Error,
    /// A note that says nothing that a rival could not say too.
    VagueNote = "VAGUE_NOTE": Hint Warn Warn,
    /// Two notes of a block say the same.
    DuplicateNote = "DUPLICATE_NOTE": Warn Warn Warn,
    /// Two links say the same.
    DuplicateLink = "DUPLICATE_LINK": Hint Hint Hint,
    /// A block without an entry.
    EmptyBlock = "EMPTY_BLOCK": Hint Warn Warn,
    /// A hypothesis that says nothing of how it is tested: by what, by which metric, from which threshold on.
    HypothesisWithoutTest = "HYPOTHESIS_WITHOUT_TEST": Warn Warn Warn,
    /// A hypothesis with which much falls, and for or against which there is no evidence.
    RiskyUntested = "RISKY_HYPOTHESIS_UNTESTED": Warn Warn Error,
    /// Much speaks for a hypothesis, and much against it.
    HypothesisContradicted = "HYPOTHESIS_CONTRADICTED": Warn Warn Warn,
    /// A note still stands although its hypothesis is refuted.
    HypothesisRefuted = "HYPOTHESIS_REFUTED": Warn Error Error,
    /// All evidence of a hypothesis has become too old to count.
    HypothesisStale = "HYPOTHESIS_STALE": Hint Warn Warn,
    /// A benefit or feature that answers no need.
    OfferAnswersNothing = "OFFER_ANSWERS_NOTHING": Hint Warn Warn,
    /// An offer answers needs of a segment that its proposition does not serve.
    AnswersUnserved = "ANSWERS_UNSERVED_SEGMENT": Warn Warn Warn,
    /// A proposition serves a segment and answers none of its needs.
    ServesWithoutAnswer = "SERVES_WITHOUT_ANSWER": Warn Warn Warn,
    /// No proposition answers any need: nothing shows that the offering fits.
    NoMatches = "NO_MATCHES": Warn Warn Hint,
    /// No segment pays for anything.
    NoRevenue = "NO_REVENUE": Off Warn Error,
    /// A problem that no solution solves.
    ProblemUnsolved = "PROBLEM_UNSOLVED": Warn Warn Warn,
    /// A problem that concerns no segment.
    ProblemConcernsNobody = "PROBLEM_CONCERNS_NOBODY": Warn Warn Warn,
    /// A solution that solves no problem.
    SolutionSolvesNothing = "SOLUTION_SOLVES_NOTHING": Warn Warn Warn,
    /// There is no segment: nothing says whom the business serves.
    NoSegment = "NO_SEGMENT": Warn Error Error,
    /// A segment that no proposition serves.
    SegmentWithoutProposition = "SEGMENT_WITHOUT_PROPOSITION": Warn Error Error,
    /// A segment that no channel reaches.
    SegmentWithoutChannel = "SEGMENT_WITHOUT_CHANNEL": Warn Warn Error,
    /// A segment with which no relationship is kept.
    SegmentWithoutRelationship = "SEGMENT_WITHOUT_RELATIONSHIP": Warn Warn Warn,
    /// A segment that pays nothing.
    SegmentWithoutRevenue = "SEGMENT_WITHOUT_REVENUE": Hint Warn Warn,
    /// A segment that no persona stands for.
    SegmentWithoutPersona = "SEGMENT_WITHOUT_PERSONA": Warn Warn Warn,
    /// A segment of which no need is known.
    SegmentWithoutNeeds = "SEGMENT_WITHOUT_NEEDS": Warn Warn Warn,
    /// A need that no proposition answers.
    NeedUnanswered = "NEED_UNANSWERED": Hint Warn Warn,
    /// All segments get the same proposition: one size rarely fits all.
    OnePropositionForAll = "ONE_PROPOSITION_FOR_ALL": Warn Warn Warn,
    /// Two segments have the same relationship plan.
    SamePlan = "SAME_PLAN": Warn Warn Warn,
    /// A facet of a relationship of which nothing is said.
    FacetMissing = "FACET_MISSING": Hint Warn Warn,
    /// A facet of a relationship without evidence.
    FacetAssumed = "FACET_ASSUMED": Off Hint Warn,
    /// A facet of a relationship whose evidence is older than its review period.
    FacetStale = "FACET_STALE": Hint Warn Warn,
    /// A plan that says nothing of the stages of the relationship.
    PlanWithoutLifecycle = "PLAN_WITHOUT_LIFECYCLE": Hint Warn Warn,
    /// A plan that leaves out stages of the relationship.
    LifecycleGap = "LIFECYCLE_GAP": Hint Hint Warn,
    /// A touchpoint for which nobody answers.
    TouchpointWithoutOwner = "TOUCHPOINT_WITHOUT_OWNER": Hint Warn Warn,
    /// A touchpoint uses a channel that does not reach its segment.
    TouchpointChannelElsewhere = "TOUCHPOINT_CHANNEL_ELSEWHERE": Hint Warn Warn,
    /// Data is held of people without a ground, or without the privacy facet.
    PrivacyMissing = "PRIVACY_MISSING": Warn Error Error,
    /// A segment without the figures by which it is ranked: size, growth, fit.
    PriorityDataMissing = "PRIORITY_DATA_MISSING": Hint Warn Warn,
    /// More customers than can be served.
    CapacityExceeded = "CAPACITY_EXCEEDED": Warn Warn Error,
    /// A segment that is ranked high yields no leads of grade A.
    TopSegmentWithoutGoodLeads = "TOP_SEGMENT_WITHOUT_A_LEADS": Warn Warn Warn,
    /// A finding of a script under canvas_lint/: it is told by the script's own name for it.
    Own = "OWN": Hint Warn Error,
    /// A script under canvas_lint/ fails on this canvas, so what it would find is not known.
    OwnScriptFails = "CANVAS_LINT_SCRIPT_FAILS": Warn Warn Warn,
    /// A segment that is ranked low yields more leads of grade A than the one that is ranked first.
    LowSegmentWithGoodLeads = "LOW_SEGMENT_WITH_A_LEADS": Warn Warn Warn,
}

impl Code {
    /// Whether there is one such finding at a path at most, so that another text there is the same finding told anew.
    pub fn is_found_once_at_a_path(self) -> bool {
        !matches!(
            self,
            Code::LifecycleGap
                | Code::PayerNotServed
                | Code::ServesWithoutAnswer
                | Code::AnswersUnserved
                | Code::OwnScriptFails
        )
    }

    /// How grave it is; none where it is not told at all. A business that does not state its maturity counts as growing.
    pub fn severity(self, maturity: Maturity) -> Option<Severity> {
        let [startup, growth, mature] = self.levels();
        let level = match maturity {
            Maturity::Startup => startup,
            Maturity::Unstated | Maturity::Growth => growth,
            Maturity::Mature => mature,
        };
        match level {
            Level::Off => None,
            Level::Hint => Some(Severity::Hint),
            Level::Warn => Some(Severity::Warning),
            Level::Error => Some(Severity::Error),
        }
    }
}
