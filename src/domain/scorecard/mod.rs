//! A scorecard learnt from accounts whose outcome is known: what sets won ones apart, as points that a person can read and change.
//!
//! Each column is cut into fine bins without a look at the outcomes (`fine`), tested for whether its differences could be chance
//! (`evidence`), looked at for whether it knows the answer (`guard`), and merged into few bins (`bins`). A regression weighs the
//! columns against each other (`logistic`), and what comes of it is rounded to whole points (`learn`). How well that does is measured
//! on accounts that were not learnt from (`validate`), beside naive Bayes.

pub mod bins;
pub mod evidence;
pub mod fine;
pub mod guard;
pub mod learn;
pub mod logistic;
pub mod measure;
pub mod naive_bayes;
pub mod sample;
pub mod validate;
