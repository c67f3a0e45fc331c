//! Writes that are under way: whoever lets a replacement go hears their answers first. A call without an answer can take effect for
//! a quarter of an hour, and so long nothing can be given up.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Calls {
    under_way: Cell<u32>,
    is_held: Cell<bool>,
}

/// One call, from its intent to its outcome in the journal.
pub(super) struct UnderWay<'a>(&'a Calls);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}

impl Calls {
    /// Never comes back once it is let go.
    pub(super) async fn begin(&self) -> UnderWay<'_> {
        if self.is_held.get() {
            pending::<()>().await;
        }
        self.under_way.set(self.under_way.get() + 1);
        UnderWay(self)
    }

    /// Lets `work` go on until the calls that are under way have their outcomes, and no longer than `most`; no other call begins.
    /// What came of it where it has come to its end meanwhile.
    pub async fn let_go<T>(&self, mut work: Pin<&mut impl Future<Output = T>>, most: Duration) -> Option<T> {
        self.is_held.set(true);
        let answered = poll_fn(|context| match self.under_way.get() {
            0 => Poll::Ready(None),
            _ => match work.as_mut().poll(context) {
                Poll::Ready(ending) => Poll::Ready(Some(ending)),
                Poll::Pending if self.under_way.get() == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
        });
        tokio::time::timeout(most, answered).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::time::{Instant, sleep};

    const ANSWER: Duration = Duration::from_secs(2);
    const MOST: Duration = Duration::from_secs(10);

    async fn call(calls: &Calls, takes: Duration, answered: &Cell<u32>) {
        let _under_way = calls.begin().await;
        sleep(takes).await;
        answered.set(answered.get() + 1);
    }

    /// How many calls were answered, and how long it took, where it is let go after a second.
    async fn let_go(takes: Duration) -> (u32, Duration) {
        let (calls, answered) = (Calls::default(), Cell::new(0));
        let mut work = pin!(async {
            loop {
                call(&calls, takes, &answered).await;
                sleep(Duration::ZERO).await;
            }
        });
        assert!(tokio::time::timeout(Duration::from_secs(1), work.as_mut()).await.is_err());
        let began = Instant::now();
        assert_eq!(calls.let_go(work, MOST).await, None::<()>);
        (answered.get(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_that_is_under_way_is_answered_and_no_other_begins() {
        let (answered, took) = let_go(ANSWER).await;
        assert_eq!(answered, 1);
        assert!((Duration::from_secs(1)..Duration::from_millis(1010)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_waited_for_so_long_and_no_longer() {
        let (answered, took) = let_go(MOST * 2).await;
        assert_eq!(answered, 0);
        assert!((MOST..MOST + Duration::from_millis(10)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_lane_does_not_begin_a_call_meanwhile() {
        let (calls, answered) = (Calls::default(), Cell::new(0));
        let other = async {
            sleep(Duration::from_millis(1500)).await;
            call(&calls, Duration::ZERO, &answered).await;
        };
        let mut work = pin!(async { tokio::join!(call(&calls, ANSWER, &answered), other) });
        assert!(tokio::time::timeout(Duration::from_secs(1), work.as_mut()).await.is_err());
        assert_eq!(calls.let_go(work, MOST).await, None);
        assert_eq!(answered.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_under_way_it_is_let_go_at_once() {
        let calls = Calls::default();
        let began = Instant::now();
        assert_eq!(calls.let_go(pin!(sleep(ANSWER)), MOST).await, None);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_with_the_answer_tells_its_end() {
        let (calls, answered) = (Calls::default(), Cell::new(0));
        let mut work = pin!(async {
            call(&calls, ANSWER, &answered).await;
            "done"
        });
        assert!(tokio::time::timeout(Duration::from_secs(1), work.as_mut()).await.is_err());
        assert_eq!(calls.let_go(work, MOST).await, Some("done"));
    }
}
