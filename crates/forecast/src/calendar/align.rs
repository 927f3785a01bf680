//! Stamps to positions on an axis.

use std::cmp::Ordering;

use jiff::civil::DateTime;

use super::phase::Phase;
use super::position::Position;
use super::{Axis, Calendar, CalendarError, Stamp};
use crate::frequency::Frequency;

impl Calendar {
    /// Places stamps on the axis that starts at the first of them, and infers the frequency if none
    /// is given.
    ///
    /// The positions begin at 0 and rise strictly; a gap in them is a step without a stamp.
    ///
    /// Where the start leaves the day of the month open, all stamps decide: April 30 and May 30 are
    /// the 30th of each month, April 30 and May 31 month ends, for `ME` as for `monthly`. Stamps
    /// with offsets that change on the way, as daylight saving time writes them, are placed by
    /// their wall time for steps of a day and longer, and the axis goes on with the last offset.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] where the stamps are not of one kind, not in order, repeated, between two
    /// steps, or so far apart that the axis up to the last of them is longer than `most_steps`; and
    /// as for [`infer`](Self::infer).
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::{Calendar, Stamp};
    ///
    /// let written = ["2024-01-01", "2024-02-01", "2024-04-01"];
    /// let stamps = written.iter().map(|text| text.parse()).collect::<Result<Vec<Stamp>, _>>()?;
    /// let (calendar, positions) = Calendar::align(&stamps, None, 100)?;
    /// assert_eq!(calendar.frequency().to_string(), "MS");
    /// assert_eq!(positions, [0, 1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn align(
        stamps: &[Stamp],
        frequency: Option<Frequency>,
        most_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        check_order(stamps)?;
        match frequency {
            Some(frequency) => Self::place(stamps, frequency, most_steps),
            None => Self::infer_and_place(stamps, most_steps),
        }
    }

    /// Places stamps that are in order.
    pub(super) fn place(
        stamps: &[Stamp],
        frequency: Frequency,
        most_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        let Some(first) = stamps.first() else {
            return Err(CalendarError::NotEnoughStamps {
                given: 0,
                needed: 1,
            });
        };
        let mut calendar = Self::new(first.clone(), frequency)?;
        calendar.later_offset = changed_offset(stamps);
        match calendar.positions(stamps, most_steps) {
            Ok(positions) => Ok((calendar, positions)),
            Err(error) => match calendar.rephased(stamps) {
                Some(rephased) => match rephased.positions(stamps, most_steps) {
                    Ok(positions) => Ok((rephased, positions)),
                    // The first error is the one about the frequency that the client named.
                    Err(_) => Err(error),
                },
                None => Err(error),
            },
        }
    }

    /// This axis with the phase that all stamps show, where it differs from the one of the start.
    fn rephased(&self, stamps: &[Stamp]) -> Option<Self> {
        let Axis::Civil(phase) = self.axis else {
            return None;
        };
        let dates = stamps
            .iter()
            .filter_map(|stamp| stamp.position().wall())
            .map(DateTime::date);
        let start = self.start.position().wall()?.date();
        let seen = phase.seen_in(dates).filter(|seen| *seen != phase)?;
        // Without an anchor any phase is the right one, if the start lies on it.
        let off_anchor = self.frequency.unit().has_anchor();
        (seen.date(start, 0) == Some(start)).then(|| Self {
            axis: Axis::Civil(seen),
            off_anchor,
            ..self.clone()
        })
    }

    fn positions(&self, stamps: &[Stamp], most_steps: usize) -> Result<Vec<usize>, CalendarError> {
        let mut positions: Vec<usize> = Vec::with_capacity(stamps.len());
        for (index, stamp) in stamps.iter().enumerate() {
            // The stamps are in order, so that no step is negative.
            let step = self
                .step_of(stamp)
                .and_then(|step| u64::try_from(step).ok());
            let step = step.ok_or_else(|| self.off_grid(index, stamp))?;
            let within = usize::try_from(step)
                .ok()
                .filter(|position| *position < most_steps);
            let position = within.ok_or(CalendarError::TooManySteps {
                index,
                frequency: self.frequency,
                steps: step.saturating_add(1),
                most: most_steps,
            })?;
            match positions.last() {
                // Two instants may share a wall time, and then a day.
                Some(previous) if position <= *previous => {
                    return Err(CalendarError::Duplicate {
                        index,
                        stamp: Box::new(stamp.clone()),
                        previous: Box::new(stamps[index - 1].clone()),
                    });
                }
                _ => positions.push(position),
            }
        }
        Ok(positions)
    }

    /// The step that a stamp of the start's kind lies on.
    fn step_of(&self, stamp: &Stamp) -> Option<i64> {
        let (start, position) = (self.start.position(), stamp.position());
        let multiple = i128::from(self.frequency.multiple());
        let whole = |distance: i128, step: i128| {
            (distance.rem_euclid(step) == 0).then(|| i64::try_from(distance / step).ok())?
        };
        match self.axis {
            Axis::Index => match (start, position) {
                (Position::Index(start), Position::Index(index)) => {
                    whole(i128::from(*index) - i128::from(*start), multiple)
                }
                _ => None,
            },
            Axis::Elapsed(unit) => {
                // The product fits: a multiple is at most 10^15 and a unit 3.6 * 10^12 nanoseconds.
                whole(
                    position.nanoseconds()? - start.nanoseconds()?,
                    multiple * unit,
                )
            }
            Axis::Civil(phase) => {
                let near = self.step_near(phase, position)?;
                [near, near - 1, near + 1]
                    .into_iter()
                    .find(|step| self.lies_at(*step, position))
            }
        }
    }

    /// The step that a position lies on, if it lies on one; else one next to it.
    fn step_near(&self, phase: Phase, position: &Position) -> Option<i64> {
        let units = phase.units_to(
            self.start.position().wall()?.date(),
            position.wall()?.date(),
        );
        i64::try_from(units.div_euclid(self.frequency.multiple().into())).ok()
    }

    fn lies_at(&self, step: i64, position: &Position) -> bool {
        match (self.position_at(step), position) {
            // Written offsets change with daylight saving time while the wall time stays.
            (Some(on_axis @ Position::Offset(..)), Position::Offset(..)) => {
                on_axis.wall() == position.wall()
            }
            (Some(on_axis), position) => on_axis.compare(position) == Some(Ordering::Equal),
            (None, _) => false,
        }
    }

    fn off_grid(&self, index: usize, stamp: &Stamp) -> CalendarError {
        let near = match (self.axis, self.start.position(), stamp.position()) {
            (Axis::Civil(phase), _, position) => self.step_near(phase, position),
            (Axis::Elapsed(unit), start, position) => {
                let step = unit * i128::from(self.frequency.multiple());
                let distance = position
                    .nanoseconds()
                    .zip(start.nanoseconds())
                    .map(|(to, from)| to - from);
                distance.and_then(|distance| i64::try_from(distance.div_euclid(step)).ok())
            }
            (Axis::Index, Position::Index(start), Position::Index(position)) => {
                let step = i128::from(self.frequency.multiple());
                let distance = i128::from(*position) - i128::from(*start);
                i64::try_from(distance.div_euclid(step)).ok()
            }
            (Axis::Index, ..) => None,
        };
        let around = near.map_or(0..0, |near| near.saturating_sub(1)..near.saturating_add(3));
        let nearby: Vec<Stamp> = around.filter_map(|step| self.stamp(step).ok()).collect();
        CalendarError::OffGrid {
            index,
            stamp: Box::new(stamp.clone()),
            frequency: self.frequency,
            before: nearby
                .iter()
                .rev()
                .find(|other| *other < stamp)
                .cloned()
                .map(Box::new),
            after: nearby
                .iter()
                .find(|other| *other > stamp)
                .cloned()
                .map(Box::new),
        }
    }
}

