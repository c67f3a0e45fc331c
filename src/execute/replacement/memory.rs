//! What a process remembers of open calls without journaling it: how long ago they went out, and since when nothing shows them.

use crate::execute::Executor;
use crate::plan::LATE_EFFECT;
use crate::plan::replacement::next::Effect;

impl Executor {
    /// The answers have told the cloud's time: enough to know how long ago each open write went out.
    pub(super) fn place_sendings_of_steps(&self) {
        let mut journal = self.journal.borrow_mut();
        let Some(open) = &mut journal.progress_mut().replacements.open else { return };
        let of_steps = open.steps.values_mut().flat_map(|step| {
            let written = step.open.as_mut().map(|open| [&mut open.intended, &mut open.last_sent]).into_iter().flatten();
            written.chain(&mut step.verifying).chain(&mut step.doubtful)
        });
        for sending in of_steps.chain(open.earlier.iter_mut().map(|(_, sending)| sending)) {
            sending.place(self.clock.boot(), self.clock.uptime(), self.client.cloud_time());
        }
    }

    /// An absence counts only where it is seen twice, and the first time after the request is dead.
    pub(super) fn remember_absence_of_step(&self, step: &str, shown: &Effect) {
        let now = self.clock.uptime();
        let mut journal = self.journal.borrow_mut();
        let open = journal.progress_mut().replacements.open.as_mut().and_then(|open| open.steps.get_mut(step));
        let Some(write) = open.and_then(|step| step.open.as_mut()) else { return };
        let is_dead = write.last_sent.uptime.is_some_and(|sent| now >= sent + LATE_EFFECT);
        match (shown, write.absent_since) {
            (Effect::Missing, None) if is_dead => write.absent_since = Some(now),
            (Effect::Missing, _) => {}
            _ => write.absent_since = None,
        }
    }
}
