//! The recipe, its schedule, one step after the other, and the state to go on from.

pub(crate) mod average;
pub(crate) mod balance;
pub(crate) mod course;
pub(crate) mod drill;
pub(crate) mod epoch;
pub(crate) mod finder;
pub(crate) mod ledger;
pub(crate) mod loss;
pub(crate) mod monitor;
pub(crate) mod optimizer;
pub(crate) mod pending;
pub(crate) mod recipe;
pub(crate) mod room;
pub(crate) mod schedule;
pub(crate) mod state;
pub(crate) mod timetable;
pub(crate) mod trainer;
pub(crate) mod validation;
pub(crate) mod watch;
