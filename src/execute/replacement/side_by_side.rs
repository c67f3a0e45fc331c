//! Futures that run side by side in one task, without a library for it: a replacement has a few dozen at most.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all to their end, or until one fails: then the others go no further, and send nothing more.
pub async fn side_by_side<F, T, E>(futures: Vec<F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut running: Vec<Option<Pin<Box<F>>>> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut results: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (place, result) in running.iter_mut().zip(results.iter_mut()) {
            let Some(future) = place else { continue };
            match future.as_mut().poll(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(value)) => {
                    *result = Some(value);
                    *place = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        if running.iter().any(Option::is_some) { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(results.into_iter().flatten().collect())
}