/// Checks that the stamps are of one kind and rise strictly.
pub(super) fn check_order(stamps: &[Stamp]) -> Result<(), CalendarError> {
    for (index, pair) in stamps.windows(2).enumerate() {
        let [previous, stamp] = pair else { continue };
        let (boxed, index) = (|stamp: &Stamp| Box::new(stamp.clone()), index + 1);
        match previous.partial_cmp(stamp) {
            Some(Ordering::Less) => {}
            Some(Ordering::Equal) => {
                return Err(CalendarError::Duplicate {
                    index,
                    stamp: boxed(stamp),
                    previous: boxed(previous),
                });
            }
            Some(Ordering::Greater) => {
                return Err(CalendarError::Unsorted {
                    index,
                    stamp: boxed(stamp),
                    previous: boxed(previous),
                });
            }
            None => {
                let (expected, found) = (previous.position().kind(), stamp.position().kind());
                return Err(CalendarError::MixedKinds {
                    index,
                    expected,
                    found,
                });
            }
        }
    }
    Ok(())
}

/// The last offset of the stamps, if it is not the first one.
fn changed_offset(stamps: &[Stamp]) -> Option<jiff::tz::Offset> {
    match (stamps.first()?.position(), stamps.last()?.position()) {
        (Position::Offset(_, first), Position::Offset(_, last)) if first != last => Some(*last),
        _ => None,
    }
}
