//! Alignment of stamps to the steps of an axis.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::phase::CalendarPhase;
use super::position::StampPosition;
use super::{Axis, Calendar, CalendarError, Stamp};
use crate::frequency::Frequency;

impl Calendar {
    /// Places stamps on the axis that starts at the first of them. Infers the frequency if it is `None`.
    ///
    /// The positions begin at 0 and increase strictly; a gap in them is a step without a stamp.
    ///
    /// If the start leaves the day of the month open, all stamps together determine it: April 30 and May
    /// 30 are the 30th of each month, April 30 and May 31 are month ends, for `ME` as for `monthly`.
    /// Stamps whose offsets change over time, as with daylight saving time, are placed by their wall time
    /// for steps of a day and longer, and the axis continues with the last offset.
    ///
    /// # Errors
    ///
    /// Returns a [`CalendarError`] if the stamps are not of one kind, not sorted, repeated, between two
    /// steps, or so far apart that the axis up to the last of them has more than `max_steps` steps; and
    /// the errors of [`infer`](Self::infer).
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
        max_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        check_order(stamps)?;
        match frequency {
            Some(frequency) => Self::place(stamps, frequency, max_steps),
            None => Self::infer_and_place(stamps, max_steps),
        }
    }

    /// Places sorted stamps.
    pub(super) fn place(
        stamps: &[Stamp],
        frequency: Frequency,
        max_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        let Some(first) = stamps.first() else {
            return Err(CalendarError::NotEnoughStamps {
                given: 0,
                needed: 1,
            });
        };
        let mut calendar = Self::new(first.clone(), frequency)?;
        calendar.later_offset = changed_offset(stamps);
        match calendar.positions(stamps, max_steps) {
            Ok(positions) => Ok((calendar, positions)),
            Err(error) => match calendar.rephased(stamps) {
                Some(rephased) => match rephased.positions(stamps, max_steps) {
                    Ok(positions) => Ok((rephased, positions)),
                    // The first error is about the frequency that the client sent.
                    Err(_) => Err(error),
                },
                None => Err(error),
            },
        }
    }

    /// Returns this axis with the phase of all stamps together, or `None` if the phase of the start is the
    /// same.
    fn rephased(&self, stamps: &[Stamp]) -> Option<Self> {
        let Axis::Civil(phase) = self.axis else {
            return None;
        };
        let dates = stamps
            .iter()
            .filter_map(|stamp| stamp.position().wall())
            .map(DateTime::date);
        let start = self.start.position().wall()?.date();
        let common_phase = phase
            .fitted_to(dates)
            .filter(|common_phase| *common_phase != phase)?;
        // A unit without an anchor allows any phase that the start lies on.
        let off_anchor = self.frequency.unit().has_anchor();
        (common_phase.date(start, 0) == Some(start)).then(|| Self {
            axis: Axis::Civil(common_phase),
            off_anchor,
            ..self.clone()
        })
    }

    fn positions(&self, stamps: &[Stamp], max_steps: usize) -> Result<Vec<usize>, CalendarError> {
        let mut positions: Vec<usize> = Vec::with_capacity(stamps.len());
        for (index, stamp) in stamps.iter().enumerate() {
            // The stamps are sorted, so that no step is negative.
            let step = self
                .step_of(stamp)
                .and_then(|step| u64::try_from(step).ok());
            let step = step.ok_or_else(|| self.off_grid(index, stamp))?;
            let position = usize::try_from(step)
                .ok()
                .filter(|position| *position < max_steps)
                .ok_or(CalendarError::TooManySteps {
                    index,
                    frequency: self.frequency,
                    steps: step.saturating_add(1),
                    most: max_steps,
                })?;
            match positions.last() {
                // Two instants may have the same wall time, and therefore the same step.
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

    /// Returns the step of a stamp of the same kind as the start, or `None` if it is not on a step.
    fn step_of(&self, stamp: &Stamp) -> Option<i64> {
        let (start, position) = (self.start.position(), stamp.position());
        let multiple = i128::from(self.frequency.multiple());
        let whole = |distance: i128, step: i128| {
            (distance.rem_euclid(step) == 0).then(|| i64::try_from(distance / step).ok())?
        };
        match self.axis {
            Axis::Index => match (start, position) {
                (StampPosition::Index(start), StampPosition::Index(index)) => {
                    whole(i128::from(*index) - i128::from(*start), multiple)
                }
                _ => None,
            },
            Axis::Elapsed(unit) => {
                // The product fits: a multiple is at most 10^15, and a unit at most 3.6 * 10^12
                // nanoseconds.
                whole(
                    position.nanoseconds()? - start.nanoseconds()?,
                    multiple * unit,
                )
            }
            Axis::Civil(phase) => {
                let nearest = self.step_near(phase, position)?;
                [nearest, nearest - 1, nearest + 1]
                    .into_iter()
                    .find(|step| self.lies_at(*step, position))
            }
        }
    }

    /// Returns the step of a position if it is on a step, otherwise an adjacent step.
    fn step_near(&self, phase: CalendarPhase, position: &StampPosition) -> Option<i64> {
        let units = phase.units_to(
            self.start.position().wall()?.date(),
            position.wall()?.date(),
        );
        i64::try_from(units.div_euclid(self.frequency.multiple().into())).ok()
    }

    fn lies_at(&self, step: i64, position: &StampPosition) -> bool {
        match (self.position_at(step), position) {
            // Offsets change with daylight saving time while the wall time stays.
            (Some(on_axis @ StampPosition::Offset(..)), StampPosition::Offset(..)) => {
                on_axis.wall() == position.wall()
            }
            (Some(on_axis), position) => on_axis.compare(position) == Some(Ordering::Equal),
            (None, _) => false,
        }
    }

    fn off_grid(&self, index: usize, stamp: &Stamp) -> CalendarError {
        let nearest_step = match (self.axis, self.start.position(), stamp.position()) {
            (Axis::Civil(phase), _, position) => self.step_near(phase, position),
            (Axis::Elapsed(unit), start, position) => {
                let step = unit * i128::from(self.frequency.multiple());
                let distance = position
                    .nanoseconds()
                    .zip(start.nanoseconds())
                    .map(|(to, from)| to - from);
                distance.and_then(|distance| i64::try_from(distance.div_euclid(step)).ok())
            }
            (Axis::Index, StampPosition::Index(start), StampPosition::Index(position)) => {
                let step = i128::from(self.frequency.multiple());
                let distance = i128::from(*position) - i128::from(*start);
                i64::try_from(distance.div_euclid(step)).ok()
            }
            (Axis::Index, ..) => None,
        };
        let nearby: Vec<Stamp> = nearest_step
            .map_or(0..0, |step| step.saturating_sub(1)..step.saturating_add(3))
            .filter_map(|step| self.stamp(step).ok())
            .collect();
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

/// Checks that the stamps are of one kind and increase strictly.
pub(super) fn check_order(stamps: &[Stamp]) -> Result<(), CalendarError> {
    for (index, pair) in stamps.windows(2).enumerate() {
        let [previous, stamp] = pair else { continue };
        let boxed = |stamp: &Stamp| Box::new(stamp.clone());
        let index = index + 1;
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
                return Err(CalendarError::MixedKinds {
                    index,
                    expected: previous.position().kind(),
                    found: stamp.position().kind(),
                });
            }
        }
    }
    Ok(())
}

/// Returns the offset of the last stamp, if it differs from that of the first.
fn changed_offset(stamps: &[Stamp]) -> Option<Offset> {
    match (stamps.first()?.position(), stamps.last()?.position()) {
        (StampPosition::Offset(_, first), StampPosition::Offset(_, last)) if first != last => {
            Some(*last)
        }
        _ => None,
    }
}
